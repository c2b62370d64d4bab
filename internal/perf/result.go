// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"math"

	"github.com/gospdk/gospdk/nvme/host"
)

// Cutoffs are the shares of all I/Os whose latency is reported.
var Cutoffs = []float64{
	0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.98, 0.99,
	0.995, 0.999, 0.9999, 0.99999, 0.999999, 0.9999999,
}

// Result is what a run measured.
type Result struct {
	Lanes []LaneResult
	Total Figures
}

// LaneResult is the part of one core on one namespace.
type LaneResult struct {
	Name string
	Core int
	Figures
	Latencies *Histogram // in ticks; see Microseconds
	Queues    host.QueueStats
}

// Figures are rates a second and latencies in microseconds.
type Figures struct {
	IOs     uint64  `json:"ios"`
	Bytes   uint64  `json:"bytes"`
	Errors  uint64  `json:"errors"`
	Seconds float64 `json:"seconds"`
	IOPS    float64 `json:"iops"`
	MiBps   float64 `json:"mib_per_second"`
	Average float64 `json:"average_us"`
	Min     float64 `json:"min_us"`
	Max     float64 `json:"max_us"`
}

// Microseconds converts the values of a latency histogram.
func Microseconds(ticks uint64) float64 { return float64(ticks) * 1e6 / ticksPerSecond() }

func (r *run) result() *Result {
	res := &Result{}
	var ticks, least, most uint64 = 0, math.MaxUint64, 0
	for _, w := range r.workers {
		for _, l := range w.lanes {
			f := Figures{IOs: l.completed, Bytes: l.bytes, Errors: l.ioErrors, Seconds: float64(w.elapsed) / ticksPerSecond()}
			if f.IOs > 0 && f.Seconds > 0 {
				f.IOPS = float64(f.IOs) / f.Seconds
				f.MiBps = float64(f.Bytes) / f.Seconds / (1 << 20)
				f.Average = Microseconds(l.total) / float64(f.IOs)
				f.Min, f.Max = Microseconds(l.least), Microseconds(l.most)
				least, most = min(least, l.least), max(most, l.most)
			}
			ticks += l.total
			t := &res.Total
			t.IOs, t.Bytes, t.Errors = t.IOs+f.IOs, t.Bytes+f.Bytes, t.Errors+f.Errors
			t.IOPS, t.MiBps, t.Seconds = t.IOPS+f.IOPS, t.MiBps+f.MiBps, max(t.Seconds, f.Seconds)
			res.Lanes = append(res.Lanes, LaneResult{Name: l.target.Name, Core: l.core, Figures: f, Latencies: &l.latencies, Queues: l.queueStats()})
		}
	}
	if t := &res.Total; t.IOs > 0 {
		t.Average = Microseconds(ticks) / float64(t.IOs)
		t.Min, t.Max = Microseconds(least), Microseconds(most)
	}
	return res
}

// queueStats adds up what the lane's queue pairs counted.
func (l *lane) queueStats() (sum host.QueueStats) {
	for _, q := range l.queues {
		s := q.qp.Stats()
		sum.Polls += s.Polls
		sum.IdlePolls += s.IdlePolls
		sum.Completions += s.Completions
		sum.Submitted += s.Submitted
		sum.SQDoorbells += s.SQDoorbells
		sum.CQDoorbells += s.CQDoorbells
		sum.ShadowDoorbells += s.ShadowDoorbells
		sum.Bad += s.Bad
	}
	return sum
}
