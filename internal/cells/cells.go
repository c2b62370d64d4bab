// SPDX-License-Identifier: BSD-3-Clause

// Package cells is a model of blocks that tests write while everything around
// them fails. Each write of a block has a number that grows; the model knows
// which numbers may be read back: the last that was acknowledged, or one whose
// write has failed since, because nobody knows how far that got. Once such a
// number was read it has to stay.
package cells

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
)

// Cell is what the model knows of a block.
type Cell struct {
	acked uint64
	maybe []uint64
}

// Written notes that the write of n has ended well.
func (c *Cell) Written(n uint64) { c.acked, c.maybe = n, nil }

// Unknown notes that the write of n has failed.
func (c *Cell) Unknown(n uint64) { c.maybe = append(c.maybe, n) }

// Read notes a number that was found. It returns an error for one that cannot
// be there.
func (c *Cell) Read(n uint64) error {
	if n != c.acked && !slices.Contains(c.maybe, n) {
		return fmt.Errorf("number %d was found; acknowledged was %d, unknown are %v", n, c.acked, c.maybe)
	}
	c.Written(n)
	return nil
}

// Stamp fills b, block at of the disk, as the write with number n. Each sector
// tells block and number, so that a block that was written in part is found.
func Stamp(b []byte, sector, at int, n uint64) {
	for s := 0; s < len(b); s += sector {
		p := b[s : s+sector]
		for i := 0; i < sector-4; i += 4 {
			binary.LittleEndian.PutUint32(p[i:], uint32(n)*uint32(i+1))
		}
		binary.LittleEndian.PutUint64(p, uint64(at))
		binary.LittleEndian.PutUint64(p[8:], n)
		binary.LittleEndian.PutUint32(p[sector-4:], crc32.ChecksumIEEE(p[:sector-4]))
	}
}

// Number returns the number of a block that is whole.
func Number(b []byte, sector, at int) (n uint64, err error) {
	for s := 0; s < len(b); s += sector {
		p := b[s : s+sector]
		number := binary.LittleEndian.Uint64(p[8:])
		switch {
		case binary.LittleEndian.Uint32(p[sector-4:]) != crc32.ChecksumIEEE(p[:sector-4]):
			return 0, fmt.Errorf("sector %d of block %d is damaged", s/sector, at)
		case binary.LittleEndian.Uint64(p) != uint64(at):
			return 0, fmt.Errorf("block %d holds block %d", at, binary.LittleEndian.Uint64(p))
		case s > 0 && number != n:
			return 0, fmt.Errorf("block %d is torn: number %d and, in sector %d, %d", at, n, s/sector, number)
		}
		n = number
	}
	return n, nil
}
