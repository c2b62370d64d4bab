// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// formatOf returns the index of the format with so many bytes of data and
// metadata.
func (r *rig) formatOf(nsid, data, meta uint32) uint8 {
	r.Helper()
	id := r.namespace(nsid).Data()
	for i, f := range id.LBAF[:id.NumFormats()] {
		if f.LBADS != 0 && uint32(f.DataSize()) == data && uint32(f.MS) == meta {
			return uint8(i)
		}
	}
	r.Fatalf("no format has %d bytes of data and %d of metadata", data, meta)
	return 0
}

func TestFormat(t *testing.T) {
	r := connect(t, "format", host.Options{})
	q := r.queue(host.QPairOptions{})
	size := r.namespace(1).Size()
	buf := buffer(t, 64<<10)
	for i, f := range []struct {
		data, meta  uint32
		interleaved bool
	}{{4096, 0, false}, {512, 8, false}, {512, 16, true}, {4096, 64, true}, {4096, 8, false}, {512, 0, false}} {
		name := fmt.Sprintf("%d+%d", f.data, f.meta)
		fill(buf, 0, uint64(i))
		q.write(r.namespace(1), buf[:r.namespace(1).ExtendedBlockSize()], 0, 1)
		r.must(r.ctrlr.Format(r.ctx, 1, host.FormatOptions{Format: r.formatOf(1, f.data, f.meta), Interleaved: f.interleaved}))
		ns := r.namespace(1)
		want := f.data
		if f.interleaved {
			want += f.meta
		}
		if ns.BlockSize() != f.data || ns.MetadataSize() != f.meta || ns.Interleaved() != f.interleaved || ns.ExtendedBlockSize() != want || ns.ProtectionType() != 0 {
			t.Fatalf("%s: %d+%d bytes, interleaved %v", name, ns.BlockSize(), ns.MetadataSize(), ns.Interleaved())
		}
		if ns.Size() > size || ns.Size() < size*2/3 {
			t.Errorf("%s: %d bytes of %d", name, ns.Size(), size)
		}
		fill(buf, 0, 99)
		q.read(ns, buf, 0, 1)
		checkZero(t, name+" after the format", buf[:want])
		r.metadataStays(q, ns, uint64(i))
	}
	r.badFormats(size)
}

// metadataStays writes data with metadata and reads both back.
func (r *rig) metadataStays(q *queue, ns *host.Namespace, seed uint64) {
	r.Helper()
	const n = 5
	data, meta := buffer(r, n*int(ns.ExtendedBlockSize())), []byte(nil)
	if ns.MetadataSize() > 0 && !ns.Interleaved() {
		meta = buffer(r, n*int(ns.MetadataSize()))
	}
	lba := ns.NumBlocks() - n
	fill(data, 0, seed)
	fill(meta, 1<<30, seed)
	x := host.Transfer{Buf: data, Meta: meta, LBA: lba, Count: n}
	q.ok("write with metadata", func(r *host.Request) error { return q.WriteExt(ns, r, &x) })
	clear(data)
	clear(meta)
	q.ok("read with metadata", func(r *host.Request) error { return q.ReadExt(ns, r, &x) })
	check(r, "data", data, 0, seed)
	check(r, "metadata", meta, 1<<30, seed)
}

func (r *rig) badFormats(size uint64) {
	r.Helper()
	id := r.namespace(1).Data()
	r.refused("a format that is not there", r.ctrlr.Format(r.ctx, 1, host.FormatOptions{Format: uint8(id.NumFormats())}), nvme.StatusInvalidFormat)
	r.refused("protection without metadata", r.ctrlr.Format(r.ctx, 1, host.FormatOptions{Format: r.formatOf(1, 512, 0), Protection: 1}), nvme.StatusInvalidFormat)
	r.refused("an unknown namespace", r.ctrlr.Format(r.ctx, 9, host.FormatOptions{}), nvme.StatusInvalidField)
	if ns := r.namespace(1); ns.Size() != size {
		r.Errorf("refused formats left %d bytes of %d", ns.Size(), size)
	}
}

// TestFormatForKernel has the kernel's driver use what ours has formatted.
func TestFormatForKernel(t *testing.T) {
	for _, block := range []uint32{4096, 512} {
		r := connect(t, "format", host.Options{})
		r.must(r.ctrlr.Format(r.ctx, 1, host.FormatOptions{Format: r.formatOf(1, block, 0)}))
		r.close()
		disk := kernelDisk(t, r.addr, 1)
		if got := attribute("/sys/block", filepath.Base(disk), "queue/logical_block_size"); got != fmt.Sprint(block) {
			t.Errorf("the kernel finds blocks of %s bytes, want %d", got, block)
		}
		f, err := os.Open(disk)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 64<<10)
		if _, err := io.ReadFull(f, p); err != nil {
			t.Error(err)
		}
		f.Close()
		checkZero(t, "formatted disk", p)
	}
}
