// SPDX-License-Identifier: BSD-3-Clause

package tcp

import "github.com/gospdk/gospdk/trace"

// trace records what becomes of a command.
func (s *slot) trace(p trace.Point) {
	if p.On() {
		s.record(p)
	}
}

func (s *slot) record(p trace.Point) {
	c := s.c
	ring, id := c.g.thread.Trace(), trace.ID(&s.req)
	if p == trace.TCPNew || p == trace.TCPCompleted {
		ring.Record(p, c.owner, 0, id, uint64(c.busy))
		return
	}
	ring.Record(p, c.owner, 0, id)
}

// trace records what becomes of the connection; size is how many bytes have
// come, if the point is about that.
func (c *conn) trace(p trace.Point, size int) {
	if p.On() {
		c.g.thread.Trace().Record(p, c.owner, uint32(size), 0)
	}
}
