// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
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

// answer makes an error one of a method: with the code of its errno, and
// SPDK's words before its own.
func answer(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*spoken](err); ok && e.Error() == err.Error() {
		return rpc.Errorf(-int(e.errno), "%s", e.text)
	}
	errno := syscall.EIO
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		errno = e
	}
	words := rpc.Strerror(errno)
	detail := strings.TrimSuffix(err.Error(), ": "+strings.ToLower(words))
	return rpc.Errorf(-int(errno), "%s: %s", words, detail)
}
