// SPDX-License-Identifier: BSD-3-Clause

// Package reactor runs threads: one OS thread a CPU, pinned to it, that polls
// its threads in turn.
//
// A reactor whose threads have nothing to do spins for a short while, then
// asks every poller to arm itself and blocks. A message, a file descriptor
// given to thread.AddFD or the next timed poller wakes it.
package reactor

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("reactor")

// A reactor spins for this long without work before it tries to sleep. The
// time doubles when a sleep turned out to be shorter than the longest spin,
// since spinning would have answered sooner, and halves after a long one.
const (
	minSpin        = 20 * time.Microsecond
	defaultMaxSpin = 200 * time.Microsecond
	longSleep      = time.Millisecond
	// A sleep shorter than this costs more than spinning.
	minSleep = 10 * time.Microsecond
)

// reactor is one OS thread. It is the thread.Host of its threads.
type reactor struct {
	waiter
	cpu     int
	poll    bool
	maxSpin time.Duration
	clock   thread.Clock
	started time.Duration
	done    chan struct{} // closed when run has returned

	// The goroutine's own.
	threads []*thread.Thread
	spin    time.Duration
	// How long the last sleep was, the guess for the next.
	lastSleep time.Duration

	sleeps atomic.Uint64
	slept  atomic.Int64 // ns
	change atomic.Bool  // something below is new

	mu      sync.Mutex
	all     []resident    // threads and those not taken over yet
	moves   []*move       // threads that are to go to other reactors
	tid     int           // of the OS thread
	stop    bool          // end when no thread is left
	retired time.Duration // busy time of threads that have exited or left
}

// resident is a thread on a reactor.
type resident struct {
	t    *thread.Thread
	base time.Duration // busy time it came with
}

// add gives the reactor a thread.
func (r *reactor) add(t *thread.Thread) {
	r.mu.Lock()
	r.all = append(r.all, resident{t, t.Stats().Busy})
	r.mu.Unlock()
	r.changed()
}

// end makes the reactor return once its threads have exited.
func (r *reactor) end() {
	r.mu.Lock()
	r.stop = true
	r.mu.Unlock()
	r.changed()
}

func (r *reactor) changed() {
	r.change.Store(true)
	r.Wake()
}

// run is the reactor's goroutine. It ends with its OS thread, which is of no
// use to others once it is pinned.
func (r *reactor) run(ready chan<- error) {
	runtime.LockOSThread()
	defer close(r.done)
	err := pin(r.cpu)
	r.mu.Lock()
	r.tid = unix.Gettid()
	r.mu.Unlock()
	ready <- err
	if err != nil {
		return
	}
	// Memory shared with a peer may be truncated under us. The fault must
	// be a panic, which a thread recovers from, not the end of the process.
	debug.SetPanicOnFault(true)
	flag.Debugf("reactor on CPU %d started", r.cpu)
	r.loop()
	flag.Debugf("reactor on CPU %d stopped", r.cpu)
}

func (r *reactor) loop() {
	now := r.clock.Now()
	lastWork, retry := now, now
	for {
		work, exited := 0, false
		for _, t := range r.threads {
			var n int
			n, now = t.PollAt(now)
			work += n
			exited = exited || t.Exited()
		}
		if exited || r.change.Load() {
			if r.update() {
				return
			}
			continue
		}
		if work > 0 {
			lastWork = now
			continue
		}
		if len(r.threads) == 0 {
			now = r.clock.Now()
		}
		if r.poll || now-lastWork < r.spin || now < retry {
			continue
		}
		if !r.sleep(now) {
			retry = r.clock.Now() + r.spin
		}
		now = r.clock.Now()
	}
}

// update takes over new threads and lets exited ones go. It returns true when
// the reactor is to end.
func (r *reactor) update() bool {
	r.change.Store(false)
	r.sendAll()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = slices.DeleteFunc(r.all, func(m resident) bool {
		if m.t.Exited() {
			r.leave(m)
		}
		return m.t.Exited()
	})
	r.threads = make([]*thread.Thread, len(r.all))
	for i, m := range r.all {
		r.threads[i] = m.t
	}
	return r.stop && len(r.threads) == 0
}

// leave keeps the account of a thread that goes. r.mu is held.
func (r *reactor) leave(m resident) { r.retired += m.t.Stats().Busy - m.base }

// sleep blocks if every thread allows it, and returns whether it did.
func (r *reactor) sleep(now time.Duration) bool {
	timeout := thread.Forever
	for i, t := range r.threads {
		timeout = min(timeout, t.Arm())
		if timeout < minSleep {
			r.disarm(i + 1)
			return false
		}
	}
	r.sleeping.Store(1)
	if r.pending() {
		// A waker may have been quicker; its event then cuts the next
		// sleep short, which does no harm.
		r.sleeping.Store(0)
		r.disarm(len(r.threads))
		return false
	}
	r.wait(timeout, r.lastSleep < shortWait)
	r.disarm(len(r.threads))

	slept := r.clock.Now() - now
	r.lastSleep = slept
	r.sleeps.Add(1)
	r.slept.Add(int64(slept))
	r.spin = nextSpin(r.spin, r.maxSpin, slept)
	return true
}

// nextSpin learns from a sleep how long to spin before the next one.
func nextSpin(spin, longest, slept time.Duration) time.Duration {
	switch {
	case slept < longest:
		return min(2*spin, longest)
	case slept > longSleep:
		return min(max(spin/2, minSpin), longest)
	}
	return spin
}

// pending looks for what senders may have queued before they saw sleeping.
func (r *reactor) pending() bool {
	if r.change.Load() {
		return true
	}
	for _, t := range r.threads {
		if t.Pending() {
			return true
		}
	}
	return false
}

func (r *reactor) disarm(n int) {
	for _, t := range r.threads[:n] {
		t.Disarm()
	}
}

// stats may be called from any goroutine.
func (r *reactor) stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		CPU:    r.cpu,
		TID:    r.tid,
		Busy:   r.retired,
		Slept:  time.Duration(r.slept.Load()),
		Sleeps: r.sleeps.Load(),
	}
	for _, m := range r.all {
		s.Busy += m.t.Stats().Busy - m.base
		s.Threads = append(s.Threads, m.t.Name())
	}
	s.Idle = max(0, r.clock.Now()-r.started-s.Busy)
	return s
}
