// SPDX-License-Identifier: BSD-3-Clause

package thread

import "sync/atomic"

// Msg is a message that its sender owns and embeds in its own state, so that
// sending allocates nothing. From SendMsg until Run is called it belongs to
// the thread and must not be touched; within Run it is the caller's again and
// may be sent once more.
type Msg struct {
	next *Msg
	// Run is called on the thread with the message itself. Set it once, to
	// a top-level function that finds its state in Arg, or to a method
	// value that was made beforehand.
	Run func(*Msg)
	// Arg is whatever Run needs; a pointer in it does not allocate.
	Arg any
}

// msgEnd ends every list of messages, so that a message in a list always has
// a next and sending it twice is noticed.
var msgEnd = new(Msg)

// msgClosed in a queue's head refuses further messages.
var msgClosed = new(Msg)

// msgQueue takes messages from many goroutines for one thread: a stack that
// senders push on by compare-and-swap. The thread takes all of it with one
// swap and turns it round, so there is no moment at which a message is half
// queued, and "empty" is exact.
type msgQueue struct {
	// Senders write head's cache line; nothing else that the thread reads
	// in every round lies in it.
	_    [64]byte
	head atomic.Pointer[Msg]
	_    [56]byte
	list *Msg // taken, oldest first; msgEnd at the end
}

func (q *msgQueue) init() {
	q.head.Store(msgEnd)
	q.list = msgEnd
}

// push queues m, or returns false when the queue is closed.
func (q *msgQueue) push(m *Msg) bool {
	if m.next != nil {
		panic("thread: message sent again before it ran")
	}
	for {
		head := q.head.Load()
		if head == msgClosed {
			m.next = nil
			return false
		}
		m.next = head
		if q.head.CompareAndSwap(head, m) {
			return true
		}
	}
}

// pop returns the oldest message, nil if there is none. Thread only.
func (q *msgQueue) pop() *Msg {
	if q.list == msgEnd && !q.take() {
		return nil
	}
	m := q.list
	q.list = m.next
	m.next = nil
	return m
}

func (q *msgQueue) take() bool {
	if head := q.head.Load(); head == msgEnd || head == msgClosed {
		return false // a load first: a swap would take the line from senders
	}
	list := msgEnd
	for m := q.head.Swap(msgEnd); m != msgEnd; {
		next := m.next
		m.next = list
		list, m = m, next
	}
	q.list = list
	return true
}

// empty tells whether nothing is queued. Thread only.
func (q *msgQueue) empty() bool {
	head := q.head.Load()
	return q.list == msgEnd && (head == msgEnd || head == msgClosed)
}

// close refuses messages from now on, unless some are queued.
func (q *msgQueue) close() bool {
	return q.list == msgEnd && q.head.CompareAndSwap(msgEnd, msgClosed)
}

// funcMsg carries a function that somebody gave to Send.
type funcMsg struct {
	msg Msg
	fn  func()
}

func runFunc(m *Msg) { m.Arg.(*funcMsg).fn() }

// SendMsg queues m to be run by the thread's next poll, after everything that
// this goroutine sent before. It may be called from any goroutine and
// allocates nothing. It returns false when the thread has exited: then Run is
// never called and m remains the caller's. A message that is still queued
// must not be sent again; that panics.
func (t *Thread) SendMsg(m *Msg) bool {
	if !t.queue.push(m) {
		return false
	}
	if h := t.host.Load(); h != nil {
		(*h).Wake()
	}
	return true
}

// Send queues fn to be run by the thread's next poll. It is SendMsg for the
// control plane: it allocates a message.
func (t *Thread) Send(fn func()) bool {
	m := &funcMsg{fn: fn}
	m.msg.Run, m.msg.Arg = runFunc, m
	return t.SendMsg(&m.msg)
}
