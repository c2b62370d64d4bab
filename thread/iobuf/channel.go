// SPDX-License-Identifier: BSD-3-Clause

package iobuf

import (
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/thread"
)

// Caches that SPDK's block layer has on each thread.
const (
	DefaultSmallCache = 128
	DefaultLargeCache = 16
)

// Channel is a user's access to the pool on one thread. All its methods are
// called there.
type Channel struct {
	pool    *Pool
	t       *thread.Thread
	module  string
	shelves [2]shelf // small and large
	closed  bool
}

// shelf is a channel's buffers of one size.
type shelf struct {
	class *class
	t     *thread.Thread
	cache [][]byte
	want  int // size of the cache
	batch int

	head, tail *Waiter
	serving    bool
	msg        thread.Msg // serve, when the pool has buffers again
	sent       atomic.Bool
	queued     bool       // in the pool's queue; under class.mu
	recall     thread.Msg // another thread waits for what the cache holds
	recalled   atomic.Bool

	hits, refills, waits uint64
}

// Taker is told of a buffer that it has waited for, on its thread, and owns
// it from then on.
type Taker interface {
	TakeBuffer(w *Waiter, buf []byte)
}

// Waiter waits for one buffer. The caller of Get owns it, usually as part of
// its request, sets Taker, and leaves it alone until Taker is called or
// Cancel has succeeded.
type Waiter struct {
	Taker Taker

	size int
	next *Waiter
}

// Channel opens a channel on t and must be called there. small and large are
// how many buffers the thread keeps for itself when they are given back. None
// is set aside beforehand.
func (p *Pool) Channel(t *thread.Thread, module string, small, large int) (*Channel, error) {
	node := 0
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opts.NUMA {
		node = currentNode()
	}
	if small < 0 || large < 0 {
		return nil, fmt.Errorf("buffer channel of module %s: cache sizes %d and %d must not be negative: %w", module, small, large, syscall.EINVAL)
	}
	p.register(module)
	c := &Channel{pool: p, t: t, module: module}
	classes := p.classes(node)
	for i, want := range [2]int{small, large} {
		s := &c.shelves[i]
		s.class, s.t, s.want = classes[i], t, want
		s.batch = min(batch, max(want, 1))
		s.cache = make([][]byte, 0, want+s.batch)
		s.msg.Run, s.msg.Arg = serve, s
		s.recall.Run, s.recall.Arg = surrender, s
		s.class.join(s)
	}
	p.channels = append(p.channels, c)
	return c, nil
}

// Close gives the cached buffers back. It fails while somebody waits.
// Buffers that are still out must not be given to this channel any more.
func (c *Channel) Close() error {
	if c.closed {
		return nil
	}
	for i := range c.shelves {
		if c.shelves[i].head != nil {
			return fmt.Errorf("close buffer channel of module %s: requests wait for buffers: %w", c.module, syscall.EBUSY)
		}
	}
	c.closed = true
	for i := range c.shelves {
		s := &c.shelves[i]
		s.class.forget(s)
		s.class.give(s.cache)
		s.cache = nil
	}
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.pool.channels = slices.DeleteFunc(c.pool.channels, func(o *Channel) bool { return o == c })
	return nil
}

// MaxSize is the size of the largest buffer in bytes.
func (c *Channel) MaxSize() int { return c.shelves[1].class.size }

func (c *Channel) shelf(size int) *shelf {
	if size <= c.shelves[0].class.size {
		return &c.shelves[0]
	}
	if size > c.shelves[1].class.size {
		panic(fmt.Sprintf("iobuf: a buffer of %d bytes; the largest have %d", size, c.shelves[1].class.size))
	}
	return &c.shelves[1]
}

// Get returns a buffer of size bytes, which must be at most MaxSize. Its
// content is arbitrary. If there is none, it returns nil, and w, if it is not
// nil, waits in a queue until one is given back.
func (c *Channel) Get(size int, w *Waiter) []byte {
	s := c.shelf(size)
	if s.head == nil {
		if b := s.get(w != nil); b != nil {
			return b[:size]
		}
	}
	if w != nil {
		w.size, w.next = size, nil
		if s.tail == nil {
			s.head = w
		} else {
			s.tail.next = w
		}
		s.tail = w
		s.waits++
	}
	return nil
}

func (s *shelf) get(wait bool) []byte {
	if len(s.cache) > 0 {
		s.hits++
	} else {
		if !s.class.take(s, s.batch, wait) {
			return nil
		}
		s.refills++
	}
	n := len(s.cache) - 1
	b := s.cache[n]
	s.cache[n] = nil
	s.cache = s.cache[:n]
	return b
}

// Put gives back a buffer that Get of this channel has returned, perhaps
// shortened.
func (c *Channel) Put(buf []byte) {
	s := &c.shelves[0]
	if cap(buf) != s.class.size {
		if s = &c.shelves[1]; cap(buf) != s.class.size {
			panic("iobuf: Put of something that is no buffer of the pool")
		}
	}
	s.cache = append(s.cache, buf[:cap(buf)])
	switch {
	case s.head != nil:
		s.serve()
	case s.class.starving.Load() > 0:
		s.release(1) // another thread waits
	case len(s.cache) >= s.want+s.batch:
		s.release(s.batch)
	}
}

// release moves n buffers from the cache to the pool.
func (s *shelf) release(n int) {
	rest := len(s.cache) - n
	s.class.give(s.cache[rest:])
	clear(s.cache[rest:])
	s.cache = s.cache[:rest]
}

// surrender is the message that tells of a thread which waits for buffers
// while this one may have some that nothing here is going to use.
func surrender(m *thread.Msg) {
	s := m.Arg.(*shelf)
	s.recalled.Store(false)
	if s.class.starving.Load() > 0 && s.head == nil && len(s.cache) > 0 {
		s.release(len(s.cache))
	}
}

// serve is the message that tells of buffers in the pool.
func serve(m *thread.Msg) {
	s := m.Arg.(*shelf)
	s.sent.Store(false)
	s.serve()
	s.class.pass()
}

// serve hands buffers to those that wait. Buffers which they give back at
// once are handed on by the loop below them on the stack.
func (s *shelf) serve() {
	if s.serving {
		return
	}
	s.serving = true
	defer func() { s.serving = false }()
	for s.head != nil {
		b := s.get(true)
		if b == nil {
			return
		}
		w := s.head
		if s.head = w.next; s.head == nil {
			s.tail = nil
		}
		w.next = nil
		w.Taker.TakeBuffer(w, b[:w.size])
	}
}

// Cancel ends the wait of w and returns whether it still waited.
func (c *Channel) Cancel(w *Waiter) bool {
	s := c.shelf(w.size)
	var prev *Waiter
	for at := s.head; at != nil; prev, at = at, at.next {
		if at != w {
			continue
		}
		if prev == nil {
			s.head = at.next
		} else {
			prev.next = at.next
		}
		if s.tail == at {
			s.tail = prev
		}
		at.next = nil
		return true
	}
	return false
}
