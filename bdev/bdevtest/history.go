// SPDX-License-Identifier: BSD-3-Clause

package bdevtest

import (
	"math/rand/v2"
	"time"

	"github.com/gospdk/gospdk/bdev"
)

// A history is a random sequence of operations, many at once, held against a
// model: the generation of each block's pattern. Operations that are under
// way at once do not overlap, so the model is exact.
type history struct {
	*rig
	rng    *rand.Rand
	model  []int64 // generation of each block, or one of the below
	busy   []bool  // blocks of operations under way
	gen    uint32
	flying int
	ended  int
	maxRun int // length of the longest operation, in blocks
}

const (
	zeroed  = -1 // reads as zeroes
	unknown = -2 // says nothing
)

// step is one operation of a history.
type step struct {
	h    *history
	io   bdev.IO
	buf  []byte
	gen  uint32
	busy bool
}

func testHistory(r *rig) {
	r.needs(bdev.OpWrite)
	r.Logf("seed %d", r.seed)
	blocks := min(r.size(), 1024)
	h := &history{rig: r, rng: rand.New(rand.NewPCG(r.seed, 3)), model: make([]int64, blocks), busy: make([]bool, blocks)}
	for i := range h.model {
		h.model[i] = unknown
	}
	// Large blocks are few at a time, so that the test stays short.
	h.maxRun = max(2, min(48, (96<<10)/int(r.info.BlockSize)))
	steps := make([]*step, 24)
	for i := range steps {
		steps[i] = &step{h: h, buf: r.mem(r.bytes(uint64(h.maxRun)))}
	}
	turns := min(4000, (64<<20)/r.bytes(uint64(h.maxRun)))
	deadline := time.Now().Add(patience)
	for h.ended < turns {
		if time.Now().After(deadline) {
			r.Fatalf("%d of %d operations ended in %v", h.ended, turns, patience)
		}
		for _, s := range steps {
			if !s.busy && h.rng.IntN(2) == 0 {
				s.begin()
			}
		}
		r.user.t.Poll()
	}
	r.user.until("the rest of the history", func() bool { return h.flying == 0 })
	for block := range h.model {
		p := r.user.read(uint64(block), 1)
		h.compare(p, uint64(block))
	}
}

var historyOps = []bdev.Op{
	bdev.OpRead, bdev.OpRead, bdev.OpRead, bdev.OpWrite, bdev.OpWrite, bdev.OpWrite,
	bdev.OpWriteZeroes, bdev.OpUnmap, bdev.OpCompare, bdev.OpFlush, bdev.OpCompareAndWrite,
}

// begin submits an operation on blocks that are free.
func (s *step) begin() {
	h := s.h
	op := historyOps[h.rng.IntN(len(historyOps))]
	blocks := 1 + h.rng.IntN(h.maxRun)
	if op == bdev.OpCompareAndWrite {
		blocks = 1
	}
	first := h.rng.IntN(len(h.model) - blocks + 1)
	if !h.desc.Supports(op) || !h.claim(first, blocks) {
		return
	}
	h.gen++
	s.gen, s.busy = h.gen, true
	bs := int(h.info.BlockSize)
	p := s.buf[:h.bytes(uint64(blocks))]
	s.io = bdev.IO{Op: op, Offset: uint64(first), Blocks: uint64(blocks), Done: s}
	switch op {
	case bdev.OpRead:
		for i := range p {
			p[i] = 0xee
		}
		s.io.Iov = h.pieces(h.rng, p)
	case bdev.OpWrite:
		fill(p, uint64(first), s.gen, bs)
		s.io.Iov = h.pieces(h.rng, p)
	case bdev.OpCompare: // with what is probably not there
		fill(p, uint64(first), s.gen, bs)
		s.io.Iov = h.pieces(h.rng, p)
	case bdev.OpCompareAndWrite:
		q := s.buf[bs : 2*bs]
		h.image(p, uint64(first))
		fill(q, uint64(first), s.gen, bs)
		s.io.Iov, s.io.WriteIov = [][]byte{p}, [][]byte{q}
	}
	h.flying++
	h.user.ch.Submit(&s.io)
}

// claim takes blocks if none of them is in use.
func (h *history) claim(first, blocks int) bool {
	for _, b := range h.busy[first : first+blocks] {
		if b {
			return false
		}
	}
	for i := range blocks {
		h.busy[first+i] = true
	}
	return true
}

// image writes what the model has of one block.
func (h *history) image(p []byte, block uint64) {
	switch gen := h.model[block]; gen {
	case zeroed, unknown:
		clear(p)
	default:
		fill(p, block, uint32(gen), int(h.info.BlockSize))
	}
}

// Complete implements bdev.Completer.
func (s *step) Complete(io *bdev.IO) {
	h := s.h
	h.flying--
	h.ended++
	s.busy = false
	result := int64(unknown)
	switch io.Op {
	case bdev.OpWrite:
		result = int64(s.gen)
	case bdev.OpWriteZeroes:
		result = zeroed
	case bdev.OpUnmap:
		if h.info.ZeroesAfterUnmap {
			result = zeroed
		}
	}
	for i := range io.Blocks {
		block := io.Offset + i
		h.busy[block] = false
		switch io.Op {
		case bdev.OpRead:
			h.compare(s.buf[h.bytes(i):h.bytes(i+1)], block)
		case bdev.OpWrite, bdev.OpWriteZeroes, bdev.OpUnmap:
			h.model[block] = result
		case bdev.OpCompareAndWrite:
			s.endCompareAndWrite(block)
		}
	}
	want := bdev.StatusSuccess
	if io.Op == bdev.OpCompare && !h.discards {
		want = bdev.StatusMiscompare
	}
	if io.Status != want && io.Op != bdev.OpCompareAndWrite && !(h.discards && io.Op == bdev.OpCompare) {
		h.Errorf("%s of %d blocks at %d: %v, want %v", io.Op, io.Blocks, io.Offset, io.Status, want)
	}
}

func (s *step) endCompareAndWrite(block uint64) {
	h := s.h
	known := h.model[block] != unknown
	switch {
	case s.io.Status == bdev.StatusSuccess:
		h.model[block] = int64(s.gen)
	case s.io.Status != bdev.StatusMiscompare || known && !h.discards:
		h.Errorf("compare and write at %d of what is there: %v", block, s.io.Status)
	}
}

// compare holds what was read of one block against the model.
func (h *history) compare(p []byte, block uint64) {
	gen := h.model[block]
	if h.discards || gen == unknown {
		return
	}
	if gen == zeroed {
		for i, v := range p {
			if v != 0 {
				h.Fatalf("byte %d of block %d, which was zeroed, is %#x", i, block, v)
			}
		}
		return
	}
	if err := check(p, block, uint32(gen), int(h.info.BlockSize)); err != nil {
		h.Fatal(err)
	}
}
