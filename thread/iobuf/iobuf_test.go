// SPDX-License-Identifier: BSD-3-Clause

package iobuf_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func open(t *testing.T, p *iobuf.Pool, th *thread.Thread, small, large int) *iobuf.Channel {
	t.Helper()
	c, err := p.Channel(th, "test", small, large)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// taker gives back what it has waited for, if put is set.
type taker struct {
	iobuf.Waiter
	c   *iobuf.Channel
	buf []byte
	n   int
	put bool
}

func (w *taker) TakeBuffer(_ *iobuf.Waiter, buf []byte) {
	w.n++
	if w.put {
		w.c.Put(buf)
		return
	}
	w.buf = buf
}

func newTaker(c *iobuf.Channel, put bool) *taker {
	w := &taker{c: c, put: put}
	w.Taker = w
	return w
}

func TestOptions(t *testing.T) {
	p := iobuf.New(iobuf.Options{})
	want := iobuf.Options{SmallCount: 8192, LargeCount: 1024, SmallSize: 8192, LargeSize: 135168}
	if got := p.Options(); got != want {
		t.Errorf("defaults %+v, want %+v", got, want)
	}
	for name, o := range map[string]iobuf.Options{
		"small_pool_count 63": {SmallCount: 63},
		"large_pool_count 7":  {LargeCount: 7},
		"small_bufsize 4095":  {SmallSize: 4095},
		"large_bufsize 8191":  {LargeSize: 8191},
		"at least small":      {SmallSize: 1 << 20},
	} {
		if err := p.SetOptions(o); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), name) {
			t.Errorf("SetOptions(%+v) = %v", o, err)
		}
	}
	th := thread.New("t")
	c := open(t, p, th, 0, 0)
	if err := p.SetOptions(want); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("SetOptions of a pool in use = %v", err)
	}
	if err := p.Close(); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("Close of a pool in use = %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Buffers are aligned, as long as asked for, and do not overlap.
func TestBuffersAreApart(t *testing.T) {
	p := iobuf.New(iobuf.Options{SmallCount: 300, LargeCount: 20})
	c := open(t, p, thread.New("t"), 8, 2)
	var all [][]byte
	for i := range 320 {
		size := 5000
		if i >= 300 {
			size = c.MaxSize()
		}
		b := c.Get(size, nil)
		if len(b) != size || iobuf.Address(b)%iobuf.Alignment != 0 {
			t.Fatalf("buffer %d has %d bytes at %#x", i, len(b), iobuf.Address(b))
		}
		for k := range b {
			b[k] = byte(i)
		}
		all = append(all, b)
	}
	if c.Get(1, nil) != nil || c.Get(c.MaxSize(), nil) != nil {
		t.Error("more buffers than the pool may have")
	}
	for i, b := range all {
		for _, v := range b {
			if v != byte(i) {
				t.Fatalf("buffer %d was overwritten", i)
			}
		}
		c.Put(b[:1])
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// Who waits is served first come first served, before newcomers, and by
// buffers that other threads give back.
func TestWaiters(t *testing.T) {
	p := iobuf.New(iobuf.Options{SmallCount: 64})
	t1, t2 := thread.New("t1"), thread.New("t2")
	a, b := open(t, p, t1, 16, 0), open(t, p, t2, 64, 0)
	var bufs [][]byte
	for range 32 {
		bufs = append(bufs, a.Get(100, nil))
	}
	var others [][]byte
	for range 32 {
		others = append(others, b.Get(100, nil))
	}
	w1, w2, w3 := newTaker(a, false), newTaker(a, true), newTaker(a, false)
	for _, w := range []*taker{w1, w2, w3} {
		if a.Get(200, &w.Waiter) != nil {
			t.Fatal("a buffer that is not there")
		}
	}
	b.Put(others[0]) // though b's cache has room
	if t1.Poll(); w1.n != 1 || w2.n != 0 || len(w1.buf) != 200 {
		t.Fatalf("the first was called %d times with %d bytes, the second %d times", w1.n, len(w1.buf), w2.n)
	}
	a.Put(bufs[0])
	if w2.n != 1 || w3.n != 1 {
		t.Errorf("the second gave its buffer back at once; second %d, third %d", w2.n, w3.n)
	}
	w4 := newTaker(a, false)
	a.Get(100, &w4.Waiter)
	if !a.Cancel(&w4.Waiter) || a.Cancel(&w4.Waiter) {
		t.Error("Cancel does not tell whether it ended the wait")
	}
	for _, x := range append(bufs[1:], w1.buf, w3.buf) {
		a.Put(x)
	}
	for _, x := range others[1:] {
		b.Put(x)
	}
	t1.Poll()
	if w4.n != 0 {
		t.Error("a cancelled waiter was called")
	}
	for _, c := range []*iobuf.Channel{a, b} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A buffer that is not needed any more by the one that was called for it goes
// to the next.
func TestUnneededBufferIsPassedOn(t *testing.T) {
	p := iobuf.New(iobuf.Options{LargeCount: 8})
	t1, t2, t3 := thread.New("t1"), thread.New("t2"), thread.New("t3")
	a, b, c := open(t, p, t1, 0, 0), open(t, p, t2, 0, 0), open(t, p, t3, 0, 0)
	var bufs [][]byte
	for range 8 {
		bufs = append(bufs, a.Get(a.MaxSize(), nil))
	}
	wb, wc := newTaker(b, false), newTaker(c, false)
	b.Get(b.MaxSize(), &wb.Waiter)
	c.Get(c.MaxSize(), &wc.Waiter)
	a.Put(bufs[0]) // calls b
	b.Cancel(&wb.Waiter)
	t2.Poll()
	t3.Poll()
	if wb.n != 0 || wc.n != 1 {
		t.Errorf("the one that left was called %d times, the next one %d times", wb.n, wc.n)
	}
}

func TestStats(t *testing.T) {
	p := iobuf.New(iobuf.Options{})
	p.Register("other")
	th := thread.New("t")
	c := open(t, p, th, 4, 2)
	c.Put(c.Get(10, nil))
	c.Put(c.Get(10, nil))
	c.Put(c.Get(c.MaxSize(), nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s, err := p.Stats(context.Background())
		if err != nil {
			t.Error(err)
			return
		}
		want := iobuf.ModuleStats{
			Module:    "test",
			SmallPool: iobuf.PoolStats{Cache: 1, Main: 1, CacheSize: 4},
			LargePool: iobuf.PoolStats{Main: 1, CacheSize: 2},
		}
		if len(s) != 2 || s[0] != (iobuf.ModuleStats{Module: "other"}) || s[1] != want {
			t.Errorf("stats %+v", s)
		}
	}()
	for {
		select {
		case <-done:
			return
		default:
			th.Poll()
		}
	}
}

func TestMisuse(t *testing.T) {
	p := iobuf.New(iobuf.Options{})
	c := open(t, p, thread.New("t"), 4, 2)
	for name, f := range map[string]func(){
		"too large": func() { c.Get(c.MaxSize()+1, nil) },
		"foreign":   func() { c.Put(make([]byte, 10)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestNoAllocations(t *testing.T) {
	p := iobuf.New(iobuf.Options{NUMA: true})
	c := open(t, p, thread.New("t"), 128, 16)
	bufs := make([][]byte, 600)
	run := func() {
		for i := range bufs {
			bufs[i] = c.Get(4096, nil)
		}
		for _, b := range bufs {
			c.Put(b)
		}
	}
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGetPut(b *testing.B) {
	p := iobuf.New(iobuf.Options{})
	c, err := p.Channel(thread.New("t"), "bench", 128, 16)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Put(c.Get(4096, nil))
	}
}

// A thread that waits gets what lies idle in the cache of another.
func TestIdleCachesAreRecalled(t *testing.T) {
	p := iobuf.New(iobuf.Options{LargeCount: 8})
	idle, waits := thread.New("idle"), thread.New("waits")
	a, b := open(t, p, idle, 0, 16), open(t, p, waits, 0, 16)
	var bufs [][]byte
	for range 8 {
		bufs = append(bufs, a.Get(a.MaxSize(), nil))
	}
	for _, buf := range bufs {
		a.Put(buf)
	}
	w := newTaker(b, true)
	if b.Get(b.MaxSize(), &w.Waiter) != nil {
		t.Fatal("the cache of one thread served another")
	}
	idle.Poll()
	waits.Poll()
	if w.n != 1 {
		t.Errorf("the waiter was served %d times", w.n)
	}
	for _, c := range []*iobuf.Channel{a, b} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
