// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/embedded"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
)

// These tests run the driver against the target of this project, over a real
// socket and shared memory.

func startTarget(t testing.TB, blocks uint64, blockSize uint32) *embedded.Target {
	t.Helper()
	d, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: blocks, BlockSize: blockSize})
	if err != nil {
		t.Fatal(err)
	}
	target, err := embedded.Start(context.Background(), embedded.Config{Disks: []bdev.Device{d}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	return target
}

func connectTarget(t testing.TB, target *embedded.Target, o host.Options) *host.Controller {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := host.Connect(ctx, pcie.Transport{}, nvme.TransportID{Trtype: nvme.TrtypeVFIOUser, Traddr: target.Dirs()[0]}, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dmaBuffer(t testing.TB, n int) []byte {
	t.Helper()
	b, err := dma.Alloc(n, 4096)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b.Bytes()
}

func wait(t testing.TB, qp *host.QPair, i *io) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); i.n == 0; runtime.Gosched() {
		if _, err := qp.ProcessCompletions(0); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("no completion within 10 s")
		}
	}
	i.n = 0
	if err := i.Err(); err != nil {
		t.Fatal(err)
	}
}

func TestAgainstTarget(t *testing.T) {
	target := startTarget(t, 64<<20/512, 512)
	for _, shadow := range []bool{true, false} {
		c := connectTarget(t, target, host.Options{DisableShadowDoorbells: !shadow})
		ns := c.Namespace(1)
		if ns == nil || ns.Size() != 64<<20 {
			t.Fatalf("namespace 1: %v", ns)
		}
		qp, err := c.AllocIOQPair(host.QPairOptions{})
		if err != nil {
			t.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		out, in := dmaBuffer(t, 4<<20), dmaBuffer(t, 4<<20)
		for _, size := range []int{512, 1024, 4096, 4608, 8192, 64 << 10, 1 << 20, 3<<20 + 512} {
			for i := range out[:size] {
				out[i] = byte(rnd.Uint32())
			}
			off := 4 * rnd.IntN(100)
			lba, n := rnd.Uint64N(10000), uint32(size/512)
			w := newIO()
			if err := qp.Write(ns, &w.Request, out[:size], lba, n, 0); err != nil {
				t.Fatal(err)
			}
			wait(t, qp, w)
			if err := qp.Read(ns, &w.Request, in[off:off+size], lba, n, 0); err != nil {
				t.Fatal(err)
			}
			wait(t, qp, w)
			if !bytes.Equal(out[:size], in[off:off+size]) {
				t.Fatalf("%d bytes at block %d: read something else than written", size, lba)
			}
		}
		if _, err := c.ProcessAdminCompletions(); err != nil {
			t.Error(err)
		}
		if err := qp.Free(context.Background()); err != nil {
			t.Error(err)
		}
		if err := c.Detach(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func TestResetTarget(t *testing.T) {
	c := connectTarget(t, startTarget(t, 1<<16, 512), host.Options{})
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		t.Fatal(err)
	}
	buf := dmaBuffer(t, 4096)
	for range 3 {
		if err := c.Reset(context.Background()); err != nil {
			t.Fatal(err)
		}
		i := newIO()
		if err := qp.Write(c.Namespace(1), &i.Request, buf, 0, 8, 0); err != nil {
			t.Fatal(err)
		}
		wait(t, qp, i)
	}
	if err := qp.Free(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Detach(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestTargetVanishes(t *testing.T) {
	target := startTarget(t, 1<<16, 512)
	c := connectTarget(t, target, host.Options{})
	qp, err := c.AllocIOQPair(host.QPairOptions{Size: 64})
	if err != nil {
		t.Fatal(err)
	}
	buf := dmaBuffer(t, 4096)
	ios := make([]*io, 500)
	gone := make(chan error, 1)
	go func() { gone <- target.Close() }()
	for i := range ios {
		ios[i] = newIO()
		if err := qp.Read(c.Namespace(1), &ios[i].Request, buf, 0, 8, 0); err != nil {
			ios = ios[:i]
			break
		}
	}
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		if _, err := qp.ProcessCompletions(0); errors.Is(err, host.ErrRemoved) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatal("the removal was not noticed within 10 s")
		}
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
	for i, r := range ios {
		if r.n != 1 {
			t.Errorf("request %d completed %d times, want once", i, r.n)
		}
	}
	if err := qp.Free(context.Background()); err != nil {
		t.Error(err)
	}
	if err := c.Detach(context.Background()); err != nil && !errors.Is(err, host.ErrRemoved) {
		t.Error(err)
	}
}

// again submits itself until enough was done.
type again struct {
	host.Request
	left *int
	qp   *host.QPair
	ns   *host.Namespace
	buf  []byte
	rnd  uint64
	busy *int
}

func (a *again) Complete(*host.Request) {
	*a.busy--
	a.submit()
}

func (a *again) submit() {
	if *a.left == 0 {
		return
	}
	*a.left--
	*a.busy++
	a.rnd = a.rnd*6364136223846793005 + 1442695040888963407
	lba := a.rnd >> 33 % (a.ns.NumBlocks() / 8) * 8
	if err := a.qp.Read(a.ns, &a.Request, a.buf, lba, uint32(len(a.buf)/int(a.ns.BlockSize())), 0); err != nil {
		panic(err)
	}
}

// pin keeps the goroutine on the last CPU: the target's reactor has the first.
func pin(b *testing.B) (undo func()) {
	var old, last unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	for cpu := 1023; cpu >= 0; cpu-- {
		if old.IsSet(cpu) {
			last.Set(cpu)
			break
		}
	}
	if err := unix.SchedSetaffinity(0, &last); err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := unix.SchedSetaffinity(0, &old); err != nil {
			b.Error(err)
		}
		runtime.UnlockOSThread()
	}
}

func benchmarkTarget(b *testing.B, depth int, delay bool) {
	c := connectTarget(b, startTarget(b, 64<<20/512, 512), host.Options{})
	qp, err := c.AllocIOQPair(host.QPairOptions{Size: 256, DelayCmdSubmit: delay})
	if err != nil {
		b.Fatal(err)
	}
	defer pin(b)()
	left, busy := b.N, 0
	reqs := make([]again, depth)
	b.ResetTimer()
	for i := range reqs {
		r := &reqs[i]
		*r = again{left: &left, busy: &busy, qp: qp, ns: c.Namespace(1), buf: dmaBuffer(b, 4096), rnd: uint64(i)}
		r.Done = r
		r.submit()
	}
	for busy > 0 {
		if _, err := qp.ProcessCompletions(0); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	s := qp.Stats()
	b.ReportMetric(float64(s.SQDoorbells+s.CQDoorbells)/float64(b.N), "doorbells/op")
	b.ReportMetric(float64(s.Completions)/float64(s.Polls-s.IdlePolls), "completions/poll")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "MIOPS")
	if err := errors.Join(qp.Free(context.Background()), c.Detach(context.Background())); err != nil {
		b.Error(err)
	}
}

func BenchmarkTargetDepth128(b *testing.B)        { benchmarkTarget(b, 128, false) }
func BenchmarkTargetDepth128Delayed(b *testing.B) { benchmarkTarget(b, 128, true) }
func BenchmarkTargetDepth1(b *testing.B)          { benchmarkTarget(b, 1, false) }
