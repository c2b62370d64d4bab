// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// fakeDisk is a device that answers when the test says so, or later and in
// random order. It knows reads and writes, and what else is in ops.
type fakeDisk struct {
	info   bdev.Info
	ops    []bdev.Op
	mem    []byte
	manual bool                       // the test completes IO
	fail   func(*bdev.IO) bdev.Status // nil for success
	closed int
	chans  []*fakeChannel
}

func newFake(blocks uint64, ops ...bdev.Op) *fakeDisk {
	return &fakeDisk{
		info: bdev.Info{Name: "Fake0", Product: "Fake disk", BlockSize: 512, NumBlocks: blocks},
		ops:  append(ops, bdev.OpRead, bdev.OpWrite),
		mem:  make([]byte, blocks*512),
	}
}

func (d *fakeDisk) Info() bdev.Info             { return d.info }
func (d *fakeDisk) Close(context.Context) error { d.closed++; return nil }
func (d *fakeDisk) Supports(op bdev.Op) bool {
	for _, o := range d.ops {
		if o == op {
			return true
		}
	}
	return false
}

func (d *fakeDisk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c := &fakeChannel{d: d, rng: rand.New(rand.NewPCG(1, uint64(len(d.chans))))}
	c.poller = t.NewPoller(thread.PollerConfig{Name: "fake", Poll: c.poll})
	d.chans = append(d.chans, c)
	return c, nil
}

type fakeChannel struct {
	d      *fakeDisk
	poller *thread.Poller
	held   []*bdev.IO
	most   int // IOs at once
	closed int
	rng    *rand.Rand
}

func (c *fakeChannel) Close() { c.closed++; c.poller.Stop() }

func (c *fakeChannel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpReset:
		for len(c.held) > 0 {
			c.end(0, bdev.StatusAborted)
		}
		io.Complete(bdev.StatusSuccess)
		return
	case bdev.OpAbort:
		for i, h := range c.held {
			if h == io.Target {
				c.end(i, bdev.StatusAborted)
				io.Complete(bdev.StatusSuccess)
				return
			}
		}
		io.Complete(bdev.StatusFailed)
		return
	}
	c.held = append(c.held, io)
	c.most = max(c.most, len(c.held))
}

func (c *fakeChannel) poll() int {
	if c.d.manual || len(c.held) == 0 {
		return 0
	}
	n := 1 + c.rng.IntN(len(c.held))
	for range n {
		c.finish(c.rng.IntN(len(c.held)))
	}
	return n
}

// finish carries out the i-th IO that is held.
func (c *fakeChannel) finish(i int) {
	io := c.held[i]
	if c.d.fail != nil {
		if s := c.d.fail(io); s != bdev.StatusSuccess {
			c.end(i, s)
			return
		}
	}
	at := c.d.mem[io.Offset*512:]
	for _, p := range io.Iov {
		if io.Op == bdev.OpRead {
			copy(p, at)
		} else {
			copy(at, p)
		}
		at = at[len(p):]
	}
	c.end(i, bdev.StatusSuccess)
}

func (c *fakeChannel) end(i int, s bdev.Status) {
	io := c.held[i]
	c.held = append(c.held[:i], c.held[i+1:]...)
	io.Complete(s)
}

// testbed is a registered device with hand-stepped threads.
type testbed struct {
	*testing.T
	reg  *bdev.Registry
	desc *bdev.Desc
	name string
}

func newTestbed(t *testing.T, dev bdev.Device) *testbed {
	t.Helper()
	return newTestbedWith(t, dev)
}

func newTestbedWith(t *testing.T, dev bdev.Device, opts ...bdev.Option) *testbed {
	t.Helper()
	b := &testbed{T: t, reg: bdev.NewRegistry(opts...), name: dev.Info().Name}
	if err := b.reg.Register(context.Background(), dev); err != nil {
		t.Fatal(err)
	}
	b.desc = b.open(bdev.Write)
	t.Cleanup(func() {
		if err := b.desc.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.reg.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *testbed) open(mode bdev.Mode) *bdev.Desc {
	b.Helper()
	desc, err := b.reg.Open(context.Background(), b.name, mode, nil)
	if err != nil {
		b.Fatal(err)
	}
	return desc
}

// channel opens a channel on t, which is closed at the end of the test.
func (b *testbed) channel(t *thread.Thread) *bdev.UserChannel {
	b.Helper()
	ch, err := b.desc.Channel(t)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := ch.Close(); err != nil {
			b.Error(err)
		}
		t.Poll()
	})
	return ch
}

// request is an IO that counts its completions.
type request struct {
	bdev.IO
	n int
}

func (r *request) Complete(*bdev.IO) { r.n++ }

func newRequest(op bdev.Op, offset, blocks uint64) *request {
	r := &request{IO: bdev.IO{Op: op, Offset: offset, Blocks: blocks}}
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpCompare, bdev.OpCompareAndWrite:
		r.Iov = [][]byte{make([]byte, blocks*512)}
	}
	if op == bdev.OpCompareAndWrite {
		r.WriteIov = [][]byte{make([]byte, blocks*512)}
	}
	r.Done = r
	return r
}

// pollAll polls all threads until none has work.
func pollAll(ts ...*thread.Thread) {
	for range 10 {
		for _, t := range ts {
			for t.Poll() > 0 {
			}
		}
	}
}
