// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"github.com/gospdk/gospdk/thread/iobuf"
	"github.com/gospdk/gospdk/trace"
)

// unit is the longest piece of data in one buffer and in one C2HData.
const unit = 128 << 10

// buffers gets the buffers for the data of s. If there are not enough it
// answers false, and s goes on when it has got them.
func (g *group) buffers(s *slot) bool {
	s.trace(trace.TCPNeedBuffer)
	if g.waitFirst == nil && g.fill(s) {
		s.trace(trace.TCPHaveBuffer)
		return true
	}
	s.state, s.next = slotWaiting, nil
	if g.waitFirst == nil {
		g.waitFirst = s
	} else {
		g.waitLast.next = s
	}
	g.waitLast = s
	return false
}

// fill gets what s lacks. When it answers false the pool calls TakeBuffer.
func (g *group) fill(s *slot) bool {
	for s.have < s.req.Length {
		if s.asking {
			return false
		}
		b := g.bufs.Get(min(int(s.req.Length-s.have), g.unit), &s.waiter)
		if b == nil {
			s.asking = true
			return false
		}
		s.add(b)
	}
	return true
}

func (s *slot) add(b []byte) {
	s.iov = append(s.iov, b)
	s.have += uint32(len(b))
}

// putBuffers gives the buffers back.
func (s *slot) putBuffers() {
	if s.lent {
		s.giveBack()
		return
	}
	iov := s.iov
	s.iov, s.have, s.req.Iov = s.iov[:0], 0, nil
	for i, b := range iov {
		iov[i] = nil
		s.c.g.bufs.Put(b)
	}
}

// TakeBuffer implements iobuf.Taker: s is the first of those that wait.
func (s *slot) TakeBuffer(_ *iobuf.Waiter, b []byte) {
	s.asking = false
	s.add(b)
	s.c.g.serveWaiting()
}

// serveWaiting lets those go on that can. What they do may bring it to be
// called again from below.
func (g *group) serveWaiting() {
	for g.waitFirst != nil && g.fill(g.waitFirst) {
		s := g.waitFirst
		g.waitFirst, s.next = s.next, nil
		s.c.buffered(s)
	}
}

// cancel takes s out of the queue.
func (g *group) cancel(s *slot) {
	if g.waitFirst == s {
		if s.asking {
			s.asking = false
			g.bufs.Cancel(&s.waiter)
		}
		g.waitFirst, s.next = s.next, nil
		g.serveWaiting()
		return
	}
	at := g.waitFirst
	for at.next != s {
		at = at.next
	}
	if at.next, s.next = s.next, nil; at.next == nil {
		g.waitLast = at
	}
}
