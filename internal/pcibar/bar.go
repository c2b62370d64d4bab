// SPDX-License-Identifier: BSD-3-Clause

// Package pcibar maps base address registers that the kernel offers as a
// range of a file: sysfs (UIO) and VFIO.
package pcibar

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/pci"
)

// Removal is what a BAR knows of its device.
type Removal interface {
	// Removed tells whether the device has gone.
	Removed() bool
	// Err says why; it wraps pci.ErrRemoved. It is called only after
	// Removed was true.
	Err() error
	// Fail ends the device's life: from its return on Removed is true. Only
	// the first call counts. It may call Detach.
	Fail(error)
}

// Checker is a Removal that can find out whether its device has gone. A
// register that reads as all ones makes the BAR ask: nothing answers there, but
// there is no bus error, where the kernel leaves the registers of a function
// mapped that it has removed.
type Checker interface {
	// Check returns Err if the device has gone.
	Check() error
}

// Range is a part of a BAR, in bytes.
type Range struct{ Off, Size uint64 }

// Bar is a mapped base address register; it implements pci.BAR. Any number of
// threads may use it without a lock.
type Bar struct {
	fd    int
	off   int64 // of the BAR in fd
	size  uint64
	index int
	name  string
	dev   Removal
	// checker is dev if it can check.
	checker Checker

	all   []byte  // the whole reservation: pages
	mem   []byte  // the BAR within it; nil if nothing is mapped
	areas []Range // what is mapped, sorted, relative to all
	holes []Range // what is not, sorted, relative to the BAR
}

var _ pci.BAR = (*Bar)(nil)

// Map maps size bytes of fd from offset on, which are BAR index of the device
// called name. The offset need not be at a page boundary. The holes cannot be
// mapped, nor can what shares a page with them: registers there are read and
// written through fd, which then must stay open until Unmap.
func Map(fd int, offset int64, size uint64, index int, name string, dev Removal, holes []Range) (*Bar, error) {
	b := &Bar{fd: fd, off: offset, size: size, index: index, name: name, dev: dev}
	b.checker, _ = dev.(Checker)
	page := uint64(unix.Getpagesize())
	const most = 1 << 46 // half of what a process has
	if size == 0 || size > most || offset < 0 {
		return nil, fmt.Errorf("%s: BAR %d: cannot map %d bytes from offset %d on: the size must be from 1 byte to 64 TiB", name, index, size, offset)
	}
	skew := uint64(offset) % page
	span := (skew + size + page - 1) &^ (page - 1)
	b.areas = cut(size, page, skew, holes)
	b.holes = complement(size, skew, b.areas)
	if len(b.areas) == 0 {
		return b, nil
	}
	if err := b.mapAreas(span, skew); err != nil {
		return nil, fmt.Errorf("%s: BAR %d: mapping its %#x bytes: %w", name, index, size, err)
	}
	return b, nil
}

// cut returns the pages of a BAR of that size, which starts skew bytes into
// the first one, without those that holes touch.
func cut(size, page, skew uint64, holes []Range) []Range {
	span := (skew + size + page - 1) &^ (page - 1)
	holes = slices.Clone(holes)
	slices.SortFunc(holes, func(a, b Range) int { return cmp.Compare(a.Off, b.Off) })
	var areas []Range
	var at uint64
	for _, h := range holes {
		if h.Size == 0 || h.Off >= size {
			continue
		}
		start := (skew + h.Off) &^ (page - 1)
		end := (skew + h.Off + min(h.Size, size-h.Off) + page - 1) &^ (page - 1)
		if start > at {
			areas = append(areas, Range{at, start - at})
		}
		at = max(at, end)
	}
	if at < span {
		areas = append(areas, Range{at, span - at})
	}
	return areas
}

// complement returns the parts of a BAR that no area has.
func complement(size, skew uint64, areas []Range) []Range {
	var holes []Range
	at := skew
	for _, a := range areas {
		if a.Off > at {
			holes = append(holes, Range{at - skew, a.Off - at})
		}
		at = max(at, a.Off+a.Size)
	}
	if at < skew+size {
		holes = append(holes, Range{at - skew, skew + size - at})
	}
	return holes
}

// mapAreas reserves addresses for all of the BAR and maps the areas there.
func (b *Bar) mapAreas(span, skew uint64) error {
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(span), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	for _, a := range b.areas {
		_, err := unix.MmapPtr(b.fd, b.off-int64(skew)+int64(a.Off), unsafe.Add(base, a.Off), uintptr(a.Size),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
		if err != nil {
			_ = unix.MunmapPtr(base, uintptr(span))
			return err
		}
	}
	b.all = unsafe.Slice((*byte)(base), span)
	b.mem = b.all[skew : skew+b.size : skew+b.size]
	return nil
}

// Size implements pci.BAR.
func (b *Bar) Size() uint64 { return b.size }

// Mem implements pci.BAR. The memory stays until Unmap.
func (b *Bar) Mem(off, n uint64) []byte {
	if b.mem == nil || n > b.size || off > b.size-n {
		return nil
	}
	for i := range b.holes {
		if h := &b.holes[i]; off < h.Off+h.Size && h.Off < off+n {
			return nil
		}
	}
	return b.mem[off : off+n : off+n]
}

func (b *Bar) check(off, n uint64) error {
	if b.dev.Removed() {
		return b.dev.Err()
	}
	if off%n != 0 || n > b.size || off > b.size-n {
		return fmt.Errorf("%s: %d-byte access at offset %#x of BAR %d, which has %#x bytes and wants aligned accesses", b.name, n, off, b.index, b.size)
	}
	return nil
}

// faulted turns a fault on the mapping, from which the device has gone, into
// the removal of the device.
func (b *Bar) faulted(err *error) {
	r := recover()
	if r == nil {
		return
	}
	fault, ok := r.(interface{ Addr() uintptr })
	base := uintptr(unsafe.Pointer(unsafe.SliceData(b.all)))
	if !ok || fault.Addr() < base || fault.Addr()-base >= uintptr(len(b.all)) {
		panic(r)
	}
	b.dev.Fail(fmt.Errorf("registers of BAR %d vanished (bus error at offset %#x)", b.index, b.offset(fault.Addr())))
	*err = b.dev.Err()
}

func (b *Bar) offset(addr uintptr) uint64 {
	return uint64(addr - uintptr(unsafe.Pointer(unsafe.SliceData(b.mem))))
}

// Read32 implements pci.BAR.
func (b *Bar) Read32(off uint64) (uint32, error) {
	v, err := b.read32(off)
	if err == nil && v == 1<<32-1 {
		err = b.allOnes()
	}
	return v, err
}

// Read64 implements pci.BAR.
func (b *Bar) Read64(off uint64) (uint64, error) {
	v, err := b.read64(off)
	if err == nil && v == 1<<64-1 {
		err = b.allOnes()
	}
	return v, err
}

func (b *Bar) allOnes() error {
	if b.checker == nil {
		return nil
	}
	return b.checker.Check()
}

func (b *Bar) read32(off uint64) (v uint32, err error) {
	if err := b.check(off, 4); err != nil {
		return 0, err
	}
	if p := b.Mem(off, 4); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		return mmio.Load32(mmio.At32(p, 0)), nil
	}
	var p [4]byte
	err = b.transfer("reading", off, p[:], unix.Pread)
	return binary.NativeEndian.Uint32(p[:]), err
}

func (b *Bar) read64(off uint64) (v uint64, err error) {
	if err := b.check(off, 8); err != nil {
		return 0, err
	}
	if p := b.Mem(off, 8); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		return mmio.Load64(mmio.At64(p, 0)), nil
	}
	var p [8]byte
	err = b.transfer("reading", off, p[:], unix.Pread)
	return binary.NativeEndian.Uint64(p[:]), err
}

// Write32 implements pci.BAR.
func (b *Bar) Write32(off uint64, v uint32) (err error) {
	if err := b.check(off, 4); err != nil {
		return err
	}
	if p := b.Mem(off, 4); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		mmio.WMB() // what the register announces comes first
		mmio.Store32(mmio.At32(p, 0), v)
		return nil
	}
	return b.transfer("writing", off, binary.NativeEndian.AppendUint32(nil, v), unix.Pwrite)
}

// Write64 implements pci.BAR.
func (b *Bar) Write64(off uint64, v uint64) (err error) {
	if err := b.check(off, 8); err != nil {
		return err
	}
	if p := b.Mem(off, 8); p != nil {
		defer b.faulted(&err)
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		mmio.WMB()
		mmio.Store64(mmio.At64(p, 0), v)
		return nil
	}
	return b.transfer("writing", off, binary.NativeEndian.AppendUint64(nil, v), unix.Pwrite)
}

// transfer reads or writes a register through the file.
func (b *Bar) transfer(what string, off uint64, p []byte, call func(int, []byte, int64) (int, error)) error {
	n, err := call(b.fd, p, b.off+int64(off))
	if errors.Is(err, unix.ENODEV) { // sysfs has removed the file
		b.dev.Fail(fmt.Errorf("registers of BAR %d vanished: %w", b.index, err))
		return b.dev.Err()
	}
	if err == nil && n != len(p) {
		err = fmt.Errorf("%d of %d bytes were transferred", n, len(p))
	}
	if err != nil {
		return fmt.Errorf("%s: %s offset %#x of BAR %d: %w", b.name, what, off, b.index, err)
	}
	return nil
}
