// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Joined is memory of the client that lies in several regions, mapped once
// more so that it is contiguous here too. A guest with an IOMMU offers each of
// its pages as a region, and what is longer than a page, such as a queue, is
// in many.
type Joined struct {
	Bytes []byte

	parts []*MemoryRegion
	whole []byte
}

// Join maps the n bytes at I/O address addr, a multiple of the page size. All
// of them must be shared memory that the device may read and, if write is
// true, write. It asks the kernel once for each region, so it is not for the
// data path. The caller closes the result, at the latest when it lets go of
// one of the regions; see [Memory.Holds].
func (m *Memory) Join(addr uint64, n int, write bool) (*Joined, error) {
	if addr%pageSize != 0 || n <= 0 {
		return nil, fmt.Errorf("vfio-user: joining %d bytes at %#x: want an address that is a multiple of %d", n, addr, pageSize)
	}
	size := (n + pageSize - 1) &^ (pageSize - 1)
	whole, err := unix.Mmap(-1, 0, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("vfio-user: joining %d bytes: %w", n, err)
	}
	j := &Joined{whole: whole, Bytes: whole[:n:n]}
	for at := 0; at < size; {
		k, err := j.add(m, addr+uint64(at), at, write)
		if err != nil {
			j.Close()
			return nil, fmt.Errorf("%w (at %#x)", err, addr+uint64(at))
		}
		at += k
	}
	return j, nil
}

// add maps what there is from I/O address addr on in one region, and returns
// how much that is.
func (j *Joined) add(m *Memory, addr uint64, at int, write bool) (int, error) {
	r := m.Region(addr)
	switch {
	case r == nil, !r.Read:
		return 0, ErrUnmapped
	case write && !r.Write:
		return 0, ErrReadOnly
	}
	k := int(min(uint64(len(j.whole)-at), r.Size-(addr-r.Addr)))
	part, err := r.Slice(addr, k)
	if err != nil {
		return 0, err
	}
	// With an old size of 0 mremap leaves a shared mapping where it is and
	// makes a second one of the same pages.
	_, _, errno := unix.Syscall6(unix.SYS_MREMAP, uintptr(unsafe.Pointer(&part[0])), 0, uintptr(k),
		unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, uintptr(unsafe.Pointer(&j.whole[at])), 0)
	if errno != 0 {
		return 0, fmt.Errorf("vfio-user: mapping %d bytes again: %w", k, errno)
	}
	j.parts = append(j.parts, r)
	return k, nil
}

// Holds tells whether all that j is made of is still in m.
func (m *Memory) Holds(j *Joined) bool {
	for _, r := range j.parts {
		if m.Region(r.Addr) != r {
			return false
		}
	}
	return true
}

// Close unmaps the memory, once.
func (j *Joined) Close() { _ = unix.Munmap(j.whole) }
