// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// Figures are what was measured of one job or of all. Latencies are in
// microseconds.
type Figures struct {
	Seconds  float64 `json:"runtime"`
	IOs      uint64  `json:"ios"`
	Failed   uint64  `json:"io_failed"`
	TimedOut uint64  `json:"io_timeout"`
	IOPS     float64 `json:"iops"`
	MiBps    float64 `json:"mibps"`
	FailedPS float64 `json:"failed_per_s"`
	LatePS   float64 `json:"timeout_per_s"`
	Average  float64 `json:"avg_latency_us"`
	Min      float64 `json:"min_latency_us"`
	Max      float64 `json:"max_latency_us"`
}

// JobResult is the account of one device on one core.
type JobResult struct {
	Name        string       `json:"job"`
	CoreMask    string       `json:"core_mask"`
	Core        int          `json:"core"`
	Workload    string       `json:"workload"`
	Percentage  *int         `json:"percentage,omitempty"` // of reads
	Status      string       `json:"status"`               // finished, failed or terminated
	VerifyRange *Range       `json:"verify_range,omitempty"`
	Depth       int          `json:"queue_depth"`
	Size        int          `json:"io_size"`
	Latencies   []Percentile `json:"percentiles,omitempty"`
	Figures

	histogram *perf.Histogram
}

// Range is what a verify works on, in IOs of its size.
type Range struct {
	Start  uint64 `json:"start"`
	Length uint64 `json:"length"`
}

// Percentile is the latency that so many percent of IOs did not exceed.
type Percentile struct {
	Percent float64 `json:"percent"`
	US      float64 `json:"us"`
}

// Result is the account of a run.
type Result struct {
	Jobs      []JobResult `json:"results"`
	CoreCount int         `json:"core_count"`
	Total     Figures     `json:"total"`
}

var cutoffs = []float64{50, 90, 99, 99.9, 99.99}

// result collects the jobs' accounts. The latencies are those of the block
// layer's statistics.
func (r *run) result(elapsed time.Duration, cut bool) (*Result, error) {
	res := &Result{}
	var errs []error
	var total time.Duration
	for _, j := range r.jobs {
		stats, err := thread.Call(context.Background(), j.t, func() (bdev.Stats, error) { return j.ch.Stats(), nil })
		if err != nil {
			return nil, err
		}
		f, sum := figures(stats, elapsed, j)
		total += sum
		out := j.describe(f, cut)
		if j.latencies != nil && j.ios > 0 {
			out.Latencies, out.histogram = percentiles(j.latencies), j.latencies
		}
		res.Jobs = append(res.Jobs, out)
		res.Total.add(f)
		if j.err != nil {
			errs = append(errs, fmt.Errorf("%s: %d I/Os failed; the first: %w", out.Name, j.failed, j.err))
		}
	}
	res.Total.Seconds, res.CoreCount = elapsed.Seconds(), len(r.threads)
	if n := res.Total.IOs; n > 0 {
		res.Total.Average = microseconds(total) / float64(n)
	}
	return res, errors.Join(errs...)
}

// describe says what the job was.
func (j *job) describe(f Figures, cut bool) JobResult {
	name := j.Name
	if name == "" {
		name = j.desc.Name()
	}
	out := JobResult{Name: name, CoreMask: fmt.Sprintf("0x%x", new(big.Int).Lsh(big.NewInt(1), uint(j.Core))), Core: j.Core,
		Workload: j.Workload, Status: "finished", Depth: j.Depth, Size: j.Size, Figures: f}
	switch {
	case j.err != nil && !j.cfg.ContinueOnError:
		out.Status = "failed"
	case cut:
		out.Status = "terminated"
	}
	if j.mixed() {
		out.Percentage = new(j.ReadShare)
	}
	if j.verify {
		out.VerifyRange = &Range{j.Offset, j.units}
	}
	return out
}

func microseconds(d time.Duration) float64 { return float64(d) / 1e3 }

func figures(stats bdev.Stats, elapsed time.Duration, j *job) (f Figures, sum time.Duration) {
	s := elapsed.Seconds()
	f = Figures{Seconds: s, Failed: j.failed, FailedPS: float64(j.failed) / s, TimedOut: j.late, LatePS: float64(j.late) / s}
	for _, op := range stats {
		if op.Ops == 0 {
			continue
		}
		if f.IOs == 0 || microseconds(op.Min) < f.Min {
			f.Min = microseconds(op.Min)
		}
		f.IOs += op.Ops
		f.Max = max(f.Max, microseconds(op.Max))
		sum += op.Latency
	}
	f.IOPS = float64(f.IOs) / s
	f.MiBps = f.IOPS * float64(j.Size) / (1 << 20)
	if f.IOs > 0 {
		f.Average = microseconds(sum) / float64(f.IOs)
	}
	return f, sum
}

func (f *Figures) add(o Figures) {
	if f.IOs == 0 || o.IOs > 0 && o.Min < f.Min {
		f.Min = o.Min
	}
	f.Max = max(f.Max, o.Max)
	f.IOs += o.IOs
	f.Failed += o.Failed
	f.IOPS += o.IOPS
	f.MiBps += o.MiBps
	f.FailedPS += o.FailedPS
	f.TimedOut += o.TimedOut
	f.LatePS += o.LatePS
}

func percentiles(h *perf.Histogram) []Percentile {
	var all []Percentile
	for _, c := range cutoffs {
		all = append(all, Percentile{c, microseconds(tsc.Duration(h.Percentile(c / 100)))})
	}
	return all
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Write writes the table that users of SPDK's bdevperf know.
func (r *Result) Write(w io.Writer) error {
	var b strings.Builder
	line := strings.Repeat("=", 117)
	fmt.Fprintf(&b, "%s\n%-24s: %10s %13s %11s %9s %8s %10s %10s %10s\n", line,
		"Device Information", "runtime(s)", "IOPS", "MiB/s", "Fail/s", "TO/s", "Average", "min", "max")
	row := func(name string, f *Figures) {
		fmt.Fprintf(&b, "%-24s: %10.2f %13.2f %11.2f %9.2f %8.2f %10.3f %10.3f %10.3f\n",
			name, f.Seconds, f.IOPS, f.MiBps, f.FailedPS, f.LatePS, f.Average, f.Min, f.Max)
	}
	for i := range r.Jobs {
		j := &r.Jobs[i]
		fmt.Fprintf(&b, "Job: %s (Core %d, workload: %s, depth: %d, IO size: %d)\n", j.Name, j.Core, j.Workload, j.Depth, j.Size)
		row(j.Name, &j.Figures)
		for _, p := range j.Latencies {
			fmt.Fprintf(&b, "%9.3f%% : %10.3f us\n", p.Percent, p.US)
		}
	}
	fmt.Fprintln(&b, line)
	row("Total", &r.Total)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteHistograms writes how many IOs took how long.
func (r *Result) WriteHistograms(w io.Writer) error {
	var b strings.Builder
	for i := range r.Jobs {
		j := &r.Jobs[i]
		if j.histogram == nil {
			continue
		}
		fmt.Fprintf(&b, "\nLatency histogram of %s:\n%22s  %10s\n", j.Name, "Range in us", "Cumulative")
		buckets, total := j.histogram.Buckets()
		for _, k := range buckets {
			fmt.Fprintf(&b, "%10.3f - %9.3f: %9.4f%%  (%9d)\n", microseconds(tsc.Duration(k.Start)), microseconds(tsc.Duration(k.End)),
				float64(k.SoFar)/float64(total)*100, k.Count)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
