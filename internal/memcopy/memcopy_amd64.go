// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package memcopy

import "unsafe"

const streams = true

// prefetch asks for n lines; n is not 0.
//
//go:noescape
func prefetch(p unsafe.Pointer, n int)

// stream copies n bytes, a multiple of 64 and not 0, to dst, which is a
// multiple of 64.
//
//go:noescape
func stream(dst, src unsafe.Pointer, n int)
