// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xor

func blocks(dst []byte, sources [][]byte) {
	n := len(dst) &^ 63
	if n > 0 {
		blocks64(&dst[0], n, &sources[0], len(sources))
	}
	for i := n; i < len(dst); i++ {
		var b byte
		for _, s := range sources {
			b ^= s[i]
		}
		dst[i] = b
	}
}

// The number n of bytes is a multiple of 64, and not 0, the number of sources
// neither.
//
//go:noescape
func blocks64(dst *byte, n int, sources *[]byte, count int)
