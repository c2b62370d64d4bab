// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Codes of errors: those of JSON-RPC 2.0, section 5.1, and SPDK's own. Others
// are negated errnos.
const (
	ParseError     = -32700
	InvalidRequest = -32600
	MethodNotFound = -32601
	InvalidParams  = -32602
	InternalError  = -32603
	InvalidState   = -1
)

// Error is what a request is answered with when it fails.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`

	panicked bool
}

// Panicked tells whether an error of Registry.Call is due to a panic of the
// handler.
func Panicked(e *Error) bool { return e.panicked }

// Errorf makes an error with a code.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errno returns the errno that the code is, if it is one.
func (e *Error) Errno() (syscall.Errno, bool) {
	if e.Code < 0 && e.Code > -4096 {
		return syscall.Errno(-e.Code), true
	}
	return 0, false
}

// Is tells whether target is the errno that the code stands for.
func (e *Error) Is(target error) bool {
	no, ok := e.Errno()
	return ok && target == no
}

// asError turns what a handler has returned into an answer. An errno within
// gives the code, and its words, as the C library says them, come first.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Errorf(-int(syscall.ECANCELED), "%s: %v", Strerror(syscall.ECANCELED), err)
	}
	var no syscall.Errno
	if !errors.As(err, &no) || no == 0 {
		return &Error{Code: InternalError, Message: err.Error()}
	}
	return &Error{Code: -int(no), Message: withWords(Strerror(no), err.Error())}
}

// withWords puts an errno's words in front of a message, once: errors in Go
// often end with them.
func withWords(words, message string) string {
	if n := len(message) - len(words); n >= 0 && strings.EqualFold(message[n:], words) {
		message = strings.TrimSuffix(message[:n], ": ")
	}
	switch {
	case message == "":
		return words
	case strings.Contains(message, words):
		return message
	}
	return words + ": " + message
}

// Strerror returns an errno in the C library's words, "No such device".
func Strerror(no syscall.Errno) string {
	s := no.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
