// SPDX-License-Identifier: BSD-3-Clause

package delay

import (
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// noDelay marks IO that is not delayed.
const noDelay = numLatencies

// channel is the device on one thread. What the base has ended waits in a
// queue for each latency, so that each queue is in the order of time.
type channel struct {
	d      *disk
	t      *thread.Thread
	f      *vbdev.Forwarder
	poller *thread.Poller
	queues [numLatencies]queue
	pool   vbdev.Pool[waiting]
	rng    uint64
}

// waiting is an IO that the base has ended.
type waiting struct {
	io     *bdev.IO
	status bdev.Status
	due    time.Duration
	next   *waiting
}

// queue is a list of waiting IO.
type queue struct{ head, tail *waiting }

func newChannel(d *disk, t *thread.Thread, base *bdev.UserChannel) *channel {
	c := &channel{d: d, t: t, rng: t.ID()*0x9e3779b97f4a7c15 | 1}
	c.f = vbdev.NewForwarder(base, &d.info, 0, c.ended)
	c.pool = vbdev.NewPool(func() *waiting { return new(waiting) })
	c.poller = t.NewPoller(thread.PollerConfig{Name: "delay_finish_io", Poll: c.poll, Arm: c.arm})
	d.channels.Add(c, t)
	return c
}

// Submit implements bdev.Channel. An abort ends an IO that waits, a reset all
// that wait on any thread.
func (c *channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpAbort:
		if w := c.remove(io.Target); w != nil {
			c.complete(w, bdev.StatusAborted)
			io.Complete(bdev.StatusSuccess)
			return
		}
	case bdev.OpReset:
		c.d.channels.Each(c.t, (*channel).flush, func() { c.f.Send(io) })
		return
	}
	c.f.Send(io)
}

// flush ends what waits, since a reset has come.
func (c *channel) flush() {
	for i := range c.queues {
		for c.queues[i].head != nil {
			c.complete(c.queues[i].pop(), bdev.StatusAborted)
		}
	}
}

// ended lets an IO wait that the base has ended.
func (c *channel) ended(io *bdev.IO, s bdev.Status) {
	l := c.latency(io.Op)
	if l == noDelay {
		io.Complete(s)
		return
	}
	w := c.pool.Get()
	w.io, w.status = io, s
	w.due = c.t.Clock().Now() + time.Duration(c.d.set.latencies[l].Load())
	c.queues[l].push(w)
}

// latency chooses one for an operation: one of a hundred takes long.
func (c *channel) latency(op bdev.Op) Latency {
	c.rng ^= c.rng << 13
	c.rng ^= c.rng >> 7
	c.rng ^= c.rng << 17
	l := AvgRead
	switch op {
	case bdev.OpRead:
	case bdev.OpWrite:
		l = AvgWrite
	default:
		return noDelay
	}
	if c.rng%100 == 0 {
		l++
	}
	return l
}

func (c *channel) poll() (n int) {
	now := c.t.Clock().Now()
	for i := range c.queues {
		q := &c.queues[i]
		for q.head != nil && q.head.due <= now {
			w := q.pop()
			c.complete(w, w.status)
			n++
		}
	}
	return n
}

// arm allows a sleep until the next IO is due.
func (c *channel) arm() time.Duration {
	sleep := thread.Forever
	for i := range c.queues {
		if w := c.queues[i].head; w != nil {
			sleep = min(sleep, max(0, w.due-c.t.Clock().Now()))
		}
	}
	return sleep
}

func (c *channel) complete(w *waiting, s bdev.Status) {
	io := w.io
	w.io = nil
	c.pool.Put(w)
	io.Complete(s)
}

// remove takes an IO out of its queue, nil if it is in none.
func (c *channel) remove(io *bdev.IO) *waiting {
	for i := range c.queues {
		if w := c.queues[i].remove(io); w != nil {
			return w
		}
	}
	return nil
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	c.d.channels.Remove(c)
	c.poller.Stop()
	if err := c.f.Close(); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}

// push keeps the queue in the order of time, also when the latency has become
// shorter meanwhile.
func (q *queue) push(w *waiting) {
	w.next = nil
	switch {
	case q.head == nil:
		q.head, q.tail = w, w
	case q.tail.due <= w.due:
		q.tail.next, q.tail = w, w
	case w.due < q.head.due:
		w.next, q.head = q.head, w
	default:
		at := q.head
		for at.next.due <= w.due {
			at = at.next
		}
		w.next, at.next = at.next, w
	}
}

func (q *queue) pop() *waiting {
	w := q.head
	if q.head = w.next; q.head == nil {
		q.tail = nil
	}
	return w
}

func (q *queue) remove(io *bdev.IO) *waiting {
	var before *waiting
	for at := q.head; at != nil; before, at = at, at.next {
		if at.io != io {
			continue
		}
		if before == nil {
			return q.pop()
		}
		if before.next = at.next; at.next == nil {
			q.tail = before
		}
		return at
	}
	return nil
}
