// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"sync/atomic"
	"time"
)

// QueueDepth is what the sampling of a device's queue depth has found.
type QueueDepth struct {
	Period   time.Duration // between two samples, 0 while none are taken
	Depth    uint64        // IO under way at the last sample
	Sampled  bool          // there was one
	Time     time.Duration // sum of the periods at whose end IO was under way
	Weighted time.Duration // the same, each times the depth
}

// sampling samples the queue depth of a device until stop is closed.
type sampling struct {
	period time.Duration
	stop   chan struct{}
}

// depthStats is written by one goroutine.
type depthStats struct {
	depth, time, weighted atomic.Uint64
	sampled               atomic.Bool
}

// SetQueueDepthSampling has the number of IOs under way on a device counted
// every period; 0 ends it. The device is not kept open.
func (r *Registry) SetQueueDepthSampling(name string, period time.Duration) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.flow.sampling
	switch {
	case old != nil && old.period == period:
		return nil
	case old != nil:
		close(old.stop)
		d.flow.sampling = nil
	}
	if period > 0 {
		s := &sampling{period: period, stop: make(chan struct{})}
		d.flow.sampling = s
		go d.sample(s)
	}
	return nil
}

// QueueDepth returns what the sampling of a device has found.
func (r *Registry) QueueDepth(name string) (QueueDepth, error) {
	d, err := r.find(name)
	if err != nil {
		return QueueDepth{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.flow.depth
	q := QueueDepth{
		Depth: s.depth.Load(), Sampled: s.sampled.Load(),
		Time: time.Duration(s.time.Load()), Weighted: time.Duration(s.weighted.Load()),
	}
	if d.flow.sampling != nil {
		q.Period = d.flow.sampling.period
	}
	return q, nil
}

func (d *disk) sample(s *sampling) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.stop:
		case <-d.gone:
		case <-ctx.Done():
		}
		cancel()
	}()
	tick := time.NewTicker(s.period)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		var depth uint64
		err := d.onChannels(ctx, func(k *channel) error {
			depth += k.depth()
			return nil
		})
		if err == nil {
			d.flow.depth.add(depth, s.period)
		}
	}
}

func (s *depthStats) add(depth uint64, period time.Duration) {
	s.depth.Store(depth)
	if depth > 0 {
		s.time.Add(uint64(period))
		s.weighted.Add(uint64(period) * depth)
	}
	s.sampled.Store(true)
}

// depth is how many IOs of users are under way.
func (k *channel) depth() (n uint64) {
	for _, c := range k.users {
		n += uint64(c.Outstanding())
	}
	return n
}
