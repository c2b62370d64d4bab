// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// tightDisk has room for few IOs at once; it refuses the others.
type tightDisk struct {
	*fakeDisk
	room    int
	refused int
	order   []uint64 // offsets that it took
}

type tightChannel struct {
	*fakeChannel
	d *tightDisk
}

func (d *tightDisk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c, err := d.fakeDisk.OpenChannel(t)
	return &tightChannel{c.(*fakeChannel), d}, err
}

func (c *tightChannel) Submit(io *bdev.IO) {
	if len(c.held) >= c.d.room && io.Op != bdev.OpReset && io.Op != bdev.OpAbort {
		c.d.refused++
		io.Complete(bdev.StatusNoMemory)
		return
	}
	c.d.order = append(c.d.order, io.Offset)
	c.fakeChannel.Submit(io)
}

func newTight(room int, ops ...bdev.Op) *tightDisk {
	d := newFake(1000, ops...)
	d.manual = true
	return &tightDisk{fakeDisk: d, room: room}
}

// manualClock is a clock that the test sets.
type manualClock struct{ now time.Duration }

func (c *manualClock) Now() time.Duration { return c.now }

// What a device has no room for is tried again, in order, and newer IO waits
// behind it.
func TestNoRoomKeepsOrder(t *testing.T) {
	d := newTight(4)
	b := newTestbed(t, d)
	ch := b.channel(thread.New("t"))
	var rs []*request
	for i := range uint64(20) {
		r := newRequest(bdev.OpRead, i, 1)
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	if d.refused > 1 {
		t.Errorf("the device was asked %d times in vain for 20 IOs", d.refused)
	}
	c := d.chans[0]
	for len(c.held) > 0 {
		c.finish(0)
	}
	for i, r := range rs {
		if r.n != 1 || r.Status != bdev.StatusSuccess {
			t.Errorf("read %d completed %d times with %v", i, r.n, r.Status)
		}
		if i < len(d.order) && d.order[i] != uint64(i) {
			t.Fatalf("the device had the order %v", d.order)
		}
	}
	// The fast path is open again.
	before := d.refused
	r := newRequest(bdev.OpRead, 0, 1)
	ch.Submit(&r.IO)
	c.finish(0)
	if r.n != 1 || d.refused != before {
		t.Errorf("a later read completed %d times", r.n)
	}
}

// Without anything outstanding, time brings the next try.
func TestNoRoomWithNothingOutstanding(t *testing.T) {
	d := newTight(0)
	b := newTestbed(t, d)
	clock := &manualClock{}
	th := thread.New("t", thread.WithClock(clock))
	ch := b.channel(th)
	r := newRequest(bdev.OpWrite, 5, 1)
	ch.Submit(&r.IO)
	th.Poll()
	if r.n != 0 || d.refused != 1 {
		t.Fatalf("completed %d times, refused %d times", r.n, d.refused)
	}
	clock.now += time.Millisecond
	th.Poll()
	if d.refused != 2 {
		t.Errorf("refused %d times after a millisecond", d.refused)
	}
	d.room = 1
	clock.now += time.Millisecond
	th.Poll()
	d.chans[0].finish(0)
	if r.n != 1 || r.Status != 0 {
		t.Errorf("completed %d times with %v", r.n, r.Status)
	}
	clock.now += time.Second
	if th.Poll() != 0 {
		t.Error("there is still something to do")
	}
}

// What waits can be aborted, alone and as a part of a longer IO, and a reset
// aborts all of it.
func TestAbortOfWhatWaitsForRoom(t *testing.T) {
	d := newTight(1)
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 1, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	first, second := newRequest(bdev.OpRead, 0, 1), newRequest(bdev.OpRead, 1, 1)
	long, last := newRequest(bdev.OpRead, 10, 3), newRequest(bdev.OpRead, 20, 1)
	for _, r := range []*request{first, second, long, last} {
		ch.Submit(&r.IO)
	}
	for _, target := range []*request{second, long} {
		a := newRequest(bdev.OpAbort, 0, 0)
		a.Target = &target.IO
		ch.Submit(&a.IO)
		th.Poll()
		if a.n != 1 || a.Status != bdev.StatusSuccess || target.n != 1 || target.Status != bdev.StatusAborted {
			t.Errorf("abort %d %v, its target %d %v", a.n, a.Status, target.n, target.Status)
		}
	}
	reset := newRequest(bdev.OpReset, 0, 0)
	ch.Submit(&reset.IO)
	pollAll(th)
	if last.n != 1 || last.Status != bdev.StatusAborted || first.n != 0 || reset.n != 0 {
		t.Errorf("at the reset: waiting read %d %v, read with the device %d, reset %d", last.n, last.Status, first.n, reset.n)
	}
	d.chans[0].finish(0)
	pollAll(th)
	if first.n != 1 || first.Status != 0 || reset.n != 1 || reset.Status != 0 {
		t.Errorf("first %d %v, reset %d %v", first.n, first.Status, reset.n, reset.Status)
	}
}

// A device that has room once for each completion never sees more than it can
// take, however the IO is cut.
func TestNoRoomForParts(t *testing.T) {
	d := newTight(3)
	d.manual = false
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 2, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	var rs []*request
	for i := range uint64(30) {
		r := newRequest(bdev.OpWrite, i*20, 20)
		r.Iov[0][len(r.Iov[0])-1] = byte(i + 1)
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	deadline := time.Now().Add(10 * time.Second)
	for ch.Outstanding() > 0 && time.Now().Before(deadline) {
		th.Poll()
	}
	for i, r := range rs {
		if r.n != 1 || r.Status != 0 || d.mem[(i*20+20)*512-1] != byte(i+1) {
			t.Errorf("write %d completed %d times with %v", i, r.n, r.Status)
		}
	}
	if d.chans[0].most > 3 {
		t.Errorf("the device had %d at once", d.chans[0].most)
	}
}
