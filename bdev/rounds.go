// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// rounds sees to it that each channel of a thread hands over its deferred
// completions at most once in a round. The handing over itself is a message:
// a panic of the user's then costs that message and no poller. But a message
// that is sent by a message may run in the same round, so the second one in a
// round is sent by a poller, which runs after the messages.
type rounds struct {
	t      *thread.Thread
	n      uint64
	ready  []*UserChannel // to send for
	poller *thread.Poller
}

// roundsKey is the key of a thread's rounds.
type roundsKey struct{}

func newRounds(t *thread.Thread) *rounds {
	r := &rounds{t: t, n: 1}
	r.poller = t.NewPoller(thread.PollerConfig{Name: "bdev", Poll: r.poll, Arm: r.arm})
	return r
}

// Close implements io.Closer.
func (r *rounds) Close() error {
	r.poller.Stop()
	return nil
}

// send lets c hand over soon.
func (r *rounds) send(c *UserChannel) {
	if c.round == r.n {
		r.ready = append(r.ready, c)
		return
	}
	c.round = r.n
	r.t.SendMsg(&c.msg)
}

func (r *rounds) poll() int {
	r.n++
	n := len(r.ready)
	for i, c := range r.ready {
		r.ready[i] = nil
		c.round = r.n
		r.t.SendMsg(&c.msg)
	}
	r.ready = r.ready[:0]
	return n
}

// arm need not think of what comes after it: that is sent at once.
func (r *rounds) arm() time.Duration {
	if len(r.ready) > 0 {
		return 0
	}
	return thread.Forever
}

// handOver is the message that delivers what was deferred. It runs with
// nothing of the channel on the stack, so it also puts right what a panic in
// a user's Complete has left.
func handOver(m *thread.Msg) {
	c := m.Arg.(*UserChannel)
	c.sent = false
	c.depth = 0
	defer c.handedOver()
	for n := c.count; n > 0; n-- {
		c.count--
		c.deliver(c.deferred.pop(), tsc.Now())
	}
}

func (c *UserChannel) handedOver() {
	c.depth, c.now = 0, 0
	if c.count > 0 && !c.sent {
		c.sent = true
		c.rounds.send(c)
	}
}
