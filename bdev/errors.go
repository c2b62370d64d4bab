// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "syscall"

// Errors of the control plane, for errors.Is. Each unwraps to the errno that
// SPDK answers with, for errors.As.
var (
	ErrNotFound error = &controlError{"no such device", syscall.ENODEV}
	ErrExists   error = &controlError{"already exists", syscall.EEXIST}
	ErrRemoving error = &controlError{"block device is being removed", syscall.ENODEV}
	ErrClaimed  error = &controlError{"block device is claimed", syscall.EPERM}
	ErrBusy     error = &controlError{"block device is in use", syscall.EBUSY}
	// ErrInvalid is the error of arguments that make no sense.
	ErrInvalid error = &controlError{"invalid argument", syscall.EINVAL}
	// ErrShutdown is returned when the registry is being closed.
	ErrShutdown error = &controlError{"the block layer is shutting down", syscall.ESHUTDOWN}
)

// controlError is a sentence with an errno.
type controlError struct {
	text  string
	errno syscall.Errno
}

func (e *controlError) Error() string { return e.text }
func (e *controlError) Unwrap() error { return e.errno }

// Is has all errors of this kind that unwrap to EINVAL match ErrInvalid.
func (e *controlError) Is(target error) bool {
	return target == ErrInvalid && e.errno == syscall.EINVAL
}

// as gives err another errno; it stays what it is for errors.Is.
func as(errno syscall.Errno, err error) error { return &otherErrno{err, errno} }

type otherErrno struct {
	error
	errno syscall.Errno
}

func (e *otherErrno) Unwrap() []error { return []error{e.errno, e.error} }

// invalid is an error that unwraps to EINVAL, with its own words only.
func invalid(text string) error { return &controlError{text, syscall.EINVAL} }
