// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gospdk/gospdk/thread"
	"golang.org/x/sys/unix"
)

// waiter is where a reactor sleeps: an epoll set with an eventfd in it.
// Events of it only wake; they are not dispatched.
type waiter struct {
	epfd, evfd int
	noPwait2   bool // the kernel is older than 5.11
	// The kernel writes and reads these during a wait. They are fields of
	// an object on the heap, which stays where it is.
	events  [16]unix.EpollEvent
	timeout unix.Timespec

	_ [64]byte
	// sleeping is 1 from the reactor's announcement that it is about to
	// sleep until it is awake or a waker has taken it on itself to wake it.
	//
	// The reactor stores it and then looks for messages; a sender queues
	// its message and then looks at it. Both sides use sequentially
	// consistent atomics, so at least one sees the other's.
	sleeping atomic.Uint32
	wakers   atomic.Int32 // goroutines that may be about to write evfd
}

func (w *waiter) open() (err error) {
	w.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("reactor: making an epoll set: %w", err)
	}
	w.evfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(w.epfd)
		return fmt.Errorf("reactor: making an eventfd: %w", err)
	}
	if err = w.AddFD(w.evfd); err != nil {
		w.close()
	}
	return err
}

// close closes what open made. sleeping must be 0 for good.
func (w *waiter) close() {
	for w.wakers.Load() != 0 {
		runtime.Gosched()
	}
	unix.Close(w.epfd)
	unix.Close(w.evfd)
}

// Wake ends the reactor's sleep, or keeps it from falling asleep. It is one
// load when the reactor is awake.
func (w *waiter) Wake() {
	if w.sleeping.Load() != 0 {
		w.wakeSlow()
	}
}

func (w *waiter) wakeSlow() {
	w.wakers.Add(1)
	if w.sleeping.CompareAndSwap(1, 0) {
		one := [8]byte{}
		binary.NativeEndian.PutUint64(one[:], 1)
		// It cannot block and fails only with a full counter, which wakes.
		_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(w.evfd), uintptr(unsafe.Pointer(&one)), 8)
	}
	w.wakers.Add(-1)
}

// AddFD makes fd wake the reactor while it is readable.
func (w *waiter) AddFD(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("reactor: watching file descriptor %d: %w", fd, err)
	}
	return nil
}

// RemoveFD undoes AddFD. The descriptor may have been closed.
func (w *waiter) RemoveFD(fd int) {
	_ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, fd, nil)
}

// A wait that is expected to be shorter than this does not tell the scheduler.
const shortWait = 5 * time.Millisecond

// wait blocks until an fd is readable, somebody calls Wake or the time is
// over. The caller has stored sleeping and looked for work since. If soon is
// set the wait is expected to be short.
//
// A wait through Syscall tells Go's scheduler, which gives the processor to
// others; on return the goroutine has to get one again. That is right for
// long waits, but doubles what one of a millisecond costs (50 µs of processor
// time instead of 25). So a short wait keeps the processor. It holds nobody
// up: whoever stops the world or scans stacks interrupts the wait by a
// signal, again if need be, and GOMAXPROCS has room for the others.
func (w *waiter) wait(timeout time.Duration, soon bool) {
	var n int
	var errno unix.Errno
	if timeout <= shortWait {
		n, errno = w.epoll(timeout, unix.RawSyscall6)
	} else {
		if soon {
			n, errno = w.epoll(shortWait, unix.RawSyscall6)
		}
		if n == 0 && errno == 0 && w.sleeping.Load() != 0 {
			if soon && timeout != thread.Forever {
				timeout -= shortWait
			}
			n, errno = w.epoll(timeout, unix.Syscall6)
		}
	}
	w.sleeping.Store(0)
	if errno != 0 { // EINTR; anything else would be a bug, and then spins
		return
	}
	for _, ev := range w.events[:n] {
		if int(ev.Fd) == w.evfd {
			var buf [8]byte
			_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(w.evfd), uintptr(unsafe.Pointer(&buf)), 8)
		}
	}
}

// syscall6 is unix.Syscall6 or unix.RawSyscall6.
type syscall6 func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)

func (w *waiter) epoll(timeout time.Duration, call syscall6) (int, unix.Errno) {
	if !w.noPwait2 {
		w.timeout = unix.NsecToTimespec(int64(timeout))
		var ts unsafe.Pointer
		if timeout != thread.Forever {
			ts = unsafe.Pointer(&w.timeout)
		}
		n, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(w.epfd), uintptr(unsafe.Pointer(&w.events)),
			uintptr(len(w.events)), uintptr(ts), 0, 0)
		if errno != unix.ENOSYS && errno != unix.EPERM {
			return int(n), errno
		}
		w.noPwait2 = true
	}
	// Whole milliseconds, rounded down: the rest is spun.
	ms := -1
	if timeout != thread.Forever {
		ms = int(min(timeout/time.Millisecond, 1<<30))
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(w.epfd), uintptr(unsafe.Pointer(&w.events)),
		uintptr(len(w.events)), uintptr(ms), 0, 0)
	return int(n), errno
}
