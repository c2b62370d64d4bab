// SPDX-License-Identifier: BSD-3-Clause

// Package eventfd has the two things that a waiter does with an eventfd of
// its own.
package eventfd

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// FD is a non-blocking eventfd.
type FD int

// New makes one.
func New() (FD, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("making an eventfd: %w", err)
	}
	return FD(fd), nil
}

// Close closes it.
func (f FD) Close() error { return unix.Close(int(f)) }

// Clear takes back what was signalled. It does not wait.
func (f FD) Clear() {
	var b [8]byte
	_, _ = unix.Read(int(f), b[:]) // EAGAIN: nothing was
}

// Wait waits until the eventfd is signalled, clears it and returns true, or
// returns false once d has passed. A negative d has no end.
func (f FD) Wait(d time.Duration) (bool, error) {
	var deadline time.Time
	if d >= 0 {
		deadline = time.Now().Add(d)
	}
	for {
		p := []unix.PollFd{{Fd: int32(f), Events: unix.POLLIN}}
		var limit *unix.Timespec
		if d >= 0 {
			t := unix.NsecToTimespec(int64(max(time.Until(deadline), 0)))
			limit = &t
		}
		n, err := unix.Ppoll(p, limit, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return false, fmt.Errorf("waiting for an eventfd: %w", err)
		case n == 0:
			return false, nil
		default:
			f.Clear()
			return true, nil
		}
	}
}
