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

// Run measures the named devices on reactors of its own. When ctx ends it
// stops early and returns what it has. A Result comes with an error if IO
// failed.
func Run(ctx context.Context, registry *bdev.Registry, names []string, cfg Config) (res *Result, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	set, err := reactor.Start(reactor.Config{Mask: cfg.Mask, Poll: !cfg.Block})
	if err != nil {
		return nil, err
	}
	// Stopping must not be cut short by what ends the measurement.
	defer func() { err = errors.Join(err, set.Stop(context.WithoutCancel(ctx))) }()
	return RunJobs(ctx, registry, set, cfg.Plan(names, set.Mask().CPUs()), cfg)
}

// RunJobs runs jobs on the reactors of set, on threads that are gone when it
// returns.
func RunJobs(ctx context.Context, registry *bdev.Registry, set *reactor.Set, jobs []Job, cfg Config) (res *Result, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(jobs) == 0 {
		return nil, errors.New("there is no block device to measure")
	}
	clean := context.WithoutCancel(ctx)
	r := &run{cfg: &cfg, registry: registry, set: set, threads: map[int]*thread.Thread{}}
	defer func() { err = errors.Join(err, r.close()) }()
	for i := range jobs {
		if err := r.add(clean, &jobs[i]); err != nil {
			return nil, err
		}
	}
	return r.measure(ctx, clean)
}

type run struct {
	cfg      *Config
	registry *bdev.Registry
	set      *reactor.Set
	threads  map[int]*thread.Thread // by CPU
	jobs     []*job
}

// close closes the jobs and ends the threads.
func (r *run) close() (err error) {
	for _, j := range r.jobs {
		err = errors.Join(err, j.close())
	}
	for _, t := range r.threads {
		t.Exit()
		<-t.Done()
	}
	return err
}

func (r *run) thread(ctx context.Context, cpu int) (*thread.Thread, error) {
	if t := r.threads[cpu]; t != nil {
		return t, nil
	}
	mask, err := reactor.MaskOf(cpu)
	if err != nil {
		return nil, err
	}
	t, err := r.set.NewThread(ctx, fmt.Sprintf("bdevperf_%d", cpu), mask)
	if err == nil {
		r.threads[cpu] = t
	}
	return t, err
}

// add opens a job.
func (r *run) add(ctx context.Context, spec *Job) error {
	if err := spec.check(); err != nil {
		return err
	}
	t, err := r.thread(ctx, spec.Core)
	if err != nil {
		return err
	}
	op, other, share := spec.ops()
	mode := bdev.Write
	if op == bdev.OpRead && other == bdev.OpRead {
		mode = bdev.Read
	}
	j := &job{Job: *spec, cfg: r.cfg, t: t, op: op, other: other, share: uint64(share) << 32 / 100,
		random: spec.randomized(), verify: spec.verifies(), done: make(chan struct{})}
	if j.lanes == 0 {
		j.lanes = 1
	}
	if j.desc, err = r.registry.Open(ctx, spec.Device, mode, nil); err != nil {
		return err
	}
	j.rng = r.cfg.Seed*0x9e3779b97f4a7c15 + uint64(len(r.jobs)) + 1
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
	return r.result(elapsed, ctx.Err() != nil)
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
			var ios, bytes uint64
			for _, j := range r.jobs {
				n, err := thread.Call(ctx, j.t, func() (uint64, error) { return j.ios, nil })
				if err != nil {
					return
				}
				ios += n
				bytes += n * uint64(j.Size)
			}
			r.cfg.Progress(time.Since(begin), ios, bytes)
		}
	}
}
