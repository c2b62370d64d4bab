// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/thread"
)

// A device with reads and writes only, slow and out of order, behaves like
// any other with the core's help.
func TestEmulationConforms(t *testing.T) {
	for name, change := range map[string]func(*bdev.Info){
		"plain":     func(*bdev.Info) {},
		"boundary":  func(i *bdev.Info) { i.OptimalIOBoundary, i.SplitOnBoundary = 3, true },
		"alignment": func(i *bdev.Info) { i.Alignment = 64 },
	} {
		t.Run(name, func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				d := newFake(1000)
				change(&d.info)
				d.info.Aliases = []string{"Alias0"}
				return d, func() {
					if d.closed != 1 {
						t.Errorf("the device was closed %d times", d.closed)
					}
					for _, c := range d.chans {
						if c.closed != 1 {
							t.Errorf("a channel was closed %d times", c.closed)
						}
					}
				}
			})
		})
	}
}

// endless resubmits from Complete and looks at the stack now and then.
type endless struct {
	bdev.IO
	ch       *bdev.UserChannel
	n, limit int
	deepest  int
}

func (e *endless) Complete(io *bdev.IO) {
	e.n++
	if e.n%1000 == 0 {
		var pcs [512]uintptr
		e.deepest = max(e.deepest, runtime.Callers(0, pcs[:]))
	}
	if e.n < e.limit {
		e.ch.Submit(io)
	}
}

func TestResubmittingFromCompleteIsBounded(t *testing.T) {
	d, err := null.New(null.Config{Name: "Null0", NumBlocks: 100})
	if err != nil {
		t.Fatal(err)
	}
	b := newTestbed(t, d)
	th := thread.New("t")
	rounds := 0
	p := th.NewPoller(thread.PollerConfig{Name: "other", Poll: func() int { rounds++; return 0 }})
	defer p.Stop()
	e := &endless{ch: b.channel(th), limit: 1_000_000}
	e.IO = bdev.IO{Op: bdev.OpFlush, Done: e}
	e.ch.Submit(&e.IO)
	if e.n != 1 {
		t.Errorf("%d completions within the outermost Submit, want 1", e.n)
	}
	for e.n < e.limit {
		before := e.n
		th.Poll()
		if e.n-before > 2 {
			t.Fatalf("%d completions in one round", e.n-before)
		}
	}
	if e.deepest > 60 {
		t.Errorf("the stack was %d calls deep", e.deepest)
	}
	if rounds < e.limit/2 {
		t.Errorf("the thread's other poller ran %d times", rounds)
	}
}

func TestSubmitTwicePanics(t *testing.T) {
	d := newFake(10)
	d.manual = true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	r := newRequest(bdev.OpRead, 0, 1)
	ch.Submit(&r.IO)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		ch.Submit(&r.IO)
	}()
	d.chans[0].finish(0)
	if r.n != 1 || r.Submitted() {
		t.Errorf("completed %d times", r.n)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic for a second Complete")
			}
		}()
		r.IO.Complete(bdev.StatusSuccess)
	}()
}

func TestCloseWithIOOutstanding(t *testing.T) {
	d := newFake(10)
	d.manual = true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	r := newRequest(bdev.OpRead, 0, 1)
	ch.Submit(&r.IO)
	if err := ch.Close(); !errors.Is(err, bdev.ErrBusy) {
		t.Errorf("Close of a channel with IO = %v", err)
	}
	if err := b.desc.Close(); !errors.Is(err, bdev.ErrBusy) {
		t.Errorf("Close of a descriptor with a channel = %v", err)
	}
	d.chans[0].finish(0)
}

// The parts of an IO that is split end it once, with the first error.
func TestSplitReportsTheFirstError(t *testing.T) {
	d := newFake(1000)
	d.manual = true
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 4, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	r := newRequest(bdev.OpRead, 2, 12)
	ch.Submit(&r.IO)
	c := d.chans[0]
	var got [][2]uint64
	for _, io := range c.held {
		got = append(got, [2]uint64{io.Offset, io.Blocks})
	}
	want := [][2]uint64{{2, 2}, {4, 4}, {8, 4}, {12, 2}}
	if len(got) != len(want) {
		t.Fatalf("parts %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("parts %v, want %v", got, want)
		}
	}
	c.end(2, bdev.StatusNVMe(2, 0x81))
	c.end(0, bdev.StatusFailed)
	c.end(0, bdev.StatusSuccess)
	if r.n != 0 {
		t.Fatal("completed with a part outstanding")
	}
	c.end(0, bdev.StatusSuccess)
	if r.n != 1 || r.Status != bdev.StatusNVMe(2, 0x81) {
		t.Errorf("completed %d times with %v", r.n, r.Status)
	}
}

// More parts than there are at once wait, and all IO ends.
func TestSplitWithoutFreeParts(t *testing.T) {
	d := newFake(1000)
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 1, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	var rs []*request
	for i := range uint64(20) {
		r := newRequest(bdev.OpWrite, i*50, 50)
		for k := range r.Iov[0] {
			r.Iov[0][k] = byte(i + 1)
		}
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	pollAll(th)
	for i, r := range rs {
		if r.n != 1 || r.Status != bdev.StatusSuccess {
			t.Errorf("write %d completed %d times with %v", i, r.n, r.Status)
		}
		if at := uint64(i) * 50 * 512; d.mem[at] != byte(i+1) || d.mem[at+50*512-1] != byte(i+1) {
			t.Errorf("write %d is not there", i)
		}
	}
	if d.chans[0].most > 64 {
		t.Errorf("%d parts at once", d.chans[0].most)
	}
	if n := testing.AllocsPerRun(20, func() {
		ch.Submit(&rs[0].IO)
		for rs[0].Submitted() {
			d.chans[0].finish(0)
		}
	}); n != 0 {
		t.Errorf("%v allocations for an IO in 50 parts", n)
	}
}

// An IO that fails while it waits for free parts ends once.
func TestSplitFailsWithoutFreeParts(t *testing.T) {
	d := newFake(1000)
	d.manual = true
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 1, true
	b := newTestbed(t, d)
	ch := b.channel(thread.New("t"))
	hog, starved := newRequest(bdev.OpRead, 0, 63), newRequest(bdev.OpRead, 100, 10)
	ch.Submit(&hog.IO)
	ch.Submit(&starved.IO) // one part
	c := d.chans[0]
	c.end(63, bdev.StatusFailed)
	for len(c.held) > 0 {
		c.finish(0)
	}
	if hog.n != 1 || hog.Status != 0 || starved.n != 1 || starved.Status != bdev.StatusFailed {
		t.Errorf("hog %d %v, starved %d %v", hog.n, hog.Status, starved.n, starved.Status)
	}
	if n := ch.Outstanding(); n != 0 {
		t.Errorf("%d IOs outstanding", n)
	}
}

func TestAbort(t *testing.T) {
	d := newFake(1000, bdev.OpAbort)
	d.manual = true
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 1, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	single, split := newRequest(bdev.OpRead, 0, 1), newRequest(bdev.OpRead, 0, 100)
	ch.Submit(&single.IO)
	ch.Submit(&split.IO)
	for _, target := range []*request{single, split} {
		a := newRequest(bdev.OpAbort, 0, 0)
		a.Target = &target.IO
		ch.Submit(&a.IO)
		if a.n != 1 || a.Status != bdev.StatusSuccess {
			t.Errorf("abort: completed %d times with %v", a.n, a.Status)
		}
	}
	if single.n != 1 || single.Status != bdev.StatusAborted {
		t.Errorf("the aborted read completed %d times with %v", single.n, single.Status)
	}
	for len(d.chans[0].held) > 0 {
		d.chans[0].finish(0)
	}
	if split.n != 1 || split.Status != bdev.StatusAborted {
		t.Errorf("the aborted long read completed %d times with %v", split.n, split.Status)
	}
	if d.chans[0].most > 1+64 {
		t.Errorf("parts were made after the abort")
	}
}

// A panic in a user's Complete, which the thread survives, leaves the channel
// usable.
type panicking struct{ bdev.IO }

func (*panicking) Complete(*bdev.IO) { panic("test") }

func TestPanicInComplete(t *testing.T) {
	d, err := null.New(null.Config{Name: "Null0", NumBlocks: 100})
	if err != nil {
		t.Fatal(err)
	}
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	p := &panicking{}
	p.IO = bdev.IO{Op: bdev.OpFlush, Done: p}
	func() {
		defer func() { _ = recover() }()
		ch.Submit(&p.IO)
	}()
	for range 3 {
		r := newRequest(bdev.OpRead, 0, 1)
		ch.Submit(&r.IO)
		th.Poll()
		if r.n != 1 {
			t.Fatalf("completed %d times", r.n)
		}
	}
	r := newRequest(bdev.OpRead, 0, 1)
	ch.Submit(&r.IO)
	if r.n != 1 {
		t.Error("the channel still defers")
	}
}
