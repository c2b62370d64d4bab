// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/gospdk/gospdk/thread"
)

// Times of the rate limits.
const (
	// qosPeriod is how often a thread looks whether its queued IO may go,
	// and how much time's worth may go at once after a pause. It is also
	// what one channel may be ahead of another.
	qosPeriod = time.Millisecond
	// qosArrears is how much time's worth is made up for when a thread
	// with queued IO comes late.
	qosArrears = 100 * time.Millisecond
	// qosPatience is how long the channel whose turn it is may leave the
	// limit unused before others go first.
	qosPatience = 10 * time.Millisecond
)

// qos lets IO of a device pass at the rates of its limits. The threads share
// it: whoever has IO asks under the mutex. Each limit is a clock that runs
// ahead of the time by what has passed already; IO may go when no clock is
// ahead. Among channels that wait, the one goes first that has had least
// (start-time fair queuing, Goyal, Vin, Cheng 1996).
type qos struct {
	mu      sync.Mutex
	rates   [numRates]rate
	waiting []*turn
	virtual time.Duration // the most that one which went had had
	waited  time.Duration // until when IO follows a wait closely
}

// The limits, in SPDK's order.
const (
	rateIOs = iota
	rateBytes
	rateReadBytes
	rateWriteBytes
	numRates
)

// rate is a limit: perSec units a second, 0 for none.
type rate struct {
	perSec uint64
	next   time.Duration // when the next IO may go
	rest   uint64        // of the division, so that nothing is lost
}

// turn is a channel's place among those that wait: one for its reads and one
// for its writes, since a limit may hold for one of them only.
type turn struct {
	queue   ioList
	write   bool
	had     time.Duration // what it has had, in time's worth of the limits
	waiting bool
}

func (q *qos) set(o *QoSLimits) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, v := range [numRates]uint64{o.RWIOsPerSec, o.RWMBytesPerSec << 20, o.RMBytesPerSec << 20, o.WMBytesPerSec << 20} {
		q.rates[i].perSec = v
	}
}

// holds tells whether limit i is one for t.
func (q *qos) holds(i int, t *turn) bool {
	return q.rates[i].perSec != 0 && (i != rateReadBytes || !t.write) && (i != rateWriteBytes || t.write)
}

// worth is the time in which n units pass, and the rest of the division.
func (r *rate) worth(n, rest uint64) (time.Duration, uint64) {
	hi, lo := bits.Mul64(n, uint64(time.Second))
	lo, carry := bits.Add64(lo, rest, 0)
	q, rem := bits.Div64(hi+carry, lo, r.perSec)
	return time.Duration(q), rem
}

// admit tells whether an IO of t may go at time now, and counts it if so.
// Otherwise t waits for its turn.
func (q *qos) admit(t *turn, bytes uint64, now time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !t.waiting {
		t.had = max(t.had, q.virtual)
	}
	if q.idle(t, now) < 0 || !q.first(t, now) {
		if !t.waiting {
			t.waiting = true
			q.waiting = append(q.waiting, t)
		}
		return false
	}
	if len(q.waiting) > 0 {
		q.waited = now
	}
	q.charge(t, bytes, now)
	return true
}

// idle is how long the limits have let t through; negative if they do not.
func (q *qos) idle(t *turn, now time.Duration) time.Duration {
	least := time.Duration(1<<63 - 1)
	for i := range q.rates {
		if q.holds(i, t) {
			least = min(least, now-q.rates[i].next)
		}
	}
	return least
}

// first tells whether t is not ahead of others that could go, or they are
// late.
func (q *qos) first(t *turn, now time.Duration) bool {
	for _, o := range q.waiting {
		if t.had > o.had+qosPeriod && q.idle(o, now) >= 0 {
			return q.idle(t, now) > qosPatience
		}
	}
	return true
}

// charge counts an IO of t.
func (q *qos) charge(t *turn, bytes uint64, now time.Duration) {
	arrears := qosPeriod
	if now-q.waited <= qosPeriod {
		// Somebody waited, and what is in arrears is being made up for.
		arrears = qosArrears
		q.waited = now
	}
	var most time.Duration
	for i := range q.rates {
		if !q.holds(i, t) {
			continue
		}
		r, n := &q.rates[i], bytes
		if i == rateIOs {
			n = 1
		}
		var d time.Duration
		d, r.rest = r.worth(n, r.rest)
		r.next = max(r.next, now-arrears) + d
		most = max(most, d)
	}
	q.virtual = max(q.virtual, t.had)
	t.had += most
}

// leave takes t out of those that wait.
func (q *qos) leave(t *turn) {
	if !t.waiting {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	t.waiting = false
	q.waiting = slices.DeleteFunc(q.waiting, func(o *turn) bool { return o == t })
}

func (d *disk) setQoS(ctx context.Context, limits QoSLimits) error {
	d.mu.Lock()
	f := &d.flow
	f.limits = limits.merge(f.limits)
	switch {
	case f.limits == QoSLimits{}:
		f.qos = nil
	case f.qos == nil:
		f.qos = new(qos)
		fallthrough
	default:
		f.qos.set(&f.limits)
	}
	q := f.qos
	d.mu.Unlock()
	return d.tellChannels(ctx, func(k *channel) { k.setQoS(q) })
}

// limited are the operations that limits are for.
var limited = setOf(OpRead, OpWrite)

// setQoS puts the channel under q, or under none.
func (k *channel) setQoS(q *qos) {
	if k.qos == q {
		return
	}
	old := k.qos
	k.qos = q
	if k.qosPoller == nil {
		k.qosPoller = k.t.NewPoller(thread.PollerConfig{Name: "bdev_qos", Period: qosPeriod, Poll: k.serveQoS})
		k.qosPoller.Pause()
	}
	k.gate()
	for i := 0; i < len(k.users); i++ {
		for t := range k.users[i].turns {
			k.users[i].unqueue(&k.users[i].turns[t], old)
		}
	}
}

// unqueue routes anew what waited for the limits of old.
func (c *UserChannel) unqueue(t *turn, old *qos) {
	queued := t.queue
	if old != nil {
		old.leave(t)
	}
	t.queue, t.had = ioList{}, 0
	for io := queued.pop(); io != nil; io = queued.pop() {
		c.again(io)
	}
}

// again routes an IO that has waited.
func (c *UserChannel) again(io *IO) {
	c.depth++
	c.route(io)
	c.depth--
}

// turnOf returns the place for IO of that operation.
func (c *UserChannel) turnOf(op Op) *turn {
	if op == OpWrite {
		return &c.turns[1]
	}
	return &c.turns[0]
}

// passes tells whether the limits let io go now. Otherwise it is queued.
func (c *UserChannel) passes(io *IO) bool {
	q := c.k.qos
	if q == nil || io.flags&(flagPaid|flagInner) != 0 || !limited.has(io.Op) {
		return true
	}
	t := c.turnOf(io.Op)
	if t.queue.head == nil && q.admit(t, io.Blocks*c.blockSize, c.k.t.Clock().Now()) {
		io.flags |= flagPaid
		return true
	}
	t.queue.push(io)
	c.k.qosPoller.Resume()
	return false
}

// serveQoS is the poller that lets queued IO go.
func (k *channel) serveQoS() (n int) {
	now, left := k.t.Clock().Now(), false
	for i := 0; i < len(k.users) && k.qos != nil; i++ {
		c := k.users[i]
		for t := range c.turns {
			n += c.serveTurn(&c.turns[t], now)
			left = left || c.turns[t].queue.head != nil
		}
	}
	if !left {
		k.qosPoller.Pause()
	}
	return n
}

func (c *UserChannel) serveTurn(t *turn, now time.Duration) (n int) {
	for io := t.queue.head; io != nil && c.k.qos != nil; io = t.queue.head {
		if !c.k.qos.admit(t, io.Blocks*c.blockSize, now) {
			return n
		}
		t.queue.pop()
		io.flags |= flagPaid
		c.again(io)
		n++
	}
	if c.k.qos != nil {
		c.k.qos.leave(t)
	}
	return n
}

// abortQoS ends what waits for the limits.
func (k *channel) abortQoS() {
	for i := 0; i < len(k.users); i++ {
		c := k.users[i]
		for i := range c.turns {
			t := &c.turns[i]
			for io := t.queue.pop(); io != nil; io = t.queue.pop() {
				c.depth++
				c.finish(io, StatusAborted)
				c.depth--
			}
			if k.qos != nil {
				k.qos.leave(t)
			}
		}
	}
}
