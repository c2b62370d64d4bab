// SPDX-License-Identifier: BSD-3-Clause

package vfiosock

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// EventFD is an eventfd that somebody else made and may share with us. Its
// flags are its maker's business: both ends see them.
type EventFD struct {
	FD       int
	Blocking bool // a write may wait, so whether it would is asked first
}

// CheckEventFD makes sure that fd is an eventfd, so that writing it does
// nothing but count.
func CheckEventFD(fd int) (EventFD, error) {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return EventFD{}, err
	}
	if name != "anon_inode:[eventfd]" {
		return EventFD{}, fmt.Errorf("file descriptor is %q, want an eventfd: %w", name, unix.EINVAL)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return EventFD{fd, flags&unix.O_NONBLOCK == 0}, err
}

var eventOne = uint64(1)

// Signal adds one. It does not wait and does not allocate. An eventfd that
// is full has been signalled often enough.
func (e EventFD) Signal() error {
	if e.Blocking {
		p := unix.PollFd{Fd: int32(e.FD), Events: unix.POLLOUT}
		var now unix.Timespec
		n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
		if n != 1 || p.Revents&unix.POLLOUT == 0 {
			return nil
		}
	}
	_, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(e.FD), uintptr(unsafe.Pointer(&eventOne)), 8)
	if errno != 0 && errno != unix.EAGAIN {
		return errno
	}
	return nil
}
