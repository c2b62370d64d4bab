// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"github.com/gospdk/gospdk/thread/iobuf"
)

// Buffer stands for the memory between two tasks of a sequence: the DstBuf of
// one, the SrcBuf of another. Whoever appends the tasks owns it and sets Len.
// The framework takes memory for it from the iobuf pool when a task needs it,
// perhaps never because a copy was left out, and gives that back at the end
// of the sequence. Its content is arbitrary at first.
type Buffer struct {
	Len int // bytes, at most the size of the pool's large buffers

	iov    [1][]byte // nil without memory
	seq    *Sequence // that the memory belongs to
	next   *Buffer   // of the sequence
	waiter iobuf.Waiter
}

// Bytes returns the memory, nil while there is none: for the Done of a task.
func (b *Buffer) Bytes() []byte { return b.iov[0] }

// taker is a Buffer that waits for memory.
type taker Buffer

// TakeBuffer implements iobuf.Taker.
func (w *taker) TakeBuffer(_ *iobuf.Waiter, memory []byte) {
	b := (*Buffer)(w)
	s := b.seq
	b.iov[0] = memory
	s.state = seqRunning
	c := s.ch
	c.depth++
	s.advance(s.direct)
	c.depth--
}

// provide gets memory for the buffers of t and returns false if it has to
// wait for that.
func (s *Sequence) provide(t *Task) bool {
	for _, b := range [2]*Buffer{t.SrcBuf, t.DstBuf} {
		if b == nil || b.seq == s && b.iov[0] != nil {
			continue
		}
		if b.seq != nil || !s.ch.fits(b) {
			continue // the check of the task tells
		}
		b.seq, b.next, s.bufs = s, s.bufs, b
		b.waiter.Taker = (*taker)(b)
		if b.iov[0] = s.ch.iobuf.Get(b.Len, &b.waiter); b.iov[0] == nil {
			s.ch.stats.BufferWaits++
			s.state = seqWaiting
			return false
		}
	}
	if t.SrcBuf != nil {
		t.Src = t.SrcBuf.iov[:]
	}
	if t.DstBuf != nil {
		t.Dst = t.DstBuf.iov[:]
	}
	return true
}

// fits tells whether a buffer may be as large as it says.
func (c *Channel) fits(b *Buffer) bool { return b.Len > 0 && b.Len <= c.iobuf.MaxSize() }

// release gives the memory of all buffers back.
func (s *Sequence) release() {
	for b := s.bufs; b != nil; {
		next := b.next
		memory := b.iov[0]
		b.iov[0], b.seq, b.next = nil, nil, nil
		s.ch.iobuf.Put(memory)
		b = next
	}
	s.bufs = nil
}
