// SPDX-License-Identifier: BSD-3-Clause

package nvme

// setBit returns v with one bit set to on.
func setBit[T ~uint8 | ~uint16 | ~uint32 | ~uint64](v T, bit uint, on bool) T {
	if on {
		return v | 1<<bit
	}
	return v &^ (1 << bit)
}

// bit32 returns bit n set if on.
func bit32(on bool, n uint) uint32 {
	if on {
		return 1 << n
	}
	return 0
}
