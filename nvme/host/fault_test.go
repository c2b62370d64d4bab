// SPDX-License-Identifier: BSD-3-Clause

package host_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/internal/sim/nvmectrlr"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

func TestHostileCompletions(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{DisableErrorLogging: true})
	qp, err := r.ctrlr.AllocIOQPair(host.QPairOptions{Size: 16})
	r.must(err)
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(512)
	i := newIO()
	r.dev.Cfg.Hold = true
	r.must(qp.Read(ns, &i.Request, buf, 0, 1, 0))
	for _, cid := range []uint16{0xffff, 0x8000, 16, 3, 0} {
		r.dev.Post(1, nvme.NewCompletion(0xffff, 77, cid, nvme.StatusSuccess))
	}
	for range 2 {
		n, err := qp.ProcessCompletions(0)
		r.must(err)
		if n != 0 || i.n != 0 {
			t.Fatalf("%d completions taken, the request ended %d times", n, i.n)
		}
	}
	if s := qp.Stats(); s.Bad != 5 {
		t.Errorf("%d bad completions counted, want 5", s.Bad)
	}
	// A controller that goes on is given up; the request still ends, once.
	for range 10 {
		for range 6 {
			r.dev.Post(1, nvme.NewCompletion(0, 1, 999, nvme.StatusSuccess))
		}
		if _, err = qp.ProcessCompletions(0); err != nil {
			break
		}
	}
	if !errors.Is(err, host.ErrFailed) || i.n != 1 || i.Status().Code() != nvme.StatusAbortedSQDeletion {
		t.Errorf("%v; the request ended %d times, %v", err, i.n, i.Status())
	}
	if err := qp.Read(ns, &i.Request, buf, 0, 1, 0); !errors.Is(err, host.ErrFailed) {
		t.Errorf("a request on a failed controller: %v", err)
	}
	r.must(r.ctrlr.Reset(context.Background()))
	r.dev.Cfg.Hold = false
	i.n = 0
	r.must(qp.Read(ns, &i.Request, buf, 0, 1, 0))
	if s := r.finish(qp, i); s.IsError() {
		t.Errorf("after the reset: %v", s)
	}
	r.must(qp.Free(context.Background()))
}

func TestReset(t *testing.T) {
	for _, fail := range []bool{false, true} {
		t.Run(fmt.Sprint("fail queued: ", fail), func(t *testing.T) {
			r := newRig(t, nvmectrlr.Config{}, host.Options{DisableErrorLogging: true})
			qp := r.qpair(host.QPairOptions{Size: 8, FailQueuedOnReset: fail})
			ns := r.ctrlr.Namespace(1)
			buf := r.buffer(512)
			r.dev.Cfg.Hold = true
			var order []*io
			ios := make([]*io, 20)
			for i := range ios {
				ios[i] = newIO()
				ios[i].order = &order
				r.must(qp.Read(ns, &ios[i].Request, buf, uint64(i), 1, 0))
			}
			sent := len(r.dev.Fetched[1])
			r.dev.Fetched[1] = nil
			r.must(r.ctrlr.Reset(context.Background()))
			for range 50 {
				r.dev.ReleaseAll()
				_, err := qp.ProcessCompletions(0)
				r.must(err)
			}
			for i, q := range ios {
				aborted := i < sent || fail
				if q.n != 1 || (q.Status().Code() == nvme.StatusAbortedSQDeletion) != aborted || !aborted && q.Status().IsError() {
					t.Errorf("request %d ended %d times, %v", i, q.n, q.Status())
				}
				if order[i] != q {
					t.Errorf("request %d ended out of order", i)
				}
			}
			if n := len(r.dev.Fetched[1]); !fail && n != 20-sent || fail && n != 0 {
				t.Errorf("%d commands after the reset", n)
			}
		})
	}
}

func TestResetThatFails(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{DisableErrorLogging: true})
	qp, err := r.ctrlr.AllocIOQPair(host.QPairOptions{})
	r.must(err)
	i := newIO()
	r.dev.Cfg.Hold = true
	r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, r.buffer(512), 0, 1, 0))
	r.dev.Cfg.NeverReady = true
	if err := r.ctrlr.Reset(context.Background()); !errors.Is(err, host.ErrTimeout) {
		t.Errorf("Reset: %v", err)
	}
	if _, err := qp.ProcessCompletions(0); !errors.Is(err, host.ErrFailed) || i.n != 1 {
		t.Errorf("%v; the request ended %d times", err, i.n)
	}
	r.must(qp.Free(context.Background()))
}

// TestRemovalAnywhere pulls the controller at a random point of a random
// history: every request that was accepted ends exactly once.
func TestRemovalAnywhere(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		cfg := nvmectrlr.Config{MDTS: 1, Shadow: seed%2 == 0, Manual: seed%2 == 0, Hold: true, Identify: func(id *nvme.IdentifyController) { id.FUSES = 1 }}
		cfg.Namespaces = []nvme.IdentifyNamespace{nvmectrlr.Namespace(65536, 9, 0)}
		r, err := connect(t, cfg, host.Options{DisableErrorLogging: true})
		r.must(err)
		qp, err := r.ctrlr.AllocIOQPair(host.QPairOptions{Size: 8, DelayCmdSubmit: seed%3 == 0})
		r.must(err)
		removalHistory(t, r, qp, rnd, seed)
		if err := qp.Free(context.Background()); err != nil && !r.dev.Removed() {
			t.Errorf("seed %d: Free: %v", seed, err)
		}
		if err := r.ctrlr.Detach(context.Background()); err != nil && !r.dev.Removed() {
			t.Errorf("seed %d: Detach: %v", seed, err)
		}
		if !r.dev.Closed {
			t.Errorf("seed %d: not closed", seed)
		}
	}
}

func removalHistory(t *testing.T, r *rig, qp *host.QPair, rnd *rand.Rand, seed uint64) {
	t.Helper()
	ns := r.ctrlr.Namespace(1)
	buf := r.buffer(64 << 10)
	if seed%5 != 4 {
		r.dev.Remove(1 + rnd.IntN(60))
	}
	var ios []*io
	for range 200 {
		if rnd.IntN(2) == 0 {
			r.dev.Step()
		}
		q := newIO()
		var err error
		switch rnd.IntN(8) {
		case 0, 1:
			err = qp.Read(ns, &q.Request, buf, rnd.Uint64N(60000), 1+rnd.Uint32N(128), 0)
		case 2:
			err = qp.Flush(ns, &q.Request)
		case 3:
			second := newIO()
			if err = qp.CompareAndWrite(ns, &q.Request, &second.Request, buf, buf, 0, 1, 0); err == nil {
				ios = append(ios, second)
			}
		case 4:
			if _, held := r.dev.Outstanding(); held > 0 {
				r.dev.Release(rnd.IntN(held))
			}
			continue
		case 5:
			if len(ios) == 0 {
				continue
			}
			err = qp.Abort(&ios[rnd.IntN(len(ios))].Request, &q.Request)
		case 6:
			if rnd.IntN(10) == 0 && !r.dev.Removed() {
				_ = r.ctrlr.Reset(context.Background()) // may fail: the controller may go
			}
			continue
		default:
			_, _ = qp.ProcessCompletions(rnd.IntN(4)) // ErrRemoved in the end
			_, _ = r.ctrlr.ProcessAdminCompletions()
			continue
		}
		if err == nil {
			ios = append(ios, q)
		} else if !errors.Is(err, host.ErrRemoved) && !errors.Is(err, host.ErrFailed) && !errors.Is(err, host.ErrBusy) {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for range 300 {
		r.dev.Step()
		if !r.dev.Removed() {
			r.dev.ReleaseAll()
		}
		_, _ = qp.ProcessCompletions(0)
		_, _ = r.ctrlr.ProcessAdminCompletions()
	}
	for i, q := range ios {
		if q.n != 1 || q.Busy() {
			t.Errorf("seed %d: request %d of %d ended %d times, busy %t", seed, i, len(ios), q.n, q.Busy())
		}
	}
}

func TestRemovalDuringBringUp(t *testing.T) {
	for n := 1; n < 30; n++ {
		count := 0
		var r *rig
		cfg := nvmectrlr.Config{Namespaces: []nvme.IdentifyNamespace{nvmectrlr.Namespace(100, 9, 0)}, Shadow: true}
		var dev *nvmectrlr.Controller
		cfg.Handler = func(uint16, *nvme.Command) (c nvme.Completion, ok, drop bool) {
			if count++; count == n && dev != nil {
				dev.Remove(0)
			}
			return c, false, false
		}
		r, err := connectWith(t, cfg, host.Options{}, func(d *nvmectrlr.Controller) { dev = d })
		if err == nil {
			if r.dev.Removed() {
				t.Errorf("command %d: Connect succeeded on a controller that has gone", n)
			}
			r.must(r.ctrlr.Detach(context.Background()))
			continue
		}
		if !errors.Is(err, host.ErrRemoved) {
			t.Errorf("command %d: %v", n, err)
		}
		if !r.dev.Closed {
			t.Errorf("command %d: not closed", n)
		}
	}
}

func TestSubmitAgainFromCompletion(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{})
	qp := r.qpair(host.QPairOptions{})
	buf := r.buffer(512)
	left := 1000
	i := newIO()
	i.after = func(i *io) {
		if left--; left > 0 {
			if err := qp.Read(r.ctrlr.Namespace(1), &i.Request, buf, 0, 1, 0); err != nil {
				t.Error(err)
			}
		}
	}
	r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, buf, 0, 1, 0))
	for range 1000 {
		_, err := qp.ProcessCompletions(0)
		r.must(err)
	}
	if i.n != 1000 {
		t.Errorf("completed %d times", i.n)
	}
}

func TestFreeInsideCompletion(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{}, host.Options{DisableErrorLogging: true})
	qp, err := r.ctrlr.AllocIOQPair(host.QPairOptions{})
	r.must(err)
	buf := r.buffer(512)
	a, b := newIO(), newIO()
	a.after = func(*io) { r.must(qp.Free(context.Background())) }
	r.must(qp.Read(r.ctrlr.Namespace(1), &a.Request, buf, 0, 1, 0))
	r.dev.Cfg.Hold = true
	r.must(qp.Read(r.ctrlr.Namespace(1), &b.Request, buf, 0, 1, 0))
	_, err = qp.ProcessCompletions(0)
	r.must(err)
	if a.n != 1 || b.n != 1 || b.Status().Code() != nvme.StatusAbortedSQDeletion {
		t.Errorf("completed %d and %d times, %v", a.n, b.n, b.Status())
	}
	if _, err := qp.ProcessCompletions(0); !errors.Is(err, host.ErrClosed) {
		t.Errorf("polling a freed queue pair: %v", err)
	}
	if _, err := r.ctrlr.AllocIOQPair(host.QPairOptions{Size: 5000}); err == nil {
		t.Error("a queue larger than CAP.MQES was made")
	}
	if _, err := r.ctrlr.AllocIOQPair(host.QPairOptions{Priority: host.PriorityLow}); err == nil {
		t.Error("a priority was taken under round robin")
	}
}

func TestQueueIdentifiersRunOut(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{IOQueues: 2, AMS: nvme.CAPAMSWRR}, host.Options{Arbitration: host.WeightedRoundRobin, LowPriorityWeight: 3})
	a := r.qpair(host.QPairOptions{Priority: host.PriorityLow})
	b := r.qpair(host.QPairOptions{Size: 2})
	if a.ID() != 1 || b.ID() != 2 || b.Depth() != 1 {
		t.Errorf("queue pairs %d and %d, depth %d", a.ID(), b.ID(), b.Depth())
	}
	if _, err := r.ctrlr.AllocIOQPair(host.QPairOptions{}); err == nil {
		t.Error("a third queue pair was made")
	}
	if err := r.ctrlr.Detach(context.Background()); !errors.Is(err, host.ErrBusy) {
		t.Errorf("Detach with queue pairs: %v", err)
	}
	for _, c := range r.dev.Fetched[0] {
		if c.Opcode == nvme.AdminCreateIOSQ && c.CDW10&0xffff == 1 && c.CDW11 != 1<<16|3<<1|1 {
			t.Errorf("create I/O submission queue 1: cdw11 %#x", c.CDW11)
		}
	}
}

func TestShutdownThatHangs(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{NeverShut: true, Identify: func(id *nvme.IdentifyController) { id.RTD3E = 20e6 }}, host.Options{})
	start := r.clock.now
	if err := r.ctrlr.Detach(context.Background()); !errors.Is(err, host.ErrTimeout) {
		t.Errorf("Detach: %v", err)
	}
	if d := r.clock.now - start; d.Seconds() < 20 || d.Seconds() > 21 {
		t.Errorf("it took %v, want 20 s", d)
	}
}

func TestControllerMemoryBuffer(t *testing.T) {
	for _, decoded := range []bool{true} {
		r := newRig(t, nvmectrlr.Config{CMB: 1 << 20, CMBDecoded: decoded}, host.Options{})
		mem, err := r.ctrlr.MapCMB()
		r.must(err)
		qp := r.qpair(host.QPairOptions{})
		copy(mem[4096:], "in the controller")
		i := newIO()
		r.must(qp.Write(r.ctrlr.Namespace(1), &i.Request, mem[4096:4096+512], 9, 1, 0))
		if s := r.finish(qp, i); s.IsError() {
			t.Fatal(s)
		}
		if got := string(r.dev.Disk(1)[9*512:][:17]); got != "in the controller" {
			t.Errorf("disk holds %q", got)
		}
	}
	r := newRig(t, nvmectrlr.Config{CMB: 1 << 20, CMBDecoded: true}, host.Options{UseCMBSQs: true})
	qp := r.qpair(host.QPairOptions{})
	i := newIO()
	r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, r.buffer(512), 9, 1, 0))
	if s := r.finish(qp, i); s.IsError() {
		t.Fatal(s)
	}
	if _, err := r.ctrlr.MapCMB(); !errors.Is(err, host.ErrBusy) {
		t.Errorf("MapCMB while it holds queues: %v", err)
	}
}

// TestShadowDoorbells walks twice around a queue with the event index at
// every distance.
func TestShadowDoorbells(t *testing.T) {
	r := newRig(t, nvmectrlr.Config{Shadow: true, Manual: true}, host.Options{})
	qp := r.qpair(host.QPairOptions{Size: 16})
	buf := r.buffer(512)
	var want uint64
	start := qp.Stats().SQDoorbells
	tail := uint32(0)
	for k := range 64 {
		event := uint32((int(tail) + k) % 16)
		r.dev.SetEventIndex(1, event)
		i := newIO()
		r.must(qp.Read(r.ctrlr.Namespace(1), &i.Request, buf, 0, 1, 0))
		if event == tail { // the controller looks by itself up to tail, and no further
			want++
		}
		tail = (tail + 1) % 16
		if got := r.dev.Shadow(1); got != tail {
			t.Fatalf("shadow doorbell %d, want %d", got, tail)
		}
		if got := qp.Stats().SQDoorbells - start; got != want {
			t.Fatalf("step %d: event index %d, tail %d: %d doorbell writes, want %d", k, event, tail, got, want)
		}
		if s := r.finish(qp, i); s.IsError() {
			t.Fatal(s)
		}
	}
}
