// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"context"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func zonedDisk(name string) *testdisk.Disk {
	return testdisk.NewInfo(bdev.Info{Name: name, Product: "test", BlockSize: 512, NumBlocks: 800, Zoned: true, ZoneSize: 4, MaxZoneAppend: 24, MaxOpenZones: 5, MaxActiveZones: 7})
}

func resetAll(nsid uint32) nvme.Command {
	return nvme.ZoneManagementSend{NSID: nsid, Action: nvme.ZoneReset, SelectAll: true}.Command()
}

func reportZones(nsid uint32, size uint64) nvme.Command {
	return nvme.ZoneManagementReceive{NSID: nsid, Dwords: size / 4}.Command()
}

// TestZoneLimits has limits of the device told in the units of NVMe.
func TestZoneLimits(t *testing.T) {
	g := newRig(t, zonedDisk("d"))
	page := make([]byte, 4096)
	wantStatus(t, "identify", g.doAdmin(nvme.Identify{NSID: 1, CNS: nvme.CNSIOCSNamespace, CSI: nvme.CSIZNS}.Command(), page).Status, 0)
	id, _ := nvme.View[nvme.IdentifyNamespaceZNS](page)
	if id.MaxOpenZones() != 5 || id.MaxActiveZones() != 7 || id.LBAFE[0].ZSZE != 4 {
		t.Errorf("%d open, %d active, size %d", id.MaxOpenZones(), id.MaxActiveZones(), id.LBAFE[0].ZSZE)
	}
	wantStatus(t, "identify", g.doAdmin(nvme.Identify{CNS: nvme.CNSIOCSController, CSI: nvme.CSIZNS}.Command(), page).Status, 0)
	if page[0] != 1 { // 12 KiB are no power of two
		t.Errorf("ZASL %d", page[0])
	}
	data := make([]byte, 32*512)
	wantStatus(t, "an append beyond the limit", g.doIO(ioCmd(nvme.CmdZoneAppend, 1, 0, 25), data).Status, nvme.StatusInvalidField.WithDNR())
	g.add(testdisk.New("e", 10))
	wantStatus(t, "an append to an ordinary namespace", g.doIO(ioCmd(nvme.CmdZoneAppend, 2, 0, 1), data).Status, nvme.StatusInvalidOpcode.WithDNR())
}

// TestZoneWalksFail ends walks through all zones in the middle.
func TestZoneWalksFail(t *testing.T) {
	d := zonedDisk("d")
	g := newRig(t, d)
	for i := range d.Zones {
		d.Zones[i].State = bdev.ZoneFull
	}
	d.Fail[bdev.OpZoneManagement] = bdev.StatusNVMe(1, 0xbf)
	if s := g.doIO(resetAll(1), nil).Status; s.Code() != nvme.StatusInvalidZoneStateTransition {
		t.Errorf("an action that fails: %v", s)
	}
	d.Fail[bdev.OpZoneReport] = bdev.StatusFailed
	for _, cmd := range []nvme.Command{resetAll(1), reportZones(1, 4096)} {
		if s := g.doIO(cmd, make([]byte, 4096)).Status; !s.IsError() {
			t.Errorf("%v of zones that cannot be found out", cmd.Opcode)
		}
	}
	clear(d.Fail)
	for _, cmd := range []nvme.Command{resetAll(1), reportZones(1, 64<<10)} {
		d.Hold = true
		r := g.start(&g.io, cmd, make([]byte, 64<<10))
		gone := make(chan error, 1)
		go func() { gone <- g.sub.RemoveNamespace(context.Background(), 1) }()
		g.eventually("the namespace is not there for new commands", func() bool { return g.c.namespace(1) == nil })
		d.Release()
		g.eventually("the command ends", func() bool { return g.completed(r) })
		wantStatus(t, "the namespace goes", r.Status, nvme.StatusInvalidNamespace.WithDNR())
		g.eventually("the namespace has gone", func() bool {
			select {
			case err := <-gone:
				return err == nil
			default:
				return false
			}
		})
		must(t, g, func() (uint32, error) {
			return g.sub.AddNamespace(context.Background(), "d", NamespaceOptions{NSID: 1})
		})
	}
}

// A report tells nothing that was in the memory before, and no more than fits.
func TestReportFits(t *testing.T) {
	d := zonedDisk("d")
	g := newRig(t, d)
	for _, size := range []int{4, 60, 64, 100, 128, 4096} {
		data := bytes.Repeat([]byte{0xee}, size+8)
		wantStatus(t, "report", g.doIO(reportZones(1, uint64(size)), data).Status, 0)
		if data[0] != 200 || bytes.Contains(data[:size], []byte{0xee}) || !bytes.Equal(data[size:], bytes.Repeat([]byte{0xee}, 8)) {
			t.Errorf("%d bytes: % x", size, data)
		}
		if size >= 128 && data[64] != 2 || size == 100 && !bytes.Equal(data[64:100], make([]byte, 36)) {
			t.Errorf("%d bytes: % x", size, data)
		}
	}
}
