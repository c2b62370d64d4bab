// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/thread"
)

// load keeps one IO going and counts what has ended.
type load struct {
	bdev.IO
	ch    *bdev.UserChannel
	done  *uint64 // blocks
	stop  *bool
	ended int
}

func (l *load) Complete(io *bdev.IO) {
	l.ended++
	if io.Status == bdev.StatusSuccess {
		*l.done += io.Blocks
	}
	if !*l.stop {
		l.ch.Submit(io)
	}
}

// client is a channel with IO of one kind.
type client struct {
	th    *thread.Thread
	clock *manualClock
	ch    *bdev.UserChannel
	loads []*load
	done  uint64 // blocks
	stop  bool
}

func newClient(b *testbed, th *thread.Thread, clock *manualClock, op bdev.Op, blocks uint64, depth int) *client {
	c := &client{th: th, clock: clock, ch: b.channel(th)}
	for range depth {
		l := &load{ch: c.ch, done: &c.done, stop: &c.stop}
		l.IO = bdev.IO{Op: op, Blocks: blocks, Iov: [][]byte{make([]byte, blocks*512)}, Done: l}
		c.loads = append(c.loads, l)
	}
	return c
}

func (c *client) start() {
	for _, l := range c.loads {
		c.ch.Submit(&l.IO)
	}
}

func limitedNull(t *testing.T, limits bdev.QoSLimits) *testbed {
	t.Helper()
	d, err := null.New(null.Config{Name: "Null0", NumBlocks: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	b := newTestbed(t, d)
	if err := b.reg.SetQoS(context.Background(), "Null0", limits); err != nil {
		t.Fatal(err)
	}
	return b
}

// run lets d pass, by steps of about 100 µs; each thread is polled now and
// then and sometimes comes late.
func run(d time.Duration, seed uint64, clients ...*client) {
	rng := rand.New(rand.NewPCG(seed, 9))
	for end := clients[0].clock.now + d; clients[0].clock.now < end; {
		step := time.Duration(50+rng.IntN(100)) * time.Microsecond
		if rng.IntN(200) == 0 {
			step = 5 * time.Millisecond
		}
		for _, c := range clients {
			if c == clients[0] || c.clock != clients[0].clock {
				c.clock.now += step
			}
		}
		for _, c := range clients {
			if rng.IntN(3) > 0 {
				for range 1 + rng.IntN(4) {
					c.th.Poll()
				}
			}
		}
	}
	for _, c := range clients {
		c.stop = true
	}
}

// finishLoads ends what is under way.
func finishLoads(t *testing.T, b *testbed, clients ...*client) {
	t.Helper()
	if err := unlimited(b, clients); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		for range 10 {
			c.th.Poll()
		}
		if n := c.ch.Outstanding(); n != 0 {
			t.Errorf("%d IOs are outstanding without limits", n)
		}
	}
}

func unlimited(b *testbed, clients []*client) (err error) {
	done := make(chan error, 1)
	go func() { done <- b.reg.SetQoS(context.Background(), "Null0", bdev.QoSLimits{}) }()
	for {
		select {
		case err = <-done:
			return err
		default:
			for _, c := range clients {
				c.th.Poll()
			}
		}
	}
}

// within1 tells whether got is want to 1 %.
func within1(t *testing.T, what string, got, want float64) {
	t.Helper()
	if got < want*0.99 || got > want*1.01 {
		t.Errorf("%s: %.0f, want %.0f to 1 %%", what, got, want)
	}
}

func TestQoSIsExact(t *testing.T) {
	const seconds = 4
	for name, test := range map[string]struct {
		limits bdev.QoSLimits
		op     bdev.Op
		blocks uint64
		depth  int
		want   float64 // bytes a second
	}{
		"IO":             {bdev.QoSLimits{RWIOsPerSec: 7000}, bdev.OpRead, 1, 32, 7000 * 512},
		"shallow":        {bdev.QoSLimits{RWIOsPerSec: 5000}, bdev.OpWrite, 1, 3, 5000 * 512},
		"few IOs":        {bdev.QoSLimits{RWIOsPerSec: 1000}, bdev.OpRead, 8, 4, 1000 * 4096},
		"many IOs":       {bdev.QoSLimits{RWIOsPerSec: 333000}, bdev.OpRead, 1, 128, 333000 * 512},
		"bytes":          {bdev.QoSLimits{RWMBytesPerSec: 20}, bdev.OpRead, 8, 32, 20 << 20},
		"large IO":       {bdev.QoSLimits{RWMBytesPerSec: 50}, bdev.OpWrite, 2048, 2, 50 << 20},
		"read":           {bdev.QoSLimits{RMBytesPerSec: 10, WMBytesPerSec: 1}, bdev.OpRead, 8, 8, 10 << 20},
		"write":          {bdev.QoSLimits{RMBytesPerSec: 1, WMBytesPerSec: 10}, bdev.OpWrite, 8, 8, 10 << 20},
		"least of three": {bdev.QoSLimits{RWIOsPerSec: 9000, RWMBytesPerSec: 16, WMBytesPerSec: 32}, bdev.OpWrite, 8, 16, 16 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			b := limitedNull(t, test.limits)
			clock := &manualClock{}
			c := newClient(b, thread.New("t", thread.WithClock(clock)), clock, test.op, test.blocks, test.depth)
			c.start()
			run(seconds*time.Second, 1, c)
			within1(t, "bytes a second", float64(c.done)*512/seconds, test.want)
			finishLoads(t, b, c)
		})
	}
}

// Channels share a limit evenly, whatever their depth and the size of their
// IO, on the same thread and on others.
func TestQoSIsFair(t *testing.T) {
	for name, limits := range map[string]bdev.QoSLimits{
		"IO":    {RWIOsPerSec: 30000},
		"bytes": {RWMBytesPerSec: 60},
	} {
		t.Run(name, func(t *testing.T) {
			b := limitedNull(t, limits)
			clock := &manualClock{}
			t1, t2, t3 := thread.New("1", thread.WithClock(clock)), thread.New("2", thread.WithClock(clock)), thread.New("3", thread.WithClock(clock))
			clients := []*client{
				newClient(b, t1, clock, bdev.OpRead, 8, 64),
				newClient(b, t1, clock, bdev.OpRead, 8, 4),
				newClient(b, t2, clock, bdev.OpWrite, 8, 16),
				newClient(b, t3, clock, bdev.OpRead, 8, 8),
			}
			if limits.RWMBytesPerSec > 0 {
				clients[3] = newClient(b, t3, clock, bdev.OpRead, 256, 2)
			}
			for _, c := range clients {
				c.start()
			}
			run(4*time.Second, 2, clients...)
			var sum float64
			for _, c := range clients {
				sum += float64(c.done)
			}
			want := 4.0 * 30000 * 8
			if limits.RWMBytesPerSec > 0 {
				want = 4 * 60 << 20 / 512
			}
			within1(t, "blocks of all", sum, want)
			for i, c := range clients {
				if share := float64(c.done) / sum; share < 0.24 || share > 0.26 {
					t.Errorf("client %d has had %.1f %%", i, 100*share)
				}
			}
			finishLoads(t, b, clients...)
		})
	}
}

// Who is slow leaves the rest of the limit to the others.
func TestQoSLeavesNothingUnused(t *testing.T) {
	b := limitedNull(t, bdev.QoSLimits{RWIOsPerSec: 30000})
	clock := &manualClock{}
	fast := newClient(b, thread.New("1", thread.WithClock(clock)), clock, bdev.OpRead, 1, 64)
	stuck := newClient(b, thread.New("2", thread.WithClock(clock)), clock, bdev.OpRead, 1, 64)
	fast.start()
	stuck.start()
	run(time.Second, 3, fast) // nobody polls the other thread
	if fast.done < 25000 || fast.done+stuck.done > 31000 {
		t.Errorf("%d and %d IOs in a second", fast.done, stuck.done)
	}
	stuck.stop = true
	finishLoads(t, b, fast, stuck)
}

// A limit of writes does not hold reads up, and other operations pass.
func TestQoSLimitsWhatItIsFor(t *testing.T) {
	b := limitedNull(t, bdev.QoSLimits{WMBytesPerSec: 1})
	clock := &manualClock{}
	th := thread.New("t", thread.WithClock(clock))
	w := newClient(b, th, clock, bdev.OpWrite, 2048, 4)
	w.start()
	r := newRequest(bdev.OpRead, 0, 2048)
	u := newRequest(bdev.OpUnmap, 0, 2048)
	w.ch.Submit(&r.IO)
	w.ch.Submit(&u.IO)
	th.Poll()
	if r.n != 1 || u.n != 1 || w.loads[3].ended != 0 {
		t.Errorf("read %d, unmap %d, last write %d", r.n, u.n, w.loads[3].ended)
	}
	w.stop = true
	finishLoads(t, b, w)
}

func TestQoSRoundsAndKeeps(t *testing.T) {
	ctx := context.Background()
	b := limitedNull(t, bdev.QoSLimits{RWIOsPerSec: 1, RMBytesPerSec: 3})
	want := bdev.QoSLimits{RWIOsPerSec: 1000, RMBytesPerSec: 3}
	if got, err := b.reg.QoS("Null0"); got != want || err != nil {
		t.Errorf("limits %+v, %v", got, err)
	}
	keep := bdev.QoSLimits{RWIOsPerSec: 2001, RWMBytesPerSec: bdev.QoSKeep, RMBytesPerSec: bdev.QoSKeep, WMBytesPerSec: 5}
	if err := b.reg.SetQoS(ctx, "Null0", keep); err != nil {
		t.Fatal(err)
	}
	want = bdev.QoSLimits{RWIOsPerSec: 3000, RMBytesPerSec: 3, WMBytesPerSec: 5}
	if got, err := b.reg.QoS("Null0"); got != want || err != nil {
		t.Errorf("limits %+v, %v", got, err)
	}
	if err := b.reg.SetQoS(ctx, "Null0", bdev.QoSLimits{RWIOsPerSec: 1 << 60}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a limit beyond reason: %v", err)
	}
}

// Queued IO is aborted by a reset and by an abort.
func TestQoSAborts(t *testing.T) {
	b := limitedNull(t, bdev.QoSLimits{RWIOsPerSec: 1000})
	clock := &manualClock{}
	th := thread.New("t", thread.WithClock(clock))
	ch := b.channel(th)
	var rs []*request
	for i := range uint64(6) {
		r := newRequest(bdev.OpRead, i, 1)
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	queued := rs[4:]
	a := newRequest(bdev.OpAbort, 0, 0)
	a.Target = &queued[0].IO
	ch.Submit(&a.IO)
	if a.Status != 0 || queued[0].n != 1 || queued[0].Status != bdev.StatusAborted {
		t.Errorf("abort %v, its target %d %v", a.Status, queued[0].n, queued[0].Status)
	}
	reset := newRequest(bdev.OpReset, 0, 0)
	ch.Submit(&reset.IO)
	pollAll(th)
	if reset.n != 1 || reset.Status != 0 || queued[1].n != 1 || queued[1].Status != bdev.StatusAborted {
		t.Errorf("reset %d %v, queued read %d %v", reset.n, reset.Status, queued[1].n, queued[1].Status)
	}
}

// Limits change while IO is queued.
func TestQoSChangesWhileRunning(t *testing.T) {
	b := limitedNull(t, bdev.QoSLimits{RWIOsPerSec: 1000})
	clock := &manualClock{}
	c := newClient(b, thread.New("t", thread.WithClock(clock)), clock, bdev.OpRead, 1, 8)
	c.start()
	run(time.Second, 4, c)
	within1(t, "IOs at 1000 a second", float64(c.done), 1000)
	// The call would wait for the thread, which the test polls.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.reg.SetQoS(ctx, "Null0", bdev.QoSLimits{RWIOsPerSec: 50000}); err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	before := c.done
	c.stop = false
	run(time.Second, 5, c)
	within1(t, "IOs at 50000 a second", float64(c.done-before), 50000)
	finishLoads(t, b, c)
}
