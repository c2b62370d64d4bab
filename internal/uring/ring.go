// SPDX-License-Identifier: BSD-3-Clause

// Package uring is Linux's io_uring(7), without an intermediary.
package uring

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is a queue of operations and one of their ends. One goroutine at a
// time may use it.
type Ring struct {
	fd          int
	polled      bool
	mem, sqeMem []byte // what the kernel maps

	sqHead, sqTail, sqFlags *uint32
	cqHead, cqTail, cqFlags *uint32
	sqMask, cqMask          uint32
	sqes                    []SQE
	cqes                    []CQE

	// Calls counts the system calls of Submit.
	Calls uint64

	tail  uint32 // of the operations; what the kernel sees lags behind
	files []bool // places of the table of files that are taken
	fdArg int32  // of setFile: not on a stack, which may move
}

// FD returns a file descriptor that is readable while there are ends to reap.
func (r *Ring) FD() int { return r.fd }

// Flags of io_uring_enter and of the queues.
const (
	enterGetEvents = 1

	sqCQOverflow = 1 << 1
	sqTaskRun    = 1 << 2

	cqEventFDDisabled = 1
)

// Next returns the operation to be filled in, nil if there is no room.
func (r *Ring) Next() *SQE {
	if r.tail-atomic.LoadUint32(r.sqHead) > r.sqMask {
		return nil
	}
	s := &r.sqes[r.tail&r.sqMask]
	r.tail++
	return s
}

// Unsubmitted is how many operations the kernel has not taken.
func (r *Ring) Unsubmitted() uint32 { return r.tail - atomic.LoadUint32(r.sqHead) }

// Submit gives the kernel what it has not taken, in one system call, which
// does not wait, and has it show ends that it has put off or has to ask the
// disk for. What is left over then, for want of memory, is for the next call.
func (r *Ring) Submit() syscall.Errno {
	n := r.Unsubmitted()
	atomic.StoreUint32(r.sqTail, r.tail)
	flags := uintptr(0)
	if r.polled || r.Stuck() {
		flags = enterGetEvents
	}
	for {
		r.Calls++
		_, _, e := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), 0, flags, 0, 0)
		if e != unix.EINTR {
			return e
		}
	}
}

// Stuck tells whether ends wait for a call of the kernel to be shown.
func (r *Ring) Stuck() bool { return atomic.LoadUint32(r.sqFlags)&(sqTaskRun|sqCQOverflow) != 0 }

// Pending tells whether there are ends to reap.
func (r *Ring) Pending() bool { return *r.cqHead != atomic.LoadUint32(r.cqTail) || r.Stuck() }

// Reap takes ends that are there, and returns how many.
func (r *Ring) Reap(dst []CQE) int {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	n := min(int(tail-head), len(dst))
	if n == 0 {
		return 0
	}
	for i := range dst[:n] {
		dst[i] = r.cqes[(head+uint32(i))&r.cqMask]
	}
	atomic.StoreUint32(r.cqHead, head+uint32(n))
	return n
}

// Signal has ends signalled to the eventfd, or not.
func (r *Ring) Signal(yes bool) {
	if yes {
		atomic.StoreUint32(r.cqFlags, 0)
	} else {
		atomic.StoreUint32(r.cqFlags, cqEventFDDisabled)
	}
}

// What io_uring_register does.
const (
	registerFiles       = 2
	registerEventFD     = 4
	registerFilesUpdate = 6
)

func (r *Ring) register(what string, op uintptr, arg unsafe.Pointer, n int) error {
	_, _, e := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), op, uintptr(arg), uintptr(n), 0, 0)
	if e != 0 {
		return fmt.Errorf("registering %s with io_uring: %w", what, e)
	}
	return nil
}

// SetEventFD names the eventfd for Signal, which is on at first.
func (r *Ring) SetEventFD(fd int) error {
	arg := int32(fd)
	return r.register("an eventfd", registerEventFD, unsafe.Pointer(&arg), 1)
}

// maxFiles is how many files the kernel may know in advance.
const maxFiles = 64

// filesUpdate is struct io_uring_files_update.
type filesUpdate struct {
	offset, reserved uint32
	fds              uint64
}

// AddFile makes a file known to the kernel, which then need not look it up
// for each operation. If it takes no more, the target is the descriptor.
func (r *Ring) AddFile(fd int) Target {
	if r.files == nil {
		none := make([]int32, maxFiles)
		for i := range none {
			none[i] = -1
		}
		if r.register("files", registerFiles, unsafe.Pointer(&none[0]), maxFiles) != nil {
			return FD(fd)
		}
		r.files = make([]bool, maxFiles)
	}
	for i, taken := range r.files {
		if !taken {
			if r.setFile(i, fd) != nil {
				break
			}
			r.files[i] = true
			return Target{fd: int32(i), flags: flagFixedFile}
		}
	}
	return FD(fd)
}

// RemoveFile undoes AddFile. Nothing is outstanding for the file.
func (r *Ring) RemoveFile(t Target) error {
	if t.flags&flagFixedFile == 0 {
		return nil
	}
	r.files[t.fd] = false
	return r.setFile(int(t.fd), -1)
}

func (r *Ring) setFile(i, fd int) error {
	r.fdArg = int32(fd)
	u := filesUpdate{offset: uint32(i), fds: uint64(uintptr(unsafe.Pointer(&r.fdArg)))}
	return r.register("a file", registerFilesUpdate, unsafe.Pointer(&u), 1)
}
