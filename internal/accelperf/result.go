// SPDX-License-Identifier: BSD-3-Clause

package accelperf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// Figures are what was measured of one thread or of all. Latencies are from
// the submission of an operation to its completion, in microseconds.
type Figures struct {
	Seconds  float64 `json:"runtime_s"`
	Ops      uint64  `json:"ops"`
	Failed   uint64  `json:"failed"`
	Miscomp  uint64  `json:"miscompared"`
	OpsPS    float64 `json:"ops_per_s"`
	MiBps    float64 `json:"mibps"`
	Average  float64 `json:"avg_latency_us"`
	Min      float64 `json:"min_latency_us"`
	Max      float64 `json:"max_latency_us"`
	latTotal float64
}

// ThreadResult is the account of one thread.
type ThreadResult struct {
	Core   int `json:"core"`
	Thread int `json:"thread"`
	Figures
}

// Result is the account of a run.
type Result struct {
	Workload string         `json:"workload"`
	Module   string         `json:"module"`
	Size     int            `json:"transfer_size"`
	Pieces   int            `json:"vector_count"`
	Depth    int            `json:"queue_depth"`
	Verify   bool           `json:"verify"`
	Threads  []ThreadResult `json:"threads"`
	Total    Figures        `json:"total"`
}

func (r *run) result(ctx context.Context) (*Result, error) {
	c := r.cfg
	res := &Result{Workload: c.Workload, Module: ModuleOf(r.f, c.Workload), Size: c.Size, Pieces: c.Pieces, Depth: c.Depth, Verify: c.Verify}
	var errs []error
	for _, w := range r.workers {
		stats, err := thread.Call(ctx, w.t, func() (accel.OpStats, error) { return w.ch.Stats().Operations[c.op()], nil })
		if err != nil {
			return nil, err
		}
		f := w.figures(stats)
		res.Threads = append(res.Threads, ThreadResult{w.core, w.number, f})
		res.Total.add(&f)
		if w.firstFail != nil {
			errs = append(errs, fmt.Errorf("core %d, thread %d: %d operations failed; the first: %w", w.core, w.number, w.failed, w.firstFail))
		}
	}
	if n := res.Total.Ops; n > 0 {
		res.Total.Average = res.Total.latTotal / float64(n)
	}
	return res, errors.Join(errs...)
}

// ModuleOf returns the name of the module that has an operation, "" for none.
func ModuleOf(f *accel.Framework, op string) string {
	for _, a := range f.Assignments() {
		if a.Op.String() == op {
			return a.Module
		}
	}
	return ""
}

func microseconds(ticks uint64) float64 { return float64(tsc.Duration(ticks)) / 1e3 }

// figures makes them of the channel's accounts since the start, as SPDK does.
func (w *worker) figures(stats accel.OpStats) Figures {
	f := Figures{
		Seconds: tsc.Duration(w.end - w.begin).Seconds(),
		Ops:     stats.Executed - w.before.Executed, Failed: w.failed, Miscomp: w.miscmp,
	}
	if f.Ops == 0 || f.Seconds <= 0 {
		return f
	}
	f.OpsPS = float64(f.Ops) / f.Seconds
	f.MiBps = float64(stats.Bytes-w.before.Bytes) / f.Seconds / (1 << 20)
	f.latTotal = microseconds(w.total)
	f.Average = f.latTotal / float64(f.Ops)
	f.Min, f.Max = microseconds(w.least), microseconds(w.most)
	return f
}

func (f *Figures) add(o *Figures) {
	if f.Ops == 0 || o.Ops > 0 && o.Min < f.Min {
		f.Min = o.Min
	}
	f.Max = max(f.Max, o.Max)
	f.Seconds = max(f.Seconds, o.Seconds)
	f.Ops += o.Ops
	f.Failed += o.Failed
	f.Miscomp += o.Miscomp
	f.OpsPS += o.OpsPS
	f.MiBps += o.MiBps
	f.latTotal += o.latTotal
}

// WriteJSON writes the result as one JSON object.
func (r *Result) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Write writes the table that users of SPDK's accel_perf know. Its latencies
// are in milliseconds.
func (r *Result) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-12s %8s %14s %10s %10s %10s %7s %8s\n%s\n",
		"Core,Thread", "IOPS", "B/W,MiB/s", "Lat,ms", "MinLat", "MaxLat", "Failed", "Miscomp", strings.Repeat("-", 86))
	row := func(name string, f *Figures) {
		fmt.Fprintf(&b, "%-12s %8.0f %14.3f %10.3f %10.3f %10.3f %7d %8d\n",
			name, f.OpsPS, f.MiBps, f.Average/1e3, f.Min/1e3, f.Max/1e3, f.Failed, f.Miscomp)
	}
	for i := range r.Threads {
		t := &r.Threads[i]
		row(fmt.Sprintf("%d,%d", t.Core, t.Thread), &t.Figures)
	}
	fmt.Fprintln(&b, strings.Repeat("=", 86))
	row("Total", &r.Total)
	fmt.Fprintln(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteConfig writes what is going to be measured, as SPDK's program does.
func (c *Config) WriteConfig(w io.Writer, module string) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-15s "+format+"\n", append([]any{name}, args...)...)
	}
	fmt.Fprintf(&b, "\nSPDK Configuration:\nCore mask:      %s\n\nAccel Perf Configuration:\n", c.Mask)
	line("Workload Type:", "%s", c.Workload)
	switch c.op() {
	case accel.OpCRC32C, accel.OpCopyCRC32C, accel.OpCRC64:
		line("CRC seed:", "%d", c.Seed)
	case accel.OpFill:
		line("Fill pattern:", "%#x", c.Fill)
	case accel.OpCompare:
		line("Failure inject:", "%d percent", c.Miscompare)
	case accel.OpXOR:
		line("Source buffers:", "%d", c.Sources)
	case accel.OpEncrypt, accel.OpDecrypt:
		line("Cipher:", "%s, %d bits", c.Cipher, c.KeyBits)
	}
	if c.Pieces > 1 && !c.compresses() {
		line("Vector size:", "%d bytes", c.Size)
		line("Transfer size:", "%d bytes", c.Size*c.Pieces)
	} else {
		line("Transfer size:", "%d bytes", c.Size)
	}
	if c.protects() || c.encrypts() {
		line("Block size:", "%d bytes", c.BlockSize)
	}
	if c.protects() {
		line("Metadata size:", "%d bytes", mdSize)
	}
	line("Vector count", "%d", c.Pieces)
	line("Module:", "%s", module)
	if c.compresses() {
		line("File Name:", "%s", c.File)
	}
	verify := "No"
	if c.Verify {
		verify = "Yes"
	}
	line("Queue depth:", "%d", c.Depth)
	line("Allocate depth:", "%d", c.AllocDepth)
	line("# threads/core:", "%d", c.Threads)
	line("Run time:", "%v", c.Time)
	line("Verify:", "%s\n", verify)
	fmt.Fprintf(&b, "Running for %v...\n", c.Time)
	_, err := io.WriteString(w, b.String())
	return err
}
