// SPDX-License-Identifier: BSD-3-Clause

package pcibar

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/pci"
)

const page = 4096

// fakeDevice is the device of a BAR. It detaches its BARs when it fails.
type fakeDevice struct {
	removed atomic.Bool
	once    sync.Once
	err     error
	bars    []*Bar
}

func (d *fakeDevice) Removed() bool { return d.removed.Load() }
func (d *fakeDevice) Err() error    { return d.err }
func (d *fakeDevice) Fail(err error) {
	d.once.Do(func() {
		d.err = fmt.Errorf("%w: %w", pci.ErrRemoved, err)
		d.removed.Store(true)
		for _, b := range d.bars {
			if err := b.Detach(); err != nil {
				panic(err)
			}
		}
	})
}

// registers makes a file of that many bytes, in which each 32-bit word holds
// its own offset.
func registers(t *testing.T, size int) *os.File {
	t.Helper()
	var b []byte
	for i := 0; i < size; i += 4 {
		b = binary.NativeEndian.AppendUint32(b, uint32(i))
	}
	path := filepath.Join(t.TempDir(), "resource0")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func mapBar(t *testing.T, f *os.File, offset int64, size uint64, holes ...Range) (*Bar, *fakeDevice) {
	t.Helper()
	d := new(fakeDevice)
	b, err := Map(int(f.Fd()), offset, size, 0, "0000:00:04.0", d, holes)
	if err != nil {
		t.Fatal(err)
	}
	d.bars = append(d.bars, b)
	t.Cleanup(func() {
		if err := b.Unmap(); err != nil {
			t.Error(err)
		}
	})
	return b, d
}

// word reads a word of the file, which is what the device sees.
func word(t *testing.T, f *os.File, off int64) uint32 {
	t.Helper()
	var b [4]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	return binary.NativeEndian.Uint32(b[:])
}

func TestRegisters(t *testing.T) {
	tests := []struct {
		name   string
		offset int64
		size   uint64
		holes  []Range
	}{
		{"whole", 0, 4 * page, nil},
		{"at an offset", page, 2 * page, nil},
		{"not a page's multiple", 0, page + 64, nil},
		{"less than a page", 0, 256, nil},
		{"within a page", 512, 1024, nil},
		{"across pages", 3072, 2048, nil},
		{"hole at the start", 0, 4 * page, []Range{{0, 16}}},
		{"hole in the middle", 0, 4 * page, []Range{{page + 8, page}}},
		{"holes at both ends", page, 3 * page, []Range{{2*page + 8, 8}, {0, page}}},
		{"holes that overlap", 0, 4 * page, []Range{{page, page}, {0, 2 * page}, {page / 2, 8}}},
		{"nothing but hole", 512, 1024, []Range{{0, 1024}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := registers(t, 8*page)
			b, _ := mapBar(t, f, test.offset, test.size, test.holes...)
			if b.Size() != test.size {
				t.Fatalf("Size() = %#x", b.Size())
			}
			for off := uint64(0); off < test.size; off += 8 {
				at := uint32(test.offset) + uint32(off)
				if v, err := b.Read32(off); v != at || err != nil {
					t.Fatalf("Read32(%#x) = %#x, %v; want %#x", off, v, err, at)
				}
				if v, err := b.Read64(off); v != uint64(at+4)<<32|uint64(at) || err != nil {
					t.Fatalf("Read64(%#x) = %#x, %v", off, v, err)
				}
				if err := b.Write32(off, 0xa0000000|at); err != nil {
					t.Fatal(err)
				}
				if v := word(t, f, int64(at)); v != 0xa0000000|at {
					t.Fatalf("Write32(%#x) wrote %#x", off, v)
				}
				if v := word(t, f, int64(at)+4); v != at+4 {
					t.Fatalf("Write32(%#x) changed the next word to %#x", off, v)
				}
				if err := b.Write64(off, 0x11111111<<32|uint64(at)); err != nil {
					t.Fatal(err)
				}
				if lo, hi := word(t, f, int64(at)), word(t, f, int64(at)+4); lo != at || hi != 0x11111111 {
					t.Fatalf("Write64(%#x) wrote %#x, %#x", off, lo, hi)
				}
			}
		})
	}
}

func TestMemLeavesHolesOut(t *testing.T) {
	f := registers(t, 8*page)
	b, _ := mapBar(t, f, 0, 4*page, Range{page + 8, 16})
	for _, test := range []struct {
		off, n uint64
		want   bool
	}{
		{0, page, true}, {page - 4, 4, true}, {page, 4, false}, {0, page + 1, false}, {2*page - 4, 8, false},
		{page, page, false}, {2 * page, 2 * page, true}, {2 * page, 2*page + 1, false}, {4 * page, 0, true},
		{4*page + 1, 0, false}, {1<<64 - 4, 8, false}, {8, 1<<64 - 4, false},
	} {
		m := b.Mem(test.off, test.n)
		if (m != nil) != test.want || m != nil && (uint64(len(m)) != test.n || uint64(cap(m)) != test.n) {
			t.Errorf("Mem(%#x, %#x) has %#x bytes, want some: %v", test.off, test.n, len(m), test.want)
		}
	}
	mmio.Store32(mmio.At32(b.Mem(2*page, 8), 4), 77)
	if v := word(t, f, 2*page+4); v != 77 {
		t.Errorf("a store to Mem wrote %d", v)
	}
}

func TestAccessOutsideIsRefused(t *testing.T) {
	f := registers(t, 2*page)
	b, _ := mapBar(t, f, 0, page+64)
	for _, off := range []uint64{1, 2, page + 64, page + 62, 1 << 63, 1<<64 - 4} {
		if _, err := b.Read32(off); err == nil || !strings.Contains(err.Error(), "BAR 0") {
			t.Errorf("Read32(%#x): %v", off, err)
		}
		if err := b.Write32(off, 0); err == nil {
			t.Errorf("Write32(%#x) succeeded", off)
		}
	}
	for _, off := range []uint64{4, page + 60, page + 64, 1<<64 - 8} {
		if _, err := b.Read64(off); err == nil {
			t.Errorf("Read64(%#x) succeeded", off)
		}
		if err := b.Write64(off, 0); err == nil {
			t.Errorf("Write64(%#x) succeeded", off)
		}
	}
}

func TestMapRefuses(t *testing.T) {
	f := registers(t, page)
	for _, test := range []struct {
		fd     int
		offset int64
		size   uint64
	}{
		{int(f.Fd()), 0, 0}, {int(f.Fd()), 0, 1<<46 + 1}, {int(f.Fd()), -page, page}, {-1, 0, page},
	} {
		b, err := Map(test.fd, test.offset, test.size, 3, "0000:00:04.0", new(fakeDevice), nil)
		if err == nil || b != nil || !strings.Contains(err.Error(), "0000:00:04.0: BAR 3") {
			t.Errorf("%+v: %v, %v", test, b, err)
		}
	}
}

// TestFault cuts the file short under the mapping, which faults as a BAR does
// whose device was pulled.
func TestFault(t *testing.T) {
	accesses := map[string]func(*Bar) error{
		"Read32":  func(b *Bar) error { _, err := b.Read32(8); return err },
		"Read64":  func(b *Bar) error { _, err := b.Read64(8); return err },
		"Write32": func(b *Bar) error { return b.Write32(8, 1) },
		"Write64": func(b *Bar) error { return b.Write64(8, 1) },
	}
	for name, access := range accesses {
		t.Run(name, func(t *testing.T) {
			f := registers(t, 2*page)
			b, d := mapBar(t, f, 0, 2*page)
			mem := b.Mem(page, 8)
			if err := f.Truncate(0); err != nil {
				t.Fatal(err)
			}
			if err := access(b); !errors.Is(err, pci.ErrRemoved) || !strings.Contains(err.Error(), "BAR 0 vanished (bus error at offset 0x8)") {
				t.Fatalf("first access: %v", err)
			}
			if !d.Removed() {
				t.Fatal("the device is not removed")
			}
			for again, access := range accesses {
				if err := access(b); !errors.Is(err, pci.ErrRemoved) {
					t.Errorf("%s thereafter: %v", again, err)
				}
			}
			if v := mmio.Load64(mmio.At64(mem, 0)); v != 1<<64-1 {
				t.Errorf("memory that was handed out reads %#x, want all ones", v)
			}
			mmio.Store32(mmio.At32(mem, 0), 0) // reaches nobody
		})
	}
}

// checkedDevice finds out by itself that it has gone.
type checkedDevice struct {
	fakeDevice
	gone   bool
	checks int
}

func (d *checkedDevice) Check() error {
	d.checks++
	if d.gone {
		d.Fail(errors.New("nothing answers"))
		return d.Err()
	}
	return nil
}

func TestAllOnes(t *testing.T) {
	f := registers(t, page)
	if _, err := f.WriteAt([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), 16); err != nil {
		t.Fatal(err)
	}
	b, _ := mapBar(t, f, 0, page, Range{})
	d := new(checkedDevice)
	b.dev, b.checker, d.bars = d, d, []*Bar{b}
	if v, err := b.Read32(8); v != 8 || err != nil || d.checks != 0 {
		t.Errorf("read %#x, %v, %d checks", v, err, d.checks)
	}
	v, err := b.Read32(16)
	w, werr := b.Read64(16)
	if v != 1<<32-1 || w != 1<<64-1 || errors.Join(err, werr) != nil || d.checks != 2 {
		t.Errorf("a register of all ones: %#x, %v; %#x, %v; %d checks", v, err, w, werr, d.checks)
	}
	d.gone = true
	if _, err := b.Read32(20); !errors.Is(err, pci.ErrRemoved) || !d.Removed() {
		t.Errorf("nothing answers: %v", err)
	}
}

// badRemoval does not remove the device, whose fault is then none of a BAR's.
type badRemoval struct{ fakeDevice }

func (*badRemoval) Removed() bool { panic(errors.New("not a fault")) }

func TestOtherPanicsPass(t *testing.T) {
	b, _ := mapBar(t, registers(t, page), 0, page)
	b.dev = new(badRemoval)
	defer func() {
		if r := recover(); fmt.Sprint(r) != "not a fault" {
			t.Errorf("recovered %v", r)
		}
	}()
	_, _ = b.Read32(0)
}

func TestDetachWhileOthersRead(t *testing.T) {
	f := registers(t, 4*page)
	b, d := mapBar(t, f, 0, 4*page, Range{page, page})
	mem := b.Mem(2*page, page)
	done := make(chan error)
	for range 2 {
		go func() {
			for {
				// The register, and then all ones: nothing in between.
				switch v := mmio.Load32(mmio.At32(mem, 16)); v {
				case 2*page + 16:
				case 0xffffffff:
					done <- nil
					return
				default:
					done <- fmt.Errorf("read %#x", v)
					return
				}
			}
		}()
	}
	d.Fail(errors.New("pulled"))
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := b.Detach(); err != nil {
		t.Errorf("second Detach: %v", err)
	}
	if v := word(t, f, 2*page+16); v != 2*page+16 {
		t.Errorf("the register is %#x now", v)
	}
	if b.Mem(2*page, page) == nil || b.Mem(page, 4) != nil {
		t.Error("Mem gives something else after Detach")
	}
}

func TestDetachLarge(t *testing.T) {
	f := registers(t, page)
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	b, d := mapBar(t, f, 0, 64<<20)
	mem := b.Mem(0, 64<<20)
	d.Fail(errors.New("pulled"))
	for off, want := range map[uint64]uint64{0: 1<<64 - 1, onesLimit - 8: 1<<64 - 1, onesLimit: 0, 64<<20 - 8: 0} {
		if v := mmio.Load64(mmio.At64(mem, off)); v != want {
			t.Errorf("offset %#x reads %#x, want %#x", off, v, want)
		}
	}
}

func TestHoleFails(t *testing.T) {
	f := registers(t, page)
	b, d := mapBar(t, f, 0, page, Range{0, page})
	if err := f.Truncate(4); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read64(0); err == nil || !strings.Contains(err.Error(), "4 of 8 bytes") {
		t.Errorf("a short transfer: %v", err)
	}
	f.Close()
	if err := b.Write32(0, 1); !errors.Is(err, unix.EBADF) || d.Removed() {
		t.Errorf("a file that is closed: %v", err)
	}
	gone := func(int, []byte, int64) (int, error) { return -1, unix.ENODEV }
	if err := b.transfer("reading", 0, make([]byte, 4), gone); !errors.Is(err, pci.ErrRemoved) || !d.Removed() {
		t.Errorf("a file whose device has gone: %v", err)
	}
}

func TestAfterUnmap(t *testing.T) {
	b, _ := mapBar(t, registers(t, page), 0, page)
	if err := b.Unmap(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.Unmap(), b.Detach()); err != nil {
		t.Error(err)
	}
	if b.Mem(0, 4) != nil {
		t.Error("Mem gives memory that is no longer mapped")
	}
}

// FuzzCut checks against a bitmap that no byte of a hole is mapped, that what
// is not mapped shares a page with a hole, and that areas and holes make up
// the whole BAR.
func FuzzCut(f *testing.F) {
	f.Add(uint32(16384), uint16(0), uint32(8192), uint32(64), uint32(0), uint32(0))
	f.Add(uint32(100), uint16(512), uint32(8), uint32(8), uint32(90), uint32(100))
	f.Add(uint32(4096), uint16(4095), uint32(0), uint32(1), uint32(4095), uint32(1))
	f.Add(uint32(16384), uint16(0), uint32(0), uint32(8192), uint32(8), uint32(8))
	f.Fuzz(func(t *testing.T, size uint32, skew uint16, off1, n1, off2, n2 uint32) {
		size = size%(16*page) + 1
		skew %= page
		holes := []Range{{uint64(off1), uint64(n1)}, {uint64(off2), uint64(n2)}}
		areas := cut(uint64(size), page, uint64(skew), holes)
		inHole := func(i uint64) bool { // i counts from the start of the BAR
			return slices.ContainsFunc(holes, func(h Range) bool { return i >= h.Off && i-h.Off < h.Size })
		}
		bad := make(map[uint64]bool) // pages with a hole
		for i := range uint64(size) {
			if inHole(i) {
				bad[(i+uint64(skew))/page] = true
			}
		}
		mapped := func(p uint64) bool {
			return slices.ContainsFunc(areas, func(a Range) bool { return p*page >= a.Off && p*page < a.Off+a.Size })
		}
		pages := (uint64(skew) + uint64(size) + page - 1) / page
		for p := range pages {
			if mapped(p) == bad[p] {
				t.Fatalf("page %d: mapped %v, in a hole %v; areas %v", p, mapped(p), bad[p], areas)
			}
		}
		if n := len(areas); n > 0 && areas[n-1].Off+areas[n-1].Size > pages*page {
			t.Fatalf("areas %v of %d pages", areas, pages)
		}
		rest := complement(uint64(size), uint64(skew), areas)
		for i := range uint64(size) {
			in := slices.ContainsFunc(rest, func(h Range) bool { return i >= h.Off && i-h.Off < h.Size })
			if in != bad[(i+uint64(skew))/page] {
				t.Fatalf("byte %d: in the complement %v", i, in)
			}
		}
	})
}

func BenchmarkRead32(b *testing.B) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(page); err != nil {
		b.Fatal(err)
	}
	bar, err := Map(int(f.Fd()), 0, page, 0, "", new(fakeDevice), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer bar.Unmap()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bar.Read32(0); err != nil {
			b.Fatal(err)
		}
	}
}
