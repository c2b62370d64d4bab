// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/trace"
)

// submitSlow takes what the fast path leaves: IO that is wrong, that the core
// carries out itself, or that has to wait.
func (c *UserChannel) submitSlow(io *IO) {
	if c.refs[0] == nil {
		panic("bdev: Submit on a closed channel")
	}
	io.start = c.now
	if io.start == 0 {
		io.start = tsc.Now()
	}
	c.depth++
	c.hold(io)
	if trace.BdevIOStart.On() {
		c.traceStart(io)
	}
	if c.timeouts != nil {
		c.track(io)
	}
	if s := c.check(io); s != StatusSuccess {
		c.finish(io, s)
	} else {
		c.route(io)
	}
	c.depth--
}

// hold counts io without any drain waiting for it.
func (c *UserChannel) hold(io *IO) {
	io.state, io.epoch = ioWaiting, epochHeld
	c.inflight[epochHeld]++
}

// enter counts a held IO so that drains wait for it.
func (c *UserChannel) enter(io *IO) {
	c.inflight[epochHeld]--
	io.epoch = c.k.epoch
	c.inflight[io.epoch]++
}

// finish ends an IO that the core carries out.
func (c *UserChannel) finish(io *IO, s Status) {
	io.Status = s
	c.end(io)
}

// route decides about a held IO with nothing wrong with it.
func (c *UserChannel) route(io *IO) {
	switch {
	case io.Op == OpReset:
		c.reset(io)
	case io.Op == OpAbort:
		c.abort(io)
	case c.k.frozen > 0:
		c.finish(io, StatusAborted)
	case c.k.locked(io):
		c.k.waiting.push(io)
	case !c.passes(io):
		// queued
	case io.Op == OpCompareAndWrite && !(c.d.native.has(io.Op) && c.simple(io)):
		c.compareAndWrite(io)
	case c.exclude(io):
		c.splitLocked(io)
	default:
		c.launch(io)
	}
}

// launch brings a held IO to the device, in parts if need be.
func (c *UserChannel) launch(io *IO) {
	io.flags &^= flagPaid
	c.enter(io)
	native := c.d.native.has(io.Op)
	switch {
	case io.Op == OpCopy && io.CopySrc == io.Offset:
		c.finish(io, StatusSuccess)
	case !native && io.Op == OpSeekData: // all blocks hold data
		io.Result = io.Offset
		c.finish(io, StatusSuccess)
	case !native && io.Op == OpSeekHole:
		io.Result = NoBlock
		c.finish(io, StatusSuccess)
	case io.Op == OpRead && io.Iov == nil && c.lends:
		c.k.toDevice(io, ioFlight)
	case io.Op == OpRead && io.Iov == nil:
		c.borrow(io)
	default:
		c.toDevice(io)
	}
}

// toDevice brings an IO that drains wait for to the device.
func (c *UserChannel) toDevice(io *IO) {
	if c.d.native.has(io.Op) && c.simple(io) {
		c.k.toDevice(io, ioFlight)
		return
	}
	c.split(io)
}

// submitInner starts an IO of the core's own. Its fields are right, and locks
// do not concern it.
func (c *UserChannel) submitInner(io *IO) {
	io.ch, io.flags = c, flagInner
	c.hold(io)
	if c.k.frozen > 0 && io.Op != OpReset {
		c.finish(io, StatusAborted)
		return
	}
	c.depth++
	c.launch(io)
	c.depth--
}

// abort tries to end another IO early. It succeeds if that is certain to be
// aborted; the device decides about what it has.
func (c *UserChannel) abort(io *IO) {
	t := io.Target
	switch {
	case t == nil || t == io || t.ch != c || t.state == ioIdle || t.state == ioDeferred:
		c.finish(io, StatusFailed) // not outstanding
	case c.k.waiting.remove(t) || limited.has(t.Op) && c.turnOf(t.Op).queue.remove(t):
		c.finish(t, StatusAborted)
		c.finish(io, StatusSuccess)
	case t.state == ioWaiting && c.k.abortBorrowers(t):
		c.finish(io, StatusSuccess)
	case t.state == ioFlight+queuedFrom:
		c.k.abortQueued(t)
		c.finish(io, StatusSuccess)
	case t.state == ioSplit:
		// No further parts. Those with the device end.
		t.split.fail(StatusAborted)
		c.k.abortHungry(t)
		c.k.abortQueued(t)
		c.finish(io, StatusSuccess)
	case t.state == ioFlight && c.d.native.has(OpAbort):
		c.launch(io)
	default:
		c.finish(io, StatusFailed)
	}
}
