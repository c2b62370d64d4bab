// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// drainTime is how long commands may take to end after the run.
	drainTime = 30 * time.Second
	// checkRounds is how many rounds pass between looks at the clock, and
	// publishRounds between updates of what the progress line shows, which
	// are locked instructions.
	checkRounds   = 16
	publishRounds = 1024
	// yieldRounds is how many polls without a completion pass before the
	// processor is offered to others, which may be who has to answer.
	yieldRounds = 4096
)

// worker runs the lanes of one core on an OS thread of its own.
type worker struct {
	cfg   *Config
	run   *run
	core  int
	lanes []*lane
	sleep sleeper // only with interrupts

	idle    int // polls in a row without a completion
	elapsed uint64
	polls   uint64
	busy    uint64

	// Published now and then for the progress line.
	seenPolls atomic.Uint64
	seenBusy  atomic.Uint64
	warming   atomic.Bool
}

// work is the whole life of the worker; the lanes are ready. ready is called
// with whether the thread sits on its core, and returns whether all do.
func (w *worker) work(ready func(bool) bool) (err error) {
	runtime.LockOSThread() // never unlocked: the thread ends with its affinity
	debug.SetPanicOnFault(true)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("perf: core %d: %v\n%s", w.core, r, debug.Stack())
			w.run.stop.Store(true)
		}
	}()
	if err := pin(w.core); !ready(err == nil) {
		return err
	}
	if err := w.sleep.watch(w); err != nil {
		return err
	}
	start := ticks()
	for _, l := range w.lanes {
		for _, t := range l.tasks {
			l.begin(t, ticks())
		}
	}
	if w.cfg.WarmUp > 0 {
		w.warming.Store(true)
		w.loop(start + toTicks(w.cfg.WarmUp))
		start = ticks()
		for _, l := range w.lanes {
			l.reset()
		}
		w.warming.Store(false)
	}
	w.loop(start + toTicks(w.cfg.Time))
	w.elapsed = ticks() - start
	return w.finish()
}

func pin(core int) error {
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("perf: core %d of the core mask: %w; choose one that this process may use (-c)", core, err)
	}
	return nil
}

// loop polls until the time has come (never without a limit), everything was
// done, or the run was stopped.
func (w *worker) loop(deadline uint64) {
	for round := 0; !w.run.stop.Load(); round++ {
		draining := true
		busy := w.busy
		for _, l := range w.lanes {
			w.poll(l)
			draining = draining && l.draining
		}
		if draining {
			return
		}
		slept := w.sleep.on && w.busy == busy && w.sleep.wait()
		if slept || round%publishRounds == 0 {
			w.publish()
		}
		if (slept || round%checkRounds == 0) && w.cfg.Time > 0 && ticks() >= deadline {
			return
		}
	}
}

func (w *worker) publish() {
	w.seenPolls.Store(w.polls)
	w.seenBusy.Store(w.busy)
	for _, l := range w.lanes {
		l.seenIOs.Store(l.completed)
		l.seenBytes.Store(l.bytes)
	}
}

func (w *worker) poll(l *lane) {
	w.polls++
	if l.poll() > 0 {
		w.busy++
		w.idle = 0
		return
	}
	if w.idle++; w.idle > yieldRounds && !w.sleep.on {
		runtime.Gosched()
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// finish waits for what is in flight, and in verify mode reads everything
// once more.
func (w *worker) finish() error {
	for _, l := range w.lanes {
		l.draining = true
	}
	errs := []error{w.drain()}
	for _, l := range w.lanes {
		if l.verify == nil || l.failure != nil || errs[0] != nil {
			continue
		}
		l.verify.sweeping = true
		for _, t := range l.tasks {
			l.verify.sweep(t)
		}
		errs = append(errs, w.drain())
	}
	for _, l := range w.lanes {
		errs = append(errs, l.failure)
	}
	return errors.Join(errs...)
}

func (w *worker) drain() error {
	quiet := ticks()
	for {
		var left int
		for _, l := range w.lanes {
			if l.inFlight == 0 {
				continue
			}
			before := l.inFlight
			if w.poll(l); l.inFlight != before {
				quiet = ticks()
			}
			left += l.inFlight
		}
		if left == 0 {
			return nil
		}
		if ticks()-quiet > toTicks(drainTime) {
			return fmt.Errorf("perf: core %d: %d I/Os have had no answer for %v; is the target alive?", w.core, left, drainTime)
		}
	}
}
