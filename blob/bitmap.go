// SPDX-License-Identifier: BSD-3-Clause

package blob

import "math/bits"

// bitmap says which of n things are taken. It is not safe for use by several
// goroutines.
type bitmap struct {
	words []uint64
	n     uint32
	set   uint32 // how many are taken
	low   uint32 // none below it is free
}

func newBitmap(n uint32) *bitmap {
	return &bitmap{words: make([]uint64, (uint64(n)+63)/64), n: n}
}

func (b *bitmap) has(i uint32) bool { return i < b.n && b.words[i/64]>>(i%64)&1 != 0 }

// take takes i, and tells whether it was free.
func (b *bitmap) take(i uint32) bool {
	if i >= b.n || b.has(i) {
		return false
	}
	b.words[i/64] |= 1 << (i % 64)
	b.set++
	return true
}

// release gives i back, and tells whether it was taken.
func (b *bitmap) release(i uint32) bool {
	if !b.has(i) {
		return false
	}
	b.words[i/64] &^= 1 << (i % 64)
	b.set--
	b.low = min(b.low, i)
	return true
}

func (b *bitmap) free() uint32 { return b.n - b.set }

// takeFree takes the lowest that is free.
func (b *bitmap) takeFree() (uint32, bool) {
	i, ok := b.nextFree(b.low)
	if !ok {
		b.low = b.n
		return 0, false
	}
	b.take(i)
	b.low = i + 1
	return i, true
}

// takeFreeButFirst takes the lowest that is free, other than 0.
func (b *bitmap) takeFreeButFirst() (uint32, bool) {
	i, ok := b.nextFree(max(b.low, 1))
	if ok {
		b.take(i)
	}
	return i, ok
}

// nextFree returns the lowest from i on that is free.
func (b *bitmap) nextFree(i uint32) (uint32, bool) {
	for w := i / 64; uint64(w) < uint64(len(b.words)); w++ {
		free := ^b.words[w]
		if w == i/64 {
			free &= ^uint64(0) << (i % 64)
		}
		if free != 0 {
			at := w*64 + uint32(bits.TrailingZeros64(free))
			return at, at < b.n
		}
	}
	return 0, false
}

// next returns the lowest from i on that is taken.
func (b *bitmap) next(i uint32) (uint32, bool) {
	for w := i / 64; uint64(w) < uint64(len(b.words)); w++ {
		taken := b.words[w]
		if w == i/64 {
			taken &= ^uint64(0) << (i % 64)
		}
		if taken != 0 {
			return w*64 + uint32(bits.TrailingZeros64(taken)), true
		}
	}
	return 0, false
}
