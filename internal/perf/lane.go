// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme/host"
)

// queue is one queue pair of a lane.
type queue struct {
	qp   *host.QPair
	dead bool
}

// lane is one worker's part of one namespace. Its worker alone touches it
// while it runs, but for the counters that are atomic.
type lane struct {
	layout
	cfg    *Config
	run    *run
	target *Target
	core   int

	first  uint64 // the lane's slots on the namespace
	next   uint64 // of a sequential workload, from first
	random xorshift
	zipf   *zipf
	verify *verifier

	queues []*queue
	tasks  []*task
	parked []*task // not accepted by the driver, to be tried again

	limit     uint64 // of started, 0 for none
	started   uint64
	inFlight  int
	draining  bool
	ioErrors  uint64
	failure   error // what ended the lane early
	completed uint64
	bytes     uint64
	total     uint64 // ticks
	least     uint64
	most      uint64
	latencies Histogram

	// Published now and then for the progress line.
	seenIOs   atomic.Uint64
	seenBytes atomic.Uint64
}

func (l *lane) reset() {
	l.completed, l.bytes, l.total, l.least, l.most = 0, 0, 0, math.MaxUint64, 0
	l.latencies.Reset()
}

func (l *lane) account(latency uint64, size uint32) {
	l.completed++
	l.bytes += uint64(size)
	l.total += latency
	l.least = min(l.least, latency)
	l.most = max(l.most, latency)
	l.latencies.Tally(latency)
}

// choose returns the slot of the next I/O, counted from the lane's first.
func (l *lane) choose() uint64 {
	switch {
	case l.zipf != nil:
		return l.zipf.draw(&l.random)
	case l.cfg.Random:
		return l.random.below(l.slots)
	}
	slot := l.next
	if l.next++; l.next == l.slots {
		l.next = 0
	}
	return slot
}

func (l *lane) chooseRead() bool {
	p := l.cfg.ReadPercent
	return p == 100 || p != 0 && l.random.below(100) < p
}

// begin starts the task's next I/O of the workload, or lets the task rest
// when the lane has done its part.
func (l *lane) begin(t *task, now uint64) {
	if l.draining {
		return
	}
	slot := l.choose()
	t.step = stepWrite
	if l.chooseRead() {
		t.step = stepRead
	}
	t.size = l.cfg.Sizes[0]
	switch {
	case l.verify != nil:
		slot = l.verify.begin(t, slot)
		now = ticks() // filling a buffer is no latency
	case len(l.cfg.Sizes) > 1:
		t.size = l.cfg.Sizes[l.random.below(uint64(len(l.cfg.Sizes)))]
	}
	t.slot = l.first + slot
	if l.started++; l.started == l.limit {
		l.draining = true
	}
	l.send(t, now)
}

// send submits the command of the task's step.
func (l *lane) send(t *task, now uint64) {
	t.start = now
	if t.queue.dead {
		return
	}
	if err := t.submit(); err != nil {
		l.refused(t, err)
		return
	}
	l.inFlight++
}

// refused handles a command that the driver did not accept.
func (l *lane) refused(t *task, err error) {
	if !l.cfg.ContinueOnError {
		l.fail(fmt.Errorf("%s: starting I/O failed: %w", l.target.Name, err))
		return
	}
	l.countError("%s: starting I/O failed: %v", l.target.Name, err)
	l.parked = append(l.parked, t) // its capacity is that of tasks
}

// retry starts again what refused has parked.
func (l *lane) retry() {
	for n := len(l.parked); n > 0 && !l.draining; n-- {
		t := l.parked[0]
		l.parked = l.parked[:copy(l.parked, l.parked[1:])]
		l.send(t, ticks())
	}
}

func (l *lane) failedIO(t *task) {
	s := t.req.Status()
	op := "Write"
	if t.step.isRead() {
		op = "Read"
	}
	l.countError("%s: %s completed with error (sct=%d, sc=%d): %v", l.target.Name, op, s.SCT(), s.SC(), s)
	if !l.cfg.ContinueOnError {
		l.fail(fmt.Errorf("%s: %s of %d bytes at LBA %d ended with %v", l.target.Name, op, t.size, t.slot*uint64(l.slotBlocks), s))
	}
}

func (l *lane) countError(format string, args ...any) {
	if l.ioErrors++; l.cfg.ContinueOnError && (l.ioErrors-1)%l.cfg.QuietCount == 0 {
		l.cfg.Report(format, args...)
	}
}

// fail ends the run; the first error is the one that is reported.
func (l *lane) fail(err error) {
	if l.failure == nil {
		l.failure = err
	}
	l.draining = true
	l.run.stop.Store(true)
}

// poll processes what has completed and returns how much that was.
func (l *lane) poll() int {
	var sum int
	for _, q := range l.queues {
		if q.dead {
			continue
		}
		n, err := q.qp.ProcessCompletions(l.cfg.MaxCompletions)
		sum += n
		if err != nil {
			q.dead = true
			l.gone(err)
		}
	}
	if len(l.parked) > 0 {
		l.retry()
	}
	return sum
}

// gone reports a queue pair that has ended. What was outstanding on it has
// been completed with an error, which is less telling than this one.
func (l *lane) gone(err error) {
	l.failure = nil
	l.fail(fmt.Errorf("%s: the controller has gone after %d I/Os: %w", l.target.Name, l.completed, err))
}
