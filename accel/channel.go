// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// roundBytes bounds the work of one round: it hands over no further tasks
// once those that were submitted meanwhile had so many bytes together. An
// operation itself is never cut in pieces: who submits it has chosen its size.
const roundBytes = 1 << 20

// Channel is the way to the framework on one thread, shared by its users
// there. All its methods are called on that thread.
type Channel struct {
	mods        [numOps]ModuleChannel
	depth       int    // Submits on the stack
	outstanding int    // tasks and sequences that have not been handed over
	bytes       uint64 // submitted so far
	levels      [numAlgos]struct {
		low, high uint32
		ok        bool
	}

	deferred endedList // completions for the next round
	poller   *thread.Poller

	f      *Framework
	t      *thread.Thread
	refs   []*thread.ChannelRef
	opened []moduleRef
	driver DriverChannel // nil without one
	iobuf  *iobuf.Channel
	stats  Stats
}

type moduleRef struct {
	m  Module
	ch ModuleChannel
}

// Channel returns the channel of t, which the caller is on. Each one that is
// returned has to be closed.
func (f *Framework) Channel(t *thread.Thread) (*Channel, error) {
	ref, err := t.Channel(f, func() (io.Closer, error) {
		c, err := f.openChannel(t)
		return closer{c}, err
	})
	if err != nil {
		return nil, fmt.Errorf("accel: %w", err)
	}
	c := ref.Value().(closer).c
	c.refs = append(c.refs, ref)
	return c, nil
}

// ChannelName names the framework's channels in the statistics of threads.
func (f *Framework) ChannelName() string { return "accel" }

func (f *Framework) openChannel(t *thread.Thread) (c *Channel, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.state != stateStarted {
		return nil, ErrNotStarted
	}
	c = &Channel{f: f, t: t}
	defer func() {
		if err != nil {
			c.closeModules()
		}
	}()
	if c.iobuf, err = f.pool.Channel(t, "accel", int(f.opts.SmallCacheSize), int(f.opts.LargeCacheSize)); err != nil {
		return nil, err
	}
	c.mods[0] = unsupported{}
	for op := OpCopy; op < numOps; op++ {
		if c.mods[op], err = c.module(f.byOp[op]); err != nil {
			return nil, err
		}
	}
	if f.driver != nil {
		if c.driver, err = f.driver.OpenChannel(t); err != nil {
			return nil, fmt.Errorf("accel driver %s: %w", f.driver.Name(), err)
		}
	}
	if m, ok := f.byOp[OpCompress].(CompressModule); ok {
		for a := range c.levels {
			l := &c.levels[a]
			l.low, l.high, l.ok = m.CompressLevels(CompAlgo(a))
		}
	}
	c.startPoller()
	f.channels = append(f.channels, c)
	return c, nil
}

// module returns the channel of m, which is opened once.
func (c *Channel) module(m Module) (ModuleChannel, error) {
	if m == nil {
		return unsupported{}, nil
	}
	for _, o := range c.opened {
		if o.m == m {
			return o.ch, nil
		}
	}
	ch, err := m.OpenChannel(c.t)
	if err != nil {
		return nil, fmt.Errorf("accel module %s: %w", m.Name(), err)
	}
	c.opened = append(c.opened, moduleRef{m, ch})
	return ch, nil
}

// unsupported takes what no module has.
type unsupported struct{}

func (unsupported) Submit(t *Task) { t.Complete(syscall.ENOTSUP) }
func (unsupported) Close()         {}

func (c *Channel) closeModules() {
	if c.driver != nil {
		c.driver.Close()
	}
	for _, o := range c.opened {
		o.ch.Close()
	}
	if c.iobuf != nil {
		if err := c.iobuf.Close(); err != nil {
			log.Errorf("accel: %v", err)
		}
	}
}

// startPoller starts what hands over deferred tasks. A panic in a user's
// Complete stops it; the next one takes over what is left.
func (c *Channel) startPoller() {
	c.poller = c.t.NewPoller(thread.PollerConfig{
		Name: "accel", Poll: c.poll, Arm: c.arm,
		OnPanic: func(any) { c.depth = 0; c.startPoller() },
	})
}

// Thread returns the channel's thread.
func (c *Channel) Thread() *thread.Thread { return c.t }

// Outstanding returns the number of tasks and sequences that have not been
// handed over.
func (c *Channel) Outstanding() int { return c.outstanding }

// Close gives one use of the channel up. The last one's fails while anything
// is outstanding.
func (c *Channel) Close() error {
	n := len(c.refs) - 1
	if n < 0 {
		return nil
	}
	if n == 0 && c.outstanding > 0 {
		return fmt.Errorf("close accel channel on thread %s: %d tasks are outstanding: %w", c.t.Name(), c.outstanding, syscall.EBUSY)
	}
	c.refs[n].Put()
	c.refs = c.refs[:n]
	return nil
}

// closer is the channel as the thread sees it.
type closer struct{ c *Channel }

// Close implements io.Closer for the thread, when the last user is gone.
func (r closer) Close() error {
	c := r.c
	c.poller.Stop()
	c.closeModules()
	f := c.f
	f.mu.Lock()
	defer f.mu.Unlock()
	f.channels = slices.DeleteFunc(f.channels, func(o *Channel) bool { return o == c })
	f.past.add(&c.stats)
	return nil
}

// Submit starts a task. Whatever is wrong with it is told by its Status: Done
// is called in every case, perhaps before Submit returns. A task that is
// still on its way from an earlier Submit panics.
func (c *Channel) Submit(t *Task) {
	if t.state != taskIdle {
		panic("accel: task submitted again before it was completed")
	}
	if t.ch != c { // writing pointers costs a little
		t.ch = c
	}
	c.outstanding++
	c.depth++
	c.execute(t)
	c.depth--
}

// execute brings a task to its module, unless something is wrong with it.
func (c *Channel) execute(t *Task) {
	t.state = taskFlight
	if t.Cause != nil { // of the last time
		t.Cause = nil
	}
	if p := c.problem(t); p != nil {
		t.wrong = p
		c.refuse(t, p.status)
		return
	}
	c.bytes += t.bytes
	c.mods[t.Op].Submit(t)
}

// refuse ends a task that no module has seen.
func (c *Channel) refuse(t *Task, s syscall.Errno) {
	if t.Op < numOps {
		c.stats.Operations[t.Op].Failed++
	}
	t.Status = s
	if t.seq != nil {
		t.seq.taskDone(t)
		return
	}
	c.end(t)
}

// end hands a task over: now, or in the next round if the user's own Complete
// is on the stack.
func (c *Channel) end(t *Task) {
	if c.depth > 1 {
		t.state = taskDeferred
		if t.ended.task != t {
			t.ended.task = t
		}
		c.deferred.push(&t.ended)
		return
	}
	c.deliver(t)
}

func (c *Channel) deliver(t *Task) {
	t.state = taskIdle
	c.outstanding--
	t.Done.Complete(t)
}

// poll hands over what was deferred until now.
func (c *Channel) poll() int {
	n := c.deferred.count
	if n == 0 {
		return 0
	}
	c.depth = 1 // what is submitted from now on is nested
	limit := c.bytes + roundBytes
	for i := n; i > 0 && c.bytes < limit; i-- {
		e := c.deferred.pop()
		if e.task != nil {
			c.deliver(e.task)
		} else {
			e.seq.deliver()
		}
	}
	c.depth = 0
	return n
}

// arm need not think of what comes after it: that is handed over at once.
func (c *Channel) arm() time.Duration {
	if c.deferred.count > 0 {
		return 0
	}
	return thread.Forever
}

// ended is a place in the list of what is to be handed over: a task or a
// sequence.
type ended struct {
	next *ended
	task *Task
	seq  *Sequence
}

type endedList struct {
	head, tail *ended
	count      int
}

func (l *endedList) push(e *ended) {
	e.next = nil
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	l.count++
}

func (l *endedList) pop() *ended {
	e := l.head
	if l.head = e.next; l.head == nil {
		l.tail = nil
	}
	l.count--
	return e
}
