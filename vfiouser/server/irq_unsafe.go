// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var eventOne = uint64(1)

// writeEventFD adds one to an eventfd. It is non-blocking, so a raw system
// call will do; one that is full has been signalled anyway.
func writeEventFD(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&eventOne)), 8)
}

// checkEventFD makes sure that writing fd neither blocks the device nor does
// anything but count.
func checkEventFD(fd int) error {
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err != nil {
		return err
	}
	if name != "anon_inode:[eventfd]" {
		return failf(syscall.EINVAL, "the file descriptor for an interrupt is %q, want an eventfd", name)
	}
	return unix.SetNonblock(fd, true)
}

// replaceFD makes the number old mean what fd means.
func replaceFD(fd, old int) error { return unix.Dup3(fd, old, unix.O_CLOEXEC) }

// parkFD lets go of the client's eventfd behind fd but keeps the number.
func parkFD(fd int) {
	own, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return // the number goes on meaning the client's eventfd, unused
	}
	_ = replaceFD(own, fd)
	_ = unix.Close(own)
}
