// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
)

// Hosts of the tests, and their keys.
var (
	hostOne, hostTwo, hostThree = hostID{1}, hostID{2}, hostID{3}
)

const (
	keyOne, keyTwo, keyThree = 0x11, 0x22, 0x33
)

func register(t *testing.T, v *reservations, host hostID, key uint64) {
	t.Helper()
	if _, s := v.register(host, nvme.ReservationRegister{}, 0, key); s != nvme.StatusSuccess {
		t.Fatal(s)
	}
}

func acquire(t *testing.T, v *reservations, host hostID, key uint64, typ nvme.ReservationType) {
	t.Helper()
	if _, _, s := v.acquire(host, nvme.ReservationAcquire{Type: typ}, key, 0); s != nvme.StatusSuccess {
		t.Fatal(s)
	}
}

// TestReservationConflicts goes through the figure of the specification: who
// may read and write in the presence of each type (NVMe Base 2.0, figure 443).
func TestReservationConflicts(t *testing.T) {
	hosts := []hostID{hostOne, hostTwo, hostThree}
	for typ, may := range map[nvme.ReservationType]struct{ read, write [3]bool }{
		nvme.ReservationWriteExclusive:             {[3]bool{true, true, true}, [3]bool{true, false, false}},
		nvme.ReservationExclusiveAccess:            {[3]bool{true, false, false}, [3]bool{true, false, false}},
		nvme.ReservationWriteExclusiveRegistrants:  {[3]bool{true, true, true}, [3]bool{true, true, false}},
		nvme.ReservationExclusiveAccessRegistrants: {[3]bool{true, true, false}, [3]bool{true, true, false}},
		nvme.ReservationWriteExclusiveAll:          {[3]bool{true, true, true}, [3]bool{true, true, false}},
		nvme.ReservationExclusiveAccessAll:         {[3]bool{true, true, false}, [3]bool{true, true, false}},
	} {
		var v reservations
		register(t, &v, hostOne, keyOne)
		register(t, &v, hostTwo, keyTwo)
		if v.rules.Load() != nil {
			t.Error("registering has reserved something")
		}
		acquire(t, &v, hostOne, keyOne, typ)
		rules := v.rules.Load()
		for who, host := range hosts {
			for op, want := range map[nvme.Opcode]bool{
				nvme.CmdRead: may.read[who], nvme.CmdCompare: may.read[who], nvme.CmdVerify: may.read[who],
				nvme.CmdWrite: may.write[who], nvme.CmdWriteZeroes: may.write[who], nvme.CmdDatasetManagement: may.write[who],
				nvme.CmdCopy: may.write[who], nvme.CmdFlush: may.write[who],
				nvme.CmdReservationReport: true, nvme.CmdReservationAcquire: true,
			} {
				if got := rules.allow(host, accessOf(op)); got != want {
					t.Errorf("type %d, host %d, opcode %#x: allowed %t, want %t", typ, who, op, got, want)
				}
			}
		}
	}
}

func TestReservationRegister(t *testing.T) {
	var v reservations
	for i, tt := range []struct {
		host         hostID
		x            nvme.ReservationRegister
		current, key uint64
		want         nvme.Status
	}{
		{hostOne, nvme.ReservationRegister{}, 0, 0, nvme.StatusInvalidField},
		{hostOne, nvme.ReservationRegister{}, 0, keyOne, nvme.StatusSuccess},
		{hostOne, nvme.ReservationRegister{}, 0, keyOne, nvme.StatusSuccess},
		{hostOne, nvme.ReservationRegister{}, 0, keyTwo, nvme.StatusReservationConflict},
		{hostTwo, nvme.ReservationRegister{Action: nvme.ReservationReplaceKey}, 0, keyTwo, nvme.StatusReservationConflict},
		{hostOne, nvme.ReservationRegister{Action: nvme.ReservationReplaceKey}, keyTwo, keyThree, nvme.StatusReservationConflict},
		{hostOne, nvme.ReservationRegister{Action: nvme.ReservationReplaceKey, IgnoreKey: true}, keyTwo, keyThree, nvme.StatusSuccess},
		{hostOne, nvme.ReservationRegister{Action: nvme.ReservationUnregisterKey}, keyOne, 0, nvme.StatusReservationConflict},
		{hostOne, nvme.ReservationRegister{Persist: nvme.ReservationPersistSet}, keyThree, keyThree, nvme.StatusInvalidField},
		{hostOne, nvme.ReservationRegister{Action: 3}, keyThree, keyThree, nvme.StatusInvalidField},
		{hostOne, nvme.ReservationRegister{Action: nvme.ReservationUnregisterKey}, keyThree, 0, nvme.StatusSuccess},
		{hostOne, nvme.ReservationRegister{Action: nvme.ReservationUnregisterKey}, keyThree, 0, nvme.StatusReservationConflict},
	} {
		if _, s := v.register(tt.host, tt.x, tt.current, tt.key); s != tt.want {
			t.Errorf("step %d: %v, want %v", i, s, tt.want)
		}
	}
	if len(v.registrants) != 0 || v.generation != 4 {
		t.Errorf("registrants %v, generation %d", v.registrants, v.generation)
	}
}

func TestReservationRelease(t *testing.T) {
	var v reservations
	register(t, &v, hostOne, keyOne)
	register(t, &v, hostTwo, keyTwo)
	acquire(t, &v, hostOne, keyOne, nvme.ReservationWriteExclusiveRegistrants)
	if _, _, s := v.acquire(hostTwo, nvme.ReservationAcquire{Type: nvme.ReservationWriteExclusiveRegistrants}, keyTwo, 0); s != nvme.StatusReservationConflict {
		t.Errorf("a second holder: %v", s)
	}
	acquire(t, &v, hostOne, keyOne, nvme.ReservationWriteExclusiveRegistrants) // it has it already
	free := func(host hostID, key uint64, x nvme.ReservationRelease) ([]notice, nvme.Status) {
		return v.free(host, x, key)
	}
	if _, s := free(hostTwo, keyTwo, nvme.ReservationRelease{Type: nvme.ReservationWriteExclusiveRegistrants}); s != nvme.StatusSuccess || v.rtype == 0 {
		t.Errorf("released by another: %v, type %d", s, v.rtype)
	}
	if _, s := free(hostOne, keyOne, nvme.ReservationRelease{Type: nvme.ReservationWriteExclusive}); s != nvme.StatusInvalidField {
		t.Errorf("another type: %v", s)
	}
	if _, s := free(hostOne, keyTwo, nvme.ReservationRelease{Type: nvme.ReservationWriteExclusiveRegistrants}); s != nvme.StatusReservationConflict {
		t.Errorf("another key: %v", s)
	}
	told, s := free(hostOne, keyOne, nvme.ReservationRelease{Type: nvme.ReservationWriteExclusiveRegistrants})
	if s != nvme.StatusSuccess || v.rules.Load() != nil || !slices.Equal(told, []notice{{hostTwo, nvme.ReservationNotificationReleased}}) {
		t.Errorf("%v, told %v", s, told)
	}
	told, s = free(hostOne, keyOne, nvme.ReservationRelease{Action: nvme.ReservationActionClear})
	if s != nvme.StatusSuccess || len(v.registrants) != 0 || !slices.Equal(told, []notice{{hostTwo, nvme.ReservationNotificationPreempted}}) {
		t.Errorf("clear: %v, told %v, registrants %v", s, told, v.registrants)
	}
	// Who unregisters gives back what it holds; all that all hold stays until
	// the last goes.
	register(t, &v, hostOne, keyOne)
	register(t, &v, hostTwo, keyTwo)
	acquire(t, &v, hostOne, keyOne, nvme.ReservationExclusiveAccessAll)
	for i, host := range []hostID{hostOne, hostTwo} {
		x := nvme.ReservationRegister{Action: nvme.ReservationUnregisterKey, IgnoreKey: true}
		if _, s := v.register(host, x, 0, 0); s != nvme.StatusSuccess || (v.rules.Load() == nil) != (i == 1) {
			t.Errorf("unregistering host %d: %v, rules %+v", i, s, v.rules.Load())
		}
	}
}

func TestReservationPreempt(t *testing.T) {
	var v reservations
	preempt := func(host hostID, current, key uint64, typ nvme.ReservationType) ([]notice, []hostID, nvme.Status) {
		return v.acquire(host, nvme.ReservationAcquire{Action: nvme.ReservationActionPreempt, Type: typ}, current, key)
	}
	for _, h := range []registrant{{hostOne, keyOne}, {hostTwo, keyTwo}, {hostThree, keyThree}} {
		register(t, &v, h.host, h.key)
	}
	acquire(t, &v, hostOne, keyOne, nvme.ReservationWriteExclusive)
	told, gone, s := preempt(hostTwo, keyTwo, keyThree, nvme.ReservationWriteExclusive)
	if s != nvme.StatusSuccess || !slices.Equal(gone, []hostID{hostThree}) || v.holder != hostOne ||
		!slices.Equal(told, []notice{{hostThree, nvme.ReservationNotificationRegistrationPreempted}}) {
		t.Errorf("a registrant: %v, gone %v, told %v, holder %v", s, gone, told, v.holder)
	}
	if _, _, s := preempt(hostTwo, keyTwo, 0x99, nvme.ReservationWriteExclusive); s != nvme.StatusReservationConflict {
		t.Errorf("nobody's key: %v", s)
	}
	if _, _, s := preempt(hostTwo, keyTwo, 0, nvme.ReservationWriteExclusive); s != nvme.StatusInvalidField {
		t.Errorf("no key: %v", s)
	}
	told, gone, s = preempt(hostTwo, keyTwo, keyOne, nvme.ReservationExclusiveAccess)
	if s != nvme.StatusSuccess || v.holder != hostTwo || v.rtype != nvme.ReservationExclusiveAccess || !slices.Equal(gone, []hostID{hostOne}) ||
		!slices.Equal(told, []notice{{hostOne, nvme.ReservationNotificationPreempted}}) {
		t.Errorf("the holder: %v, gone %v, told %v, holder %v", s, gone, told, v.holder)
	}
	if v.rules.Load().allow(hostOne, accessWrite) {
		t.Error("a host that was preempted may write")
	}
}

// TestReservationFile keeps reservations, and refuses files that cannot be
// right.
func TestReservationFile(t *testing.T) {
	disk := uuid.MustParse("11111111-2222-3333-4444-555555555555")
	file := filepath.Join(t.TempDir(), "reservations.json")
	v := reservations{file: file}
	if err := v.load(disk); err != nil {
		t.Fatal(err)
	}
	if _, s := v.register(hostOne, nvme.ReservationRegister{Persist: nvme.ReservationPersistSet}, 0, keyOne); s != nvme.StatusSuccess {
		t.Fatal(s)
	}
	register(t, &v, hostTwo, keyTwo)
	acquire(t, &v, hostOne, keyOne, nvme.ReservationWriteExclusive)
	if err := v.save(disk); err != nil {
		t.Fatal(err)
	}
	w := reservations{file: file}
	if err := w.load(disk); err != nil {
		t.Fatal(err)
	}
	if w.rtype != v.rtype || w.holder != hostOne || !slices.Equal(w.registrants, v.registrants) || !w.persistent || w.rules.Load().allow(hostTwo, accessWrite) {
		t.Errorf("loaded %+v", &w)
	}
	for text, want := range map[string]string{
		"{": "unexpected end",
		`{"bdev_uuid":"22222222-2222-3333-4444-555555555555"}`:                         "bdev_uuid is",
		`{"bdev_uuid":"` + disk.String() + `","rtype":7}`:                              "rtype is 7",
		`{"bdev_uuid":"` + disk.String() + `","ptpl":true,"rtype":1}`:                  "holder_uuid",
		`{"bdev_uuid":"` + disk.String() + `","ptpl":true,"registrants":[{"rkey":0}]}`: "registrants[0]",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w := reservations{file: file}
		if err := w.load(disk); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func FuzzReservationFile(f *testing.F) {
	disk := uuid.UUID{}
	f.Add([]byte(`{"ptpl":true,"rtype":1,"crkey":17,"bdev_uuid":"00000000-0000-0000-0000-000000000000","holder_uuid":"01000000-0000-0000-0000-000000000000","registrants":[{"rkey":17,"host_uuid":"01000000-0000-0000-0000-000000000000"}]}`))
	f.Fuzz(func(t *testing.T, p []byte) {
		var v reservations
		if v.parse(p, disk) == nil && v.rtype != 0 {
			if r := v.rules.Load(); r == nil || len(r.registrants) == 0 && !v.allRegistrants() {
				t.Errorf("%q: reserved by nobody", p)
			}
		}
	})
}
