// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"syscall"
)

// spoken is an error in SPDK's words, which clients look for.
type spoken struct {
	errno syscall.Errno
	text  string
}

func say(errno syscall.Errno, format string, args ...any) error {
	return &spoken{errno, fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *spoken) Error() string { return e.text }

// Unwrap returns the errno that SPDK answers with.
func (e *spoken) Unwrap() error { return e.errno }
