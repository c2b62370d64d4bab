// SPDX-License-Identifier: BSD-3-Clause

package bdev

// compareAndWrite compares and, if that succeeds, writes, under a lock.
func (c *UserChannel) compareAndWrite(io *IO) {
	w := &compareWrite{c: c, io: io}
	w.lock = rangeLock{owner: c.k, granted: w.compare}
	w.lock.offset, w.lock.blocks = c.k.limits.units(io.Offset, io.Blocks)
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
	w.inner = IO{Op: OpCompare, Offset: io.Offset, Blocks: io.Blocks, Iov: io.Iov, DIFExclude: io.DIFExclude, Done: w}
	w.c.submitInner(&w.inner)
}

// Complete implements Completer.
func (w *compareWrite) Complete(inner *IO) {
	io := w.io
	if inner.Op == OpCompare && inner.Status == StatusSuccess {
		*inner = IO{Op: OpWrite, Offset: io.Offset, Blocks: io.Blocks, Iov: io.WriteIov, DIFExclude: io.DIFExclude, Done: w}
		w.c.submitInner(inner)
		return
	}
	w.c.d.unlock(&w.lock)
	w.c.finish(io, inner.Status)
}
