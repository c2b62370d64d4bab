// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Probe tells whether the process may use io_uring: nil, or why not.
func Probe() error {
	r, err := New(1)
	if err != nil {
		return err
	}
	return r.Close()
}

// probeTime is how long a disk may take for a read.
const probeTime = 10 * time.Second

// ProbePolled tells whether a ring that polls can transfer from the file: it
// reads the first size bytes, a multiple of what the disk asks for.
func ProbePolled(fd, size int) (err error) {
	r, err := NewPolled(1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	// The kernel holds the pages of a read that has not ended.
	p, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("memory for a read: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Munmap(p)) }()
	r.Next().Transfer(false, FD(fd), p, 0, 0)
	var end [1]CQE
	for start := time.Now(); r.Reap(end[:]) == 0; r.Submit() {
		if time.Since(start) > probeTime {
			return fmt.Errorf("a polled read has not ended after %v: %w", probeTime, unix.ETIMEDOUT)
		}
	}
	if res := end[0].Res; res < 0 && res != -int32(unix.EAGAIN) {
		return fmt.Errorf("a polled read: %w", syscall.Errno(-res))
	}
	return nil
}
