// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gospdk/gospdk/thread"
)

// ErrStopped is returned by a set that has been stopped.
var ErrStopped = errors.New("reactor: stopped")

// stuckGrace is how long Stop waits for threads that it has forced to exit:
// only a poller that never returns takes longer.
var stuckGrace = 2 * time.Second // a test has less patience

// Config describes a set of reactors.
type Config struct {
	// Mask names the CPUs, one reactor each. If it is empty, the first CPU
	// that the process may use is taken.
	Mask Mask
	// Poll keeps the reactors from ever blocking.
	Poll bool
	// MaxSpin bounds how long a reactor spins without work before it
	// sleeps; 0 means 200 µs.
	MaxSpin time.Duration
}

// Stats is the account of one reactor since its start.
type Stats struct {
	CPU     int
	TID     int           // of its OS thread
	Busy    time.Duration // in rounds of a thread that found work
	Idle    time.Duration // the rest, sleep included
	Slept   time.Duration // blocked
	Sleeps  uint64        // times it blocked
	Threads []string      // names, oldest first
}

// Set is the reactors of a program. Its methods may be called from any
// goroutine, but not on its threads, unless they say so.
type Set struct {
	mask     Mask
	reactors []*reactor

	mu       sync.Mutex
	threads  []placed // oldest first
	stopping bool     // Stop has been called

	moveMu  sync.Mutex // held during Move
	stopMu  sync.Mutex // held during Stop
	stopped bool       // nothing is left
	err     error      // what Stop returned
}

type placed struct {
	t     *thread.Thread
	r     *reactor
	mask  Mask // empty: any
	home  int  // CPU that it was first given
	since time.Duration
}

// Start starts a reactor on each CPU of the mask, and raises GOMAXPROCS to
// two more than there are reactors.
func Start(cfg Config) (*Set, error) {
	allowed, err := Allowed()
	if err != nil {
		return nil, err
	}
	if cfg.Mask.Empty() {
		if cfg.Mask, err = MaskOf(allowed.CPUs()[0]); err != nil {
			return nil, err
		}
	}
	if err := checkAllowed(cfg.Mask, allowed); err != nil {
		return nil, err
	}
	if cfg.MaxSpin <= 0 {
		cfg.MaxSpin = defaultMaxSpin
	}
	s := &Set{mask: cfg.Mask}
	for _, cpu := range cfg.Mask.CPUs() {
		if err := s.start(cpu, cfg); err != nil {
			return nil, errors.Join(err, s.Stop(context.Background()))
		}
	}
	return s, nil
}

func (s *Set) start(cpu int, cfg Config) error {
	r := &reactor{
		cpu: cpu, poll: cfg.Poll, maxSpin: cfg.MaxSpin, spin: min(minSpin, cfg.MaxSpin),
		clock: thread.SystemClock, started: thread.SystemClock.Now(), done: make(chan struct{}),
	}
	if err := r.open(); err != nil {
		return err
	}
	addReactors(1)
	ready := make(chan error, 1)
	go r.run(ready)
	if err := <-ready; err != nil {
		<-r.done
		r.close()
		addReactors(-1)
		return err
	}
	s.reactors = append(s.reactors, r)
	return nil
}

// Mask returns the CPUs that have a reactor.
func (s *Set) Mask() Mask { return s.mask }

// Reactors returns each reactor's account, in ascending order of CPUs. It may
// be called anywhere.
func (s *Set) Reactors() []Stats {
	all := make([]Stats, len(s.reactors))
	for i, r := range s.reactors {
		all[i] = r.stats()
	}
	return all
}

// Threads returns the threads that have not exited, oldest first. It may be
// called anywhere.
func (s *Set) Threads() []*thread.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	all := make([]*thread.Thread, len(s.threads))
	for i, p := range s.threads {
		all[i] = p.t
	}
	return all
}

// forget drops threads that have exited. s.mu is held.
func (s *Set) forget() {
	s.threads = slices.DeleteFunc(s.threads, func(p placed) bool { return p.t.Exited() })
}

// NewThread makes a thread and runs it on that CPU of the mask which has the
// fewest; an empty mask leaves the choice free. It returns when the thread
// runs. The thread lives until its Exit or Stop of the set.
func (s *Set) NewThread(ctx context.Context, name string, mask Mask, opts ...thread.Option) (*thread.Thread, error) {
	t, err := s.place(name, mask, opts)
	if err != nil {
		return nil, err
	}
	if err := thread.Do(ctx, t, func() error { return nil }); err != nil {
		t.ForceExit()
		return nil, fmt.Errorf("reactor: starting thread %s: %w", name, err)
	}
	return t, nil
}

func (s *Set) place(name string, mask Mask, opts []thread.Option) (*thread.Thread, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return nil, fmt.Errorf("reactor: starting thread %s: %w", name, ErrStopped)
	}
	s.forget()
	best := s.lightest(mask)
	if best == nil {
		return nil, fmt.Errorf("reactor: starting thread %s: its CPU mask %v has none of the reactors' CPUs %s", name, mask, s.mask.List())
	}
	t := thread.New(name, append(slices.Clip(opts), thread.WithHost(best))...)
	s.threads = append(s.threads, placed{t: t, r: best, mask: mask, home: best.cpu, since: best.clock.Now()})
	best.add(t)
	return t, nil
}

// Stop makes the threads exit, the youngest first, each as thread.Exit
// describes, then ends the reactors and restores GOMAXPROCS. If ctx ends
// before, the remaining threads are forced to exit and the error names them.
// A further call waits for the first and returns the same.
//
// Only if a poller or message does not return is anything left behind; the
// error names its thread, and Stop may be called again.
func (s *Set) Stop(ctx context.Context) error {
	for _, t := range s.Threads() {
		if t.IsCurrent() && !t.Exited() {
			return fmt.Errorf("reactor: Stop called on thread %s, which it would wait for", t.Name())
		}
	}
	s.mu.Lock()
	s.stopping = true
	threads := slices.Clone(s.threads)
	s.mu.Unlock()
	s.stopMu.Lock()
	defer s.stopMu.Unlock()
	if s.stopped {
		return s.err
	}
	if s.err = s.exitThreads(ctx, threads); errors.Is(s.err, errStuck) {
		return s.err
	}
	s.endReactors()
	s.stopped = true
	return s.err
}

var errStuck = errors.New("a poller or message does not return")

func (s *Set) exitThreads(ctx context.Context, threads []placed) error {
	var forced []string
	for _, p := range slices.Backward(threads) {
		p.t.Exit()
		select {
		case <-p.t.Done():
		case <-ctx.Done():
			forced = append(forced, p.t.Name())
			p.t.ForceExit()
			select {
			case <-p.t.Done():
			case <-time.After(stuckGrace):
				return fmt.Errorf("reactor: stopping: thread %s on CPU %d: %w", p.t.Name(), p.r.cpu, errStuck)
			}
		}
	}
	if forced != nil {
		return fmt.Errorf("reactor: stopping: threads forced to exit: %s: %w", strings.Join(forced, ", "), ctx.Err())
	}
	return nil
}

func (s *Set) endReactors() {
	for _, r := range s.reactors {
		r.end()
	}
	for _, r := range s.reactors {
		<-r.done
		r.close()
	}
	addReactors(-len(s.reactors))
}
