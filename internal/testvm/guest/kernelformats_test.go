// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// TestKernelProtection: the kernel checks guard and reference tag of what our
// driver wrote over the whole namespace, and our driver has the controller
// check what the kernel wrote.
func TestKernelProtection(t *testing.T) {
	p := protection{serial: "pi", piType: 1, data: 512, meta: 8}
	b := protect(t, p)
	b.buf, b.md = buffer(t, 128*512), buffer(t, 128*8)
	b.each(func() {
		b.number(31)
		b.writeAll("write", b.checks(), nvme.StatusSuccess)
	})
	b.free()
	b.rig.close()
	disk := filepath.Base(kernelDisk(t, b.addr, 1))
	if f := attribute("/sys/block", disk, "integrity/format"); f != "T10-DIF-TYPE1-CRC" {
		t.Errorf("the kernel finds protection %q", f)
	}
	kernelReads(t, b.addr, 1, 512, 31)
	kernelWrites(t, b.addr, 1, 512, 32)

	b.rig = connect(t, p.serial, host.Options{})
	b.queue = b.rig.queue(host.QPairOptions{})
	b.ns = b.namespace(1)
	b.each(func() {
		b.readAll("read", host.FlagPRCHKGuard|host.FlagPRCHKRef, nvme.StatusSuccess)
		check(b, "written by the kernel", b.buf[:b.count*512], b.lba*512, 32)
		for i := range b.count {
			if got, want := binary.BigEndian.Uint16(b.pi(i)), crc16(b.buf[i*512:(i+1)*512]); got != want {
				b.Fatalf("block %d: guard %#04x, want %#04x", b.lba+uint64(i), got, want)
			}
		}
	})
}

// each goes over the namespace in pieces as large as the buffer.
func (b *protected) each(f func()) {
	b.Helper()
	extents(b.ns.NumBlocks(), []int{len(b.buf) / 512}, func(lba uint64, n int) {
		b.lba, b.count, b.ref = lba, n, uint32(lba)
		f()
	})
}

// number fills the blocks as their place on the disk wants it.
func (b *protected) number(seed uint64) {
	b.seal(seed)
	fill(b.buf, b.lba*512, seed)
	for i := range b.count {
		binary.BigEndian.PutUint16(b.pi(i), crc16(b.buf[i*512:(i+1)*512]))
	}
}

// TestKernelZones has the kernel read a zone that our driver wrote, and our
// driver one of the kernel's.
func TestKernelZones(t *testing.T) {
	z := zones(t)
	for at := 0; at < zoneCapacity; at += 128 {
		z.put("write", nvme.StatusSuccess, 2, at, 128)
	}
	z.free()
	z.rig.close()
	disk := filepath.Base(kernelDisk(t, z.addr, 1))
	for name, want := range map[string]string{"zoned": "host-managed", "nr_zones": "16", "chunk_sectors": "8192"} {
		if got := attribute("/sys/block", disk, "queue", name); got != want {
			t.Errorf("%s is %q for the kernel, want %q", name, got, want)
		}
	}
	kernelIO(t, z.addr, 1, func(f *os.File, _ int64, buf []byte) {
		const zone = zoneCapacity * 512
		for off := 0; off < zone; off += zone / 3 {
			p := buf[:zone/3]
			if _, err := f.ReadAt(p, int64(start(2))*512+int64(off)); err != nil {
				t.Fatal(err)
			}
			check(t, "zone read by the kernel", p, start(2)*512+uint64(off), 1)
			fill(p, start(3)*512+uint64(off), 2)
			if _, err := f.WriteAt(p, int64(start(3))*512+int64(off)); err != nil {
				t.Fatal(err)
			}
		}
	})
	z.rig = connect(t, "zns", host.Options{})
	z.queue = z.rig.queue(host.QPairOptions{})
	z.ns = z.namespace(1)
	z.state("the kernel's zone", 3, nvme.ZoneStateFull, 0)
	for at := 0; at < zoneCapacity; at += 128 {
		z.read(z.ns, z.buf, start(3)+uint64(at), 128)
		check(t, "zone written by the kernel", z.buf, (start(3)+uint64(at))*512, 2)
	}
}
