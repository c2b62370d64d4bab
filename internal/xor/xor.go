// SPDX-License-Identifier: BSD-3-Clause

// Package xor computes the exclusive or of several buffers, the parity of
// RAID 5.
package xor

import "crypto/subtle"

// Blocks stores the exclusive or of all sources in dst, in one pass. There is
// at least one source, and each is at least as long as dst. dst may be one of
// the sources; otherwise it overlaps none.
func Blocks(dst []byte, sources [][]byte) {
	if len(sources) == 0 {
		panic("xor: no sources")
	}
	n := len(dst)
	for i := range sources {
		_ = sources[i][:n] // so that the assembly stays within
	}
	if n > 0 {
		blocks(dst, sources)
	}
}

// span is how much is done of all sources before it goes on: it stays in the
// nearest cache.
const span = 1024

func generic(dst []byte, sources [][]byte) {
	var sum [span]byte // not dst, which may be a source that is still to come
	for at := 0; at < len(dst); at += span {
		d := dst[at:min(at+span, len(dst))]
		n := copy(sum[:], sources[0][at:][:len(d)])
		for _, s := range sources[1:] {
			subtle.XORBytes(sum[:n], sum[:n], s[at:])
		}
		copy(d, sum[:n])
	}
}
