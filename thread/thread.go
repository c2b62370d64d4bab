// SPDX-License-Identifier: BSD-3-Clause

// Package thread is the unit of execution of everything that does I/O: a
// passive object with a message queue and pollers. It runs only while
// somebody calls [Thread.Poll]: a reactor in a program, a test by hand.
//
// State that I/O touches belongs to one thread and needs no lock; others
// reach it with a message. The data path sends [Msg], which allocates
// nothing, the control plane uses [Call] and [Do], which wait for the result.
//
// Unless a method says otherwise it may be called only on the thread: from a
// message, from a poller, or by the goroutine that polls the thread.
package thread

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/internal/gid"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/trace"
)

var flag = log.Flag("thread")

// Forever as an answer of PollerConfig.Arm says that something will wake the
// thread when there is work.
const Forever time.Duration = 1<<63 - 1

// msgBatch bounds the messages run in one round, so that threads that send
// each other messages without end still poll.
const msgBatch = 256

// Host runs a thread. Its methods may be called from any goroutine.
type Host interface {
	// Wake makes the host poll the thread soon if it sleeps. It is called
	// after each message and must be cheap when the host is awake.
	Wake()
	// AddFD makes the host poll the thread whenever fd is readable.
	AddFD(fd int) error
	// RemoveFD ends what AddFD began.
	RemoveFD(fd int)
}

// Option is an option of [New].
type Option func(*Thread)

// WithClock gives the thread another clock than the machine's.
func WithClock(c Clock) Option { return func(t *Thread) { t.clock = c } }

// WithHost names who runs the thread; without one, AddFD does nothing.
func WithHost(h Host) Option { return func(t *Thread) { t.host.Store(&h) } }

// WithExitTimeout sets how long an exiting thread waits for its pollers and
// channels to be released before it releases them itself. The default is
// DefaultExitTimeout.
func WithExitTimeout(d time.Duration) Option {
	return func(t *Thread) { t.exitTimeout = d }
}

// Thread is a queue of messages, a set of pollers and the channels they use.
type Thread struct {
	name  string
	id    uint64
	clock Clock
	ends  roundClock           // when rounds end
	host  atomic.Pointer[Host] // nil without a host

	queue msgQueue

	// busy pollers in the order of their making; a stopped or paused one
	// stays until the end of the round.
	busy     []*Poller
	timed    pollerHeap
	pollers  map[*Poller]struct{} // all that are not stopped
	spinners int                  // running busy pollers without Arm
	armed    bool                 // some poller has been armed
	dirty    bool                 // busy holds pollers that do not belong
	current  *Poller              // whose function runs now
	inMsg    bool                 // a message's function runs now

	lastPoller uint64 // id of the youngest poller

	channels map[any]*channel
	ring     *trace.Ring // nil until something is recorded
	fds      []int

	state        atomic.Int32
	exitTimeout  time.Duration
	exitDeadline time.Duration
	exitBegun    bool
	exitMsg      Msg
	force        atomic.Bool
	done         chan struct{}

	busyNS atomic.Int64
	idleNS atomic.Int64
	runner atomic.Uintptr // gid.ID of the goroutine that polls
}

var lastID atomic.Uint64

// New makes a thread. Nothing happens on it until somebody polls it.
func New(name string, opts ...Option) *Thread {
	t := &Thread{
		name:        name,
		id:          lastID.Add(1),
		clock:       SystemClock,
		pollers:     map[*Poller]struct{}{},
		channels:    map[any]*channel{},
		exitTimeout: DefaultExitTimeout,
		done:        make(chan struct{}),
	}
	t.queue.init()
	for _, o := range opts {
		o(t)
	}
	t.ends = newRoundClock(t.clock)
	return t
}

// Name returns the name given to New. Any goroutine may ask.
func (t *Thread) Name() string { return t.name }

// ID returns a number that no other thread of the process has had, from 1.
// Any goroutine may ask.
func (t *Thread) ID() uint64 { return t.id }

// Clock returns the thread's clock. Any goroutine may ask.
func (t *Thread) Clock() Clock { return t.clock }

// IsCurrent tells whether the caller is on the thread: whether its goroutine
// is the one that polls it. Any goroutine may ask; it takes about 2 ns.
func (t *Thread) IsCurrent() bool {
	return gid.ID(t.runner.Load()) == gid.Current()
}

// Stats says what a thread has spent its rounds on. A round is busy when a
// message ran or a poller reported work.
type Stats struct {
	Busy, Idle time.Duration
}

// Stats returns the thread's accounts since it was made. Any goroutine may
// ask.
func (t *Thread) Stats() Stats {
	return Stats{
		Busy: time.Duration(t.busyNS.Load()),
		Idle: time.Duration(t.idleNS.Load()),
	}
}

// Poll runs one round: queued messages, then busy pollers, then the timed
// pollers that are due. It returns how much work was done, 0 for none. The
// goroutine that polls is the thread; only one may at a time.
//
// A panic of a message or poller ends the round, is logged with its stack and
// goes no further. The poller is stopped; the message is gone.
func (t *Thread) Poll() int {
	n, _ := t.PollAt(t.clock.Now())
	return n
}

// PollAt is Poll for a host that has read the thread's clock already. It
// returns the time at the end of the round, which is the start of the next.
func (t *Thread) PollAt(now time.Duration) (n int, end time.Duration) {
	if g := uintptr(gid.Current()); t.runner.Load() != g {
		t.runner.Store(g)
	}
	if t.armed {
		t.Disarm()
	}
	n = t.round(now)
	if t.state.Load() != stateRunning {
		t.tryExit(now)
	}
	end = max(t.ends.now(), now) // another thread's ticks may be ahead
	if n > 0 {
		t.busyNS.Add(int64(end - now))
	} else {
		t.idleNS.Add(int64(end - now))
	}
	return n, end
}

// round does the work of Poll. The deferred recover is one a round, not one a
// poller.
func (t *Thread) round(now time.Duration) (n int) {
	defer func() {
		if t.current != nil || t.inMsg {
			n += t.recovered(recover())
		}
		if t.dirty {
			t.sweep()
		}
	}()
	if !t.queue.empty() {
		t.inMsg = true
		n = t.runMessages(msgBatch)
		t.inMsg = false
	}
	for _, p := range t.busy { // those added meanwhile wait for the next round
		if p.state == pollerRunning {
			t.current = p
			if p.run() {
				n++
			}
		}
	}
	for len(t.timed) > 0 && t.timed[0].next <= now {
		p := t.timed[0]
		p.next = now + p.cfg.Period
		t.timed.fix(0)
		t.current = p
		if p.run() {
			n++
		}
	}
	t.current = nil
	return n
}

func (t *Thread) runMessages(limit int) (n int) {
	for n < limit {
		m := t.queue.pop()
		if m == nil {
			break
		}
		n++
		m.Run(m)
	}
	return n
}

// onThread panics when a method that is the thread's alone is called
// elsewhere while a host runs the thread: a data race, which is better found
// here. A thread that is stepped by hand may be handed from one goroutine to
// another, so nothing is checked there.
func (t *Thread) onThread(method string) {
	if t.host.Load() != nil && t.runner.Load() != 0 && !t.IsCurrent() && !t.Exited() {
		panic(fmt.Sprintf("thread: %s called outside thread %s: use thread.Do", method, t.name))
	}
}
