// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"slices"

	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// memoryChanged brings the controller to a new table of the client's memory.
// If the new one lacks a region of the old, commands in execution may be
// using it: nothing more is fetched until they have ended. It is called on
// the connection's goroutine and returns when the old table is not used any
// more.
func (c *controller) memoryChanged(m *server.Memory) {
	done := make(chan struct{})
	err := thread.Do(context.Background(), c.thread, func() error {
		if !lost(c.mem, m) {
			c.setMemory(m)
			close(done)
			return nil
		}
		c.paused = true
		c.core.Home().Drain(func() {
			c.paused = false
			c.setMemory(m)
			close(done)
		})
		return nil
	})
	if err == nil {
		<-done
	}
}

// lost tells whether a region of old is not in m.
func lost(old, m *server.Memory) bool {
	for _, r := range old.Regions() {
		if m.Region(r.Addr) != r {
			return true
		}
	}
	return false
}

// setMemory takes m and finds the queues in it. A queue whose memory is not
// there any more rests until it is there again.
func (c *controller) setMemory(m *server.Memory) {
	c.mem, c.region = m, nil
	for _, q := range c.cqs {
		if q != nil {
			q.mem, q.join, _ = c.mapQueue(q.addr, int(q.size)*completionSize, true, q.join)
		}
	}
	c.remapShadow()
	active := make([]*sq, 0, len(c.active))
	for _, q := range c.sqs {
		if q == nil || q.deleting != nil {
			continue
		}
		if q.mem, q.join, _ = c.mapQueue(q.addr, int(q.size)*commandSize, false, q.join); q.mem != nil {
			active = append(active, q)
		}
	}
	c.active = slices.Clip(active)
}
