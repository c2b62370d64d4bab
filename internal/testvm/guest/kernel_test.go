// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme/host"
)

// kernelSizes are the lengths of the kernel's reads and writes, in bytes: from
// a block to beyond what one command carries.
var kernelSizes = []int{4096, 512, 1024, 1536, 8192, 65536, 4608, 131072, 524288, 1 << 20, 516096, 2<<20 - 4096}

// kernelIO opens the namespace's block device for I/O that the page cache has
// no part in, and gives f a buffer that such I/O can use.
func kernelIO(t *testing.T, addr string, nsid int, f func(disk *os.File, size int64, buf []byte)) {
	t.Helper()
	disk, err := os.OpenFile(kernelDisk(t, addr, nsid), os.O_RDWR|syscall.O_DIRECT|syscall.O_EXCL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	size, err := disk.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	buf, err := unix.Mmap(-1, 0, 2<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(buf)
	f(disk, size, buf)
	if err := disk.Sync(); err != nil {
		t.Fatal(err)
	}
}

// kernelSizesFor returns kernelSizes in blocks.
func kernelSizesFor(block int) (blocks []int) {
	for _, n := range kernelSizes {
		blocks = append(blocks, max(1, n/block))
	}
	return blocks
}

func kernelWrites(t *testing.T, addr string, nsid, block int, seed uint64) {
	t.Helper()
	kernelIO(t, addr, nsid, func(disk *os.File, size int64, buf []byte) {
		extents(uint64(size)/uint64(block), kernelSizesFor(block), func(lba uint64, n int) {
			off := lba * uint64(block)
			p := buf[:n*block]
			fill(p, off, seed)
			if _, err := disk.WriteAt(p, int64(off)); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func kernelReads(t *testing.T, addr string, nsid, block int, seed uint64) {
	t.Helper()
	kernelIO(t, addr, nsid, func(disk *os.File, size int64, buf []byte) {
		extents(uint64(size)/uint64(block), kernelSizesFor(block), func(lba uint64, n int) {
			off := lba * uint64(block)
			p := buf[:n*block]
			if _, err := disk.ReadAt(p, int64(off)); err != nil {
				t.Fatal(err)
			}
			check(t, "read by the kernel", p, off, seed)
		})
	})
}

// TestKernelDisk writes whole namespaces through the kernel's driver and reads
// them through ours, and the other way round.
func TestKernelDisk(t *testing.T) {
	for _, tt := range []struct {
		name, serial string
		block        int
		layouts      []layout
	}{
		{"512", "kernel512", 512, []layout{contiguous, scattered}},
		{"4096", "kernel4096", 4096, []layout{contiguous, scattered}},
		{"512 small MDTS", "smallmdts", 512, []layout{contiguous, scattered}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr := need(t, tt.serial)
			for i, l := range tt.layouts {
				seed := uint64(2*i + 1)
				kernelWrites(t, addr, 1, tt.block, seed)
				r := connect(t, tt.serial, host.Options{})
				ns := r.namespace(1)
				if ns.BlockSize() != uint32(tt.block) {
					t.Fatalf("blocks of %d bytes, want %d", ns.BlockSize(), tt.block)
				}
				q := r.queue(host.QPairOptions{})
				q.sweep(ns, reading, l, seed)
				q.sweep(ns, writing, l, seed+1)
				q.sweep(ns, reading, l, seed+1)
				q.free()
				r.close()
				kernelReads(t, addr, 1, tt.block, seed+1)
			}
		})
	}
}

type direction bool

const (
	reading direction = false
	writing direction = true
)

// layout is how the data of a command lie in memory.
type layout int

const (
	contiguous layout = iota
	scattered         // elements at odd addresses and of odd lengths, all multiples of 4
)

// sweepBytes are the lengths of our reads and writes: the largest is beyond
// what one command carries.
var sweepBytes = []int{512, 1024, 512 * 3, 4096, 4608, 8192, 512 * 33, 65536 - 512, 65536, 131072, 131072 + 512, 524288, 524288 + 512, 1 << 20, 512}

// lane is one of the requests that a sweep keeps in flight.
type lane struct {
	host.Request
	q     *queue
	plain []byte // the data as they are on the disk
	mem   []byte // DMA memory, larger by what is between the elements
	iov   [][]byte
	off   uint64
	n     int // bytes
	dir   direction
	seed  uint64
	rng   *rand.Rand
	free  *[]*lane
}

const (
	sweepDepth = 8
	laneBytes  = 1<<20 + 4096
	laneGaps   = 512 << 10
)

// sweep moves every block of the namespace once, several requests at a time.
func (q *queue) sweep(ns *host.Namespace, d direction, l layout, seed uint64) {
	q.Helper()
	var free []*lane
	for range sweepDepth {
		mem, err := dma.Alloc(laneBytes+laneGaps, 4096)
		q.must(err)
		defer mem.Free()
		x := &lane{q: q, plain: make([]byte, laneBytes), mem: mem.Bytes(), dir: d, seed: seed,
			rng: rand.New(rand.NewPCG(seed, uint64(len(free)))), free: &free}
		x.Done = x
		free = append(free, x)
	}
	block := int(ns.BlockSize())
	var sizes []int
	for _, n := range sweepBytes {
		sizes = append(sizes, max(1, n/block))
	}
	extents(ns.NumBlocks(), sizes, func(lba uint64, n int) {
		q.untilFree(&free, 1)
		x := free[len(free)-1]
		free = free[:len(free)-1]
		x.start(ns, l, lba, n, block)
	})
	q.untilFree(&free, sweepDepth)
}

func (q *queue) untilFree(free *[]*lane, n int) {
	q.Helper()
	q.until("a request of the sweep", func() bool { return len(*free) >= n })
}

func (x *lane) start(ns *host.Namespace, l layout, lba uint64, n, block int) {
	x.off, x.n = lba*uint64(block), n*block
	x.iov = append(x.iov[:0], x.mem[4*x.rng.IntN(1024):][:x.n])
	if l == scattered {
		x.iov = cut(x.iov[:0], x.mem, x.n, x.rng)
	}
	if x.dir == writing {
		fill(x.plain[:x.n], x.off, x.seed)
		p := x.plain[:x.n]
		for _, e := range x.iov {
			p = p[copy(e, p):]
		}
	}
	var err error
	switch {
	case l == contiguous && x.dir == writing:
		err = x.q.Write(ns, &x.Request, x.iov[0], lba, uint32(n), 0)
	case l == contiguous:
		err = x.q.Read(ns, &x.Request, x.iov[0], lba, uint32(n), 0)
	case x.dir == writing:
		err = x.q.WriteV(ns, &x.Request, x.iov, lba, uint32(n), 0)
	default:
		err = x.q.ReadV(ns, &x.Request, x.iov, lba, uint32(n), 0)
	}
	if err != nil {
		x.q.Fatalf("%d blocks at %d: %v", n, lba, err)
	}
}

// cut takes n bytes of mem in elements with gaps between them.
func cut(iov [][]byte, mem []byte, n int, rng *rand.Rand) [][]byte {
	gaps := len(mem) - n
	for n > 0 {
		gap := min(4*(1+rng.IntN(15)), gaps)
		gaps -= gap
		mem = mem[gap:]
		e := min(n, 4*(1+rng.IntN(4096)))
		iov = append(iov, mem[:e])
		mem = mem[e:]
		n -= e
	}
	return iov
}

// Complete implements host.Completer.
func (x *lane) Complete(*host.Request) {
	if s := x.Status(); s.IsError() {
		x.q.Errorf("%d bytes at %d: %v", x.n, x.off, s)
	} else if x.dir == reading {
		p := x.plain[:x.n]
		for _, e := range x.iov {
			p = p[copy(p, e):]
		}
		check(x.q, "read by our driver", x.plain[:x.n], x.off, x.seed)
	}
	*x.free = append(*x.free, x)
}
