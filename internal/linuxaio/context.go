// SPDX-License-Identifier: BSD-3-Clause

// Package linuxaio is Linux's asynchronous I/O (io_submit(2)), without an
// intermediary: ends are read from the ring that the kernel maps into the
// process.
package linuxaio

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event is the end of an operation (struct io_event).
type Event struct {
	Data uint64 // the IOCB's
	obj  uint64
	Res  int64 // bytes, or a negative errno
	res2 int64
}

// ring is the head of what the kernel maps: struct aio_ring of fs/aio.c.
type ring struct {
	id           uint32
	size         uint32 // in events
	head         uint32 // next to be reaped; ours
	tail         uint32 // next to be filled; the kernel's
	magic        uint32
	compat       uint32
	incompat     uint32
	headerLength uint32
}

const ringMagic = 0xa10a10a1

// Context is a queue of operations. One goroutine at a time may use it.
type Context struct {
	id   uintptr // which is the address of the ring
	ring *ring   // nil if its form is unknown; io_getevents reaps then
	evs  []Event
}

// Setup makes a context for at least depth operations at once.
func Setup(depth int) (*Context, error) {
	c := new(Context)
	if _, _, e := unix.Syscall(unix.SYS_IO_SETUP, uintptr(depth), uintptr(unsafe.Pointer(&c.id)), 0); e != 0 {
		return nil, setupError(depth, e)
	}
	r := *(**ring)(unsafe.Pointer(&c.id))
	if r.magic == ringMagic && r.incompat == 0 {
		c.ring = r
		c.evs = unsafe.Slice((*Event)(unsafe.Add(unsafe.Pointer(r), r.headerLength)), r.size)
	}
	return c, nil
}

func setupError(depth int, e syscall.Errno) error {
	err := fmt.Errorf("io_setup for %d operations: %w", depth, e)
	switch e {
	case unix.EAGAIN:
		return fmt.Errorf("%w (all asynchronous I/O of the machine is taken; raise it with 'sysctl -w fs.aio-max-nr=...')", err)
	case unix.ENOSYS:
		return fmt.Errorf("%w (the kernel is built without CONFIG_AIO; use io_uring)", err)
	}
	return err
}

// Destroy ends the context. It may wait for what is outstanding. Whatever is
// done with the context afterwards fails with EINVAL: the kernel may give its
// number, an address, to the next one.
func (c *Context) Destroy() error {
	id := c.id
	c.id, c.ring, c.evs = 0, nil, nil
	if _, _, e := unix.Syscall(unix.SYS_IO_DESTROY, id, 0, 0); e != 0 {
		return fmt.Errorf("io_destroy: %w", e)
	}
	return nil
}

// Submit starts operations and returns how many of the first it has taken. If
// that is none, e is why. With mayBlock the Go scheduler is told: for files
// whose transfers are carried out within the call.
func (c *Context) Submit(list []*IOCB, mayBlock bool) (n int, e syscall.Errno) {
	call := unix.RawSyscall
	if mayBlock {
		call = unix.Syscall
	}
	for {
		r, _, e := call(unix.SYS_IO_SUBMIT, c.id, uintptr(len(list)), uintptr(unsafe.Pointer(unsafe.SliceData(list))))
		if e == 0 {
			return int(r), 0
		}
		if e != unix.EINTR {
			return 0, e
		}
	}
}

// Pending tells whether there are events to reap, without a system call; it
// is false if only one could tell.
func (c *Context) Pending() bool {
	return c.ring != nil && c.ring.head != atomic.LoadUint32(&c.ring.tail)
}

// Reap takes events that are there, and returns how many.
func (c *Context) Reap(dst []Event) int {
	r := c.ring
	if r == nil {
		return c.getEvents(dst)
	}
	head, tail := r.head, atomic.LoadUint32(&r.tail)
	if head == tail {
		return 0
	}
	end := tail
	if tail < head {
		end = r.size
	}
	n := copy(dst, c.evs[head:end])
	if tail < head && n < len(dst) && head+uint32(n) == r.size {
		n += copy(dst[n:], c.evs[:tail])
	}
	if head += uint32(n); head >= r.size {
		head -= r.size
	}
	atomic.StoreUint32(&r.head, head)
	return n
}

func (c *Context) getEvents(dst []Event) int {
	var now unix.Timespec
	n, _, e := unix.RawSyscall6(unix.SYS_IO_GETEVENTS, c.id, 0, uintptr(len(dst)),
		uintptr(unsafe.Pointer(unsafe.SliceData(dst))), uintptr(unsafe.Pointer(&now)), 0)
	if e != 0 {
		return 0
	}
	return int(n)
}
