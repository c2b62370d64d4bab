// SPDX-License-Identifier: BSD-3-Clause

//go:build amd64 && !noasm

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

// distance returns the factors that move a vector by bits.
func distance(bits int) factors {
	return factors{lower: power(bits), upper: power(bits + 64)}
}

// power is x^n modulo the polynomial.
func power(n int) uint64 {
	r := uint64(1)
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

// ends returns the factors for the vectors of the last chunk of n, and those
// of the reduction. The CRC is defined as the remainder of the data with 16
// zero bits appended.
func ends(f []factors, n int) {
	for i := range n {
		f[i] = distance((n-1-i)*128 + 16)
	}
	f[n] = reduction()
}

// Chunks of 1 vector, of 8, and of 32. The factor of the loop is first.
var (
	chunk16  = new(makeChunk1())
	chunk128 = new(makeChunk8())
)

func makeChunk1() (f [1 + 1 + 1]factors) {
	f[0] = distance(128)
	ends(f[1:], 1)
	return f
}

func makeChunk8() (f [1 + 8 + 1]factors) {
	f[0] = distance(8 * 128)
	ends(f[1:], 8)
	return f
}
