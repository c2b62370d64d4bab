// SPDX-License-Identifier: BSD-3-Clause

package vbdev

import (
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/thread"
)

// Channels are the channels of a device, for what concerns all of them: a
// reset comes to one.
type Channels[C comparable] struct {
	mu   sync.Mutex
	open map[C]*thread.Thread
}

// Add takes up a channel that is being opened on t.
func (s *Channels[C]) Add(c C, t *thread.Thread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[C]*thread.Thread{}
	}
	s.open[c] = t
}

// Remove forgets a channel that is being closed.
func (s *Channels[C]) Remove(c C) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}

func (s *Channels[C]) has(c C) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[c] != nil
}

// Any returns a thread that has a channel, nil if there is none.
func (s *Channels[C]) Any() *thread.Thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.open {
		return t
	}
	return nil
}

// Each calls fn with each channel, on its thread, and then done on from.
func (s *Channels[C]) Each(from *thread.Thread, fn func(C), done func()) {
	s.mu.Lock()
	threads := make(map[C]*thread.Thread, len(s.open))
	for c, t := range s.open {
		threads[c] = t
	}
	s.mu.Unlock()
	var left atomic.Int64
	left.Store(int64(len(threads)) + 1)
	answered := func() {
		if left.Add(-1) == 0 {
			from.Send(done)
		}
	}
	for c, t := range threads {
		sent := t.Send(func() {
			defer answered()
			if s.has(c) {
				fn(c)
			}
		})
		if !sent { // the thread has exited
			answered()
		}
	}
	answered()
}
