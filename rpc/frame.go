// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// errParse is what is wrong with the bytes of a stream: no further request
// can be found in it.
type errParse struct{ what string }

func (e *errParse) Error() string { return e.what }

// framer cuts a stream of JSON values into values, wherever the stream was
// split. Between values there may be white space or nothing.
type framer struct {
	r        io.Reader
	maxSize  int
	maxDepth int
	buf      []byte
	err      error // of r

	// at is how far buf has been looked at; the rest is the state there.
	at      int
	depth   int
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
			if !utf8.Valid(value) {
				return nil, &errParse{"the request is not valid UTF-8"}
			}
			return value, nil
		}
		if f.err != nil {
			if len(bytes.TrimSpace(f.buf)) == 0 {
				return nil, f.err
			}
			if errors.Is(f.err, io.EOF) {
				return nil, io.ErrUnexpectedEOF
			}
			return nil, f.err
		}
		f.read()
	}
}

func (f *framer) read() {
	const step = 32 << 10
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
			return 0, &errParse{fmt.Sprintf("the request is larger than %d bytes", f.maxSize)}
		}
		switch {
		case f.escaped:
			f.escaped = false
		case f.inText:
			f.escaped = c == '\\'
			f.inText = c != '"'
		case c == '"' && f.depth > 0:
			f.inText = true
		case c == '{' || c == '[':
			if f.depth++; f.depth > f.maxDepth {
				return 0, &errParse{fmt.Sprintf("the request is nested deeper than %d", f.maxDepth)}
			}
		case (c == '}' || c == ']') && f.depth > 0:
			if f.depth--; f.depth == 0 {
				f.at++
				return f.at, nil
			}
		case f.depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n':
			return 0, &errParse{fmt.Sprintf("a request begins with { or [, not with %q", c)}
		}
	}
	if f.depth == 0 { // only space so far
		f.buf, f.at = f.buf[:0], 0
	}
	return 0, nil
}
