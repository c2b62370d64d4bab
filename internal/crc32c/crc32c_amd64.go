// SPDX-License-Identifier: BSD-3-Clause

//go:build !noasm

package crc32c

import (
	"hash/crc32"
	"math/bits"

	"golang.org/x/sys/cpu"
)

// hash/crc32 is as fast as the CRC32 instruction allows, 8 bytes a cycle.
// Carry-less multiplication of 512 bits does twice that, in another part of
// the processor; here both work side by side. Of each unit of 512 bytes, 384
// are multiplied, and 128 go through the instruction, in 4 chains because it
// takes 3 cycles. The data is cut into 5 regions for that: the first 3
// quarters, and 4 times a sixteenth. The CRCs of the 5 are moved to their
// distance from the end and added up.
const (
	unit     = 512
	vectors  = 24 // of 16 bytes that are multiplied in a unit
	maxUnits = 32 // of a call
)

var hasAVX512 = cpu.X86.HasSSE42 && cpu.X86.HasAVX && cpu.X86.HasPCLMULQDQ &&
	cpu.X86.HasAVX512F && cpu.X86.HasAVX512VPCLMULQDQ

// factors multiply the two halves of a vector of 16 bytes. See internal/crc16
// for the method. Here all bits are reflected: the lower half has the first
// bytes, which are the higher part of the polynomial, and a product comes out
// multiplied by x, which the factors make up for.
type factors struct{ lower, upper uint64 }

// constants are the factors that move the vectors of a unit to the end, and
// those that move a vector by as many vectors as there are in a unit. They lie
// in whole cache lines.
type constants struct {
	ends  [unit / 16]factors // the last of them if there are fewer vectors
	chunk factors
}

// moves[i] moves a CRC by i times 32 bytes: it is multiplied, and the CRC of
// the product taken.
type moves [4*maxUnits + 1]uint64

var (
	vector = makeVector()
	toEnd  = makeMoves()
)

const (
	polynomial = 0x11edc6f41
	inverse    = polynomial >> 1 // x^-1, as the polynomial's last term is 1
)

// times returns r multiplied by x^n.
func times(r uint64, n int) uint64 {
	for range n {
		r <<= 1
		r ^= polynomial * (r >> 32)
	}
	return r
}

func makeVector() *constants {
	c := new(constants)
	r := uint64(inverse)
	for i := range c.ends {
		if i == vectors {
			c.chunk = reflected(r)
		}
		c.ends[len(c.ends)-1-i] = reflected(r)
		r = times(r, 128)
	}
	return c
}

// reflected makes factors of x^(n-1), which move by n bits.
func reflected(r uint64) factors {
	return factors{lower: bits.Reverse64(times(r, 64)), upper: bits.Reverse64(r)}
}

func makeMoves() *moves {
	m := new(moves)
	// The product comes out multiplied by x, its CRC by another x^32.
	r := times(inverse, 1+256-33)
	for i := 1; i < len(m); i++ {
		m[i] = bits.Reverse64(r) >> 32
		r = times(r, 256)
	}
	return m
}

func update(crc uint32, p []byte) uint32 {
	if len(p) < unit || !hasAVX512 {
		return crc32.Update(crc, table, p)
	}
	if n := len(p) % unit; n > 0 {
		crc, p = crc32.Update(crc, table, p[:n]), p[n:]
	}
	if len(p) == unit {
		return ^updateUnit(^crc, &p[0], vector)
	}
	for crc = ^crc; len(p) > 0; {
		m := min(len(p)/unit, maxUnits)
		crc = updateUnits(crc, &p[0], m, vector, toEnd)
		p = p[m*unit:]
	}
	return ^crc
}

func updateCopy(crc uint32, dst, src []byte) uint32 {
	if len(src) < unit || !hasAVX512 {
		copy(dst, src)
		return crc32.Update(crc, table, src)
	}
	if n := len(src) % unit; n > 0 {
		copy(dst, src[:n])
		crc = crc32.Update(crc, table, src[:n])
		dst, src = dst[n:], src[n:]
	}
	if len(src) == unit {
		return ^copyUnit(^crc, &dst[0], &src[0], vector)
	}
	for crc = ^crc; len(src) > 0; {
		m := min(len(src)/unit, maxUnits)
		crc = copyUnits(crc, &dst[0], &src[0], m, vector, toEnd)
		dst, src = dst[m*unit:], src[m*unit:]
	}
	return ^crc
}

//go:noescape
func updateUnit(crc uint32, p *byte, k *constants) uint32

//go:noescape
func copyUnit(crc uint32, dst, src *byte, k *constants) uint32

// The number of units is from 1 to maxUnits. The CRC is without inversions.

//go:noescape
func updateUnits(crc uint32, p *byte, units int, k *constants, to *moves) uint32

//go:noescape
func copyUnits(crc uint32, dst, src *byte, units int, k *constants, to *moves) uint32
