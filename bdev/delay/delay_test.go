// SPDX-License-Identifier: BSD-3-Clause

package delay

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/vbdev/vbdevtest"
	"github.com/gospdk/gospdk/thread"
)

func TestConformance(t *testing.T) {
	bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
		r := vbdevtest.New(t)
		r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
		s := new(settings)
		for i, us := range []int64{1, 50, 2, 20} {
			s.latencies[i].Store(us * 1000)
		}
		d, err := newDisk(r.Ctx, NewModule(r.Reg), &plan{Name: "D", Base: "Base", Config: s})
		r.Must(err)
		d.base.Ready()
		return d, func() {}
	})
}

// clock is set by hand.
type clock struct{ now time.Duration }

func (c *clock) Now() time.Duration { return c.now }

// rig is a device on a thread whose clock is set by hand.
type rig struct {
	*vbdevtest.Rig
	m     *Module
	clock *clock
	t     *thread.Thread
	ch    *bdev.UserChannel
}

func newRig(t *testing.T, l Latencies) *rig {
	r := &rig{Rig: vbdevtest.New(t), clock: new(clock)}
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
	r.m = NewModule(r.Reg)
	_, err := r.m.Create(r.Ctx, Config{Name: "D", Base: "Base", Latencies: l})
	r.Must(err)
	desc, err := r.Reg.Open(r.Ctx, "D", bdev.Write, nil)
	r.Must(err)
	r.t = thread.New("t", thread.WithClock(r.clock))
	r.ch, err = desc.Channel(r.t)
	r.Must(err)
	t.Cleanup(func() {
		r.Must(r.ch.Close())
		r.t.Exit()
		r.Until("the thread to exit", func() bool { r.t.Poll(); return r.t.Exited() })
		r.Must(desc.Close())
	})
	return r
}

// request is an IO that notes when it ended.
type request struct {
	io    bdev.IO
	rig   *rig
	ended time.Duration // -1 before
}

func (q *request) Complete(*bdev.IO) { q.ended = q.rig.clock.now }

func (r *rig) submit(op bdev.Op) *request {
	q := &request{rig: r, ended: -1}
	q.io = bdev.IO{Op: op, Blocks: 1, Done: q}
	if op == bdev.OpRead || op == bdev.OpWrite {
		q.io.Iov = [][]byte{make([]byte, 512)}
	}
	r.ch.Submit(&q.io)
	r.t.Poll() // the base's turn
	return q
}

// run lets time pass in steps.
func (r *rig) run(until time.Duration) {
	for ; r.clock.now < until; r.clock.now += time.Microsecond {
		r.t.Poll()
	}
	r.t.Poll()
}

func TestMostWaitTheAverageAndSomeLonger(t *testing.T) {
	r := newRig(t, Latencies{10 * time.Microsecond, 500 * time.Microsecond, 30 * time.Microsecond, 700 * time.Microsecond})
	const n = 20000
	var reads, writes []*request
	for range n {
		reads = append(reads, r.submit(bdev.OpRead))
		writes = append(writes, r.submit(bdev.OpWrite))
	}
	if sleep := r.t.Arm(); sleep != 10*time.Microsecond {
		t.Errorf("the thread may sleep %v", sleep)
	}
	r.run(time.Millisecond)
	if sleep := r.t.Arm(); sleep != thread.Forever {
		t.Errorf("an idle thread may sleep %v", sleep)
	}
	for name, all := range map[string][]*request{"read": reads, "write": writes} {
		count := map[time.Duration]int{}
		for _, q := range all {
			if q.io.Status != bdev.StatusSuccess {
				t.Fatal(q.io.Status)
			}
			count[q.ended]++
		}
		avg, p99 := 10*time.Microsecond, 500*time.Microsecond
		if name == "write" {
			avg, p99 = 30*time.Microsecond, 700*time.Microsecond
		}
		if len(count) != 2 || count[p99] < n/200 || count[p99] > n/50 || count[avg]+count[p99] != n {
			t.Errorf("%ss ended so many at each time: %v", name, count)
		}
	}
	if q := r.submit(bdev.OpWriteZeroes); q.ended != r.clock.now {
		r.run(r.clock.now + time.Microsecond)
		if q.ended < 0 {
			t.Error("write zeroes is delayed")
		}
	}
}

func TestUpdateAbortAndReset(t *testing.T) {
	l := Latencies{time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond}
	r := newRig(t, l)
	slow := r.submit(bdev.OpRead)
	r.Must(r.m.Update("D", AvgRead, 10*time.Microsecond))
	r.Must(r.m.Update("D", P99Read, 10*time.Microsecond))
	fast := r.submit(bdev.OpRead)
	r.run(2 * time.Millisecond)
	if slow.ended != time.Millisecond || fast.ended != 10*time.Microsecond {
		t.Errorf("ended at %v and %v", slow.ended, fast.ended)
	}
	waits := r.submit(bdev.OpWrite)
	other := r.submit(bdev.OpWrite)
	abort := &request{rig: r, ended: -1}
	abort.io = bdev.IO{Op: bdev.OpAbort, Target: &waits.io, Done: abort}
	r.ch.Submit(&abort.io)
	r.t.Poll()
	if waits.io.Status != bdev.StatusAborted || abort.io.Status != bdev.StatusSuccess || other.ended >= 0 {
		t.Errorf("abort %v, aborted %v, the other ended at %v", abort.io.Status, waits.io.Status, other.ended)
	}
	reset := r.submit(bdev.OpReset)
	r.Until("the reset", func() bool { r.t.Poll(); return reset.ended >= 0 })
	if other.io.Status != bdev.StatusAborted || reset.io.Status != bdev.StatusSuccess {
		t.Errorf("reset %v, aborted %v", reset.io.Status, other.io.Status)
	}
}

func TestMethods(t *testing.T) {
	r := vbdevtest.New(t)
	m := NewModule(r.Reg)
	r.Reg.AddModule(m)
	rpc := r.Methods(m)
	const four = `"avg_read_latency":1,"p99_read_latency":2,"avg_write_latency":3,"p99_write_latency":4`
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_delay_create", Params: `{"base_bdev_name":"Base","name":"D",` + four + `}`, Result: `"D"`},
		vbdevtest.Answer{Method: "bdev_delay_create", Params: `{"base_bdev_name":"B2","name":"D",` + four + `}`, Code: -17, Words: []string{"File exists"}},
		vbdevtest.Answer{Method: "bdev_delay_create", Params: `{"base_bdev_name":"B2","name":"E","avg_read_latency":2,"p99_read_latency":1,"avg_write_latency":3,"p99_write_latency":4}`, Code: -22, Words: []string{"percentile"}},
		vbdevtest.Answer{Method: "bdev_delay_create", Params: `{"base_bdev_name":"B2","name":"E","avg_read_latency":2,"p99_read_latency":18446744073709551615,"avg_write_latency":3,"p99_write_latency":4}`, Code: -22, Words: []string{"p99_read"}},
		vbdevtest.Answer{Method: "bdev_delay_update_latency", Params: `{"delay_bdev_name":"D","latency_type":"avg_read","latency_us":7}`, Code: -32602, Words: []string{"The requested bdev does not exist."}},
	)
	r.Malloc(malloc.Config{Name: "Base", NumBlocks: 4096})
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_delay_update_latency", Params: `{"delay_bdev_name":"D","latency_type":"avg_read","latency_us":7}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_delay_update_latency", Params: `{"delay_bdev_name":"D","latency_type":"p50_read","latency_us":7}`, Code: -32602, Words: []string{"latency_type", "p99_write"}},
	)
	info, err := r.Reg.Get("D")
	r.Must(err)
	if got := rpc.Saved(m); got != `[{"method":"bdev_delay_create","params":{"name":"D","base_bdev_name":"Base","uuid":"`+info.UUID.String()+`","avg_read_latency":7,"p99_read_latency":2,"avg_write_latency":3,"p99_write_latency":4}}]` {
		t.Errorf("saved %s", got)
	}
	rpc.Session(
		vbdevtest.Answer{Method: "bdev_delay_delete", Params: `{"name":"D"}`, Result: "true"},
		vbdevtest.Answer{Method: "bdev_delay_delete", Params: `{"name":"D"}`, Code: -19, Words: []string{"No such device"}},
	)
}
