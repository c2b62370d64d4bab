// SPDX-License-Identifier: BSD-3-Clause

package thread

import "github.com/gospdk/gospdk/trace"

// Trace returns where tracepoints record what happens on the thread. It is for
// points that are on, and may be called on the thread alone.
func (t *Thread) Trace() *trace.Ring {
	if !t.ring.Live() {
		t.ring = trace.NewRing(t.name)
	}
	return t.ring
}

// trace records that a channel has n references.
func (ch *channel) trace(p trace.Point) {
	if p.On() {
		ch.t.Trace().Record(p, trace.Owner{}, 0, 0, uint64(ch.refs))
	}
}
