// SPDX-License-Identifier: BSD-3-Clause

package dma

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func alloc(t *testing.T, size, align int) *Buffer {
	t.Helper()
	b, err := Alloc(size, align)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAllocGivesZeroedAlignedTranslatableMemory(t *testing.T) {
	for _, c := range []struct{ size, align int }{{1, 1}, {512, 64}, {4096, 4096}, {13, 2 << 20}, {40 << 20, 4096}} {
		for range 2 { // the second time it is used memory
			b := alloc(t, c.size, c.align)
			if len(b.Bytes()) != c.size || b.Addr()%uint64(max(c.align, 64)) != 0 {
				t.Fatalf("%+v: %d bytes at %#x", c, len(b.Bytes()), b.Addr())
			}
			for i, v := range b.Bytes() {
				if v != 0 {
					t.Fatalf("%+v: byte %d is %#x", c, i, v)
				}
			}
			addr, n, err := Translate(b.Bytes())
			if err != nil || addr != b.Addr() || n != c.size {
				t.Fatalf("Translate = %#x, %d, %v; want %#x, %d", addr, n, err, b.Addr(), c.size)
			}
			for i := range b.Bytes() {
				b.Bytes()[i] = 0xa5
			}
			b.Free()
		}
	}
}

func TestAllocRefusesNonsense(t *testing.T) {
	for _, c := range []struct {
		size, align int
		want        string
	}{{0, 64, "0 bytes"}, {-1, 64, "-1 bytes"}, {1, 3, "alignment 3"}, {1, 4 << 20, "alignment 4194304"}, {1 << 47, 64, "64 TiB"}} {
		if _, err := Alloc(c.size, c.align); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Alloc(%d, %d) = %v, want %q", c.size, c.align, err, c.want)
		}
	}
}

func TestTranslateRefusesTheGoHeap(t *testing.T) {
	for _, p := range [][]byte{make([]byte, 4096), nil, {}} {
		if _, _, err := Translate(p); !errors.Is(err, ErrNotDMA) {
			t.Errorf("Translate of %d heap bytes = %v", len(p), err)
		}
	}
	big := alloc(t, 40<<20, 4096)
	gone := big.Bytes()
	var tr Translator
	if _, _, err := tr.Translate(gone); err != nil {
		t.Fatal(err)
	}
	big.Free()
	if _, _, err := tr.Translate(gone); !errors.Is(err, ErrNotDMA) {
		t.Errorf("a Translator still knows freed memory: %v", err)
	}
}

// No two live buffers may overlap, and what one holds stays.
func TestRandomHistory(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	type live struct {
		b   *Buffer
		tag byte
	}
	var bufs []live
	check := func(l live) {
		for i, v := range l.b.Bytes() {
			if v != l.tag {
				t.Fatalf("byte %d of the buffer at %#x is %#x, want %#x", i, l.b.Addr(), v, l.tag)
			}
		}
	}
	for i := range 3000 {
		if len(bufs) < 100 || r.IntN(2) == 0 {
			b := alloc(t, 1+r.IntN(1<<r.IntN(18)), 1<<r.IntN(16))
			tag := byte(i | 1)
			for j := range b.Bytes() {
				b.Bytes()[j] = tag
			}
			bufs = append(bufs, live{b, tag})
			continue
		}
		k := r.IntN(len(bufs))
		check(bufs[k])
		bufs[k].b.Free()
		bufs[k] = bufs[len(bufs)-1]
		bufs = bufs[:len(bufs)-1]
	}
	for _, l := range bufs {
		check(l)
		l.b.Free()
	}
	for _, a := range heap.arenas {
		if len(a.free.blocks) != 1 || a.free.blocks[0] != (block{0, arenaSize}) {
			t.Errorf("after all was freed the arena's free list is %v", a.free.blocks)
		}
	}
}

// Each of many goroutines gets a buffer, also while arenas fill up and are
// added.
func TestConcurrentAlloc(t *testing.T) {
	const size = arenaSize / 2
	bufs := make([]*Buffer, 24)
	var wg sync.WaitGroup
	for i := range bufs {
		wg.Go(func() {
			b, err := Alloc(size, 4096)
			if err != nil {
				t.Error(err)
				return
			}
			bufs[i] = b
		})
	}
	wg.Wait()
	for i, b := range bufs {
		if b == nil {
			t.Errorf("goroutine %d got no buffer", i)
			continue
		}
		b.Free()
	}
}

type recorder struct {
	mapped map[uint64]int
	fail   error
}

func (r *recorder) MapDMA(g Region) error {
	if r.fail != nil {
		return r.fail
	}
	r.mapped[g.Addr] += len(g.Mem)
	return nil
}

func (r *recorder) UnmapDMA(g Region) error {
	r.mapped[g.Addr] -= len(g.Mem)
	return nil
}

func TestMappersSeeEveryRegion(t *testing.T) {
	before := alloc(t, 20<<20, 64)
	defer before.Free()
	rec := &recorder{mapped: map[uint64]int{}}
	cancel, err := Subscribe(rec)
	if err != nil {
		t.Fatal(err)
	}
	if rec.mapped[before.Addr()] < 20<<20 {
		t.Fatal("a region from before is not mapped")
	}
	later := alloc(t, 20<<20, 64)
	if rec.mapped[later.Addr()] < 20<<20 {
		t.Fatal("a new region is not mapped")
	}
	later.Free()
	if rec.mapped[later.Addr()] != 0 {
		t.Fatal("a freed region is still mapped")
	}
	rec.fail = errors.New("no room")
	if _, err := Alloc(20<<20, 64); !errors.Is(err, rec.fail) {
		t.Fatalf("Alloc with a device that refuses = %v", err)
	}
	cancel()
	alloc(t, 20<<20, 64).Free()
	if _, err := Subscribe(rec); !errors.Is(err, rec.fail) {
		t.Fatalf("Subscribe = %v", err)
	}
}

func TestRegister(t *testing.T) {
	mem, err := unix.Mmap(-1, 0, 8*pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := Register(mem[:4*pageSize], -1, 0); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{mem[3*pageSize : 5*pageSize], mem[:pageSize], mem[1 : 1+pageSize], mem[5*pageSize : 5*pageSize+7], nil} {
		if err := Register(bad, -1, 0); err == nil {
			t.Errorf("Register of %d bytes at %p succeeded", len(bad), unsafe.SliceData(bad))
		}
	}
	if _, n, err := Translate(mem[3*pageSize:]); err != nil || n != pageSize {
		t.Errorf("Translate at the last page = %d bytes, %v", n, err)
	}
	if _, _, err := Translate(mem[4*pageSize:]); !errors.Is(err, ErrNotDMA) {
		t.Errorf("Translate behind the region = %v", err)
	}
	if err := Unregister(mem[:pageSize]); err == nil {
		t.Error("Unregister of a part succeeded")
	}
	if err := Unregister(mem[:4*pageSize]); err != nil {
		t.Error(err)
	}
}

func TestLargeBuffersLeaveNoFileBehind(t *testing.T) {
	count := func() int {
		e, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(e)
	}
	n := count()
	for range 10 {
		alloc(t, 20<<20, 64).Free()
	}
	if got := count(); got != n {
		t.Errorf("%d files open, %d before", got, n)
	}
}

func TestFreeTwicePanics(t *testing.T) {
	b := alloc(t, 1, 1)
	b.Free()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	b.Free()
}

func TestTranslateAllocatesNothing(t *testing.T) {
	b := alloc(t, 4096, 4096)
	defer b.Free()
	var tr Translator
	if n := testing.AllocsPerRun(100, func() { _, _, _ = tr.Translate(b.Bytes()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTranslate(b *testing.B) {
	buf, err := Alloc(4096, 4096)
	if err != nil {
		b.Fatal(err)
	}
	defer buf.Free()
	var tr Translator
	mem := buf.Bytes()
	for b.Loop() {
		_, _, _ = tr.Translate(mem)
	}
}
