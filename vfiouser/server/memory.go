// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"slices"
)

// Errors of Memory. They are values without detail because a lookup is part
// of the data path; the caller knows the address.
var (
	// ErrUnmapped is returned for an address that the client has not
	// offered, or not all of the range.
	ErrUnmapped = errors.New("vfio-user: address is outside the client's DMA regions")
	// ErrNotMapped is returned for memory that the client offered without
	// a file descriptor: only Conn.DMARead and Conn.DMAWrite reach it.
	ErrNotMapped = errors.New("vfio-user: DMA region is not shared memory")
	// ErrReadOnly is returned where the device wants to write memory that
	// the client offered for reading.
	ErrReadOnly = errors.New("vfio-user: DMA region is read-only")
)

// Memory is the client's memory as it was offered. It never changes: after a
// change the device gets another one. Any thread may use it until the device
// has let it go; see [Device].
//
// The client can shrink a file that it shared. Access to what is gone then
// faults, which on threads that have called debug.SetPanicOnFault is a panic
// that can be recovered.
type Memory struct {
	regions []*MemoryRegion // sorted by address, not overlapping
}

// MemoryRegion is one DMA region.
type MemoryRegion struct {
	Addr  uint64 // I/O address
	Size  uint64 // bytes
	Read  bool   // the device may read it
	Write bool   // the device may write it
	mem   []byte // nil if it is not shared
	whole []byte // the mapping that holds mem
}

// emptyMemory is the table of a client that has offered nothing yet.
var emptyMemory = new(Memory)

// Regions returns all regions sorted by address. The slice and what it
// points to must not be changed.
func (m *Memory) Regions() []*MemoryRegion { return m.regions }

// Region returns the region that holds addr, or nil. Callers keep the last
// one and ask it first.
func (m *Memory) Region(addr uint64) *MemoryRegion {
	i := m.search(addr)
	if i < len(m.regions) && m.regions[i].Addr <= addr {
		return m.regions[i]
	}
	return nil
}

// search returns the first region that ends after addr.
func (m *Memory) search(addr uint64) int {
	lo, hi := 0, len(m.regions)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if r := m.regions[mid]; addr > r.Addr && addr-r.Addr >= r.Size {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// Map returns the n bytes at I/O address addr, for reading and writing. They
// lie in one region.
func (m *Memory) Map(addr uint64, n int) ([]byte, error) {
	r := m.Region(addr)
	if r == nil {
		return nil, ErrUnmapped
	}
	if !r.Write {
		return nil, ErrReadOnly
	}
	return r.Slice(addr, n)
}

// MapRead is Map for memory that is only read.
func (m *Memory) MapRead(addr uint64, n int) ([]byte, error) {
	r := m.Region(addr)
	if r == nil {
		return nil, ErrUnmapped
	}
	return r.Slice(addr, n)
}

// Slice returns the n bytes at I/O address addr if all of them are in the
// region. Whether they may be written, Write tells: a store to read-only
// memory faults.
func (r *MemoryRegion) Slice(addr uint64, n int) ([]byte, error) {
	off := addr - r.Addr // wraps, and so fails, for an address below
	if n < 0 || uint64(n) > r.Size || off > r.Size-uint64(n) {
		return nil, ErrUnmapped
	}
	if r.mem == nil {
		return nil, ErrNotMapped
	}
	return r.mem[off : off+uint64(n) : off+uint64(n)], nil
}

// Shared tells whether the region is shared memory.
func (r *MemoryRegion) Shared() bool { return r.mem != nil }

// with returns a table that also has r, whose place is free.
func (m *Memory) with(r *MemoryRegion) *Memory {
	i := m.search(r.Addr)
	return &Memory{slices.Concat(m.regions[:i], []*MemoryRegion{r}, m.regions[i:])}
}

// without returns a table that lacks the regions in [addr, addr+size), and
// those; or a region that is not wholly within.
func (m *Memory) without(addr, size uint64) (next *Memory, gone []*MemoryRegion, cut *MemoryRegion) {
	last := addr + (size - 1)
	from := m.search(addr)
	to := from
	for ; to < len(m.regions) && m.regions[to].Addr <= last; to++ {
		if r := m.regions[to]; r.Addr < addr || r.Addr+(r.Size-1) > last {
			return m, nil, r
		}
	}
	if from == to {
		return m, nil, nil
	}
	return &Memory{slices.Concat(m.regions[:from], m.regions[to:])}, m.regions[from:to], nil
}

// overlap returns a region that shares an address with [addr, addr+size).
func (m *Memory) overlap(addr, size uint64) *MemoryRegion {
	i := m.search(addr)
	if i < len(m.regions) && m.regions[i].Addr <= addr+(size-1) {
		return m.regions[i]
	}
	return nil
}
