// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// calling runs fn, which waits for threads, while the test polls them.
func calling(t *testing.T, fn func() error, ths ...*thread.Thread) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
			for _, th := range ths {
				th.Poll()
			}
		}
	}
	t.Fatal("the call does not return")
}

func TestErrorsAreCountedByKind(t *testing.T) {
	d := newFake(100)
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	status := []bdev.Status{
		bdev.StatusNVMe(2, 0x81), bdev.StatusNVMe(0, 6), bdev.StatusErrno(syscall.EIO), bdev.StatusSCSI(3, 0, 0),
		bdev.StatusAborted, bdev.StatusMiscompare, bdev.StatusRemoved, bdev.StatusSuccess,
	}
	d.fail = func(io *bdev.IO) bdev.Status { return status[io.Offset] }
	for i := range status {
		r := newRequest(bdev.OpRead, uint64(i), 1)
		ch.Submit(&r.IO)
		pollAll(th)
	}
	account := func(reset bdev.StatsReset) (a bdev.Account) {
		calling(t, func() (err error) {
			a, err = b.reg.Account(context.Background(), b.name, reset)
			return err
		}, th)
		return a
	}
	a := account(bdev.ResetErrors)
	want := map[string]uint64{"nvme_error": 2, "aio_error": 1, "scsi_error": 1, "aborted": 1, "miscompare": 1, "failed": 1}
	for k := range bdev.NumErrorKinds {
		if a.Errors[k] != want[k.String()] {
			t.Errorf("%s: %d, want %d", k, a.Errors[k], want[k.String()])
		}
	}
	read := a.Ops[bdev.OpRead]
	if read.Errors != 7 || read.Ops != 1 || read.MinTicks == 0 || read.MaxTicks < read.MinTicks || read.LatencyTicks != read.MinTicks {
		t.Errorf("reads %+v", read)
	}
	a = account(bdev.ResetMaxMin)
	if a.Errors != [bdev.NumErrorKinds]uint64{} || a.Ops[bdev.OpRead] != read {
		t.Errorf("after the reset of errors: %+v", a)
	}
	a = account(bdev.ResetNone)
	if r := a.Ops[bdev.OpRead]; r.Ops != 1 || r.MinTicks != 0 || r.MaxTicks != 0 || r.LatencyTicks != read.LatencyTicks {
		t.Errorf("after the reset of the extremes: %+v", r)
	}
	var per []bdev.ThreadAccount
	calling(t, func() (err error) {
		per, err = b.reg.ThreadAccounts(context.Background(), b.name, bdev.ResetNone)
		return err
	}, th)
	if len(per) != 1 || per[0].Thread != th || per[0].Ops[bdev.OpRead].Ops != 1 {
		t.Errorf("by thread: %+v", per)
	}
}

// bucket is where spdk_histogram_data.h counts a value, as written there.
func bucket(granularity uint32, v uint64) (r uint32, index uint64) {
	lsb := 64 - granularity
	clz := uint32(64)
	for x := v; x != 0; x >>= 1 {
		clz--
	}
	if clz <= lsb {
		r = lsb - clz
	}
	shift := r
	if r > 0 {
		shift = r - 1
	}
	return r, v >> shift & (1<<granularity - 1)
}

func TestHistogramBuckets(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, g := range []uint8{1, 7, 10} {
		h := bdev.NewHistogram(t, bdev.HistogramOptions{Granularity: g})
		want := make([]uint64, len(h.Buckets))
		for range 2000 {
			v := rng.Uint64() >> rng.IntN(64)
			h.Add(v)
			r, i := bucket(uint32(g), v)
			want[uint64(r)<<g+i]++
		}
		if !slices.Equal(h.Buckets, want) {
			t.Errorf("granularity %d: other buckets than SPDK's", g)
		}
		last, sum := uint64(0), uint64(0)
		h.ForEach(func(start, end, count, total, soFar uint64) {
			sum += count
			if start != last || soFar != sum || total != 2000 || end <= start && end != 0 {
				t.Fatalf("bucket from %d to %d: %d, %d of %d", start, end, count, soFar, total)
			}
			last = end
		})
	}
	// What lies outside is counted at the edges.
	h := bdev.NewHistogram(t, bdev.HistogramOptions{Granularity: 7, MinNsec: 1000, MaxNsec: 1000000})
	for _, v := range []uint64{0, 1, 1 << 60} {
		h.Add(v)
	}
	if h.MinRange == 0 || h.Buckets[0] != 2 || h.Buckets[len(h.Buckets)-1] != 1 {
		t.Errorf("ranges %d to %d: %d, %d", h.MinRange, h.MaxRange, h.Buckets[0], h.Buckets[len(h.Buckets)-1])
	}
	h = bdev.NewHistogram(t, bdev.HistogramOptions{Granularity: 7})
	for _, v := range []uint64{10, 20, 20, 100, 1 << 40} {
		h.Add(v)
	}
	if got := h.Borders([]uint64{15, 50, 1000}); !slices.Equal(got, []uint64{1, 3, 4, 5}) {
		t.Errorf("up to 15, 50, 1000, all: %v", got)
	}
}

func TestHistogram(t *testing.T) {
	ctx := context.Background()
	d := newFake(100)
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	if _, err := b.reg.Histogram(ctx, b.name); !errors.Is(err, syscall.ENOMEM) {
		t.Errorf("a histogram that is not kept: %v", err)
	}
	for _, o := range []bdev.HistogramOptions{
		{}, {Granularity: 17}, {Granularity: 7, MinNsec: 10, MaxNsec: 10}, {Granularity: 7, Op: 99},
	} {
		if err := b.reg.EnableHistogram(ctx, b.name, o); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("EnableHistogram(%+v) = %v", o, err)
		}
	}
	o := bdev.HistogramOptions{Op: bdev.OpWrite, Granularity: bdev.DefaultGranularity, MaxNsec: ^uint64(0)}
	calling(t, func() error { return b.reg.EnableHistogram(ctx, b.name, o) }, th)
	if got, on, err := b.reg.HistogramOptions(b.name); got != o || !on || err != nil {
		t.Errorf("options %+v, %v, %v", got, on, err)
	}
	late := b.channel(th) // has a histogram too
	for i, c := range []*bdev.UserChannel{ch, late, ch} {
		op := bdev.OpWrite
		if i == 2 {
			op = bdev.OpRead
		}
		r := newRequest(op, 0, 1)
		c.Submit(&r.IO)
		pollAll(th)
	}
	var h *bdev.Histogram
	calling(t, func() (err error) { h, err = b.reg.Histogram(ctx, b.name); return err }, th)
	if got := h.Borders(nil); got[0] != 2 || h.TickRate != bdev.TickRate() {
		t.Errorf("%v latencies of 2 writes", got)
	}
	calling(t, func() error { return b.reg.DisableHistogram(ctx, b.name) }, th)
	if _, on, _ := b.reg.HistogramOptions(b.name); on {
		t.Error("still enabled")
	}
}

func TestQueueDepth(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	var rs []*request
	for i := range uint64(3) {
		r := newRequest(bdev.OpRead, i, 1)
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	if err := b.reg.SetQueueDepthSampling(b.name, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	depth := func(ok func(bdev.QueueDepth) bool) (q bdev.QueueDepth) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			th.Poll()
			var err error
			if q, err = b.reg.QueueDepth(b.name); err != nil {
				t.Fatal(err)
			}
			if ok(q) {
				return q
			}
			if time.Now().After(deadline) {
				t.Fatalf("queue depth %+v", q)
			}
		}
	}
	q := depth(func(q bdev.QueueDepth) bool { return q.Sampled && q.Depth == 3 })
	if q.Period != time.Millisecond || q.Weighted != 3*q.Time || q.Time == 0 {
		t.Errorf("%+v", q)
	}
	for len(d.chans[0].held) > 0 {
		d.chans[0].finish(0)
	}
	before := depth(func(q bdev.QueueDepth) bool { return q.Depth == 0 })
	if err := b.reg.SetQueueDepthSampling(b.name, 0); err != nil {
		t.Fatal(err)
	}
	if q := depth(func(q bdev.QueueDepth) bool { return true }); q.Period != 0 || q.Time != before.Time {
		t.Errorf("after the end: %+v, before %+v", q, before)
	}
	_ = rs
}

func TestTimeout(t *testing.T) {
	d := newFake(100, bdev.OpAbort)
	d.manual = true
	b := newTestbed(t, d)
	clock := &manualClock{}
	th := thread.New("t", thread.WithClock(clock))
	ch := b.channel(th)
	var late []*bdev.IO
	const after = time.Microsecond
	calling(t, func() error {
		return b.desc.SetTimeout(context.Background(), after, func(io *bdev.IO) { late = append(late, io) })
	}, th)
	r, w, quick := newRequest(bdev.OpRead, 0, 1), newRequest(bdev.OpWrite, 1, 1), newRequest(bdev.OpRead, 2, 1)
	for _, x := range []*request{r, quick, w} {
		ch.Submit(&x.IO)
	}
	d.chans[0].finish(1)                                      // quick
	for begin := time.Now(); time.Since(begin) < 100*after; { // ticks are the processor's
	}
	clock.now += time.Second
	th.Poll()
	if len(late) != 2 || !slices.Contains(late, &r.IO) || !slices.Contains(late, &w.IO) {
		t.Fatalf("%d IOs are late", len(late))
	}
	// The callback may abort.
	calling(t, func() error {
		return b.desc.SetTimeout(context.Background(), after, func(io *bdev.IO) {
			a := newRequest(bdev.OpAbort, 0, 0)
			a.Target = io
			ch.Submit(&a.IO)
		})
	}, th)
	clock.now += time.Second
	pollAll(th)
	if r.Status != bdev.StatusAborted || w.Status != bdev.StatusAborted || ch.Outstanding() != 0 {
		t.Errorf("read %v, write %v, %d outstanding", r.Status, w.Status, ch.Outstanding())
	}
	calling(t, func() error { return b.desc.SetTimeout(context.Background(), 0, nil) }, th)
	x := newRequest(bdev.OpRead, 2, 1)
	ch.Submit(&x.IO)
	clock.now += time.Hour
	th.Poll()
	if x.n != 0 {
		t.Error("watched without a timeout")
	}
	d.chans[0].finish(0)
}
