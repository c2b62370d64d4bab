// SPDX-License-Identifier: BSD-3-Clause

package bdevperf

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/perf"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// Run measures the named devices. When ctx ends it stops early and returns
// what it has. A Result comes with an error if IO failed.
func Run(ctx context.Context, registry *bdev.Registry, names []string, cfg Config) (res *Result, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there is no block device to measure")
	}
	set, err := reactor.Start(reactor.Config{Mask: cfg.Mask, Poll: !cfg.Block})
	if err != nil {
		return nil, err
	}
	// Stopping must not be cut short by what ends the measurement.
	clean := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, set.Stop(clean)) }()
	r := &run{cfg: &cfg, registry: registry, set: set}
	defer func() {
		for _, j := range r.jobs {
			err = errors.Join(err, j.close())
		}
	}()
	if err := r.prepare(clean, names); err != nil {
		return nil, err
	}
	return r.measure(ctx, clean)
}

type run struct {
	cfg      *Config
	registry *bdev.Registry
	set      *reactor.Set
	jobs     []*job
}

// prepare makes the jobs: a device on one core, or on all.
func (r *run) prepare(ctx context.Context, names []string) error {
	cores := r.set.Mask().CPUs()
	threads := make([]*thread.Thread, len(cores))
	for i, core := range cores {
		mask, err := reactor.MaskOf(core)
		if err != nil {
			return err
		}
		if threads[i], err = r.set.NewThread(ctx, fmt.Sprintf("bdevperf_%d", core), mask); err != nil {
			return err
		}
	}
	for i, name := range names {
		first, lanes := i%len(cores), 1
		if r.cfg.EveryCore {
			first, lanes = 0, len(cores)
		}
		for lane := range lanes {
			k := first + lane
			j := &job{cfg: r.cfg, core: cores[k], t: threads[k], lane: uint64(lane), lanes: uint64(lanes)}
			if err := r.add(ctx, name, j); err != nil {
				return err
			}
		}
	}
	return nil
}

// add completes a job and opens it.
func (r *run) add(ctx context.Context, name string, j *job) error {
	op, other, share := r.cfg.ops()
	mode := bdev.Write
	if op == bdev.OpRead && other == bdev.OpRead {
		mode = bdev.Read
	}
	desc, err := r.registry.Open(ctx, name, mode, nil)
	if err != nil {
		return err
	}
	j.desc, j.op, j.other, j.share = desc, op, other, uint64(share)<<32/100
	j.random, j.verify = r.cfg.random(), r.cfg.Workload == "verify"
	j.rng = r.cfg.Seed*0x9e3779b97f4a7c15 + uint64(len(r.jobs)) + 1
	j.done = make(chan struct{})
	if r.cfg.Latencies {
		j.latencies = new(perf.Histogram)
	}
	r.jobs = append(r.jobs, j)
	return j.open(ctx)
}

// measure runs the jobs until the time is over or all have failed.
func (r *run) measure(ctx, clean context.Context) (*Result, error) {
	begin := time.Now()
	for _, j := range r.jobs {
		if err := thread.Do(clean, j.t, func() error { j.start(); return nil }); err != nil {
			return nil, err
		}
	}
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		for _, j := range r.jobs {
			<-j.done
		}
	}()
	r.wait(ctx, failed, begin)
	for _, j := range r.jobs {
		if err := thread.Do(clean, j.t, func() error { j.stop = true; return nil }); err != nil {
			return nil, err
		}
	}
	elapsed := time.Since(begin)
	<-failed // each IO that was outstanding ends
	return r.result(elapsed)
}

// wait reports progress until it is time to stop.
func (r *run) wait(ctx context.Context, failed <-chan struct{}, begin time.Time) {
	over := time.NewTimer(r.cfg.Time)
	defer over.Stop()
	var tick <-chan time.Time
	if r.cfg.Progress != nil {
		ticker := time.NewTicker(max(r.cfg.Interval, 10*time.Millisecond))
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-failed:
			return
		case <-over.C:
			return
		case <-tick:
			var ios uint64
			for _, j := range r.jobs {
				n, err := thread.Call(ctx, j.t, func() (uint64, error) { return j.ios, nil })
				if err != nil {
					return
				}
				ios += n
			}
			r.cfg.Progress(time.Since(begin), ios, ios*uint64(r.cfg.Size))
		}
	}
}
