// SPDX-License-Identifier: BSD-3-Clause

package perf

import "errors"

// maxVerifySlots bounds the memory that verify mode takes: 5 bytes a slot.
// What lies behind them on a larger namespace is left alone.
const maxVerifySlots = 1 << 24

// verifier knows what a lane's slots must hold. The I/Os of one slot all have
// the same size, and one at a time is in flight.
type verifier struct {
	lane        *lane
	run         uint32
	generations []uint32 // 0: not written in this run
	busy        []bool
	sweeping    bool   // the last pass over everything that was written
	swept       uint64 // slots done
}

func newVerifier(l *lane, run uint32) *verifier {
	return &verifier{lane: l, run: run, generations: make([]uint32, l.slots), busy: make([]bool, l.slots)}
}

// size returns the I/O size of a slot.
func (v *verifier) size(slot uint64) uint32 {
	sizes := v.lane.cfg.Sizes
	x := xorshift((slot + 1) * fillStep)
	return sizes[x.below(uint64(len(sizes)))]
}

// begin prepares t for a slot that nobody uses, the wanted one or one behind
// it, and returns that. There are as many slots as tasks, so there is one.
func (v *verifier) begin(t *task, wanted uint64) uint64 {
	slot := wanted
	for v.busy[slot] {
		if slot++; slot == uint64(len(v.busy)) {
			slot = 0
		}
	}
	v.claim(t, slot)
	if t.step == stepRead && v.generations[slot] == 0 {
		t.step = stepFirstFill
	}
	if !t.step.isRead() {
		v.generations[slot]++
		v.each(t, slot, func(s stamp, block []byte) error { s.fill(block); return nil })
	}
	return slot
}

func (v *verifier) claim(t *task, slot uint64) {
	v.busy[slot] = true
	t.size = v.size(slot)
}

// each calls fn for each block of the task's buffer with what it holds.
func (v *verifier) each(t *task, slot uint64, fn func(stamp, []byte) error) error {
	l := v.lane
	s := stamp{lba: (l.first + slot) * uint64(l.slotBlocks), generation: v.generations[slot], run: v.run}
	for p := t.buf[:t.size]; len(p) > 0; p = p[l.block:] {
		if err := fn(s, p[:l.block]); err != nil {
			return err
		}
		s.lba++
	}
	return nil
}

// check compares what was read into t, and spoils it, so that a read that
// transfers nothing is noticed.
func (v *verifier) check(t *task, slot uint64) {
	if err := v.each(t, slot, stamp.check); err != nil {
		if m := new(MismatchError); errors.As(err, &m) {
			m.Name = v.lane.target.Name
		}
		v.lane.fail(err)
	}
	for i := 0; i < int(t.size); i += int(v.lane.block) {
		clear(t.buf[i : i+16])
	}
}

// verified takes a command of verify mode that has ended and starts what
// follows.
func (l *lane) verified(t *task) {
	v, slot := l.verify, t.slot-l.first
	failed := t.req.Status().IsError()
	switch {
	case failed && !t.step.isRead():
		v.generations[slot] = 0 // whatever it holds now
	case failed:
	case t.step.isRead():
		v.check(t, slot)
	case l.cfg.ReadPercent == 0 || t.step == stepFirstFill:
		// It is still the task's own slot: read it back at once.
		t.step = stepReadBack
		clear(t.buf[:t.size])
		l.send(t, ticks())
		return
	}
	v.busy[slot] = false
	if v.sweeping {
		v.sweep(t)
		return
	}
	l.begin(t, 0)
}

// sweep reads the next slot that was written in this run, or lets t rest.
func (v *verifier) sweep(t *task) {
	l := v.lane
	for ; v.swept < l.slots && l.failure == nil; v.swept++ {
		if slot := v.swept; v.generations[slot] > 0 {
			v.swept++
			v.claim(t, slot)
			t.step, t.slot = stepReadBack, l.first+slot
			l.send(t, ticks())
			return
		}
	}
}
