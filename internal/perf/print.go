// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Print writes the table that ends a run, as users of spdk_nvme_perf know it.
// From latency level 1 on it lists percentiles, from 2 on the histograms.
func (r *Result) Print(w io.Writer, latency int) error {
	p := &printer{w: w}
	r.table(p)
	if r.Total.IOs > 0 {
		if latency >= 1 {
			r.percentiles(p)
		}
		if latency >= 2 {
			r.histograms(p)
		}
	}
	return p.err
}

// PrintQueues writes what the queue pairs counted.
func (r *Result) PrintQueues(w io.Writer) error {
	p := &printer{w: w}
	for i := range r.Lanes {
		l := &r.Lanes[i]
		p.printf("\n====================\nlcore %d, ns %s statistics:\nPCIE transport:\n", l.Core, l.Name)
		for _, c := range []struct {
			name  string
			value uint64
		}{
			{"polls:", l.Queues.Polls}, {"idle_polls:", l.Queues.IdlePolls}, {"completions:", l.Queues.Completions},
			{"cq_mmio_doorbell_updates:", l.Queues.CQDoorbells}, {"sq_mmio_doorbell_updates:", l.Queues.SQDoorbells},
			{"shadow_doorbell_updates:", l.Queues.ShadowDoorbells}, {"submitted_requests:", l.Queues.Submitted},
			{"bad_completions:", l.Queues.Bad},
		} {
			p.printf("\t%-26s %d\n", c.name, c.value)
		}
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

var doubleLine = strings.Repeat("=", 56)

func (r *Result) table(p *printer) {
	width := 0
	for i := range r.Lanes {
		width = max(width, len(r.Lanes[i].Name))
	}
	row := func(name string, f *Figures) {
		p.printf("%-*s: %10.2f %10.2f %10.2f %10.2f %10.2f\n", width+13, name, f.IOPS, f.MiBps, f.Average, f.Min, f.Max)
	}
	p.printf("%s\n%*s\n", doubleLine, width+60, "Latency(us)")
	p.printf("%-*s: %10s %10s %10s %10s %10s\n", width+13, "Device Information", "IOPS", "MiB/s", "Average", "min", "max")
	for i := range r.Lanes {
		if l := &r.Lanes[i]; l.IOs > 0 {
			row(fmt.Sprintf("%-*s from core %2d", width, l.Name, l.Core), &l.Figures)
		}
	}
	if r.Total.IOs > 0 {
		p.printf("%s\n", doubleLine)
		row("Total", &r.Total)
		p.printf("\n")
	}
}

func (r *Result) percentiles(p *printer) {
	for i := range r.Lanes {
		l := &r.Lanes[i]
		p.printf("Summary latency data for %-43s from core %d:\n%s\n", l.Name, l.Core, strings.Repeat("=", 81))
		buckets, total := l.Latencies.Buckets()
		next := 0
		for _, b := range buckets {
			for next < len(Cutoffs) && float64(b.SoFar)/float64(total) >= Cutoffs[next] {
				p.printf("%9.5f%% : %9.3fus\n", Cutoffs[next]*100, Microseconds(b.End))
				next++
			}
		}
		p.printf("\n")
	}
}

func (r *Result) histograms(p *printer) {
	for i := range r.Lanes {
		l := &r.Lanes[i]
		p.printf("Latency histogram for %-43s from core %d:\n%s\n", l.Name, l.Core, strings.Repeat("=", 78))
		p.printf("       Range in us     Cumulative    IO count\n")
		buckets, total := l.Latencies.Buckets()
		for _, b := range buckets {
			p.printf("%9.3f - %9.3f: %9.4f%%  (%9d)\n", Microseconds(b.Start), Microseconds(b.End),
				float64(b.SoFar)*100/float64(total), b.Count)
		}
		p.printf("\n")
	}
}

type laneJSON struct {
	Name string `json:"name"`
	Core int    `json:"core"`
	Figures
	Percentiles []percentileJSON `json:"percentiles"`
	Histogram   []bucketJSON     `json:"histogram,omitempty"`
}

type percentileJSON struct {
	Percent float64 `json:"percent"`
	US      float64 `json:"us"`
}

type bucketJSON struct {
	Start float64 `json:"start_us"`
	End   float64 `json:"end_us"`
	Count uint64  `json:"count"`
}

// PrintJSON writes the result as one JSON object; the histograms are in it
// from latency level 2 on.
func (r *Result) PrintJSON(w io.Writer, latency int) error {
	out := struct {
		Lanes []laneJSON `json:"lanes"`
		Total Figures    `json:"total"`
	}{Lanes: []laneJSON{}, Total: r.Total}
	for i := range r.Lanes {
		l := &r.Lanes[i]
		j := laneJSON{Name: l.Name, Core: l.Core, Figures: l.Figures, Percentiles: []percentileJSON{}}
		if l.IOs > 0 {
			for _, c := range Cutoffs {
				j.Percentiles = append(j.Percentiles, percentileJSON{c * 100, Microseconds(l.Latencies.Percentile(c))})
			}
		}
		if buckets, _ := l.Latencies.Buckets(); latency >= 2 {
			for _, b := range buckets {
				j.Histogram = append(j.Histogram, bucketJSON{Microseconds(b.Start), Microseconds(b.End), b.Count})
			}
		}
		out.Lanes = append(out.Lanes, j)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
