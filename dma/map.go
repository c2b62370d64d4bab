// SPDX-License-Identifier: BSD-3-Clause

package dma

import (
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Arenas lie between these addresses if there is room: an IOMMU may have no
// more than 39 bits, and the I/O address is the virtual address. Below 4 GiB
// are the interrupt controllers' windows.
const (
	lowest  = uintptr(4 << 30)
	highest = uintptr(512 << 30)
	stride  = uintptr(64 << 20) // how far to go on where something is mapped
)

// low hands out addresses one after the other, so that a translation that is
// stale somewhere does not soon mean other memory.
var low = struct {
	sync.Mutex
	next uintptr
}{next: lowest}

// mmapAligned maps the file at a multiple of align.
func mmapAligned(fd, size, align int) ([]byte, error) {
	if mem, ok := mmapLow(fd, uintptr(size), uintptr(align)); ok {
		return mem, nil
	}
	return mmapHigh(fd, size, align)
}

func mmapLow(fd int, size, align uintptr) ([]byte, bool) {
	if size > highest-lowest {
		return nil, false
	}
	low.Lock()
	defer low.Unlock()
	at := low.next
	for range (highest - lowest) / stride {
		at = (at + align - 1) &^ (align - 1)
		if at > highest-size {
			at = lowest
		}
		p, err := unix.MmapPtr(fd, 0, pointer(at), size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED_NOREPLACE)
		switch {
		case err == nil && uintptr(p) == at:
			low.next = at + size
			return unsafe.Slice((*byte)(p), size), true
		case err == nil: // a kernel before 4.17 takes the address for a hint
			_ = unix.MunmapPtr(p, size)
			return nil, false
		case !errors.Is(err, unix.EEXIST):
			return nil, false // the second way finds the same error and tells it
		}
		at += stride
	}
	return nil, false
}

// mmapHigh lets the kernel choose: it reserves more than is needed, maps the
// file at a boundary inside and returns the rest.
func mmapHigh(fd, size, align int) ([]byte, error) {
	span := uintptr(size + align)
	base, err := unix.MmapPtr(-1, 0, nil, span, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	lead := -uintptr(base) & uintptr(align-1)
	at := unsafe.Add(base, lead)
	if _, err := unix.MmapPtr(fd, 0, at, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		_ = unix.MunmapPtr(base, span)
		return nil, err
	}
	if lead > 0 {
		_ = unix.MunmapPtr(base, lead)
	}
	if tail := span - lead - uintptr(size); tail > 0 {
		_ = unix.MunmapPtr(unsafe.Add(at, size), tail)
	}
	return unsafe.Slice((*byte)(at), size), nil
}

func (a *arena) unmap() {
	_ = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(a.mem)), uintptr(len(a.mem)))
	_ = unix.Close(a.fd)
}

// pointer makes a hint for mmap, which does not point to anything.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }
