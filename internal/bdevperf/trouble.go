// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"fmt"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// resetPeriod is the time between two resets of the workload reset.
const resetPeriod = time.Second

// resetter resets the device of a job now and then.
type resetter struct {
	io     bdev.IO
	job    *job
	poller *thread.Poller
}

// begin resets at once and then each period, until the job stops.
func (r *resetter) begin(j *job) {
	r.job = j
	r.poller = j.t.NewPoller(thread.PollerConfig{Name: "bdevperf_reset", Period: resetPeriod, Poll: r.poll})
	r.poll()
}

func (r *resetter) poll() int {
	j := r.job
	if j.stop || r.io.Submitted() {
		return 0
	}
	j.running++
	r.io = bdev.IO{Op: bdev.OpReset, Done: r}
	j.ch.Submit(&r.io)
	return 1
}

// Complete implements bdev.Completer.
func (r *resetter) Complete(io *bdev.IO) {
	j := r.job
	if io.Status != bdev.StatusSuccess {
		j.fail(fmt.Errorf("reset: %w", io.Status.Err()))
	}
	j.ended()
}

// aborter aborts one IO.
type aborter struct {
	io  bdev.IO
	job *job
}

// Complete implements bdev.Completer. Whether the other IO ended early is
// seen there.
func (a *aborter) Complete(*bdev.IO) { a.job.ended() }

// tookTooLong counts an IO that is overdue, and aborts it if that is wished.
// On the job's thread.
func (j *job) tookTooLong(io *bdev.IO) {
	j.late++
	if !j.cfg.Abort || j.stop {
		return
	}
	for _, a := range j.aborts {
		if a.io.Submitted() && a.io.Target == io {
			return
		}
	}
	a := &aborter{job: j}
	a.io = bdev.IO{Op: bdev.OpAbort, Target: io, Done: a}
	j.aborts = append(j.aborts, a)
	j.running++
	j.ch.Submit(&a.io)
}
