// SPDX-License-Identifier: BSD-3-Clause

//go:build !(amd64 || arm64) || noasm

package gid

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
)

// A buffer on the stack would escape; threads must not allocate when polled.
var bufs = sync.Pool{New: func() any { return new([64]byte) }}

// Current returns the calling goroutine: the number in its stack trace,
// which takes about a microsecond.
func Current() ID {
	buf := bufs.Get().(*[64]byte)
	defer bufs.Put(buf)
	b := buf[:runtime.Stack(buf[:], false)]
	b = bytes.TrimPrefix(b, []byte("goroutine "))
	if i := bytes.IndexByte(b, ' '); i >= 0 {
		b = b[:i]
	}
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		panic("gid: unexpected form of a stack trace: " + string(buf[:]))
	}
	return ID(n)
}
