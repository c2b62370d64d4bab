// SPDX-License-Identifier: BSD-3-Clause

package dma

import (
	"errors"
	"math/rand/v2"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestArenasLieWhereA39BitIOMMUReaches(t *testing.T) {
	for range 3 {
		b := alloc(t, 40<<20, 4096)
		defer b.Free()
		if end := b.Addr() + uint64(len(b.Bytes())); b.Addr() < 4<<30 || end > 1<<39 {
			t.Errorf("buffer at %#x to %#x", b.Addr(), end)
		}
	}
}

// What the process has mapped there already stays.
func TestLowAddressesAreNotTakenTwice(t *testing.T) {
	low.Lock()
	next := low.next
	low.Unlock()
	mem, err := unix.MmapPtr(-1, 0, pointer(next), 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.MunmapPtr(mem, 4096)
	*(*byte)(mem) = 0x5a
	b := alloc(t, 20<<20, 4096)
	defer b.Free()
	if b.Addr() < 4<<30 || b.Addr() == uint64(next) || *(*byte)(mem) != 0x5a {
		t.Errorf("buffer at %#x, the byte at %#x is %#x", b.Addr(), next, *(*byte)(mem))
	}
}

func TestSmallBuffersLieInOneHugepage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		size := 1 + r.IntN(hugePageSize)
		b := alloc(t, size, 1<<r.IntN(13))
		if first, last := b.Addr()>>21, (b.Addr()+uint64(size)-1)>>21; first != last {
			t.Errorf("%d bytes at %#x cross a hugepage", size, b.Addr())
		}
		if r.IntN(3) > 0 {
			b.Free()
		} else {
			defer b.Free()
		}
	}
}

func TestPagemapEntries(t *testing.T) {
	if addr, err := frame(1<<63 | 1<<55 | 0x1234); err != nil || addr != 0x1234000 {
		t.Errorf("frame = %#x, %v", addr, err)
	}
	for _, entry := range []uint64{0, 0x1234, 1 << 63} { // not present, swapped, hidden
		if _, err := frame(entry); !errors.Is(err, ErrNoPhysical) {
			t.Errorf("frame(%#x) = %v", entry, err)
		}
	}
}

func TestTranslatePhysical(t *testing.T) {
	const page = hugePageSize
	if _, err := mmapHigh(-1, 4*page, page); err == nil {
		t.Fatal("a file of -1 was mapped")
	}
	fd, err := unix.MemfdCreate("test", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, 4*page); err != nil {
		t.Fatal(err)
	}
	mem, err := mmapHigh(fd, 4*page, page)
	if err != nil {
		t.Fatal(err)
	}
	base := uintptr(unsafe.Pointer(&mem[0]))
	defer unix.MunmapPtr(unsafe.Pointer(&mem[0]), 4*page)
	// Pages 0 and 1 are neighbours, 2 and 3 are elsewhere.
	r := Region{Mem: mem, FD: fd, runs: []run{{base, 2 * page, 0x40000000}, {base + 2*page, page, 0x10000000}, {base + 3*page, page, 0x90000000}}}
	if err := global.add(r); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := Unregister(mem); err != nil {
			t.Error(err)
		}
	}()
	tr := Translator{Addressing: Physical}
	for _, c := range []struct {
		off, n int
		addr   uint64
		run    int
	}{
		{0, 4096, 0x40000000, 4096},
		{page - 512, 4096, 0x40000000 + page - 512, 4096},
		{2*page - 512, 4096, 0x40000000 + 2*page - 512, 512},
		{2 * page, 2 * page, 0x10000000, page},
		{4*page - 1, 1, 0x90000000 + page - 1, 1},
		{5, 7, 0x40000005, 7},
	} {
		addr, run, err := tr.Translate(mem[c.off : c.off+c.n])
		if err != nil || addr != c.addr || run != c.run {
			t.Errorf("Translate(%#x, %d) = %#x, %d, %v; want %#x, %d", c.off, c.n, addr, run, err, c.addr, c.run)
		}
	}
	if addr, n, err := Translate(mem); err != nil || addr != uint64(base) || n != len(mem) {
		t.Errorf("virtual: %#x, %d, %v", addr, n, err)
	}
}

func TestPhysicalAddressesNeedHugepages(t *testing.T) {
	mem, err := unix.Mmap(-1, 0, 4*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := Register(mem, -1, 0); err != nil {
		t.Fatal(err)
	}
	defer Unregister(mem)
	tr := Translator{Addressing: Physical}
	if _, _, err := tr.Translate(mem); !errors.Is(err, ErrNotDMA) {
		t.Errorf("Translate = %v", err)
	}
}

// RequirePhysical changes the pool for good, so it gets one of its own.
func TestRequirePhysicalFailsClearlyWithoutHugepages(t *testing.T) {
	p := new(pool)
	if _, err := p.newShared(true); !errors.Is(err, ErrNoPhysical) && err != nil {
		t.Errorf("newShared = %v", err)
	} else if err == nil {
		t.Log("this machine has hugepages")
	}
}
