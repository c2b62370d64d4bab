// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gospdk/gospdk/internal/tsc"
	"github.com/gospdk/gospdk/thread"
)

// Stats are the accounts of a device, an entry for each operation, indexed by
// Op.
type Stats [numOps]OpStats

// OpStats is the account of one operation. Latencies are those of successful
// IO from Submit to the call of Done. An IO that is submitted from the
// Complete of another counts from the moment of that call.
type OpStats struct {
	Ops     uint64 // ended with success
	Blocks  uint64 // of those
	Bytes   uint64 // of those; 0 for operations without data
	Errors  uint64 // ended otherwise
	Latency time.Duration
	Min     time.Duration
	Max     time.Duration
}

// opStat is the account of one operation on one channel.
type opStat struct {
	ops, blocks, errors, ticks, min, max uint64
}

type opStats [numOps]opStat

func (s *opStats) init() {
	for i := range s {
		s[i].min = ^uint64(0)
	}
}

// add counts an IO that has ended at time now.
func (s *opStat) add(io *IO, now uint64) {
	if io.Status != StatusSuccess {
		s.errors++
		return
	}
	// Readings of two processors may differ by a little.
	d := uint64(max(0, int64(now-io.start)))
	s.ops++
	s.blocks += io.Blocks
	s.ticks += d
	s.min = min(s.min, d)
	s.max = max(s.max, d)
}

func (s *opStats) add(o *opStats) {
	for i := range s {
		a, b := &s[i], &o[i]
		a.ops += b.ops
		a.blocks += b.blocks
		a.errors += b.errors
		a.ticks += b.ticks
		a.min = min(a.min, b.min)
		a.max = max(a.max, b.max)
	}
}

// public converts ticks to time and blocks to bytes.
func (s *opStats) public(blockSize uint32) (p Stats) {
	for i := range s {
		o := &s[i]
		p[i] = OpStats{Ops: o.ops, Blocks: o.blocks, Errors: o.errors, Latency: tsc.Duration(o.ticks), Max: tsc.Duration(o.max)}
		if carrying.has(Op(i)) || Op(i) == OpCopy {
			p[i].Bytes = o.blocks * uint64(blockSize)
		}
		if o.ops > 0 {
			p[i].Min = tsc.Duration(o.min)
		}
	}
	return p
}

// Stats returns the channel's own account. On its thread.
func (c *UserChannel) Stats() Stats { return c.stats.public(c.d.info.BlockSize) }

// Stats returns the accounts of all users of a device since it was registered
// or since ResetStats.
func (r *Registry) Stats(ctx context.Context, name string) (Stats, error) {
	d, err := r.find(name)
	if err != nil {
		return Stats{}, err
	}
	sum, err := d.collect(ctx, false)
	return sum.public(d.info.BlockSize), err
}

// ResetStats starts the accounts of a device anew.
func (r *Registry) ResetStats(ctx context.Context, name string) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	_, err = d.collect(ctx, true)
	return err
}

func (d *disk) collect(ctx context.Context, reset bool) (sum opStats, err error) {
	d.mu.Lock()
	channels := slices.Clone(d.channels)
	d.mu.Unlock()
	sum.init()
	for _, k := range channels {
		part, err := thread.Call(ctx, k.t, func() (opStats, error) { return k.collect(reset), nil })
		if errors.Is(err, thread.ErrExited) {
			continue // its users have left their accounts
		}
		if err != nil {
			return sum, err
		}
		sum.add(&part)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	sum.add(&d.past)
	if reset {
		d.past = opStats{}
		d.past.init()
	}
	return sum, nil
}

func (k *channel) collect(reset bool) (sum opStats) {
	sum.init()
	for _, c := range k.users {
		sum.add(&c.stats)
		if reset {
			c.stats = opStats{}
			c.stats.init()
		}
	}
	return sum
}
