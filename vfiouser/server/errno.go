// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"errors"
	"fmt"
	"syscall"
)

// failure is an error with the number that the client gets.
type failure struct {
	errno syscall.Errno
	text  string
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.errno }

func failf(errno syscall.Errno, format string, args ...any) error {
	return &failure{errno, fmt.Sprintf(format, args...)}
}

// errnoOf returns what to tell the client about err.
func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) && errno != 0 {
		return errno
	}
	return syscall.EINVAL
}
