// SPDX-License-Identifier: BSD-3-Clause

// Package crc16 computes the guard of T10 protection information: the CRC
// with the polynomial 0x8bb7, most significant bit first, nothing inverted
// (SBC-4, section 4.22.4).
package crc16

// Update returns the CRC of what crc is the CRC of, followed by p. It starts
// with 0, or the seed that the parties have agreed on.
func Update(crc uint16, p []byte) uint16 { return update(crc, p) }

// Copy copies src to the beginning of dst, which is at least as long, and
// returns what Update(crc, src) does, in one pass over the data. The two
// overlap entirely or not at all.
func Copy(crc uint16, dst, src []byte) uint16 {
	return updateCopy(crc, dst[:len(src)], src)
}

// Blocks stores in sums the CRCs of as many blocks of n bytes, each with the
// seed crc. The first is at the beginning of p, and each of the others stride
// bytes after the one before.
func Blocks(sums []uint64, crc uint16, p []byte, n, stride int) {
	if len(sums) > 0 {
		_ = p[:(len(sums)-1)*stride+n]
		blocks(sums, crc, p, n, stride)
	}
}
