// SPDX-License-Identifier: BSD-3-Clause

package accel

import "syscall"

// Sequence is a list of tasks that are executed one after the other, and
// ended by the first that fails. Layers that know nothing of each other
// append to it what each wants done with the data; copies between them are
// left out where that is possible. Whoever needs it owns it, usually embedded
// in a request, and uses it again. The zero value is an empty sequence. All
// its methods are called on the thread of its channel.
type Sequence struct {
	// Status is set when the sequence has ended: 0, or the status of the
	// task that failed.
	Status syscall.Errno

	state   seqState
	running bool // advance is on the stack
	stepped bool // the current task has ended
	direct  bool // the driver has had its turn with the first task

	bufs       *Buffer  // with memory
	ch         *Channel // nil while the sequence is empty
	head, tail *Task
	done       SequenceCompleter
	ended      ended
}

// SequenceCompleter is told when a sequence has ended. It is its owner's
// again, and empty.
type SequenceCompleter interface {
	CompleteSequence(*Sequence)
}

type seqState uint8

const (
	seqOpen    seqState = iota // tasks may be appended
	seqRunning                 // advance, merge or cancel work on it
	seqWaiting                 // for memory
	seqTask                    // the first task is with its module
	seqDriver                  // the tasks are with the driver
	seqEnded                   // to be handed over
)

// Append adds a task at the end. Its Done, which may be nil, is called when
// the task has ended: with the status ECANCELED if the sequence ended before.
// A task that was left out, because a copy was not needed, ends with success
// and has changed nothing.
func (s *Sequence) Append(c *Channel, t *Task) {
	if s.state != seqOpen || s.ch != nil && s.ch != c {
		panic("accel: task appended to a sequence that is under way or of another channel")
	}
	if t.state != taskIdle {
		panic("accel: task appended that is still on its way")
	}
	if s.ch == nil {
		s.ch = c
		c.stats.SequencesOutstanding++
		c.outstanding++
	}
	c.outstanding++
	t.ch, t.seq, t.state = c, s, taskAppended
	t.prev, t.next = s.tail, nil
	if s.tail == nil {
		s.head = t
	} else {
		s.tail.next = t
	}
	s.tail = t
}

// Empty tells whether nothing has been appended.
func (s *Sequence) Empty() bool { return s.head == nil }

// First returns the first task that has not ended, nil if there is none. For
// drivers.
func (s *Sequence) First() *Task { return s.head }

// NextInSequence returns the task after t in its sequence. For drivers, while
// t has not ended.
func (t *Task) NextInSequence() *Task { return t.next }

// Reverse turns the order of the tasks round.
func (s *Sequence) Reverse() {
	for t := s.head; t != nil; {
		next := t.next
		t.next, t.prev = t.prev, next
		t = next
	}
	s.head, s.tail = s.tail, s.head
}

// Abort ends a sequence that has not been given to Finish: its tasks end with
// ECANCELED.
func (s *Sequence) Abort() {
	if s.state != seqOpen {
		panic("accel: sequence aborted that is under way")
	}
	if s.ch == nil {
		return
	}
	c := s.ch
	s.state = seqRunning
	s.cancel()
	s.reset()
	c.outstanding--
}

// Finish executes the sequence and then calls done. An empty one succeeds.
func (s *Sequence) Finish(c *Channel, done SequenceCompleter) {
	if s.state != seqOpen || s.ch != nil && s.ch != c {
		panic("accel: sequence finished that is under way or of another channel")
	}
	if s.ch == nil {
		s.ch = c
		c.stats.SequencesOutstanding++
		c.outstanding++
	}
	s.Status, s.done, s.state = 0, done, seqRunning
	c.depth++
	s.merge()
	s.advance(false)
	c.depth--
}

// Continue takes the sequence back from the driver. For drivers.
func (s *Sequence) Continue() {
	if s.state != seqDriver {
		panic("accel: Continue of a sequence that is not with the driver")
	}
	s.state = seqRunning
	if s.running {
		return
	}
	c := s.ch
	c.depth++
	s.advance(true)
	c.depth--
}

// advance executes what is left, as far as that goes without waiting.
func (s *Sequence) advance(direct bool) {
	s.running, s.direct = true, direct
	for s.Status == 0 && s.head != nil {
		if !s.next() {
			s.running = false
			return
		}
	}
	s.running = false
	s.finish()
}

// next executes the first task, or lets the driver execute some. It returns
// false if it has to wait.
func (s *Sequence) next() bool {
	if s.ch.driver != nil && !s.direct {
		return s.drive()
	}
	if !s.provide(s.head) {
		return false
	}
	s.direct = false
	s.state, s.stepped = seqTask, false
	s.ch.execute(s.head)
	if !s.stepped {
		return false
	}
	s.step()
	return true
}

// drive lets the driver execute what it likes to. A task with something wrong
// is the driver's neither: the way without it will find that.
func (s *Sequence) drive() bool {
	s.direct = true
	for t := s.head; t != nil; t = t.next {
		if !s.provide(t) {
			s.direct = false
			return false
		}
	}
	for t := s.head; t != nil; t = t.next {
		if s.ch.problem(t) != nil {
			return true
		}
	}
	for t := s.head; t != nil; t = t.next {
		t.state = taskFlight
	}
	s.state = seqDriver
	s.ch.driver.Execute(s)
	return s.state != seqDriver
}

// taskDone is told that a module or the driver has ended a task.
func (s *Sequence) taskDone(t *Task) {
	if s.state == seqDriver {
		if t.Status != 0 && s.Status == 0 {
			s.Status = t.Status
		}
		s.remove(t)
		return
	}
	s.stepped = true
	if s.running {
		return
	}
	c := s.ch
	c.depth++
	s.step()
	s.advance(false)
	c.depth--
}

// step takes the first task, which has ended, out.
func (s *Sequence) step() {
	t := s.head
	s.state = seqRunning
	if t.Status != 0 {
		s.Status = t.Status
	}
	s.remove(t)
}

// remove takes t out and tells its Done.
func (s *Sequence) remove(t *Task) {
	if t.prev == nil {
		s.head = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		s.tail = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next, t.seq, t.state = nil, nil, nil, taskIdle
	if t.SrcBuf != nil {
		t.Src = nil
	}
	if t.DstBuf != nil {
		t.Dst = nil
	}
	s.ch.outstanding--
	if t.Done != nil {
		t.Done.Complete(t)
	}
}

// cancel ends all tasks that are left.
func (s *Sequence) cancel() {
	for s.head != nil {
		s.head.Status = syscall.ECANCELED
		s.remove(s.head)
	}
}

// finish hands the sequence over: now, or in the next round as a task.
func (s *Sequence) finish() {
	c := s.ch
	s.state = seqEnded
	c.stats.SequencesExecuted++
	if s.Status != 0 {
		c.stats.SequencesFailed++
	}
	s.cancel()
	s.release()
	if c.depth > 1 {
		s.ended.seq = s
		c.deferred.push(&s.ended)
		return
	}
	s.deliver()
}

func (s *Sequence) deliver() {
	s.ch.outstanding--
	s.reset()
	s.done.CompleteSequence(s)
}

// reset makes the sequence empty.
func (s *Sequence) reset() {
	s.ch.stats.SequencesOutstanding--
	s.ch, s.state = nil, seqOpen
}
