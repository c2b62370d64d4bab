// SPDX-License-Identifier: BSD-3-Clause

package accel

import (
	"context"
	"errors"
	"slices"

	"github.com/gospdk/gospdk/thread"
)

// OpStats is the account of one operation.
type OpStats struct {
	Executed uint64 // ended by a module, whatever the status
	Failed   uint64 // ended with an error
	Bytes    uint64 // of the executed ones
}

// Stats are the accounts of the framework or of one channel.
type Stats struct {
	Operations           [numOps]OpStats // by Op
	SequencesExecuted    uint64          // ended, whatever the status
	SequencesFailed      uint64          // ended with an error
	SequencesOutstanding uint64
	TasksOutstanding     uint64
	BufferWaits          uint64 // sequences that waited for a buffer
}

func (s *Stats) add(o *Stats) {
	for i := range s.Operations {
		a, b := &s.Operations[i], &o.Operations[i]
		a.Executed += b.Executed
		a.Failed += b.Failed
		a.Bytes += b.Bytes
	}
	s.SequencesExecuted += o.SequencesExecuted
	s.SequencesFailed += o.SequencesFailed
	s.SequencesOutstanding += o.SequencesOutstanding
	s.TasksOutstanding += o.TasksOutstanding
	s.BufferWaits += o.BufferWaits
}

// Stats returns the channel's accounts.
func (c *Channel) Stats() Stats {
	s := c.stats
	s.TasksOutstanding = uint64(c.outstanding) - s.SequencesOutstanding
	return s
}

// Stats adds up the accounts of all channels, of those that are closed too.
// It asks each thread.
func (f *Framework) Stats(ctx context.Context) (Stats, error) {
	f.mu.Lock()
	channels := slices.Clone(f.channels)
	f.mu.Unlock()
	// A channel that closes meanwhile must be counted once: those that
	// are asked after it are gone from the list and part of past.
	var live []*Channel
	var parts []Stats
	for _, c := range channels {
		s, err := thread.Call(ctx, c.t, func() (Stats, error) { return c.Stats(), nil })
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return Stats{}, err
		}
		live, parts = append(live, c), append(parts, s)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	total := f.past
	for i, c := range live {
		if slices.Contains(f.channels, c) {
			total.add(&parts[i])
		}
	}
	return total, nil
}
