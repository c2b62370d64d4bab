// SPDX-License-Identifier: BSD-3-Clause

package bdevtest

import (
	"encoding/binary"
	"fmt"
)

// word is what the pattern of a generation has at word i of a block: a block
// that has been misplaced, or is older, never matches.
func word(block uint64, gen uint32, i int) uint64 {
	x := block*0x9e3779b97f4a7c15 + uint64(gen)*0xd6e8feb86659fd93 + uint64(i)*0xff51afd7ed558ccd
	x ^= x >> 29
	return x * 0xc4ceb9fe1a85ec53
}

func patternByte(block uint64, gen uint32, i int) byte {
	return byte(word(block, gen, i/8) >> (i % 8 * 8))
}

// fill writes the pattern for the blocks from first on.
func fill(p []byte, first uint64, gen uint32, blockSize int) {
	for at := 0; at < len(p); at += blockSize {
		b := p[at:min(at+blockSize, len(p))]
		block := first + uint64(at/blockSize)
		for i := range len(b) / 8 {
			binary.LittleEndian.PutUint64(b[8*i:], word(block, gen, i))
		}
		for i := len(b) &^ 7; i < len(b); i++ {
			b[i] = patternByte(block, gen, i)
		}
	}
}

// check looks for the pattern and says where it ends.
func check(p []byte, first uint64, gen uint32, blockSize int) error {
	for at := 0; at < len(p); at += blockSize {
		b := p[at:min(at+blockSize, len(p))]
		block := first + uint64(at/blockSize)
		for i := range len(b) / 8 {
			if got, want := binary.LittleEndian.Uint64(b[8*i:]), word(block, gen, i); got != want {
				return fmt.Errorf("word %d of block %d is %#016x, generation %d has %#016x there", i, block, got, gen, want)
			}
		}
		for i := len(b) &^ 7; i < len(b); i++ {
			if want := patternByte(block, gen, i); b[i] != want {
				return fmt.Errorf("byte %d of block %d is %#02x, generation %d has %#02x there", i, block, b[i], gen, want)
			}
		}
	}
	return nil
}
