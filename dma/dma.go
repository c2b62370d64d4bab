// SPDX-License-Identifier: BSD-3-Clause

// Package dma gives memory that devices, and the processes that emulate
// them, may access. It is never on the Go heap: it comes from hugepages
// where they are reserved and from a memfd otherwise, so that nothing here
// needs root. It stays where it is until it is freed.
//
// Which address a device takes depends on what stands between it and memory:
// see [Addressing].
package dma

import (
	"fmt"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	pageSize     = 4096
	hugePageSize = 2 << 20
	gigaPageSize = 1 << 30
	arenaSize    = 32 << 20 // what small buffers share
	minAlign     = 64       // a cache line: no two buffers share one
)

// Buffer is a piece of DMA memory. It belongs to the caller of Alloc until
// Free; while a device has it, the driver says who may touch it.
type Buffer struct {
	mem   []byte
	arena *arena
	block block
	freed atomic.Bool
}

// Bytes returns the memory.
func (b *Buffer) Bytes() []byte { return b.mem }

// Addr returns the I/O address of the first byte for devices with Virtual
// addressing; the rest follows it contiguously.
func (b *Buffer) Addr() uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b.mem)))) }

// Free gives the memory back. No device and no goroutine may use it any
// more. A second call panics.
func (b *Buffer) Free() {
	if b.freed.Swap(true) {
		panic("dma: Buffer freed twice")
	}
	heap.release(b)
}

// Alloc returns size zeroed bytes, aligned to align bytes (a power of two;
// 64 at the least). A buffer of at most 2 MiB lies within one hugepage, so
// that it is contiguous for every device. Alloc fails when the memory cannot
// be mapped, or cannot be mapped for one of the devices that are open.
func Alloc(size, align int) (*Buffer, error) { return heap.alloc(size, align) }

// UseHugepages tells whether new arenas try hugepages first, which is the
// default. Environment variable GOSPDK_NO_HUGE=1 is the user's way to say no.
func UseHugepages(yes bool) { heap.noHuge.Store(!yes) }

type arena struct {
	mem    []byte
	fd     int
	free   freeList
	shared bool // holds many buffers and outlives them
	huge   int  // size of its hugepages in bytes; 0 if it has none
}

type pool struct {
	mu     sync.Mutex // guards the arenas' free lists
	grow   sync.Mutex // held while an arena is added
	arenas []*arena
	noHuge atomic.Bool
	// physical is set once a device with physical addressing was opened.
	physical atomic.Bool
}

var heap = func() *pool {
	p := new(pool)
	p.noHuge.Store(os.Getenv("GOSPDK_NO_HUGE") == "1")
	return p
}()

func (p *pool) alloc(size, align int) (*Buffer, error) {
	if size <= 0 || size > 1<<46 {
		return nil, fmt.Errorf("dma: Alloc of %d bytes: the size must be from 1 byte to 64 TiB", size)
	}
	if bits.OnesCount(uint(align)) != 1 || align < 0 || align > hugePageSize {
		return nil, fmt.Errorf("dma: Alloc with alignment %d: it must be a power of two of at most %d", align, hugePageSize)
	}
	align = max(align, minAlign)
	need := uint64(size+minAlign-1) &^ (minAlign - 1)
	if need > arenaSize/2 {
		return p.allocOwn(size)
	}
	if b := p.carve(size, need, uint64(align)); b != nil {
		return b, nil
	}
	p.grow.Lock()
	defer p.grow.Unlock()
	if b := p.carve(size, need, uint64(align)); b != nil { // somebody else has grown it
		return b, nil
	}
	a, err := p.newShared(p.physical.Load())
	if err != nil {
		return nil, err
	}
	// What this call needs is taken before others can see the arena.
	blk, _ := a.free.take(need, uint64(align))
	p.mu.Lock()
	p.arenas = append(p.arenas, a)
	p.mu.Unlock()
	return a.buffer(blk, size), nil
}

func (p *pool) carve(size int, need, align uint64) *Buffer {
	p.mu.Lock()
	defer p.mu.Unlock()
	physical := p.physical.Load()
	for _, a := range p.arenas {
		if physical && a.huge == 0 {
			continue
		}
		if blk, ok := a.free.take(need, align); ok {
			return a.buffer(blk, size)
		}
	}
	return nil
}

// buffer makes a zeroed buffer of the block.
func (a *arena) buffer(blk block, size int) *Buffer {
	mem := a.mem[blk.off : blk.off+uint64(size) : blk.off+blk.size]
	clear(mem)
	return &Buffer{mem: mem, arena: a, block: blk}
}

// allocOwn gives a large buffer an arena of its own, which goes when the
// buffer does.
func (p *pool) allocOwn(size int) (*Buffer, error) {
	a, err := p.newArena((size+hugePageSize-1)&^(hugePageSize-1), p.physical.Load())
	if err != nil {
		return nil, err
	}
	return &Buffer{mem: a.mem[:size:size], arena: a}, nil
}

func (p *pool) release(b *Buffer) {
	if b.arena.shared {
		p.mu.Lock()
		b.arena.free.put(b.block)
		p.mu.Unlock()
		return
	}
	// An unmapping that failed leaves a device that may still write there;
	// the memory is then kept rather than given to somebody else.
	if err := global.remove(b.arena.mem); err == nil {
		b.arena.unmap()
	}
}

// newShared makes an arena for many buffers.
func (p *pool) newShared(physical bool) (*arena, error) {
	a, err := p.newArena(arenaSize, physical)
	if err != nil {
		return nil, err
	}
	a.shared = true
	a.free.put(block{0, uint64(len(a.mem))})
	return a, nil
}

func (p *pool) newArena(size int, physical bool) (*arena, error) {
	a, err := mapArena(size, !p.noHuge.Load(), physical)
	if err != nil {
		return nil, err
	}
	r := Region{Mem: a.mem, FD: a.fd}
	if physical {
		if r.runs, err = physicalRuns(a.mem, a.huge); err != nil {
			a.unmap()
			return nil, err
		}
	}
	if err := global.add(r); err != nil {
		a.unmap()
		return nil, err
	}
	return a, nil
}

// mapArena maps a memfd of at least size bytes, aligned to a hugepage so that
// the kernel and an IOMMU may use large pages for it.
func mapArena(size int, huge, physical bool) (*arena, error) {
	var err error
	if huge {
		var a *arena
		if a, err = mapFD(size, hugePageSize, unix.MFD_HUGETLB|unix.MFD_HUGE_2MB); err == nil {
			return a, nil
		}
		// A machine may have reserved only the larger ones.
		if a, e := mapFD(size, gigaPageSize, unix.MFD_HUGETLB|unix.MFD_HUGE_1GB); e == nil {
			return a, nil
		}
	}
	if physical {
		return nil, fmt.Errorf("%w: mapping %d bytes of hugepages: %w (they are reserved by \"gospdk setup\", or by root with \"echo 1024 > /proc/sys/vm/nr_hugepages\")", ErrNoPhysical, size, err)
	}
	a, err := mapFD(size, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("dma: mapping %d bytes of shared memory: %w (is the memory limit of this process or container large enough?)", size, err)
	}
	// Transparent hugepages for shared memory are a favour that many
	// kernels do not grant.
	_ = unix.Madvise(a.mem, unix.MADV_HUGEPAGE)
	return a, nil
}

// mapFD maps a new file of pages of that size; 0 is the usual size.
func mapFD(size, page, flags int) (*arena, error) {
	if page > 0 {
		size = (size + page - 1) &^ (page - 1)
	}
	fd, err := unix.MemfdCreate("gospdk-dma", unix.MFD_CLOEXEC|flags)
	if err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	mem, err := mmapAligned(fd, size, max(page, hugePageSize))
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &arena{mem: mem, fd: fd, huge: page}, nil
}
