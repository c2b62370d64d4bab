// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"slices"
)

// flow is what the data path keeps for a device, under its mutex. Channels
// that are opened later take it from here.
type flow struct {
	histogram *HistogramOptions // nil while none is kept
	limits    QoSLimits
	qos       *qos // nil without limits
	quiesced  []*quiesced
	sampling  *sampling
	depth     depthStats
}

// watchSet says what a channel does after each completion.
type watchSet uint8

const (
	watchDrains    watchSet = 1 << iota // drains wait for IO to end
	watchQueued                         // IO waits for the device to have room
	watchHistogram                      // latencies are counted
	watchTimeouts                       // IO is listed
)

// watched looks after a completion that is about to be handed over.
func (c *UserChannel) watched(io *IO, now uint64) {
	k := c.k
	if k.watch&watchHistogram != 0 && !io.inner() && (k.histogramOp == 0 || k.histogramOp == io.Op) {
		k.histogram.add(uint64(max(0, int64(now-io.start))))
	}
	if io.slot != 0 {
		c.untrack(io)
	}
	if k.watch&watchQueued != 0 {
		k.retryQueued()
	}
	if k.watch&watchDrains != 0 {
		k.drained()
	}
}

// tellChannels runs fn on the threads of all channels of the device and waits
// for it, at most as long as ctx lasts; fn runs in any case.
func (d *disk) tellChannels(ctx context.Context, fn func(*channel)) error {
	d.mu.Lock()
	channels := slices.Clone(d.channels)
	d.mu.Unlock()
	done := make(chan struct{}, len(channels))
	for _, k := range channels {
		d.tell(k, func() { fn(k); done <- struct{}{} }, func() { done <- struct{}{} })
	}
	for range channels {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
