// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package xor

import "golang.org/x/sys/cpu"

var (
	hasAVX2   = cpu.X86.HasAVX2
	hasAVX512 = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW
)

func blocks(dst []byte, sources [][]byte) {
	switch {
	case hasAVX512:
		blocks512(&dst[0], len(dst), &sources[0], len(sources))
	case hasAVX2:
		blocksAVX2(dst, sources)
	default:
		generic(dst, sources)
	}
}

func blocksAVX2(dst []byte, sources [][]byte) {
	n := len(dst) &^ 31
	if n > 0 {
		blocks256(&dst[0], n, &sources[0], len(sources))
	}
	for i := n; i < len(dst); i++ {
		var b byte
		for _, s := range sources {
			b ^= s[i]
		}
		dst[i] = b
	}
}

// The number n of bytes is not 0, the number of sources neither.

//go:noescape
func blocks512(dst *byte, n int, sources *[]byte, count int)

// blocks256 takes a multiple of 32 bytes.
//
//go:noescape
func blocks256(dst *byte, n int, sources *[]byte, count int)
