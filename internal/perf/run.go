// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/nvme/host"
)

// run is what the workers share.
type run struct {
	cfg     *Config
	stop    atomic.Bool // ends the run early
	workers []*worker
	unused  []*host.QPair
}

// Run does what cfg says on the targets and blocks until it is done or ctx
// ends, which ends the run early and is no error. There is a result whenever
// workers ran, also beside an error. The targets' controllers stay the
// caller's; Run polls their admin queues meanwhile.
func Run(ctx context.Context, cfg Config, targets []*Target) (res *Result, err error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		return nil, errors.New("perf: there is no namespace to work on")
	}
	r := &run{cfg: &cfg}
	defer func() { err = errors.Join(err, r.free()) }()
	if err := r.associate(targets); err != nil {
		return nil, err
	}
	if err := r.allocUnused(targets); err != nil {
		return nil, err
	}
	before := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(before + len(r.workers))
	defer runtime.GOMAXPROCS(before)

	background, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var adminErr error
	wg.Go(func() { adminErr = r.pollAdmin(background, targets) })
	wg.Go(func() { r.report(background) })
	stop := context.AfterFunc(ctx, func() { r.stop.Store(true) })
	err = r.work()
	stop()
	cancel()
	wg.Wait()
	if err == nil {
		err = adminErr // no I/O was in flight to tell
	}
	return r.result(), err
}

// associate gives each worker its namespaces the way spdk_nvme_perf does.
func (r *run) associate(targets []*Target) error {
	for _, core := range r.cfg.Cores {
		r.workers = append(r.workers, &worker{cfg: r.cfg, run: r, core: core})
	}
	pairs := map[*Target][]*worker{}
	if r.cfg.EveryCore {
		for _, t := range targets {
			pairs[t] = r.workers
		}
	} else {
		for i := range max(len(targets), len(r.workers)) {
			t := targets[i%len(targets)]
			pairs[t] = append(pairs[t], r.workers[i%len(r.workers)])
		}
	}
	for _, t := range targets {
		for i, w := range pairs[t] {
			if err := r.addLane(w, t, uint64(i), uint64(len(pairs[t]))); err != nil {
				return err
			}
		}
	}
	return nil
}

// addLane makes the share'th of shares lanes of t. In verify mode each has a
// part of the namespace to itself, else all of it.
func (r *run) addLane(w *worker, t *Target, share, shares uint64) error {
	cfg := r.cfg
	lay, err := t.layout(cfg)
	if err != nil {
		return err
	}
	l := &lane{layout: lay, cfg: cfg, run: r, target: t, core: w.core, random: xorshift(rand.Uint64() | 1)}
	w.lanes = append(w.lanes, l)
	l.reset()
	tasks := uint64(cfg.Depth)
	if cfg.Verify {
		all := l.slots
		l.first = all * share / shares
		l.slots = min(all*(share+1)/shares-l.first, maxVerifySlots)
		if l.slots == 0 {
			return fmt.Errorf("%s: verify mode gives each core a part of its own, and %d I/Os are too few for %d cores", t.Name, all, shares)
		}
		if l.slots < tasks {
			cfg.Report("%s: verify mode keeps one I/O in flight on each place, and core %d has %d of them; the depth is reduced to that", t.Name, w.core, l.slots)
			tasks = l.slots
		}
		l.verify = newVerifier(l, rand.Uint32())
	}
	l.limit = cfg.NumIOs
	if cfg.NumIOsPct > 0 {
		l.limit = max(l.slots*cfg.NumIOsPct/100, 1)
	}
	if cfg.Zipf > 0 {
		if l.zipf, err = newZipf(l.slots, cfg.Zipf); err != nil {
			return err
		}
	}
	return l.alloc(int(tasks))
}

// alloc makes the queue pairs and the tasks.
func (l *lane) alloc(tasks int) error {
	for range l.cfg.QPairs {
		qp, err := l.target.Ctrlr.AllocIOQPair(host.QPairOptions{Size: l.cfg.QueueSize, DelayCmdSubmit: true})
		if err != nil {
			return fmt.Errorf("%s: allocating an I/O queue pair: %w", l.target.Name, err)
		}
		l.queues = append(l.queues, &queue{qp: qp})
	}
	for i := range tasks {
		t, err := newTask(l, l.queues[i%len(l.queues)], i)
		if err != nil {
			return fmt.Errorf("%s: allocating buffer %d of %d, %d bytes each: %w; choose a smaller -q or -o",
				l.target.Name, i+1, tasks, l.cfg.maxSize(), err)
		}
		l.tasks = append(l.tasks, t)
	}
	l.parked = make([]*task, 0, tasks)
	return nil
}

func (r *run) allocUnused(targets []*Target) error {
	var seen []*host.Controller
	for _, t := range targets {
		if slices.Contains(seen, t.Ctrlr) {
			continue
		}
		seen = append(seen, t.Ctrlr)
		for range r.cfg.UnusedQPairs {
			qp, err := t.Ctrlr.AllocIOQPair(host.QPairOptions{})
			if err != nil {
				return fmt.Errorf("%s: allocating an unused I/O queue pair: %w", t.Name, err)
			}
			r.unused = append(r.unused, qp)
		}
	}
	return nil
}

// work runs the workers, which start together, and waits for all.
func (r *run) work() error {
	var (
		wg, barrier sync.WaitGroup
		errs        = make([]error, len(r.workers))
		ready       atomic.Int32
		broken      atomic.Bool
	)
	barrier.Add(len(r.workers))
	for i, w := range r.workers {
		wg.Go(func() {
			errs[i] = w.work(func(ok bool) bool {
				if !ok {
					broken.Store(true)
				}
				if ready.Add(1) == int32(len(r.workers)) && !broken.Load() {
					r.cfg.Started()
				}
				barrier.Done()
				barrier.Wait()
				return !broken.Load()
			})
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// pollAdmin keeps the controllers alive until ctx ends. It ends the run when
// one fails.
func (r *run) pollAdmin(ctx context.Context, targets []*Target) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, t := range targets {
			if _, err := t.Ctrlr.ProcessAdminCompletions(); err != nil {
				r.stop.Store(true)
				return fmt.Errorf("%s: the controller has gone: %w", t.Name, err)
			}
		}
	}
}

// report calls Progress each second.
func (r *run) report(ctx context.Context) {
	if r.cfg.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var last totals
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := r.totals()
		p := Progress{WarmUp: r.workers[0].warming.Load()}
		if now.ios >= last.ios { // else the warm-up has just ended
			p.IOPS = float64(now.ios - last.ios)
			p.MiBps = float64(now.bytes-last.bytes) / (1 << 20)
		}
		if polls := now.polls - last.polls; polls > 0 {
			p.Busy = float64(now.busy-last.busy) / float64(polls)
		}
		last = now
		r.cfg.Progress(p)
	}
}

type totals struct{ ios, bytes, polls, busy uint64 }

func (r *run) totals() (t totals) {
	for _, w := range r.workers {
		t.polls += w.seenPolls.Load()
		t.busy += w.seenBusy.Load()
		for _, l := range w.lanes {
			t.ios += l.seenIOs.Load()
			t.bytes += l.seenBytes.Load()
		}
	}
	return t
}

// free gives everything back. Queue pairs go first: nothing writes to the
// buffers any more when they are gone.
func (r *run) free() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var errs []error
	note := func(qp *host.QPair) {
		if err := qp.Free(ctx); err != nil && !errors.Is(err, host.ErrRemoved) && !errors.Is(err, host.ErrFailed) {
			errs = append(errs, err)
		}
	}
	for _, qp := range r.unused {
		note(qp)
	}
	for _, w := range r.workers {
		for _, l := range w.lanes {
			for _, q := range l.queues {
				note(q.qp)
			}
			for _, t := range l.tasks {
				t.free()
			}
		}
	}
	return errors.Join(errs...)
}
