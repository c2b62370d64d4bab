// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"encoding/binary"
	"testing"
)

var le = binary.LittleEndian

// word is what a test expects in the eight bytes at an offset of a disk: no
// two offsets, and no two seeds, have the same.
func word(off, seed uint64) uint64 {
	x := (off/8 + seed<<40 + 1) * 0x9e3779b97f4a7c15
	return x ^ x>>32
}

// fill writes the bytes of the disk from off on; both are multiples of 8.
func fill(p []byte, off, seed uint64) {
	for i := 0; i+8 <= len(p); i += 8 {
		le.PutUint64(p[i:], word(off+uint64(i), seed))
	}
}

// check compares p with what fill writes.
func check(t testing.TB, what string, p []byte, off, seed uint64) {
	t.Helper()
	for i := 0; i+8 <= len(p); i += 8 {
		if got, want := le.Uint64(p[i:]), word(off+uint64(i), seed); got != want {
			t.Fatalf("%s: byte %d (%d of %d): %#016x, want %#016x", what, off+uint64(i), i, len(p), got, want)
		}
	}
}

// checkZero finds bytes that are not zero.
func checkZero(t testing.TB, what string, p []byte) {
	t.Helper()
	for i, b := range p {
		if b != 0 {
			t.Fatalf("%s: byte %d is %#02x, want 0", what, i, b)
		}
	}
}

// extents calls f with pieces of [0, size) that cover it without overlap,
// their lengths taken in turn from sizes, all in blocks.
func extents(size uint64, sizes []int, f func(lba uint64, n int)) {
	for lba, i := uint64(0), 0; lba < size; i++ {
		n := min(uint64(sizes[i%len(sizes)]), size-lba)
		f(lba, int(n))
		lba += n
	}
}
