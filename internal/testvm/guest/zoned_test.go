// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"slices"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// The zoned namespace that the machine is booted with, in blocks of 512 bytes.
const (
	zoneSize     = 8192
	zoneCapacity = 6144
	zoneCount    = 16
	zonesActive  = 5 // at most
	zonesOpen    = 3 // at most
	zoneExt      = 64
)

// zoned is the namespace with a queue.
type zoned struct {
	*queue
	ns  *host.Namespace
	buf []byte
}

func zones(t *testing.T) *zoned {
	t.Helper()
	r := connect(t, "zns", host.Options{})
	z := &zoned{queue: r.queue(host.QPairOptions{}), ns: r.namespace(1), buf: buffer(t, 64<<10)}
	z.send("reset of all zones", nvme.StatusSuccess, host.ZoneReset, 0, true)
	return z
}

func start(zone int) uint64 { return uint64(zone) * zoneSize }

func (z *zoned) send(what string, want nvme.Status, a host.ZoneAction, zone int, all bool) {
	z.Helper()
	z.want(what, want, func(r *host.Request) error { return z.ZoneManagementSend(z.ns, r, a, start(zone), all, nil) })
}

// put writes n blocks at an offset within a zone.
func (z *zoned) put(what string, want nvme.Status, zone, at, n int) {
	z.Helper()
	lba := start(zone) + uint64(at)
	fill(z.buf[:n*512], lba*512, 1)
	z.want(what, want, func(r *host.Request) error { return z.Write(z.ns, r, z.buf, lba, uint32(n), 0) })
}

// report returns the zones from one on.
func (z *zoned) report(zone int, state uint8, partial bool) ([]nvme.Zone, uint64) {
	z.Helper()
	buf := z.buf[:4096]
	clear(buf)
	z.ok("zone report", func(r *host.Request) error { return z.ZoneReport(z.ns, r, buf, start(zone), state, false, partial) })
	list, total, err := nvme.ParseZoneReport(buf, 0)
	z.must(err)
	return list, total
}

// state checks state and write pointer of a zone.
func (z *zoned) state(what string, zone int, want nvme.ZoneState, written int) {
	z.Helper()
	list, _ := z.report(zone, nvme.ZoneListAll, true)
	d := list[0]
	if d.State() != want || d.ZSLBA != start(zone) {
		z.Errorf("%s: zone at %d is %v, want %v", what, d.ZSLBA, d.State(), want)
	}
	if want != nvme.ZoneStateFull && d.WP != start(zone)+uint64(written) {
		z.Errorf("%s: write pointer %d, want %d", what, d.WP, start(zone)+uint64(written))
	}
}

func TestZoneGeometry(t *testing.T) {
	z := zones(t)
	if z.ns.CSI() != nvme.CSIZNS || z.ns.NumBlocks() != zoneSize*zoneCount {
		t.Fatalf("command set %v, %d blocks", z.ns.CSI(), z.ns.NumBlocks())
	}
	page := make([]byte, nvme.IdentifySize)
	z.must(z.ctrlr.IdentifyData(z.ctx, nvme.CNSIOCSNamespace, 1, 0, nvme.CSIZNS, page))
	id, err := nvme.View[nvme.IdentifyNamespaceZNS](page)
	z.must(err)
	f := id.LBAFE[z.ns.Data().FormatIndex()]
	if f.ZSZE != zoneSize || f.ZDES != zoneExt/64 || id.MaxActiveZones() != zonesActive || id.MaxOpenZones() != zonesOpen {
		t.Errorf("zones of %d blocks, extension %d, %d active, %d open", f.ZSZE, f.ZDES, id.MaxActiveZones(), id.MaxOpenZones())
	}
	list, total := z.report(0, nvme.ZoneListAll, false)
	if total != zoneCount || len(list) != zoneCount {
		t.Fatalf("%d zones, %d of them reported, want %d", total, len(list), zoneCount)
	}
	for i, d := range list {
		if d.ZSLBA != start(i) || d.WP != start(i) || d.ZCAP != zoneCapacity || d.ZT != nvme.ZoneTypeSequentialWrite || d.State() != nvme.ZoneStateEmpty {
			t.Errorf("zone %d: %+v", i, d)
		}
	}
	// A report from the middle on, and one with no room for all.
	if list, total = z.report(10, nvme.ZoneListAll, false); total != 6 || list[0].ZSLBA != start(10) {
		t.Errorf("from zone 10 on: %d zones, the first at %d", total, list[0].ZSLBA)
	}
	small := z.buf[:64+3*64]
	for _, partial := range []bool{true, false} {
		clear(small)
		z.ok("zone report", func(r *host.Request) error { return z.ZoneReport(z.ns, r, small, 0, nvme.ZoneListAll, false, partial) })
		list, total, err = nvme.ParseZoneReport(small, 0)
		z.must(err)
		want := uint64(zoneCount)
		if partial {
			want = 3
		}
		if len(list) != 3 || total != want {
			t.Errorf("partial %v: %d zones, %d counted, want %d", partial, len(list), total, want)
		}
	}
}

// TestZoneStates goes through the zone state machine.
func TestZoneStates(t *testing.T) {
	z := zones(t)
	z.put("first write", nvme.StatusSuccess, 1, 0, 8)
	z.state("after a write", 1, nvme.ZoneStateImplicitlyOpen, 8)
	z.send("open", nvme.StatusSuccess, host.ZoneOpen, 1, false)
	z.state("after open", 1, nvme.ZoneStateExplicitlyOpen, 8)
	z.send("close", nvme.StatusSuccess, host.ZoneClose, 1, false)
	z.state("after close", 1, nvme.ZoneStateClosed, 8)
	z.put("write to a closed zone", nvme.StatusSuccess, 1, 8, 8)
	z.state("after that write", 1, nvme.ZoneStateImplicitlyOpen, 16)
	z.send("finish", nvme.StatusSuccess, host.ZoneFinish, 1, false)
	z.state("after finish", 1, nvme.ZoneStateFull, 0)
	z.put("write to a full zone", nvme.StatusZoneIsFull, 1, 16, 1)
	z.send("open a full zone", nvme.StatusInvalidZoneStateTransition, host.ZoneOpen, 1, false)
	z.send("close a full zone", nvme.StatusInvalidZoneStateTransition, host.ZoneClose, 1, false)
	z.send("offline, which only a read-only zone can become", nvme.StatusInvalidZoneStateTransition, host.ZoneOffline, 1, false)
	z.read(z.ns, z.buf, start(1), 16)
	check(t, "data of a full zone", z.buf[:16*512], start(1)*512, 1)
	z.send("reset", nvme.StatusSuccess, host.ZoneReset, 1, false)
	z.state("after reset", 1, nvme.ZoneStateEmpty, 0)
	z.read(z.ns, z.buf, start(1), 16)
	checkZero(t, "data of a zone that was reset", z.buf[:16*512])
	z.send("close an empty zone", nvme.StatusInvalidZoneStateTransition, host.ZoneClose, 1, false)
	z.want("not the start of a zone", nvme.StatusInvalidField,
		func(r *host.Request) error {
			return z.ZoneManagementSend(z.ns, r, host.ZoneOpen, start(1)+1, false, nil)
		})
}

// TestZoneLists selects zones by state, and all at once.
func TestZoneLists(t *testing.T) {
	z := zones(t)
	z.put("implicit open", nvme.StatusSuccess, 2, 0, 1)
	z.send("explicit open", nvme.StatusSuccess, host.ZoneOpen, 3, false)
	z.put("before close", nvme.StatusSuccess, 4, 0, 1)
	z.send("close", nvme.StatusSuccess, host.ZoneClose, 4, false)
	z.send("finish", nvme.StatusSuccess, host.ZoneFinish, 5, false)
	for _, tt := range []struct {
		name string
		list uint8
		want []uint64
	}{
		{"implicitly open", nvme.ZoneListImplicitlyOpen, []uint64{2}},
		{"explicitly open", nvme.ZoneListExplicitlyOpen, []uint64{3}},
		{"closed", nvme.ZoneListClosed, []uint64{4}},
		{"full", nvme.ZoneListFull, []uint64{5}},
		{"offline", nvme.ZoneListOffline, nil},
		{"read only", nvme.ZoneListReadOnly, nil},
	} {
		list, total := z.report(0, tt.list, false)
		var got []uint64
		for _, d := range list {
			got = append(got, d.ZSLBA/zoneSize)
		}
		if !slices.Equal(got, tt.want) || total != uint64(len(tt.want)) {
			t.Errorf("%s: zones %v of %d, want %v", tt.name, got, total, tt.want)
		}
	}
	z.send("close all", nvme.StatusSuccess, host.ZoneClose, 0, true)
	z.state("after close all", 2, nvme.ZoneStateClosed, 1)
	z.state("after close all", 3, nvme.ZoneStateClosed, 0)
	z.send("open all", nvme.StatusSuccess, host.ZoneOpen, 0, true)
	z.state("after open all", 2, nvme.ZoneStateExplicitlyOpen, 1)
	z.send("finish all", nvme.StatusSuccess, host.ZoneFinish, 0, true)
	z.state("after finish all", 4, nvme.ZoneStateFull, 0)
	z.send("reset all", nvme.StatusSuccess, host.ZoneReset, 0, true)
	if _, total := z.report(0, nvme.ZoneListEmpty, false); total != zoneCount {
		t.Errorf("%d zones are empty, want %d", total, zoneCount)
	}
}

// TestZoneWrites: a zone is written from its start to its capacity.
func TestZoneWrites(t *testing.T) {
	z := zones(t)
	z.put("not at the write pointer", nvme.StatusZoneInvalidWrite, 0, 8, 8)
	for at := 0; at < zoneCapacity; at += 128 {
		z.put("sequential write", nvme.StatusSuccess, 0, at, 128)
	}
	z.state("after its capacity", 0, nvme.ZoneStateFull, 0)
	z.put("to the last zone's start", nvme.StatusSuccess, 15, 0, 8)

	// Across the end of what a zone holds.
	for at := 0; at < zoneCapacity-64; at += 64 {
		z.put("sequential write", nvme.StatusSuccess, 6, at, 64)
	}
	z.put("beyond the capacity", nvme.StatusZoneBoundaryError, 6, zoneCapacity-64, 65)
	z.put("up to the capacity", nvme.StatusSuccess, 6, zoneCapacity-64, 64)
	for _, zone := range []int{0, 6} {
		for at := 0; at < zoneCapacity; at += 128 {
			z.read(z.ns, z.buf, start(zone)+uint64(at), 128)
			check(t, "zone", z.buf[:128*512], (start(zone)+uint64(at))*512, 1)
		}
	}
	z.want("a read across zones", nvme.StatusZoneBoundaryError,
		func(r *host.Request) error { return z.Read(z.ns, r, z.buf, start(1)-4, 8, 0) })
	z.want("a read behind the last zone", nvme.StatusLBAOutOfRange,
		func(r *host.Request) error { return z.Read(z.ns, r, z.buf, start(zoneCount), 1, 0) })
}

// TestZoneLimits runs out of active and of open zones.
func TestZoneLimits(t *testing.T) {
	z := zones(t)
	for i := range zonesOpen {
		z.send("open", nvme.StatusSuccess, host.ZoneOpen, i, false)
	}
	z.send("one more than may be open", nvme.StatusTooManyOpenZones, host.ZoneOpen, 8, false)
	z.put("a write that would open one more", nvme.StatusTooManyOpenZones, 8, 0, 1)
	z.send("reset all", nvme.StatusSuccess, host.ZoneReset, 0, true)
	for i := range zonesActive {
		z.put("write", nvme.StatusSuccess, i, 0, 1)
		z.send("close", nvme.StatusSuccess, host.ZoneClose, i, false)
	}
	z.put("a write that would make one more active", nvme.StatusTooManyActiveZones, 9, 0, 1)
	z.send("open that would make one more active", nvme.StatusTooManyActiveZones, host.ZoneOpen, 9, false)
	z.send("finish", nvme.StatusSuccess, host.ZoneFinish, 0, false)
	z.put("a write after one was finished", nvme.StatusSuccess, 9, 0, 1)
}

// TestZoneAppend has the controller choose where data go.
func TestZoneAppend(t *testing.T) {
	z := zones(t)
	next := uint64(0)
	for i, n := range []int{1, 7, 8, 64, 128, 3} {
		fill(z.buf[:n*512], uint64(i)<<20, 6)
		x := host.Transfer{Buf: z.buf, LBA: start(7), Count: uint32(n)}
		c := z.ok("append", func(r *host.Request) error { return z.ZoneAppend(z.ns, r, &x) })
		if got := uint64(c.CDW0) | uint64(c.CDW1)<<32; got != start(7)+next {
			t.Errorf("append %d went to %d, want %d", i, got, start(7)+next)
		}
		z.read(z.ns, z.buf[32<<10:], start(7)+next, min(n, 64))
		check(t, "appended", z.buf[32<<10:][:min(n, 64)*512], uint64(i)<<20, 6)
		next += uint64(n)
	}
	z.state("after appends", 7, nvme.ZoneStateImplicitlyOpen, int(next))
	x := host.Transfer{Buf: z.buf, LBA: start(7) + 8, Count: 1}
	z.want("append elsewhere than to the start", nvme.StatusInvalidField, func(r *host.Request) error { return z.ZoneAppend(z.ns, r, &x) })
	// The controller is given a limit below MDTS.
	c := newCommand()
	big := host.Transfer{Buf: buffer(t, 256<<10), LBA: start(8), Count: 512}
	if err := z.ZoneAppend(z.ns, &c.Request, &big); err == nil {
		t.Error("an append beyond ZASL was sent")
	}
	z.send("finish", nvme.StatusSuccess, host.ZoneFinish, 7, false)
	x.LBA = start(7)
	z.want("append to a full zone", nvme.StatusZoneIsFull, func(r *host.Request) error { return z.ZoneAppend(z.ns, r, &x) })
}

// TestZoneExtension stores a descriptor extension with a zone.
func TestZoneExtension(t *testing.T) {
	z := zones(t)
	ext := buffer(t, zoneExt)
	fill(ext, 0, 77)
	z.ok("set descriptor extension", func(r *host.Request) error {
		return z.ZoneManagementSend(z.ns, r, host.ZoneSetDescriptor, start(3), false, ext)
	})
	z.state("after setting the extension", 3, nvme.ZoneStateClosed, 0)
	buf := z.buf[:4096]
	z.ok("extended report", func(r *host.Request) error { return z.ZoneReport(z.ns, r, buf, start(3), nvme.ZoneListAll, true, true) })
	list, _, err := nvme.ParseZoneReport(buf, zoneExt)
	z.must(err)
	if d := list[0]; d.ZA&nvme.ZAExtensionValid == 0 || !slices.Equal(d.Extension, ext) {
		t.Errorf("attributes %#x, extension %x", d.ZA, d.Extension)
	}
	z.want("extension of a zone that is not empty", nvme.StatusInvalidZoneStateTransition, func(r *host.Request) error {
		return z.ZoneManagementSend(z.ns, r, host.ZoneSetDescriptor, start(3), false, ext)
	})
}
