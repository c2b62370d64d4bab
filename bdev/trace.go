// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "github.com/gospdk/gospdk/trace"

// traceStart records that io has been submitted.
func (c *UserChannel) traceStart(io *IO) {
	c.k.t.Trace().Record(trace.BdevIOStart, c.d.owner, uint32(io.Blocks), trace.ID(io),
		uint64(io.Op), trace.IDOf(io.Done), io.Offset, uint64(c.Outstanding()))
}

// traceDone records that io has ended.
func (c *UserChannel) traceDone(io *IO) {
	c.k.t.Trace().Record(trace.BdevIODone, c.d.owner, 0, trace.ID(io), trace.IDOf(io.Done), uint64(c.Outstanding()))
}

// trace records that a channel comes or goes.
func (k *channel) trace(p trace.Point) {
	if p.On() {
		k.t.Trace().Record(p, k.d.owner, 0, 0, k.t.ID())
	}
}
