// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
)

const (
	capacity = 12 // blocks; a zone has 16
	zones    = 7
)

type rig struct {
	*vbdevtest.Rig
	m *Module
}

func newRig(t *testing.T) *rig {
	r := &rig{Rig: vbdevtest.New(t)}
	r.m = NewModule(r.Reg)
	r.Reg.AddModule(r.m)
	return r
}

// make makes Zone0 on Malloc0.
func (r *rig) make() {
	r.Helper()
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: zones*16 + 5, UUID: uuid.MustParse("11111111-2222-4333-8444-000000000009")})
	_, err := r.m.Create(r.Ctx, Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: capacity, OptimalOpenZones: 2})
	r.Must(err)
}

// user adds the zones' operations.
type user struct{ *vbdevtest.User }

func (u user) manage(zone uint64, a bdev.ZoneAction) bdev.Status {
	return u.Do(&bdev.IO{Op: bdev.OpZoneManagement, Offset: zone * 16, ZoneAction: a})
}

func (u user) transfer(op bdev.Op, first uint64, p []byte) (bdev.Status, uint64) {
	io := bdev.IO{Op: op, Offset: first, Blocks: uint64(len(p) / 512), Iov: [][]byte{p}}
	s := u.Do(&io)
	return s, io.Result
}

func (u user) report(zone, n uint64) []bdev.Zone {
	u.Helper()
	io := bdev.IO{Op: bdev.OpZoneReport, Offset: zone * 16, Blocks: n, Zones: make([]bdev.Zone, n)}
	if s := u.Do(&io); s != bdev.StatusSuccess {
		u.Fatalf("report: %v", s)
	}
	return io.Zones[:io.Result]
}

func pattern(blocks int, seed byte) []byte {
	p := make([]byte, blocks*512)
	for i := range p {
		p[i] = seed + byte(i/512) + byte(i)*3
	}
	return p
}

func TestInfo(t *testing.T) {
	r := newRig(t)
	r.make()
	info, err := r.Reg.Get("Zone0")
	r.Must(err)
	if !info.Zoned || info.ZoneSize != 16 || info.NumBlocks != zones*16 || info.OptimalOpenZones != 2 || info.Product != "zone_block" ||
		info.Module != "bdev_zoned_block" || info.BlockSize != 512 {
		t.Errorf("%+v", info)
	}
	// As SPDK makes it of this base.
	if want := "91841d68-b259-5987-a8d8-76ef14f657f1"; info.UUID.String() != want {
		t.Errorf("UUID %s, want %s", info.UUID, want)
	}
	if module, kind, _ := r.Reg.Claimed("Malloc0"); module != "bdev_zoned_block" || kind != bdev.ClaimExclWrite {
		t.Errorf("the base is claimed by %q, %s", module, kind)
	}
	got := fmt.Sprintf("%+v", r.m.disks[0].DriverSpecific())
	if want := "{ZonedBlock:{Name:Zone0 Base:Malloc0 Capacity:12 OpenZones:2}}"; got != want {
		t.Errorf("driver specific %s, want %s", got, want)
	}
}

// All zones are full at first, as they may hold data.
func TestReport(t *testing.T) {
	r := newRig(t)
	r.make()
	u := user{r.User("Zone0")}
	all := u.report(0, 100)
	if len(all) != zones {
		t.Fatalf("%d zones, want %d", len(all), zones)
	}
	for i, z := range all {
		start := uint64(i) * 16
		want := bdev.Zone{Start: start, WritePointer: start + capacity, Capacity: capacity, Type: bdev.ZoneSequentialWrite, State: bdev.ZoneFull}
		if z != want {
			t.Errorf("zone %d: %+v, want %+v", i, z, want)
		}
	}
	if got := u.report(5, 1); len(got) != 1 || got[0].Start != 80 {
		t.Errorf("zone 5: %+v", got)
	}
}

func TestWriting(t *testing.T) {
	r := newRig(t)
	r.make()
	u := user{r.User("Zone0")}
	want := make([]byte, zones*16*512)
	check := func(what string, got, want bdev.Status) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	zone := func(i uint64, state bdev.ZoneState, written uint64) {
		t.Helper()
		z := u.report(i, 1)[0]
		if z.State != state || z.WritePointer != i*16+written {
			t.Errorf("zone %d: %s, write pointer %d; want %s, %d", i, z.State, z.WritePointer, state, i*16+written)
		}
	}
	write := func(first uint64, p []byte) bdev.Status {
		s, _ := u.transfer(bdev.OpWrite, first, p)
		if s == bdev.StatusSuccess {
			copy(want[first*512:], p)
		}
		return s
	}
	const ok, failed = bdev.StatusSuccess, bdev.StatusFailed
	check("write to a full zone", write(32, pattern(1, 1)), failed)
	check("reset", u.manage(2, bdev.ZoneActionReset), ok)
	zone(2, bdev.ZoneEmpty, 0)
	check("write beyond the write pointer", write(33, pattern(1, 2)), failed)
	zone(2, bdev.ZoneEmpty, 0)
	check("write at the write pointer", write(32, pattern(5, 3)), ok)
	zone(2, bdev.ZoneImplicitlyOpen, 5)
	check("write before the write pointer", write(32, pattern(1, 4)), failed)
	check("write beyond the capacity", write(37, pattern(8, 5)), failed)
	zone(2, bdev.ZoneImplicitlyOpen, 5)
	check("close", u.manage(2, bdev.ZoneActionClose), ok)
	zone(2, bdev.ZoneClosed, 5)
	check("close again", u.manage(2, bdev.ZoneActionClose), ok)
	p := pattern(3, 6)
	s, first := u.transfer(bdev.OpZoneAppend, 32, p)
	check("append", s, ok)
	if first != 37 {
		t.Errorf("appended at block %d, want 37", first)
	}
	copy(want[37*512:], p)
	zone(2, bdev.ZoneImplicitlyOpen, 8)
	s, _ = u.transfer(bdev.OpZoneAppend, 32, pattern(5, 7))
	check("append beyond the capacity", s, failed)
	check("write of the rest", write(40, pattern(4, 8)), ok)
	zone(2, bdev.ZoneFull, capacity)
	s, _ = u.transfer(bdev.OpZoneAppend, 32, pattern(1, 9))
	check("append to a full zone", s, failed)
	check("open a full zone", u.manage(2, bdev.ZoneActionOpen), failed)
	check("close a full zone", u.manage(2, bdev.ZoneActionClose), failed)
	check("offline", u.manage(2, bdev.ZoneActionOffline), failed)

	check("reset of another", u.manage(3, bdev.ZoneActionReset), ok)
	check("close of an empty zone", u.manage(3, bdev.ZoneActionClose), failed)
	check("open", u.manage(3, bdev.ZoneActionOpen), ok)
	zone(3, bdev.ZoneImplicitlyOpen, 0)
	check("finish", u.manage(3, bdev.ZoneActionFinish), ok)
	zone(3, bdev.ZoneFull, capacity)

	s, _ = u.transfer(bdev.OpRead, 32, make([]byte, (capacity+1)*512))
	check("read beyond the capacity", s, failed)
	got := make([]byte, capacity*512)
	s, _ = u.transfer(bdev.OpRead, 32, got)
	check("read", s, ok)
	if !bytes.Equal(got, want[32*512:44*512]) {
		t.Error("what is read differs from what was written")
	}
	if base := r.Read("Malloc0", 0, len(want)); !bytes.Equal(base, want) {
		t.Error("the base has other bytes than were written")
	}
	check("reset unmaps", u.manage(2, bdev.ZoneActionReset), ok)
	if base := r.Read("Malloc0", 32*512, capacity*512); !bytes.Equal(base, make([]byte, len(base))) {
		t.Error("the base still has what was reset")
	}
	check("unmap", u.Do(&bdev.IO{Op: bdev.OpUnmap, Offset: 0, Blocks: 1}), bdev.StatusUnsupported)
	check("write zeroes at the write pointer", u.Do(&bdev.IO{Op: bdev.OpWriteZeroes, Offset: 32, Blocks: 4}), ok)
	zone(2, bdev.ZoneImplicitlyOpen, 4)
}

// Appends from several threads get blocks of their own, all of them.
func TestConcurrentAppends(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 4096})
	_, err := r.m.Create(r.Ctx, Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: 4000, OptimalOpenZones: 1})
	r.Must(err)
	if s := (user{r.User("Zone0")}).manage(0, bdev.ZoneActionReset); s != bdev.StatusSuccess {
		t.Fatal(s)
	}
	const workers, each = 4, 400
	users := make([]user, workers)
	for i := range users {
		users[i] = user{r.User("Zone0")}
	}
	var places [workers][]uint64
	var wg sync.WaitGroup
	for i, u := range users {
		wg.Go(func() {
			for range each {
				s, at := u.transfer(bdev.OpZoneAppend, 0, pattern(1, byte(i+1)))
				if s != bdev.StatusSuccess {
					t.Errorf("append: %v", s)
					return
				}
				places[i] = append(places[i], at)
			}
		})
	}
	wg.Wait()
	var all []uint64
	for i, p := range places {
		all = append(all, p...)
		for _, at := range p {
			if got := r.Read("Malloc0", int64(at)*512, 512); !bytes.Equal(got, pattern(1, byte(i+1))) {
				t.Fatalf("block %d is not what worker %d has appended there", at, i)
			}
		}
	}
	slices.Sort(all)
	for i, at := range all {
		if at != uint64(i) {
			t.Fatalf("the %d-th block is %d", i, at)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	r := newRig(t)
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 4096})
	_, err := r.m.Create(r.Ctx, Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: 4096, OptimalOpenZones: 1})
	r.Must(err)
	u := user{r.User("Zone0")}
	if s := u.manage(0, bdev.ZoneActionReset); s != bdev.StatusSuccess {
		t.Fatal(s)
	}
	p := [][]byte{make([]byte, 512)}
	var io bdev.IO
	for _, op := range []bdev.Op{bdev.OpZoneAppend, bdev.OpWrite, bdev.OpRead} {
		next := u.report(0, 1)[0].WritePointer
		if n := testing.AllocsPerRun(200, func() {
			io = bdev.IO{Op: op, Blocks: 1, Iov: p}
			if op == bdev.OpWrite {
				io.Offset = next
				next++
			}
			if s := u.Do(&io); s != bdev.StatusSuccess {
				t.Fatal(s)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", op, n)
		}
	}
}

func TestErrors(t *testing.T) {
	r := newRig(t)
	r.make()
	r.Malloc(malloc.Config{Name: "Free", NumBlocks: 1000})
	_, err := r.m.Create(r.Ctx, Config{Name: "Later", Base: "missing", ZoneCapacity: 16, OptimalOpenZones: 1})
	r.Must(err)
	for _, test := range []struct {
		cfg   Config
		errno syscall.Errno
		want  string
	}{
		{Config{"Z", "Free", 0, 1}, syscall.EINVAL, "zone_capacity 0"},
		{Config{"Z", "Free", 1 << 63, 1}, syscall.EINVAL, "zone_capacity 9223372036854775808"},
		{Config{"Z", "Free", 16, 0}, syscall.EINVAL, "optimal_open_zones 0"},
		{Config{"Z", "Free", 16, 1 << 32}, syscall.EINVAL, "optimal_open_zones 4294967296"},
		{Config{"", "Free", 16, 1}, syscall.EINVAL, "name"},
		{Config{"Z", "Free", 1025, 1}, syscall.EINVAL, "a zone of 2048 blocks"},
		{Config{"Z", "Malloc0", 16, 1}, syscall.EEXIST, "on base bdev Malloc0"},
		{Config{"Zone0", "Free", 16, 1}, syscall.EEXIST, "bdev Zone0"},
		{Config{"Z", "missing", 16, 1}, syscall.EEXIST, "on base bdev missing"},
		{Config{"Z", "Zone0", 4, 1}, syscall.EEXIST, "is zoned"},
		{Config{"Malloc0", "Free", 16, 1}, syscall.EEXIST, "already exists"},
	} {
		if _, err := r.m.Create(r.Ctx, test.cfg); !errors.Is(err, test.errno) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Create(%+v) = %v, want %v, %q", test.cfg, err, test.errno, test.want)
		}
	}
	for _, name := range []string{"Malloc0", "nothing"} {
		if err := r.m.Delete(r.Ctx, name); !errors.Is(err, syscall.ENODEV) {
			t.Errorf("Delete(%s) = %v", name, err)
		}
	}
	// Nothing holds the free one.
	_, err = r.m.Create(r.Ctx, Config{"Z", "Free", 16, 1})
	r.Must(err)
}

// A device comes and goes with its base until it is deleted.
func TestBaseComesAndGoes(t *testing.T) {
	r := newRig(t)
	_, err := r.m.Create(r.Ctx, Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: 16, OptimalOpenZones: 1})
	r.Must(err)
	for range 3 {
		r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 64})
		if got := r.Names(); !slices.Equal(got, []string{"Malloc0", "Zone0"}) {
			t.Fatalf("with the base: %v", got)
		}
		r.Must(r.Reg.Unregister(r.Ctx, "Malloc0"))
		r.Until("the device to go", func() bool { return len(r.Names()) == 0 })
	}
	// Deleting what waits for its base answers as SPDK does, but ends that.
	if err := r.m.Delete(r.Ctx, "Zone0"); !errors.Is(err, syscall.ENODEV) || !strings.Contains(err.Error(), "Malloc0") {
		t.Errorf("Delete = %v", err)
	}
	r.Malloc(malloc.Config{Name: "Malloc0", NumBlocks: 64})
	if got := r.Names(); !slices.Equal(got, []string{"Malloc0"}) {
		t.Errorf("after the deletion: %v", got)
	}
	_, err = r.m.Create(r.Ctx, Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: 16, OptimalOpenZones: 1})
	r.Must(err)
	r.Must(r.m.Delete(r.Ctx, "Zone0"))
	if len(r.m.disks) != 0 || len(r.m.SaveConfig()) != 0 {
		t.Error("the module still knows of the device")
	}
}

// A device that was made before its base was examined is not made again.
func TestExaminedAfterwards(t *testing.T) {
	r := newRig(t)
	o := r.Reg.Options()
	o.AutoExamine = false
	r.Must(r.Reg.SetOptions(o))
	r.make()
	r.Must(r.Reg.Examine(r.Ctx, "Malloc0"))
	r.Must(r.Reg.WaitForExamine(r.Ctx))
	if _, ok := r.m.plans.Drop("Zone0"); !ok {
		t.Error("the plan is gone")
	}
}
