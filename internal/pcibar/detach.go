// SPDX-License-Identifier: BSD-3-Clause

package pcibar

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// onesLimit is how much of an area reads as all ones once the device has
// gone. The rest of a larger one, which is memory and not registers, reads as
// zero, so that it costs nothing.
const onesLimit = 16 << 20

// Detach puts ordinary memory where the device's registers were, at once and
// for all threads, so that what Mem has handed out stays valid: it reads as
// all ones, as a function that was pulled does, and stores there reach
// nobody. The device must be marked removed before. It may be called many
// times.
func (b *Bar) Detach() error {
	for _, a := range b.areas {
		if err := detach(b.all[a.Off : a.Off+a.Size]); err != nil {
			return fmt.Errorf("%s: BAR %d: putting memory in its place: %w", b.name, b.index, err)
		}
	}
	return nil
}

func detach(mem []byte) error {
	const (
		prot  = unix.PROT_READ | unix.PROT_WRITE
		flags = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS
	)
	n := min(len(mem), onesLimit)
	if rest := mem[n:]; len(rest) > 0 {
		if _, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(rest)), uintptr(len(rest)), prot, flags|unix.MAP_FIXED|unix.MAP_NORESERVE); err != nil {
			return err
		}
	}
	// The ones are moved there complete: nobody sees them being written.
	ones, err := unix.MmapPtr(-1, 0, nil, uintptr(n), prot, flags)
	if err != nil {
		return err
	}
	fill := unsafe.Slice((*byte)(ones), n)
	for i := range fill {
		fill[i] = 0xff
	}
	_, err = unix.MremapPtr(ones, uintptr(n), unsafe.Pointer(unsafe.SliceData(mem)), uintptr(n), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
	if err != nil {
		_ = unix.MunmapPtr(ones, uintptr(n))
	}
	return err
}

// Unmap gives the addresses back. Nobody may use the BAR or memory of it any
// more.
func (b *Bar) Unmap() error {
	if b.all == nil {
		return nil
	}
	base, span := unsafe.Pointer(unsafe.SliceData(b.all)), uintptr(len(b.all))
	b.all, b.mem, b.areas = nil, nil, nil
	b.holes = []Range{{0, b.size}}
	return unix.MunmapPtr(base, span)
}
