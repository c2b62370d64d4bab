// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"math"
	"time"

	"github.com/gospdk/gospdk/thread"
)

// A device that has no room for an IO completes it with StatusNoMemory. It
// then waits here, and everything that is submitted after it behind it, until
// some of what the device has, has ended.

// queued is the IO of one thread that waits for the device to have room.
type queued struct {
	list      ioList
	n         int
	threshold int  // try again when the device has no more than so many
	refused   bool // the IO that is tried came back
	busy      bool // retryQueued is on the stack
	poller    *thread.Poller
}

// queuedPause is when to try again without an end of something the device
// has: other threads may have its resources.
const queuedPause = time.Millisecond

// toDevice submits io to the device as soon as it is its turn.
func (k *channel) toDevice(io *IO, state ioState) {
	if k.queued.list.head == nil {
		io.state = state
		k.mod.Submit(io)
		return
	}
	io.state = state + queuedFrom
	k.queued.list.push(io)
	k.queued.n++
	k.retryQueued()
}

// queueFirst keeps an IO that the device had no room for.
func (k *channel) queueFirst(io *IO) {
	q := &k.queued
	io.state += queuedFrom
	io.link = q.list.head
	if q.list.head = io; q.list.tail == nil {
		q.list.tail = io
	}
	q.n++
	q.refused = true
	with := k.withDevice()
	q.threshold = max(with/2, with-8)
	if k.watch&watchQueued == 0 {
		k.watch |= watchQueued
		k.gate()
	}
	if q.poller == nil {
		q.poller = k.t.NewPoller(thread.PollerConfig{Name: "bdev_nomem", Period: queuedPause, Poll: k.pollQueued})
	}
	q.poller.Resume()
}

// withDevice is how many IOs the device has, of this thread.
func (k *channel) withDevice() int {
	n := k.parts.made - len(k.parts.free) - len(k.parts.hungry) - len(k.borrowers) - k.splits - k.queued.n
	for _, c := range k.users {
		n += int(c.inflight[0] + c.inflight[1])
	}
	return n
}

// retryQueued tries what waits, in order, until the device refuses again. What
// ends within that is handed over in the next round: a user who submits the
// next IO at once would otherwise keep this from ever ending.
func (k *channel) retryQueued() {
	q := &k.queued
	if q.busy || q.list.head == nil || k.withDevice() > q.threshold {
		return
	}
	q.busy = true
	defer func() { q.busy = false }()
	for q.refused = false; q.list.head != nil && !q.refused; {
		io := q.list.pop()
		q.n--
		io.state -= queuedFrom
		c := io.ch
		c.depth += 2
		k.mod.Submit(io)
		c.depth -= 2
	}
	k.settleQueued()
}

// settleQueued opens the fast path when nothing waits any more.
func (k *channel) settleQueued() {
	if k.queued.list.head == nil && k.watch&watchQueued != 0 {
		k.watch &^= watchQueued
		k.queued.poller.Pause()
		k.gate()
	}
}

// pollQueued tries whatever the device has.
func (k *channel) pollQueued() int {
	k.queued.threshold = math.MaxInt
	before := k.queued.n
	k.retryQueued()
	return before - k.queued.n
}

// abortQueued ends what waits: all, or only and its parts.
func (k *channel) abortQueued(only *IO) (found bool) {
	q := &k.queued
	all := q.list
	q.list, q.n = ioList{}, 0
	var ended ioList
	for io := all.pop(); io != nil; io = all.pop() {
		if only == nil || io == only || io.state == ioChild+queuedFrom && io.Done.(*part).parent == only {
			ended.push(io)
			continue
		}
		q.list.push(io)
		q.n++
	}
	for io := ended.pop(); io != nil; io = ended.pop() {
		found = true
		io.state -= queuedFrom
		c := io.ch
		c.depth++
		io.Complete(StatusAborted)
		c.depth--
	}
	k.settleQueued()
	return found
}
