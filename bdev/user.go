// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/trace"
)

// UserChannel is a user's way to a device on one thread. All its methods are
// called there.
type UserChannel struct {
	mod       Channel
	d         *disk
	k         *channel
	fast      opSet // operations that need no more than a check of their fields
	depth     int32 // Submits on the stack
	blockSize uint64
	strict    bool      // reads and writes may have to be split or copied
	hidden    bool      // metadata are not shown
	lends     bool      // reads without Iov are the device's to answer
	now       uint64    // time of the completion that is being handed over
	inflight  [3]uint32 // by epoch

	deferred ioList // completions for the next round
	count    int    // of them
	msg      thread.Msg
	sent     bool   // msg is on its way, or will be
	round    uint64 // in which it was sent
	rounds   *rounds

	desc *Desc
	refs [2]*thread.ChannelRef // of the device's channel and the rounds

	stats    account
	turns    [2]turn // of reads and writes, under limits
	timeouts *timeouts
	tracked  []*IO // that timeouts watches over
	lent     int   // reads that have memory of the core or the device
}

func newUserChannel(desc *Desc, hidden bool, k *channel, r *rounds) *UserChannel {
	d := desc.d
	c := &UserChannel{mod: k.mod, d: d, k: k, desc: desc, rounds: r, blockSize: uint64(d.info.BlockSize)}
	if hidden {
		c.hidden = true
		c.blockSize -= uint64(d.info.MDSize)
	}
	c.strict = k.limits.strict || c.hidden
	c.lends = d.lends && !c.strict
	c.turns[1].write = true
	c.msg.Run, c.msg.Arg = handOver, c
	c.stats.init()
	k.users = append(k.users, c)
	c.watchTimeouts(desc.timeout.Load())
	c.fast = k.fastOps(c)
	return c
}

// Close gives the channel up. It fails while IO is outstanding on it.
func (c *UserChannel) Close() error {
	if c.refs[0] == nil {
		return nil
	}
	if n := c.Outstanding(); n > 0 {
		return fmt.Errorf("close channel to block device %q: %d IOs are outstanding: %w", c.d.info.Name, n, ErrBusy)
	}
	if c.lent > 0 {
		return fmt.Errorf("close channel to block device %q: %d reads keep the memory that they were given; release it: %w", c.d.info.Name, c.lent, ErrBusy)
	}
	c.watchTimeouts(nil)
	c.d.mu.Lock()
	c.d.past.add(&c.stats)
	c.d.mu.Unlock()
	c.k.users = slices.DeleteFunc(c.k.users, func(o *UserChannel) bool { return o == c })
	for i := range c.refs {
		c.refs[i].Put()
		c.refs[i] = nil
	}
	c.mod, c.fast = closedChannel{}, 0
	c.desc.channels.Add(-1)
	return nil
}

// closedChannel takes the place of the device's channel after Close.
type closedChannel struct{}

func (closedChannel) Submit(*IO) { panic("bdev: Submit on a closed channel") }
func (closedChannel) Close()     {}

// Outstanding returns the number of IOs that have not been completed.
func (c *UserChannel) Outstanding() int {
	return int(c.inflight[0] + c.inflight[1] + c.inflight[epochHeld])
}

// Desc returns the descriptor that the channel belongs to.
func (c *UserChannel) Desc() *Desc { return c.desc }

// Thread returns the channel's thread.
func (c *UserChannel) Thread() *thread.Thread { return c.k.t }

// Submit starts io. Whatever is wrong with it is told by its Status: Done is
// called in every case, perhaps before Submit returns, unless the IO is still
// on its way from an earlier Submit, which panics.
func (c *UserChannel) Submit(io *IO) {
	if io.state != ioIdle {
		panic("bdev: IO submitted again before it was completed")
	}
	io.ch = c
	if !c.fast.has(io.Op) || !c.plain(io) {
		c.submitSlow(io)
		return
	}
	now := c.now
	if now == 0 {
		now = tsc.Now()
	}
	io.start = now
	io.state = ioFlight
	e := c.k.epoch
	io.epoch = e
	c.inflight[e&1]++
	if trace.BdevIOStart.On() {
		c.traceStart(io)
	}
	c.depth++
	c.mod.Submit(io)
	c.depth--
}

// Complete ends the IO with status s. It is for the device's channel, which
// must not touch the IO afterwards: it may have been submitted again.
func (io *IO) Complete(s Status) {
	io.Status = s
	if io.state != ioFlight || s == StatusNoMemory {
		io.completeOdd()
		return
	}
	io.ch.end(io)
}

// completeOdd is Complete of parts, and of what the device has no room for.
func (io *IO) completeOdd() {
	switch {
	case io.state != ioFlight && io.state != ioChild:
		panic("bdev: " + io.Op.String() + " completed that was not outstanding")
	case io.Status == StatusNoMemory && io.Op != OpReset:
		io.ch.k.queueFirst(io)
	case io.state == ioFlight:
		io.ch.end(io)
	default:
		io.state = ioIdle
		io.Done.Complete(io)
	}
}

// end hands io over to the user: now, or in the next round if the user's own
// Complete is on the stack.
func (c *UserChannel) end(io *IO) {
	switch c.depth {
	case 0:
		c.deliverFromPoller(io)
	case 1:
		c.deliver(io, tsc.Now())
	default:
		c.postpone(io)
	}
}

func (c *UserChannel) postpone(io *IO) {
	io.state = ioDeferred
	c.deferred.push(io)
	if c.count++; !c.sent {
		c.sent = true
		c.rounds.send(c)
	}
}

// deliverFromPoller is deliver where no later handOver would put right what a
// panic of the user leaves.
func (c *UserChannel) deliverFromPoller(io *IO) {
	defer c.restore(c.now)
	c.deliver(io, tsc.Now())
}

func (c *UserChannel) restore(now uint64) { c.now = now }

// deliver calls the user. An IO that the user submits from there is timed
// from the same moment, which saves a reading of the clock each.
func (c *UserChannel) deliver(io *IO, now uint64) {
	if !io.inner() {
		if io.Status == StatusSuccess && io.Op < numOps {
			c.stats.ops[io.Op].add(io, now)
		} else {
			c.stats.fail(io)
		}
	}
	io.state = ioIdle
	c.inflight[io.epoch]--
	if trace.BdevIODone.On() {
		c.traceDone(io)
	}
	if c.k.watch != 0 {
		c.watched(io, now)
	}
	before := c.now
	c.now = now
	io.Done.Complete(io)
	c.now = before
}
