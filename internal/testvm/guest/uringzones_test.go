// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
)

// zonedDisk is a zoned disk that the machine is booted with.
type zonedDisk struct {
	driver        string // that its name begins with: the number depends on who is found first
	block         uint32
	size, written uint64 // bytes of a zone, and of what can be written there
	zones         int
	conventional  int
	open, active  uint32
	fresh         byte // what is read of blocks that are not written
}

var zonedDisks = []zonedDisk{
	{"/dev/nvme", 512, 4 << 20, 3 << 20, 16, 0, 3, 5, 0},
	{"/dev/nullb", 4096, 4 << 20, 4 << 20, 256, 2, 4, 6, 0xff},
}

// zoneDisk is a zoned disk by io_uring.
type zoneDisk struct {
	*uringRig
	want  zonedDisk
	block uint64
}

func (d *zoneDisk) manage(zone uint64, a bdev.ZoneAction) bdev.Status {
	d.Helper()
	return d.do(&bdev.IO{Op: bdev.OpZoneManagement, Offset: zone * d.info.ZoneSize, ZoneAction: a})
}

func (d *zoneDisk) mustManage(zone uint64, a bdev.ZoneAction) {
	d.Helper()
	if s := d.manage(zone, a); s != bdev.StatusSuccess {
		d.Fatalf("%v of zone %d: %v", a, zone, s)
	}
}

func (d *zoneDisk) report(block uint64, n int) []bdev.Zone {
	d.Helper()
	io := bdev.IO{Op: bdev.OpZoneReport, Offset: block, Blocks: uint64(n), Zones: make([]bdev.Zone, n)}
	d.must(&io)
	return io.Zones[:io.Result]
}

// state checks what a zone is said to be; written is in blocks, and what a
// full zone's is nobody says.
func (d *zoneDisk) state(zone uint64, want bdev.ZoneState, written uint64) {
	d.Helper()
	start := zone * d.info.ZoneSize
	z := d.report(start, 1)[0]
	if z.Start != start || z.State != want || want != bdev.ZoneFull && z.WritePointer != start+written {
		d.Errorf("zone %d is %+v; want it %v, from %d on, %d blocks written", zone, z, want, start, written)
	}
}

func (d *zoneDisk) write(block uint64, p []byte) bdev.Status {
	d.Helper()
	return d.do(&bdev.IO{Op: bdev.OpWrite, Offset: block, Blocks: uint64(len(p)) / d.block, Iov: [][]byte{p}})
}

func (d *zoneDisk) read(block uint64, n int) []byte {
	d.Helper()
	p := memory(d.T, n, 9)
	d.must(&bdev.IO{Op: bdev.OpRead, Offset: block, Blocks: uint64(n) / d.block, Iov: [][]byte{p}})
	return p
}

// Disks with zones that the kernel drives are zoned devices.
func TestUringZones(t *testing.T) {
	found := disks(t, "zoned", "host-managed")
	if len(found) != len(zonedDisks) {
		t.Errorf("zoned disks %v, want %d", found, len(zonedDisks))
	}
	for _, path := range found {
		t.Run(path, func(t *testing.T) {
			d := &zoneDisk{uringRig: openUring(t, uring.Config{Filename: path})}
			d.block = uint64(d.info.BlockSize)
			i := slices.IndexFunc(zonedDisks, func(z zonedDisk) bool { return strings.HasPrefix(path, z.driver) })
			if i < 0 {
				t.Fatal("no such disk is expected")
			}
			d.want = zonedDisks[i]
			d.geometry()
			d.fill(4)
			d.states(5)
		})
	}
}

func (d *zoneDisk) geometry() {
	want, i := d.want, d.info
	if !i.Zoned || i.BlockSize != want.block || i.ZoneSize*d.block != want.size || i.NumBlocks != i.ZoneSize*uint64(want.zones) ||
		i.MaxOpenZones != want.open || i.OptimalOpenZones != want.open || i.MaxActiveZones != want.active {
		d.Fatalf("%+v; want %+v", i, want)
	}
	all := d.report(0, want.zones+5)
	if len(all) != want.zones {
		d.Fatalf("%d zones, want %d", len(all), want.zones)
	}
	for n, z := range all {
		kind, state := bdev.ZoneSequentialWrite, bdev.ZoneEmpty
		if n < want.conventional {
			kind, state = bdev.ZoneConventional, bdev.ZoneNoWritePointer
		}
		if z.Start != uint64(n)*i.ZoneSize || z.Capacity*d.block != want.written || z.Type != kind || z.State != state {
			d.Errorf("zone %d: %+v", n, z)
		}
	}
	if z := d.report(3*i.ZoneSize+7, 1); len(z) != 1 || z[0].Start != 3*i.ZoneSize {
		d.Errorf("the zone with block %d: %+v", 3*i.ZoneSize+7, z)
	}
	if z := d.report(i.NumBlocks-1, 4); len(z) != 1 {
		d.Errorf("%d zones from the last on", len(z))
	}
}

// fill writes all of a zone, as it has to be written, and resets it.
func (d *zoneDisk) fill(zone uint64) {
	first, size := zone*d.info.ZoneSize, d.want.written
	data := memory(d.T, int(size), 5)
	const step = 192 << 10
	for at := uint64(0); at < size; at += step {
		block := first + at/d.block
		p := data[at:min(size, at+step)]
		if at > 0 { // a zone may be written at its write pointer only
			if s := d.write(block+1, p[:d.block]); s == bdev.StatusSuccess {
				d.Fatalf("block %d is written before block %d", block+1, block)
			}
			if s := d.write(block-1, p[:d.block]); s == bdev.StatusSuccess {
				d.Fatalf("block %d is written twice", block-1)
			}
		}
		if s := d.write(block, p); s != bdev.StatusSuccess {
			d.Fatalf("write of %d bytes at block %d: %v", len(p), block, s)
		}
		if at+step < size {
			d.state(zone, bdev.ZoneImplicitlyOpen, (at+step)/d.block)
		}
	}
	d.state(zone, bdev.ZoneFull, 0)
	if !bytes.Equal(d.read(first, int(size)), data) {
		d.Error("other bytes are read than were written")
	}
	d.kernelReads(int64(first*d.block), data)
	d.mustManage(zone, bdev.ZoneActionReset)
	d.state(zone, bdev.ZoneEmpty, 0)
	if got := d.read(first, 64<<10); !bytes.Equal(got, bytes.Repeat([]byte{d.want.fresh}, len(got))) {
		d.Errorf("a zone reads as % x… after its reset", got[:16])
	}
}

// kernelReads has the kernel read what is there, by its usual way.
func (d *zoneDisk) kernelReads(at int64, want []byte) {
	d.Helper()
	f, err := os.Open(d.path)
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	got := make([]byte, len(want))
	if _, err := f.ReadAt(got, at); err != nil {
		d.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		d.Error("the kernel reads other bytes than were written")
	}
}

// states has a zone be in each state that it can be put into.
func (d *zoneDisk) states(zone uint64) {
	first := zone * d.info.ZoneSize
	d.mustManage(zone, bdev.ZoneActionOpen)
	d.state(zone, bdev.ZoneExplicitlyOpen, 0)
	if s := d.write(first, memory(d.T, 8192, 6)); s != bdev.StatusSuccess {
		d.Fatal(s)
	}
	d.state(zone, bdev.ZoneExplicitlyOpen, 8192/d.block)
	d.mustManage(zone, bdev.ZoneActionClose)
	d.state(zone, bdev.ZoneClosed, 8192/d.block)
	d.mustManage(zone, bdev.ZoneActionFinish)
	d.state(zone, bdev.ZoneFull, 0)
	if s := d.write(first+8192/d.block, memory(d.T, 4096, 6)); s == bdev.StatusSuccess {
		d.Error("a full zone is written")
	}
	check(d.T, "a zone that is finished", d.read(first, 8192), 6, 1)
	d.mustManage(zone, bdev.ZoneActionReset)
	d.state(zone, bdev.ZoneEmpty, 0)
	if s := d.manage(zone, bdev.ZoneActionOffline); s == bdev.StatusSuccess {
		d.Error("Linux takes no zone offline")
	}
	if n := d.want.open; n > 0 {
		for i := range uint64(n) {
			d.mustManage(zone+i, bdev.ZoneActionOpen)
		}
		if s := d.manage(zone+uint64(n), bdev.ZoneActionOpen); s == bdev.StatusSuccess {
			d.Errorf("%d zones are open, of %d at most", n+1, n)
		}
		for i := range uint64(n) {
			d.mustManage(zone+i, bdev.ZoneActionReset)
		}
	}
}
