// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"fmt"
	"syscall"
)

// Errors of a store, for errors.Is. Each unwraps to the errno that SPDK
// answers with, for errors.As.
var (
	// ErrNoStore: the device holds no blobstore, or one that is damaged.
	ErrNoStore error = &storeError{"no blobstore", syscall.EILSEQ}
	// ErrType: the blobstore belongs to somebody else.
	ErrType error = &storeError{"blobstore of another type", syscall.ENXIO}
	// ErrNoSpace: no free cluster or metadata page.
	ErrNoSpace error = &storeError{"no space in the blobstore", syscall.ENOSPC}
	// ErrNotFound: no such blob or attribute.
	ErrNotFound error = &storeError{"no such blob", syscall.ENOENT}
	// ErrBusy: the blob is open, has clones, or is being changed.
	ErrBusy error = &storeError{"blob is in use", syscall.EBUSY}
	// ErrReadOnly: the blob's data or metadata are not to be changed.
	ErrReadOnly error = &storeError{"blob is read-only", syscall.EPERM}
	// ErrInvalid: an argument makes no sense.
	ErrInvalid error = &storeError{"invalid argument", syscall.EINVAL}
	// ErrTooLarge: attributes do not fit.
	ErrTooLarge error = &storeError{"too large", syscall.ENOMEM}
	// ErrClosed: the store was unloaded.
	ErrClosed error = &storeError{"blobstore is unloaded", syscall.ESHUTDOWN}
	// ErrDegraded: the device behind a clone of an external snapshot is missing.
	ErrDegraded error = &storeError{"external snapshot is missing", syscall.EIO}
)

type storeError struct {
	text  string
	errno syscall.Errno
}

func (e *storeError) Error() string { return e.text }
func (e *storeError) Unwrap() error { return e.errno }

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func noStoref(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNoStore, fmt.Sprintf(format, args...))
}
