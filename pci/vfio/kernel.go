// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// kernel is what this package asks of Linux, so that tests can answer
// instead: some ways of VFIO exist in few kernels.
type kernel interface {
	// open opens a file for reading and writing.
	open(path string) (int, error)
	close(fd int) error
	// release closes the file behind fd, while the number stays taken: who
	// still uses it, on whatever thread, gets an error and nobody else's
	// file.
	release(fd int) error
	// ioctl passes a pointer, ioctlValue a number.
	ioctl(fd int, request uint32, arg unsafe.Pointer) (int, error)
	ioctlValue(fd int, request uint32, v uintptr) (int, error)
	// memlock is the limit of locked memory in bytes.
	memlock() (soft, hard uint64, err error)
	setMemlock(soft, hard uint64) error
}

// linux is the kernel that this process runs on.
type linux struct{}

func (linux) open(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

func (linux) close(fd int) error { return unix.Close(fd) }

func (linux) release(fd int) error {
	nobody, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("making a file to put in its place: %w", err)
	}
	defer unix.Close(nobody)
	return unix.Dup3(nobody, fd, unix.O_CLOEXEC)
}

func (linux) ioctl(fd int, request uint32, arg unsafe.Pointer) (int, error) {
	for {
		n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func (linux) ioctlValue(fd int, request uint32, v uintptr) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), v)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (linux) memlock() (soft, hard uint64, err error) {
	var r unix.Rlimit
	err = unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r)
	return r.Cur, r.Max, err
}

func (linux) setMemlock(soft, hard uint64) error {
	return unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: soft, Max: hard})
}
