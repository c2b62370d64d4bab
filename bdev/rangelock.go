// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "slices"

// rangeLock keeps all threads from changing a range of blocks, so that the
// core can read, decide and write there. The locks of a device are a list
// under its mutex; each channel has a copy of it, brought up to date by
// messages, so that IO looks only at what its thread has.
type rangeLock struct {
	offset, blocks uint64
	owner          *channel
	granted        func()     // called on the owner's thread
	members        []*channel // who knows of the lock
	pending        int        // members that still drain; the owner's thread counts
}

// lockTable is under the disk's mutex.
type lockTable struct {
	active  []*rangeLock
	waiting []*rangeLock // overlap an active one, first come first served
}

func (l *rangeLock) overlaps(offset, blocks uint64) bool {
	return offset < l.offset+l.blocks && l.offset < offset+blocks
}

// locked tells whether io changes blocks that are locked.
func (k *channel) locked(io *IO) bool {
	if len(k.locks) == 0 || !changing.has(io.Op) {
		return false
	}
	return slices.ContainsFunc(k.locks, func(l *rangeLock) bool { return l.overlaps(io.Offset, io.Blocks) })
}

// lock asks for l; l.granted is called once nothing changes the range any
// more. On the owner's thread.
func (d *disk) lock(l *rangeLock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	overlap := func(o *rangeLock) bool { return o.overlaps(l.offset, l.blocks) }
	if slices.ContainsFunc(d.locks.active, overlap) || slices.ContainsFunc(d.locks.waiting, overlap) {
		d.locks.waiting = append(d.locks.waiting, l)
		return
	}
	d.activate(l)
}

// activate tells all channels of l. d.mu is held. A channel that is opened
// later finds l in the table and has nothing to drain.
func (d *disk) activate(l *rangeLock) {
	d.locks.active = append(d.locks.active, l)
	l.members = slices.Clone(d.channels)
	l.pending = len(l.members)
	for _, k := range l.members {
		d.tell(k, func() {
			k.locks = append(k.locks, l)
			k.gate()
			k.drain(func() { d.tell(l.owner, l.drained, nil) })
		}, func() { d.tell(l.owner, l.drained, nil) })
	}
}

// tell runs fn on k's thread, or gone here if the thread has exited.
func (d *disk) tell(k *channel, fn, gone func()) {
	if !k.t.Send(fn) && gone != nil {
		gone()
	}
}

func (l *rangeLock) drained() {
	if l.pending--; l.pending == 0 {
		l.granted()
	}
}

// unlock ends l. On the owner's thread.
func (d *disk) unlock(l *rangeLock) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locks.active = slices.DeleteFunc(d.locks.active, func(o *rangeLock) bool { return o == l })
	for _, k := range d.channels {
		d.tell(k, func() { k.unlock(l) }, nil)
	}
	// Those that waited may go, unless they overlap an earlier one.
	var still []*rangeLock
	for _, w := range d.locks.waiting {
		overlap := func(o *rangeLock) bool { return o.overlaps(w.offset, w.blocks) }
		if slices.ContainsFunc(d.locks.active, overlap) || slices.ContainsFunc(still, overlap) {
			still = append(still, w)
			continue
		}
		d.activate(w)
	}
	d.locks.waiting = still
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
		c := io.ch
		c.depth++
		c.route(io)
		c.depth--
	}
}

// compareAndWrite compares and, if that succeeds, writes, under a lock.
func (c *UserChannel) compareAndWrite(io *IO) {
	w := &compareWrite{c: c, io: io}
	w.lock = rangeLock{offset: io.Offset, blocks: io.Blocks, owner: c.k, granted: w.compare}
	c.d.lock(&w.lock)
}

// compareWrite is a compare and write under way; io is its user's.
type compareWrite struct {
	c     *UserChannel
	io    *IO
	lock  rangeLock
	inner IO
}

func (w *compareWrite) compare() {
	io := w.io
	w.inner = IO{Op: OpCompare, Offset: io.Offset, Blocks: io.Blocks, Iov: io.Iov, Done: w}
	w.c.submitInner(&w.inner)
}

// Complete implements Completer.
func (w *compareWrite) Complete(inner *IO) {
	io := w.io
	if inner.Op == OpCompare && inner.Status == StatusSuccess {
		*inner = IO{Op: OpWrite, Offset: io.Offset, Blocks: io.Blocks, Iov: io.WriteIov, Done: w}
		w.c.submitInner(inner)
		return
	}
	w.c.d.unlock(&w.lock)
	w.c.finish(io, inner.Status)
}
