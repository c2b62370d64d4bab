// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package crc32c

import (
	"hash/crc32"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hash/crc32 is as fast as the CRC32 instruction allows, 8 bytes a cycle. The
// carry-less multiplication of 512 bits does twice that.
var hasAVX512 = cpu.X86.HasSSE42 && cpu.X86.HasAVX && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ

// factors multiply the two halves of a vector of 16 bytes. See internal/crc16
// for the method. Here all bits are reflected: the lower half has the first
// bytes, which are the higher part of the polynomial, and a product comes out
// multiplied by x, which the factors make up for.
type factors struct{ lower, upper uint64 }

// constants are the factors that move the vectors of the last chunk of 32 to
// its end, and those that move a vector by one chunk.
type constants struct {
	ends  [32]factors
	chunk factors
}

var chunk512 = makeConstants()

func makeConstants() *constants {
	c := &constants{chunk: distance(512 * 8)}
	for i := range c.ends {
		c.ends[i] = distance((len(c.ends) - 1 - i) * 128)
	}
	return c
}

func distance(n int) factors {
	return factors{lower: power(n + 63), upper: power(n - 1)}
}

// power is x^n modulo the polynomial, reflected; n is at least -1.
func power(n int) uint64 {
	const polynomial = 0x11edc6f41
	r := uint64(polynomial >> 1) // x^-1, as the polynomial's last term is 1
	for range n + 1 {
		r <<= 1
		r ^= polynomial * (r >> 32)
	}
	return bits.Reverse64(r)
}

func update(crc uint32, p []byte) uint32 {
	if len(p) < 512 || !hasAVX512 {
		return crc32.Update(crc, table, p)
	}
	if n := len(p) & 511; n > 0 {
		crc, p = crc32.Update(crc, table, p[:n]), p[n:]
	}
	return ^update512(^crc, &p[0], len(p), chunk512)
}

func updateCopy(crc uint32, dst, src []byte) uint32 {
	if len(src) < 512 || !hasAVX512 {
		copy(dst, src)
		return crc32.Update(crc, table, src)
	}
	if n := len(src) & 511; n > 0 {
		copy(dst, src[:n])
		crc = crc32.Update(crc, table, src[:n])
		dst, src = dst[n:], src[n:]
	}
	return ^copy512(^crc, &dst[0], &src[0], len(src), chunk512)
}

// The number n of bytes is a multiple of 512, and not 0. The CRC is without
// inversions.

//go:noescape
func update512(crc uint32, p *byte, n int, k *constants) uint32

//go:noescape
func copy512(crc uint32, dst, src *byte, n int, k *constants) uint32
