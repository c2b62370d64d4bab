// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// registerBufRing is what io_uring_register does with rings of buffers, since
// Linux 5.19.
const registerBufRing = 22

// bufRingArg is struct io_uring_buf_reg.
type bufRingArg struct {
	addr     uint64
	entries  uint32
	group    uint16
	flags    uint16
	reserved [3]uint64
}

// bufEntry is struct io_uring_buf. That of the first entry has the ring's tail
// where others have padding.
type bufEntry struct {
	addr uint64
	size uint32
	id   uint16
	tail uint16
}

// BufRing is memory that the kernel takes buffers from when something has come
// (io_uring_register_buf_ring(3)). Who owns the ring owns it.
type BufRing struct {
	mem     []byte // the entries, then the buffers
	entries []bufEntry
	data    []byte
	size    int
	tail    uint16
	group   uint16
}

// NewBufRing gives the ring count buffers, a power of two up to 32768, of size
// bytes each.
func (r *Ring) NewBufRing(group uint16, count, size int) (*BufRing, error) {
	table := count * int(unsafe.Sizeof(bufEntry{}))
	table = (table + 4095) &^ 4095
	mem, err := unix.Mmap(-1, 0, table+count*size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("memory for %d buffers of %d bytes: %w", count, size, err)
	}
	b := &BufRing{mem: mem, data: mem[table:], size: size, group: group}
	b.entries = unsafe.Slice((*bufEntry)(unsafe.Pointer(&mem[0])), count)
	arg := bufRingArg{addr: address(mem), entries: uint32(count), group: group}
	if err := r.register("a ring of buffers", registerBufRing, unsafe.Pointer(&arg), 1); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	for id := range count {
		b.Put(uint16(id))
	}
	b.Publish()
	return b, nil
}

// Bytes returns a buffer.
func (b *BufRing) Bytes(id uint16) []byte { return b.data[int(id)*b.size:][:b.size:b.size] }

// Put gives a buffer back to the kernel, which sees it after Publish.
func (b *BufRing) Put(id uint16) {
	e := &b.entries[int(b.tail)&(len(b.entries)-1)]
	e.addr, e.size, e.id = address(b.Bytes(id)), uint32(b.size), id
	b.tail++
}

// Publish shows the kernel what has been put.
func (b *BufRing) Publish() {
	// The kernel reads the tail with acquire semantics. Go has atomic stores
	// of 32 bits alone: the first entry's id is in the same word.
	first := &b.entries[0]
	word := (*uint32)(unsafe.Pointer(&first.id))
	atomic.StoreUint32(word, joinHalves(first.id, b.tail))
}

// joinHalves puts two neighbours in memory into one word.
func joinHalves(low, high uint16) (word uint32) {
	halves := (*[2]uint16)(unsafe.Pointer(&word))
	halves[0], halves[1] = low, high
	return word
}

// Close frees the memory. The ring must have been closed.
func (b *BufRing) Close() error { return unix.Munmap(b.mem) }
