// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package memcopy

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

const streams = true

var pairs = cpu.X86.HasAVX2

// prefetch asks for n lines; n is not 0.
//
//go:noescape
func prefetch(p unsafe.Pointer, n int)

// stream copies n bytes, a multiple of 64 and not 0, to dst, which is a
// multiple of 64.
//
//go:noescape
func stream(dst, src unsafe.Pointer, n int)

// pair copies n bytes, a multiple of pairBytes and not 0, of each source. It
// needs AVX2.
//
//go:noescape
func pair(dst1, src1, dst2, src2 unsafe.Pointer, n int)
