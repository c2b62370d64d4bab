// SPDX-License-Identifier: BSD-3-Clause

//go:build (amd64 || arm64) && !noasm

package crc16

// The assembly takes the data as polynomials over GF(2), a vector of 16 bytes
// at a time. Several vectors form a chunk. While there is another chunk, each
// vector of the one before is multiplied by x to the chunk's bits, modulo the
// polynomial, and added to the vector in its place. The vectors of the last
// chunk are multiplied by x to their distance from the end and added up; a
// Barrett reduction ends it. ("Fast CRC Computation for Generic Polynomials
// Using PCLMULQDQ Instruction", Intel 2009.)
//
// A vector is the lower and the upper half, and each has its own factor.
type factors struct{ lower, upper uint64 }

// times returns r multiplied by x^n, modulo the polynomial.
func times(r uint64, n int) uint64 {
	for range n {
		r <<= 1
		r ^= (1<<16 | polynomial) * (r >> 16)
	}
	return r
}

// reduction is Barrett's constant for 80 bits, x^80 divided by the polynomial
// but for its highest bit, and the polynomial but for its highest bit.
func reduction() factors {
	var quotient uint64
	r := uint64(1) // the remainder of x^n
	for range 80 {
		r <<= 1
		quotient = quotient<<1 | r>>16
		r ^= (1<<16 | polynomial) * (r >> 16)
	}
	return factors{quotient, polynomial}
}

// fill sets the constants for chunks of n vectors: the factors of the last
// chunk's vectors, which are first because they are loaded most often and lie
// well there, the factors from one chunk to the next, and the reduction's. The
// CRC is defined as the remainder of the data with 16 zero bits appended.
func fill(f []factors) {
	n := len(f) - 2
	r := times(1, 16)
	for i := n - 1; i >= 0; i-- {
		f[i] = factors{lower: r, upper: times(r, 64)}
		r = times(r, 128)
	}
	r = times(1, n*128)
	f[n] = factors{lower: r, upper: times(r, 64)}
	f[n+1] = reduction()
}

// The constants for chunks of 1 vector and of 8.
var (
	chunk16  = new([1 + 2]factors)
	chunk128 = new([8 + 2]factors)
)

func init() {
	fill(chunk16[:])
	fill(chunk128[:])
}
