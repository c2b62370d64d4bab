// SPDX-License-Identifier: BSD-3-Clause

package iobuf

import (
	"context"
	"errors"
	"slices"

	"github.com/gospdk/gospdk/thread"
)

// PoolStats is the account of one size of buffers.
type PoolStats struct {
	Cache     uint64 `json:"cache"` // gotten from a thread's cache
	Main      uint64 `json:"main"`  // gotten from the pool, with a batch
	Retry     uint64 `json:"retry"` // had to wait
	CacheSize uint32 `json:"cache_size"`
}

// ModuleStats is the account of one user of the pool, of its open channels.
type ModuleStats struct {
	Module    string    `json:"module"`
	SmallPool PoolStats `json:"small_pool"`
	LargePool PoolStats `json:"large_pool"`
}

// Stats returns the accounts of all users, in the order in which they were
// registered. It waits for the channels' threads.
func (p *Pool) Stats(ctx context.Context) ([]ModuleStats, error) {
	p.mu.Lock()
	modules, channels := slices.Clone(p.modules), slices.Clone(p.channels)
	p.mu.Unlock()
	all := make([]ModuleStats, len(modules))
	for i, m := range modules {
		all[i].Module = m
	}
	for _, c := range channels {
		part, err := thread.Call(ctx, c.t, func() ([2]PoolStats, error) { return c.stats(), nil })
		if errors.Is(err, thread.ErrExited) {
			continue
		}
		if err != nil {
			return nil, err
		}
		at := slices.Index(modules, c.module)
		all[at].SmallPool.add(&part[0])
		all[at].LargePool.add(&part[1])
	}
	return all, nil
}

func (c *Channel) stats() (sum [2]PoolStats) {
	if c.closed {
		return sum
	}
	for i := range c.shelves {
		s := &c.shelves[i]
		sum[i] = PoolStats{Cache: s.hits, Main: s.refills, Retry: s.waits, CacheSize: uint32(s.want)}
	}
	return sum
}

func (s *PoolStats) add(o *PoolStats) {
	s.Cache += o.Cache
	s.Main += o.Main
	s.Retry += o.Retry
	s.CacheSize += o.CacheSize
}
