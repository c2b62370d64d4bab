// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"fmt"
	"math/rand/v2"
	"syscall"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// worker is one thread. Its fields are that thread's.
type worker struct {
	cfg    *Config
	core   int
	number int // of the threads on the core
	t      *thread.Thread
	ch     *accel.Channel
	verify bool
	rng    *rand.Rand
	tasks  []task
	free   taskQueue
	buf    *dma.Buffer // of all tasks
	segs   []segment   // of compress and decompress
	before accel.OpStats

	running   int
	stop      bool
	done      chan struct{} // closed when the last operation has ended
	begin     uint64
	end       uint64
	total     uint64 // ticks of all operations together
	least     uint64
	most      uint64
	failed    uint64
	miscmp    uint64 // compare operations that failed as they were to
	firstFail error
}

// task is one operation that is submitted again and again.
type task struct {
	op      accel.Task
	w       *worker
	next    *task
	start   uint64
	differs bool // compare is to fail
	seg     int
	check   verifier
}

// taskQueue hands tasks out in turn, so that all buffers are used.
type taskQueue struct{ head, tail *task }

func (q *taskQueue) push(t *task) {
	t.next = nil
	if q.tail == nil {
		q.head = t
	} else {
		q.tail.next = t
	}
	q.tail = t
}

func (q *taskQueue) pop() *task {
	t := q.head
	if q.head = t.next; q.head == nil {
		q.tail = nil
	}
	return t
}

// prepare makes the tasks.
func (w *worker) prepare(key *accel.Key, k1, k2 []byte) error {
	c := w.cfg
	w.least, w.verify = ^uint64(0), c.Verify
	w.tasks = make([]task, c.AllocDepth)
	m, err := c.memory()
	if err != nil {
		return err
	}
	w.buf = m.buf
	for i := range w.tasks {
		t := &w.tasks[i]
		t.w, t.op.Done = w, t
		if c.compresses() {
			w.fillSegment(t)
		} else {
			err = c.fill(&t.op, m, w.rng, key)
		}
		if err == nil && c.Verify && !c.compresses() {
			t.check, err = c.expect(&t.op, k1, k2)
		}
		if err != nil {
			return err
		}
		w.free.push(t)
	}
	return nil
}

// start submits as many operations as are to be outstanding. On the thread.
func (w *worker) start() {
	w.before = w.ch.Stats().Operations[w.cfg.op()]
	w.running = w.cfg.Depth
	w.begin = tsc.Now()
	for range w.cfg.Depth {
		w.free.pop().submit(tsc.Now())
	}
}

// submit starts the task at time now. The time of one's completion is that of
// the next one's start: the clock is read once for each operation.
func (t *task) submit(now uint64) {
	w := t.w
	switch t.op.Op {
	case accel.OpCompare:
		t.differs = w.cfg.Miscompare > 0 && w.rng.IntN(100) < w.cfg.Miscompare
		t.op.Src2[0][0] = t.op.Src[0][0]
		if t.differs {
			t.op.Src2[0][0] = ^t.op.Src[0][0]
		}
	case accel.OpCompress, accel.OpDecompress:
		t.useSegment()
	}
	t.start = now
	w.ch.Submit(&t.op)
}

// Complete implements accel.Completer.
func (t *task) Complete(*accel.Task) {
	w := t.w
	now := tsc.Now()
	d := now - t.start
	w.total += d
	w.least = min(w.least, d)
	w.most = max(w.most, d)
	ok := true
	if t.op.Status != 0 || t.differs || w.verify {
		ok = t.judge()
		now = tsc.Now()
	}
	if ok && !w.stop {
		if w.free.head != nil { // another's turn
			w.free.push(t)
			t = w.free.pop()
		}
		t.submit(now)
		return
	}
	if w.running--; w.running == 0 {
		w.end = now
		close(w.done)
	}
}

// judge looks at how a task ended, and returns whether to go on.
func (t *task) judge() bool {
	w := t.w
	switch {
	case t.differs && t.op.Status == syscall.EILSEQ:
		w.miscmp++
		return true
	case t.differs:
		w.fail(fmt.Errorf("compare of data that differ: %v", t.op.Status))
		return t.op.Status == 0
	case t.op.Status != 0:
		w.fail(t.op.Err())
		return false
	}
	if what := t.check.wrong(&t.op); what != "" {
		w.fail(fmt.Errorf("%s: %s", t.op.Op, what))
	}
	return true
}

func (w *worker) fail(err error) {
	if w.failed++; w.firstFail == nil {
		w.firstFail = err
	}
}
