// SPDX-License-Identifier: BSD-3-Clause

package uring

import "unsafe"

// What io_uring_register does with buffers, since Linux 5.13; an empty table
// can be had since 5.19.
const (
	registerBuffers       = 15
	registerBuffersUpdate = 16

	registerSparse = 1 << 0
)

// resources is struct io_uring_rsrc_register.
type resources struct {
	count, flags         uint32
	reserved, data, tags uint64
}

// resourcesUpdate is struct io_uring_rsrc_update2.
type resourcesUpdate struct {
	offset, reserved uint32
	data, tags       uint64
	count, reserved2 uint32
}

// Buffers is a table of memory whose pages the kernel holds for a ring, so
// that it need not find and hold them for each transfer. One goroutine at a
// time may use it, while the ring is open; another may use the ring.
type Buffers struct {
	r *Ring
	// What the kernel reads: not on a stack, which may move.
	update resourcesUpdate
	vec    Iovec
}

// NewBuffers makes the ring's table with so many empty places, at most 16384.
// A ring has one table. It fails where the kernel has no such tables.
func (r *Ring) NewBuffers(places int) (*Buffers, error) {
	arg := resources{count: uint32(places), flags: registerSparse}
	if err := r.register("a table of buffers", registerBuffers, unsafe.Pointer(&arg), int(unsafe.Sizeof(arg))); err != nil {
		return nil, err
	}
	return &Buffers{r: r}, nil
}

// Set puts memory, at most 1 GiB, into a place of the table. The kernel holds
// its pages, which counts against the limit of locked memory, until Clear.
func (b *Buffers) Set(place int, p []byte) error {
	return b.put(place, Iovec{address(p), uint64(len(p))})
}

// Clear empties a place. What is under way there still ends.
func (b *Buffers) Clear(place int) error { return b.put(place, Iovec{}) }

func (b *Buffers) put(place int, v Iovec) error {
	b.vec = v
	b.update = resourcesUpdate{offset: uint32(place), data: uint64(uintptr(unsafe.Pointer(&b.vec))), count: 1}
	return b.r.register("a buffer", registerBuffersUpdate, unsafe.Pointer(&b.update), int(unsafe.Sizeof(b.update)))
}

// Opcodes of transfers from and to registered memory.
const (
	opReadFixed  = 4
	opWriteFixed = 5
)

// TransferFixed is Transfer with memory that lies within what is in a place
// of the ring's table of buffers.
func (s *SQE) TransferFixed(write bool, to Target, p []byte, place int, offset uint64, data uint64) {
	s.Transfer(write, to, p, offset, data)
	s.opcode, s.bufIndex = opReadFixed, uint16(place)
	if write {
		s.opcode = opWriteFixed
	}
}

// Address returns where p begins.
func Address(p []byte) uint64 { return address(p) }
