// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"
	"sync/atomic"
)

// rangeLock keeps all threads from changing a range of blocks, so that the
// core can read, decide and write there, or from using it at all. The locks
// of a device are a list under its mutex; each channel has a copy of it,
// brought up to date by messages, so that IO looks only at what its thread
// has.
type rangeLock struct {
	offset, blocks uint64
	all            bool         // reading waits too
	owner          *channel     // nil: granted is called on some thread
	granted        func()       // called on the owner's thread
	pending        atomic.Int32 // channels that still drain
}

// lockTable is under the disk's mutex.
type lockTable struct {
	active  []*rangeLock
	waiting []*rangeLock // overlap an active one, first come first served
}

func (l *rangeLock) overlaps(offset, blocks uint64) bool {
	return offset < l.offset+l.blocks && l.offset < offset+blocks
}

// holds tells whether io has to wait for l.
func (l *rangeLock) holds(io *IO) bool {
	if changing.has(io.Op) {
		return l.overlaps(io.Offset, max(io.Blocks, 1)) || l.all && io.Op == OpCopy && l.overlaps(io.CopySrc, io.Blocks)
	}
	return l.all && ranged.has(io.Op) && l.overlaps(io.Offset, io.Blocks)
}

// locked tells whether io has to wait for a lock.
func (k *channel) locked(io *IO) bool {
	return len(k.locks) > 0 && slices.ContainsFunc(k.locks, func(l *rangeLock) bool { return l.holds(io) })
}

// lock asks for l; l.granted is called once nothing that l is against is
// under way any more. With an owner, on its thread.
func (d *disk) lock(l *rangeLock) {
	d.mu.Lock()
	overlap := func(o *rangeLock) bool { return o.overlaps(l.offset, l.blocks) }
	if slices.ContainsFunc(d.locks.active, overlap) || slices.ContainsFunc(d.locks.waiting, overlap) {
		d.locks.waiting = append(d.locks.waiting, l)
		d.mu.Unlock()
		return
	}
	d.activate(l)
	d.mu.Unlock()
	l.drained(d) // for the one that activate has counted too many
}

// activate tells all channels of l. d.mu is held; the caller calls drained
// afterwards, without it. A channel that is opened later finds l in the table
// and has nothing to drain.
func (d *disk) activate(l *rangeLock) {
	d.locks.active = append(d.locks.active, l)
	l.pending.Store(int32(len(d.channels)) + 1)
	for _, k := range d.channels {
		d.tell(k, func() {
			k.locks = append(k.locks, l)
			k.gate()
			k.drain(func() { l.drained(d) })
		}, func() { l.drained(d) })
	}
}

// tell runs fn on k's thread, or gone here if the thread has exited.
func (d *disk) tell(k *channel, fn, gone func()) {
	if !k.t.Send(fn) && gone != nil {
		gone()
	}
}

func (l *rangeLock) drained(d *disk) {
	switch {
	case l.pending.Add(-1) > 0:
	case l.owner != nil:
		d.tell(l.owner, l.granted, nil)
	default:
		l.granted()
	}
}

// unlock ends l, or its wait.
func (d *disk) unlock(l *rangeLock) {
	var next []*rangeLock
	d.mu.Lock()
	is := func(o *rangeLock) bool { return o == l }
	if slices.ContainsFunc(d.locks.active, is) {
		d.locks.active = slices.DeleteFunc(d.locks.active, is)
		for _, k := range d.channels {
			d.tell(k, func() { k.unlock(l) }, nil)
		}
	}
	d.locks.waiting = slices.DeleteFunc(d.locks.waiting, is)
	// Those that waited may go, unless they overlap an earlier one.
	var still []*rangeLock
	for _, w := range d.locks.waiting {
		overlap := func(o *rangeLock) bool { return o.overlaps(w.offset, w.blocks) }
		if slices.ContainsFunc(d.locks.active, overlap) || slices.ContainsFunc(still, overlap) {
			still = append(still, w)
			continue
		}
		d.activate(w)
		next = append(next, w)
	}
	d.locks.waiting = still
	d.mu.Unlock()
	for _, w := range next {
		w.drained(d)
	}
}

// unlock forgets l and lets those go that waited for it.
func (k *channel) unlock(l *rangeLock) {
	k.locks = slices.DeleteFunc(k.locks, func(o *rangeLock) bool { return o == l })
	k.gate()
	k.retry()
}

// retry routes again all IO that waited.
func (k *channel) retry() {
	waiting := k.waiting
	k.waiting = ioList{}
	for io := waiting.pop(); io != nil; io = waiting.pop() {
		io.ch.again(io)
	}
}
