// SPDX-License-Identifier: BSD-3-Clause

package bdev

// emulated returns what the core makes of a device's native operations.
func emulated(native opSet) opSet {
	ops := setOf(OpReset, OpAbort, OpSeekData, OpSeekHole)
	if native.has(OpWrite) {
		ops |= setOf(OpWriteZeroes)
	}
	if native.has(OpRead) {
		ops |= setOf(OpCompare)
		if native.has(OpWrite) {
			ops |= setOf(OpCompareAndWrite, OpCopy)
		}
	}
	return ops
}

// split is the progress of an IO that is carried out in parts.
type split struct {
	next, left uint64 // blocks that no part has been made for
	seg, off   int    // where they begin in Iov
	parts      uint32 // under way
	busy       bool   // parts are being made
	starved    bool   // in the queue for a free part
	single     bool   // one part at a time
	backward   bool   // the last blocks first
	status     Status // of the first part that failed
	lock       *rangeLock
}

// fail stops the making of further parts.
func (s *split) fail(status Status) {
	if s.status == StatusSuccess {
		s.status = status
	}
}

// split carries io out in parts.
func (c *UserChannel) split(io *IO) {
	io.state = ioSplit
	lock := io.split.lock
	io.split = split{next: io.Offset, left: io.Blocks, lock: lock}
	c.k.splits++
	if io.Op == OpCopy {
		s := &io.split
		s.single = io.Offset < io.CopySrc+io.Blocks && io.CopySrc < io.Offset+io.Blocks
		s.backward = s.single && io.Offset > io.CopySrc
	}
	c.advance(io)
}

// advance makes parts of io while there are any to make and to make them
// from, and ends io with its last part. Parts that end within their Submit
// come here again; busy leaves the work to the loop below them.
func (c *UserChannel) advance(io *IO) {
	s := &io.split
	if s.busy || s.starved {
		return
	}
	s.busy = true
	for s.left > 0 && s.status == StatusSuccess && !(s.single && s.parts > 0) {
		if c.k.frozen > 0 {
			s.fail(StatusAborted)
			break
		}
		p := c.k.parts.take()
		if p == nil {
			s.starved = true
			c.k.parts.starved.push(io)
			break
		}
		s.parts++
		if status := c.plan(p, io); status != StatusSuccess {
			s.parts--
			s.fail(status)
			c.k.parts.put(p)
			c.k.parts.feed()
			break
		}
		if p.need == 0 || c.k.memory(p) {
			p.begin()
		}
	}
	s.busy = false
	if s.parts == 0 && !s.starved {
		c.k.splits--
		if s.lock != nil {
			c.d.unlock(s.lock)
			s.lock = nil
		}
		c.finish(io, s.status)
	}
}

// exclude tells whether io needs a lock because it changes write units in
// part.
func (c *UserChannel) exclude(io *IO) bool {
	l := &c.k.limits
	if l.whole(io.Offset, io.Blocks) || io.inner() {
		return false
	}
	return io.Op == OpWrite || (io.Op == OpWriteZeroes || io.Op == OpCopy) && !c.d.native.has(io.Op)
}

// splitLocked is split under a lock on the write units that io touches.
func (c *UserChannel) splitLocked(io *IO) {
	lock := &rangeLock{owner: c.k}
	lock.offset, lock.blocks = c.k.limits.units(io.Offset, io.Blocks)
	lock.granted = func() {
		io.split.lock = lock
		c.enter(io)
		c.depth++
		c.split(io)
		c.depth--
	}
	c.d.lock(lock)
}
