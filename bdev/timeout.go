// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// ioTimeout is what Desc.SetTimeout was told.
type ioTimeout struct {
	after time.Duration
	fn    func(*IO)
}

// timeouts watches over the IO of a channel.
type timeouts struct {
	*ioTimeout
	poller *thread.Poller
}

// timeoutPeriod is how often IO is looked at, at least.
const timeoutPeriod = time.Second

// SetTimeout has fn called, on the channel's thread, with each IO of the
// descriptor that has been under way for longer than after, and again every
// second as long as it is. fn may submit an abort or a reset; the IO is still
// the device's. 0 ends the watch. IO that was submitted earlier is not
// watched.
//
// Submitting costs more while there is a timeout.
func (desc *Desc) SetTimeout(ctx context.Context, after time.Duration, fn func(*IO)) error {
	var t *ioTimeout
	if after > 0 {
		t = &ioTimeout{after, fn}
	}
	desc.timeout.Store(t)
	return desc.d.tellChannels(ctx, func(k *channel) {
		for _, c := range k.users {
			if c.desc == desc {
				c.watchTimeouts(desc.timeout.Load())
			}
		}
		k.gate()
	})
}

// watchTimeouts begins to watch, or ends it.
func (c *UserChannel) watchTimeouts(t *ioTimeout) {
	if c.timeouts != nil {
		if c.timeouts.ioTimeout == t {
			return
		}
		c.timeouts.poller.Stop()
		c.timeouts = nil
	}
	if t == nil {
		return
	}
	c.timeouts = &timeouts{ioTimeout: t}
	c.timeouts.poller = c.k.t.NewPoller(thread.PollerConfig{
		Name: "bdev_io_timeout", Period: min(t.after, timeoutPeriod), Poll: c.checkTimeouts,
	})
}

// track lists io.
func (c *UserChannel) track(io *IO) {
	c.tracked = append(c.tracked, io)
	io.slot = int32(len(c.tracked))
	c.k.watch |= watchTimeouts
}

// untrack takes io off the list.
func (c *UserChannel) untrack(io *IO) {
	last := len(c.tracked) - 1
	o := c.tracked[last]
	c.tracked[io.slot-1] = o
	o.slot = io.slot
	c.tracked[last] = nil
	c.tracked = c.tracked[:last]
	io.slot = 0
}

// checkTimeouts is the poller. What fn does may change the list.
func (c *UserChannel) checkTimeouts() (n int) {
	t, now := c.timeouts, tsc.Now()
	limit := ticks(uint64(t.after))
	for i := len(c.tracked) - 1; i >= 0; i-- {
		if i >= len(c.tracked) {
			continue
		}
		if io := c.tracked[i]; int64(now-io.start) > int64(limit) && io.state != ioDeferred {
			n++
			t.fn(io)
		}
		if c.timeouts != t {
			return n
		}
	}
	return n
}
