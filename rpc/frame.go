// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"
)

// errParse is what is wrong with the bytes of a stream: no further request
// can be found in it.
type errParse struct{ what string }

func (e *errParse) Error() string { return e.what }

func parseErrorf(format string, args ...any) error { return &errParse{fmt.Sprintf(format, args...)} }

// framer cuts a stream of JSON values into values, wherever the stream was
// split. Between values there may be white space or nothing.
type framer struct {
	r        io.Reader
	maxSize  int
	maxDepth int
	// deadline bounds how long the rest of a value may take; nil for no
	// bound. Between values a client may be silent for as long as it likes.
	deadline func(time.Time) error
	timeout  time.Duration

	buf     []byte
	err     error // of r
	waiting bool  // a deadline is set

	// at is how far buf has been looked at; the rest is the state there.
	at      int
	open    []byte // brackets
	inText  bool
	escaped bool
}

// next returns the next value, valid until the call after. It returns io.EOF
// at the end of the stream.
func (f *framer) next() ([]byte, error) {
	for {
		if end, err := f.scan(); err != nil {
			return nil, err
		} else if end > 0 {
			value := bytes.TrimSpace(f.buf[:end])
			f.buf, f.at = f.buf[end:], 0
			f.limitTime(false)
			if !utf8.Valid(value) {
				return nil, parseErrorf("the request is not valid UTF-8")
			}
			return value, nil
		}
		if f.err != nil {
			return nil, f.ended()
		}
		f.read()
	}
}

// ended says why there is no further value.
func (f *framer) ended() error {
	switch {
	case errors.Is(f.err, os.ErrDeadlineExceeded) && f.waiting:
		return parseErrorf("the rest of the request has not come within %v", f.timeout)
	case !errors.Is(f.err, io.EOF), len(f.open) == 0:
		return f.err
	}
	return io.ErrUnexpectedEOF
}

// limitTime sets the deadline when a value has begun, and takes it away when
// it has ended.
func (f *framer) limitTime(on bool) {
	if f.deadline == nil || on == f.waiting {
		return
	}
	f.waiting = on
	var t time.Time
	if on {
		t = time.Now().Add(f.timeout)
	}
	_ = f.deadline(t) // a closed connection says so itself
}

func (f *framer) read() {
	const step = 32 << 10
	f.limitTime(len(f.open) > 0)
	if cap(f.buf)-len(f.buf) < step {
		grown := make([]byte, len(f.buf), len(f.buf)+max(step, len(f.buf)))
		copy(grown, f.buf)
		f.buf = grown
	}
	n, err := f.r.Read(f.buf[len(f.buf):cap(f.buf)])
	f.buf, f.err = f.buf[:len(f.buf)+n], err
}

// scan looks for the end of the value at the beginning of buf; 0 if more is
// needed. Requests are objects or arrays; anything else is refused at once.
func (f *framer) scan() (end int, err error) {
	for ; f.at < len(f.buf); f.at++ {
		c := f.buf[f.at]
		if f.at >= f.maxSize {
			return 0, parseErrorf("the request is larger than %d bytes", f.maxSize)
		}
		switch {
		case f.escaped:
			f.escaped = false
		case f.inText:
			f.escaped = c == '\\'
			f.inText = c != '"'
		case c == '{' || c == '[':
			if f.open = append(f.open, c+2); len(f.open) > f.maxDepth { // ASCII: { and }, [ and ] are two apart
				return 0, parseErrorf("the request is nested deeper than %d", f.maxDepth)
			}
		case len(f.open) == 0:
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				return 0, parseErrorf("a request begins with { or [, not with %q", c)
			}
		case c == '"':
			f.inText = true
		case c == '}' || c == ']':
			if last := len(f.open) - 1; f.open[last] != c {
				return 0, parseErrorf("%q where %q closes", c, f.open[last])
			} else if f.open = f.open[:last]; last == 0 {
				f.at++
				return f.at, nil
			}
		case !inValue[c]:
			return 0, parseErrorf("%q is not JSON", c)
		}
	}
	if len(f.open) == 0 { // only space so far
		f.buf, f.at = f.buf[:0], 0
	}
	return 0, nil
}

// inValue holds the characters that JSON has outside of texts and brackets.
// Others show at once that a client speaks something else.
var inValue = func() (is [256]bool) {
	for _, c := range []byte(" \t\r\n,:truefalsn0123456789+-.E") {
		is[c] = true
	}
	return is
}()
