// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"errors"
	"fmt"
	"math/bits"
)

// A mask says which pages, clusters or blob ids of a store are taken. Masks
// hold only while the super block says that the store was unloaded.
type maskType uint8

const (
	maskPages    maskType = 0
	maskClusters maskType = 1
	maskIDs      maskType = 2
)

// maskHeader is the size of struct spdk_bs_md_mask: a type and a number of bits.
const maskHeader = 5

// maskBytes is how many bytes of pages hold a mask of n bits.
func maskPageCount(n uint64, pageSize uint32) uint32 {
	bytes := maskHeader + (n+7)/8
	return uint32((bytes + uint64(pageSize) - 1) / uint64(pageSize))
}

// encodeMask fills dst, which is as long as the mask's pages.
func encodeMask(dst []byte, t maskType, b *bitmap) {
	clear(dst)
	dst[0] = byte(t)
	le.PutUint32(dst[1:], b.n)
	for i, w := range b.words {
		var word [8]byte
		le.PutUint64(word[:], w)
		copy(dst[maskHeader+i*8:], word[:])
	}
}

// decodeMask reads a mask of n bits. A mask of clusters may be longer, which a
// store that failed to grow leaves (bs_load_used_clusters_cpl).
func decodeMask(src []byte, t maskType, n uint32) (*bitmap, error) {
	if len(src) < maskHeader {
		return nil, errors.New("mask without a header")
	}
	if got := maskType(src[0]); got != t {
		return nil, fmt.Errorf("mask of type %d, want %d", got, t)
	}
	length := le.Uint32(src[1:])
	if length < n || length > n && t != maskClusters {
		return nil, fmt.Errorf("mask of %d bits, want %d", length, n)
	}
	if uint64(len(src)-maskHeader) < (uint64(n)+7)/8 {
		return nil, fmt.Errorf("mask of %d bits in %d bytes", n, len(src))
	}
	b := newBitmap(n)
	for i := range b.words {
		var word [8]byte
		copy(word[:], src[maskHeader+i*8:])
		b.words[i] = le.Uint64(word[:])
	}
	if n%64 != 0 {
		b.words[len(b.words)-1] &= 1<<(n%64) - 1
	}
	for _, w := range b.words {
		b.set += uint32(bits.OnesCount64(w))
	}
	return b, nil
}
