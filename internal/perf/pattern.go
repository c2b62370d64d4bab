// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"encoding/binary"
	"fmt"
)

// stamp identifies what a block must hold in verify mode.
type stamp struct {
	lba        uint64
	generation uint32 // how often the block was written in this run
	run        uint32 // tells this run's blocks from an older one's
}

func (s stamp) word() uint64 { return uint64(s.generation)<<32 | uint64(s.run) }

// filler returns the start of the sequence that fills the block behind its
// first two words, so that a block made of parts of two others is noticed.
func (s stamp) filler() uint64 {
	v := s.lba*0x9e3779b97f4a7c15 ^ s.word()*0xc2b2ae3d27d4eb4f
	return v ^ v>>29
}

const fillStep = 0x9fb21c651e98df25

// fill writes the pattern of s into block, whose length is a multiple of 8
// and at least 16.
func (s stamp) fill(block []byte) {
	binary.LittleEndian.PutUint64(block, s.lba)
	binary.LittleEndian.PutUint64(block[8:], s.word())
	v := s.filler()
	for p := block[16:]; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, v)
		v += fillStep
	}
}

// check compares block with the pattern of s. The error names the LBA, what
// was expected and what was read.
func (s stamp) check(block []byte) error {
	lba, word := binary.LittleEndian.Uint64(block), binary.LittleEndian.Uint64(block[8:])
	if lba != s.lba || word != s.word() {
		got := stamp{lba, uint32(word >> 32), uint32(word)}
		return &MismatchError{LBA: s.lba, Expected: s.String(), Got: got.String()}
	}
	v := s.filler()
	for i := 16; i+8 <= len(block); i += 8 {
		if got := binary.LittleEndian.Uint64(block[i:]); got != v {
			return &MismatchError{LBA: s.lba, Offset: i,
				Expected: fmt.Sprintf("%016x of %s", v, s), Got: fmt.Sprintf("%016x", got)}
		}
		v += fillStep
	}
	return nil
}

func (s stamp) String() string {
	return fmt.Sprintf("lba %d generation %d run %08x", s.lba, s.generation, s.run)
}

// MismatchError says that a block does not hold what was written to it.
type MismatchError struct {
	Name          string // of the namespace
	LBA           uint64
	Offset        int // bytes from the start of the block
	Expected, Got string
}

func (e *MismatchError) Error() string {
	where := e.Name
	if where != "" {
		where += " "
	}
	return fmt.Sprintf("verify: %sLBA %d byte %d: expected %s, got %s", where, e.LBA, e.Offset, e.Expected, e.Got)
}
