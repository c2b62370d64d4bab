// SPDX-License-Identifier: BSD-3-Clause

// Package offload makes calls that may wait for a medium on goroutines, so
// that the thread which wants them made does not wait.
package offload

import "sync"

// workers is how many calls of a queue are made at once. Each that waits
// keeps a thread of the machine.
const workers = 8

// Call is to be made. Its owner embeds it in its own state; from Start until
// Run is called it belongs to the queue.
type Call struct {
	next *Call
	// Run makes the call, on some goroutine. A top-level function that
	// finds its state in Arg costs nothing.
	Run func(arg any)
	Arg any
}

// Queue makes calls in the order in which they are started, a few at a time.
// The zero value is ready. Its goroutines end when it is empty.
type Queue struct {
	mu          sync.Mutex
	first, last *Call
	running     int
}

// Start has a call made soon.
func (q *Queue) Start(c *Call) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c.next = nil
	if q.first == nil {
		q.first = c
	} else {
		q.last.next = c
	}
	q.last = c
	if q.running < workers {
		q.running++
		go q.work()
	}
}

func (q *Queue) work() {
	for c := q.take(); c != nil; c = q.take() {
		c.Run(c.Arg)
	}
}

// take returns the next call; nil ends the goroutine.
func (q *Queue) take() *Call {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.first
	if c == nil {
		q.running--
		return nil
	}
	q.first = c.next
	return c
}
