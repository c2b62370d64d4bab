// SPDX-License-Identifier: BSD-3-Clause

package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// DefaultPeriod is the time between two decisions unless one is set.
const DefaultPeriod = time.Second

// Runner lets a scheduler decide about the threads of a set every period. Its
// methods may be called from any goroutine but the threads'.
type Runner struct {
	set   *reactor.Set
	sysfs string

	mu       sync.Mutex
	sched    Scheduler
	governor *Governor
	period   time.Duration // 0: never
	main     int
	isolated reactor.Mask
	before   map[*thread.Thread]thread.Stats // accounts at the last decision
	last     time.Time
	timer    *time.Timer
	closed   bool
}

// NewRunner makes a runner with the static scheduler. main is the scheduling
// core.
func NewRunner(set *reactor.Set, main int) *Runner {
	return &Runner{set: set, sysfs: "/sys/devices/system/cpu", sched: Static{}, main: main}
}

// Options describe the runner's state.
type Options struct {
	Scheduler Scheduler
	Governor  *Governor // nil if there is none
	Period    time.Duration
	Main      int
	Isolated  reactor.Mask
}

// Options returns the runner's state.
func (r *Runner) Options() Options {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Options{r.sched, r.governor, r.period, r.main, r.isolated}
}

// Use changes the scheduler. A period of 0 leaves it as it is, or takes the
// default if none is set; the static scheduler needs none. If s cannot start,
// the former scheduler stays.
func (r *Runner) Use(s Scheduler, period time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return reactor.ErrStopped
	}
	_, toStatic := s.(Static)
	_, wasStatic := r.sched.(Static)
	governor := r.governor
	if !toStatic && governor == nil {
		g, err := OpenGovernor(r.sysfs, r.set.Mask())
		if err != nil {
			flag.Debugf("no governor: %v", err)
		} else {
			governor = g
		}
	}
	if err := s.Start(governor); err != nil {
		if governor != nil && governor != r.governor {
			err = errors.Join(err, governor.Close())
		}
		return fmt.Errorf("scheduler %s: %w (%w)", s.Name(), err, syscall.ENODEV)
	}
	r.sched, r.governor = s, governor
	if toStatic && r.governor != nil {
		if err := r.governor.Close(); err != nil {
			log.Warnf("restoring CPU frequencies: %v", err)
		}
		r.governor = nil
	}
	switch {
	case period > 0:
		r.period = period
	case toStatic:
		r.period = 0
	case r.period == 0:
		r.period = DefaultPeriod
	}
	if toStatic && !wasStatic {
		r.kick(time.Microsecond) // brings the threads home
	} else if !toStatic {
		r.kick(r.period)
	}
	return nil
}

// Home lets the static scheduler keep a thread on another CPU from now on.
func (r *Runner) Home(t *thread.Thread, cpu int) error {
	if err := r.set.SetHome(t, cpu); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, static := r.sched.(Static); static {
		r.kick(time.Microsecond)
	}
	return nil
}

// SetMain changes the scheduling core.
func (r *Runner) SetMain(cpu int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.set.Mask().Has(cpu) || r.isolated.Has(cpu) {
		return fmt.Errorf("scheduling core %d: it must be one of %s and not isolated", cpu, r.set.Mask().List())
	}
	r.main = cpu
	return nil
}

// Isolate names the cores whose threads stay, and that get no others.
func (r *Runner) Isolate(mask reactor.Mask) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if mask.And(r.set.Mask()) != mask {
		return fmt.Errorf("isolated core mask %v: all must be among the reactors' CPUs %s", mask, r.set.Mask().List())
	}
	r.isolated = mask
	return nil
}

// kick lets the scheduler decide after d. r.mu is held.
func (r *Runner) kick(d time.Duration) {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.before, r.last = nil, time.Time{}
	r.observe()
	r.timer = time.AfterFunc(d, r.balance)
}

// observe notes the accounts that the next decision is counted from. r.mu is
// held.
func (r *Runner) observe() {
	r.last = time.Now()
	r.before = map[*thread.Thread]thread.Stats{}
	for _, p := range r.set.Placements() {
		r.before[p.Thread] = p.Thread.Stats()
	}
}

// balance lets the scheduler decide and carries the decision out.
func (r *Runner) balance() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	cores, from := r.look()
	again := r.sched.Balance(cores, r.main)
	for _, c := range cores {
		for _, t := range c.Threads {
			r.apply(t, from[t.Thread])
		}
	}
	r.observe()
	if again && r.period > 0 {
		r.timer = time.AfterFunc(r.period, r.balance)
	}
}

// moveTime bounds one move; a thread that does not finish its round for so
// long is left alone.
const moveTime = time.Second

func (r *Runner) apply(t *Thread, from int) {
	if t.CPU == from {
		return
	}
	if r.isolated.Has(t.CPU) || r.isolated.Has(from) {
		log.Errorf("thread %s stays on CPU %d: no thread moves from or to an isolated core", t.Thread.Name(), from)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), moveTime)
	defer cancel()
	flag.Debugf("thread %s moves from CPU %d to %d", t.Thread.Name(), from, t.CPU)
	if err := r.set.Move(ctx, t.Thread, t.CPU); err != nil && !errors.Is(err, thread.ErrExited) && !errors.Is(err, reactor.ErrStopped) {
		log.Warnf("%v", err)
	}
}

// look describes the cores and what was done on them since observe. A thread
// that sleeps is idle. r.mu is held.
func (r *Runner) look() (cores []*Core, from map[*thread.Thread]int) {
	elapsed := max(time.Since(r.last), time.Nanosecond)
	byCPU := map[int]*Core{}
	for _, cpu := range r.set.Mask().CPUs() {
		c := &Core{CPU: cpu, Isolated: r.isolated.Has(cpu)}
		cores = append(cores, c)
		byCPU[cpu] = c
	}
	from = map[*thread.Thread]int{}
	for _, p := range r.set.Placements() {
		busy := p.Thread.Stats().Busy - r.before[p.Thread].Busy
		busy = min(max(0, busy), elapsed)
		c := byCPU[p.CPU]
		c.Busy += busy
		c.Threads = append(c.Threads, &Thread{
			Thread: p.Thread, CPU: p.CPU, Home: p.Home, Mask: p.Mask, Busy: busy, Idle: elapsed - busy,
		})
		from[p.Thread] = p.CPU
	}
	for _, c := range cores {
		c.Idle = max(0, elapsed-c.Busy)
	}
	return cores, from
}

// Close stops deciding and restores the frequencies.
func (r *Runner) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.governor == nil {
		return nil
	}
	g := r.governor
	r.governor = nil
	return g.Close()
}
