// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

// history is a sequence of random operations, held against what the blocks
// should hold after each.
type history struct {
	*rig
	rng   *rand.Rand
	model []byte
}

func randomOperations(r *rig) error {
	const steps = 300
	size := min(r.info.NumBlocks, max(16, r.blocks(1<<20)))
	model, err := r.fill(0, size)
	if err != nil {
		return err
	}
	h := &history{r, rand.New(rand.NewPCG(r.seed, 5)), model}
	ops := []bdev.Op{bdev.OpRead, bdev.OpWrite}
	for _, op := range []bdev.Op{bdev.OpWriteZeroes, bdev.OpUnmap, bdev.OpCopy, bdev.OpCompare} {
		if h.knows(op) {
			ops = append(ops, op)
		}
	}
	for step := range steps {
		op := ops[h.rng.IntN(len(ops))]
		blocks := 1 + h.rng.Uint64N(min(size, 40))
		err := h.step(op, h.rng.Uint64N(size-blocks+1), blocks)
		if f, ok := errors.AsType[*Failure](err); ok {
			f.Note = fmt.Sprintf("step %d of the random operations of seed %d", step, r.seed)
		}
		if err != nil {
			return err
		}
	}
	return r.first().expect("random operations", 0, h.model, whole)
}

// knows tells whether what the operation leaves is known.
func (h *history) knows(op bdev.Op) bool {
	switch op {
	case bdev.OpUnmap:
		if !h.info.ZeroesAfterUnmap {
			return false
		}
		fallthrough
	case bdev.OpWriteZeroes, bdev.OpCopy:
		if h.info.DIF != dif.Disabled {
			return false // what the protection information is then is the device's choice
		}
	case bdev.OpCompare:
		if h.discards {
			return false
		}
	}
	return h.desc.Supports(op)
}

func (h *history) step(op bdev.Op, first, blocks uint64) error {
	l := []layout{whole, oddPieces, {shift: 1}}[h.rng.IntN(3)]
	now := h.model[h.bytes(first):h.bytes(first+blocks)]
	u := h.first()
	switch op {
	case bdev.OpRead:
		return u.expect("random operations", first, now, l)
	case bdev.OpWrite:
		data, err := h.pattern(first, blocks)
		if err != nil {
			return err
		}
		copy(now, data)
		return u.write(first, data, l)
	case bdev.OpCompare:
		return u.send(bdev.IO{Op: op, Offset: first, Blocks: blocks}, now, l)
	case bdev.OpCopy:
		from := h.rng.Uint64N(h.count(h.model) - blocks + 1)
		copy(now, h.model[h.bytes(from):h.bytes(from+blocks)])
		return u.must(bdev.IO{Op: op, Offset: first, CopySrc: from, Blocks: blocks})
	}
	clear(now)
	return u.must(bdev.IO{Op: op, Offset: first, Blocks: blocks})
}
