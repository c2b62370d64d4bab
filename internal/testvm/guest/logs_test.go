// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

func (r *rig) log(id nvme.LogPageID, nsid uint32, n int) []byte {
	r.Helper()
	buf := make([]byte, n)
	r.must(r.ctrlr.GetLogPage(r.ctx, uint8(id), nsid, buf, 0))
	return buf
}

// TestLogPages asks for every page: those that QEMU is known to have are
// there, and all others are refused with the status for that.
func TestLogPages(t *testing.T) {
	for _, tt := range []struct {
		serial string
		want   []int
	}{
		{"nvm", []int{0x01, 0x02, 0x03, 0x04, 0x05}},
		{"ocp", []int{0x01, 0x02, 0x03, 0x04, 0x05, 0xc0}},
	} {
		t.Run(tt.serial, func(t *testing.T) {
			r := connect(t, tt.serial, host.Options{DisableErrorLogging: true})
			var got []int
			for lid := range 256 {
				err := r.ctrlr.GetLogPage(r.ctx, uint8(lid), nvme.NSIDBroadcast, make([]byte, 64), 0)
				if err == nil {
					got = append(got, lid)
				} else if !slices.Contains(tt.want, lid) && (lid < 0x09 || lid > 0x23) {
					r.refused(fmt.Sprintf("log page %02xh", lid), err, nvme.StatusInvalidField)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("pages %x, want %x", got, tt.want)
			}
		})
	}
}

func TestErrorLog(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	n := r.ctrlr.Identify().NumErrorEntries()
	log := r.log(nvme.LogError, nvme.NSIDBroadcast, n*64)
	checkZero(t, "QEMU's error log, which it never fills", log)
}

// TestSMART counts commands and bytes in the page.
func TestSMART(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	ns := r.namespace(1)
	q := r.queue(host.QPairOptions{})
	page := func() *nvme.SMARTLog {
		l, err := nvme.View[nvme.SMARTLog](r.log(nvme.LogSMART, nvme.NSIDBroadcast, 512))
		r.must(err)
		return l
	}
	before := page()
	buf := buffer(t, 512<<10)
	const reads, writes = 10, 6
	for i := range reads {
		q.read(ns, buf, uint64(i)*1024, 1024)
	}
	for i := range writes {
		q.write(ns, buf, uint64(i)*1024, 1024)
	}
	after := page()
	for _, c := range []struct {
		name          string
		before, after nvme.Uint128
		want, slack   uint64
	}{
		{"host read commands", before.HostReadCommands, after.HostReadCommands, reads, 0},
		{"host write commands", before.HostWriteCommands, after.HostWriteCommands, writes, 0},
		{"data units read", before.DataUnitsRead, after.DataUnitsRead, reads * 1024 / 1000, 1},
		{"data units written", before.DataUnitsWritten, after.DataUnitsWritten, writes * 1024 / 1000, 1},
	} {
		lo := c.before.Lo()
		hi := c.after.Lo()
		if got := hi - lo; got < c.want || got > c.want+c.slack {
			t.Errorf("%s rose by %d, want %d", c.name, got, c.want)
		}
	}
	if k := after.Temperature(); k != qemuTemperature || after.CriticalWarning != 0 {
		t.Errorf("%d K, warning %#x", k, after.CriticalWarning)
	}
	part := make([]byte, 12)
	r.must(r.ctrlr.GetLogPage(r.ctx, uint8(nvme.LogSMART), nvme.NSIDBroadcast, part, 32))
	if !slices.Equal(part, nvme.Bytes(after)[32:44]) {
		t.Errorf("12 bytes from offset 32: %x", part)
	}
	r.refused("from behind the end", r.ctrlr.GetLogPage(r.ctx, uint8(nvme.LogSMART), nvme.NSIDBroadcast, part, 1024), nvme.StatusInvalidField)
}

func TestCriticalWarning(t *testing.T) {
	r := connect(t, "ocp", host.Options{})
	l, err := nvme.View[nvme.SMARTLog](r.log(nvme.LogSMART, nvme.NSIDBroadcast, 512))
	r.must(err)
	if l.CriticalWarning != nvme.CriticalWarningReliability {
		t.Errorf("critical warning %#x, want the one that the controller was made with", l.CriticalWarning)
	}
}

func TestFirmwareLog(t *testing.T) {
	r := connect(t, "nvm", host.Options{})
	l, err := nvme.View[nvme.FirmwareSlotLog](r.log(nvme.LogFirmwareSlot, nvme.NSIDBroadcast, 512))
	r.must(err)
	// QEMU's page has a revision of its own.
	if fr := nvme.Text(r.ctrlr.Identify().FR[:]); l.ActiveSlot() != 1 || nvme.Text(l.FRS[0][:]) != "1.0" || fr != "fw-1.2.3" {
		t.Errorf("slot %d is active and has %q; Identify says %q", l.ActiveSlot(), nvme.Text(l.FRS[0][:]), fr)
	}
}

// TestEffectsLog compares the page with what each command set needs.
func TestEffectsLog(t *testing.T) {
	for _, tt := range []struct {
		serial string
		csi    nvme.CSI
		has    []nvme.Opcode
		hasNot []nvme.Opcode
	}{
		{"nvm", nvme.CSINVM, []nvme.Opcode{nvme.CmdRead, nvme.CmdCompare, nvme.CmdCopy, nvme.CmdVerify}, []nvme.Opcode{nvme.CmdZoneAppend, nvme.CmdWriteUncorrectable}},
		{"zns", nvme.CSIZNS, []nvme.Opcode{nvme.CmdRead, nvme.CmdZoneAppend, nvme.CmdZoneManagementSend, nvme.CmdZoneManagementReceive}, nil},
	} {
		r := connect(t, tt.serial, host.Options{})
		buf := make([]byte, 4096)
		r.must(r.ctrlr.GetLogPageExt(r.ctx, uint8(nvme.LogCommandEffects), 0, buf, 0, host.LogPageOptions{CSI: tt.csi}))
		l, err := nvme.View[nvme.CommandEffectsLog](buf)
		r.must(err)
		for _, op := range tt.has {
			if l.IO[op]&nvme.EffectSupported == 0 {
				t.Errorf("%s: opcode %02xh is not supported", tt.serial, op)
			}
		}
		for _, op := range tt.hasNot {
			if l.IO[op] != 0 {
				t.Errorf("%s: opcode %02xh: %#x", tt.serial, op, l.IO[op])
			}
		}
		for _, op := range []nvme.Opcode{nvme.AdminIdentify, nvme.AdminGetLogPage, nvme.AdminFormatNVM} {
			if l.Admin[op]&nvme.EffectSupported == 0 {
				t.Errorf("%s: admin opcode %02xh is not supported", tt.serial, op)
			}
		}
		if l.IO[nvme.CmdWrite]&nvme.EffectBlockContent == 0 {
			t.Errorf("%s: write changes nothing", tt.serial)
		}
		r.close()
	}
}

// TestChangedNamespaces reads the list in the place of the driver.
func TestChangedNamespaces(t *testing.T) {
	a := connect(t, "pair", host.Options{DisableReadChangedNamespaces: true})
	list := func() []byte { return a.log(nvme.LogChangedNamespaces, nvme.NSIDBroadcast, 4096) }
	list()
	id := a.ctrlr.Identify().CNTLID
	events := 0
	a.ctrlr.OnEvent(func(host.Event) { events++ })
	a.must(a.ctrlr.AttachNamespace(a.ctx, 3, id))
	a.must(a.ctrlr.AttachNamespace(a.ctx, 2, id))
	a.admin("the event", func() bool { return events > 0 })
	if l := list(); le.Uint32(l) != 2 || le.Uint32(l[4:]) != 3 || le.Uint32(l[8:]) != 0 {
		t.Errorf("the list begins %x, want 2 and 3", l[:12])
	}
	checkZero(t, "the list, once it was read", list())
	a.must(a.ctrlr.DetachNamespace(a.ctx, 3, id))
	a.must(a.ctrlr.DetachNamespace(a.ctx, 2, id))
	a.admin("the second event", func() bool { return events > 1 })
	list()
}

// TestVendorLog reads the extended SMART page of the Open Compute Project.
func TestVendorLog(t *testing.T) {
	r := connect(t, "ocp", host.Options{})
	l := r.log(0xc0, nvme.NSIDBroadcast, 512)
	if v := le.Uint16(l[494:]); v != 5 {
		t.Errorf("version %d of the page, want 5", v)
	}
	guid := []byte{0xc5, 0xaf, 0x10, 0x28, 0xea, 0xbf, 0xf2, 0xa4, 0x9c, 0x4f, 0x6f, 0x7c, 0xc9, 0x14, 0xd5, 0xaf}
	if !slices.Equal(l[496:512], guid) {
		t.Errorf("GUID %x", l[496:512])
	}
}
