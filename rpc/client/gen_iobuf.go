// SPDX-License-Identifier: BSD-3-Clause

// Code generated from the registered methods (make docs). DO NOT EDIT.

package client

import (
	"context"
)

// IobufGetStats calls iobuf_get_stats. Returns how the users of the buffer pools have been served.
// It returns for each user and size: how many buffers came from a thread's cache, how many from the pool, how many had to be waited for.
func (c *Client) IobufGetStats(ctx context.Context) ([]IobufGetStatsResult, error) {
	return Call[[]IobufGetStatsResult](ctx, c, "iobuf_get_stats", nil)
}

// IobufGetStatsSmallPoolResult is a result, or a part of one.
type IobufGetStatsSmallPoolResult struct {
	Cache     uint64 `json:"cache"`
	Main      uint64 `json:"main"`
	Retry     uint64 `json:"retry"`
	CacheSize uint32 `json:"cache_size"`
}

// IobufGetStatsResult is a result, or a part of one.
type IobufGetStatsResult struct {
	Module    string                       `json:"module"`
	SmallPool IobufGetStatsSmallPoolResult `json:"small_pool"`
	LargePool IobufGetStatsSmallPoolResult `json:"large_pool"`
}

// IobufSetOptions calls iobuf_set_options. Sets the sizes of the buffer pools. What is left out stays as it is. Memory is taken when it is needed, up to these sizes.
func (c *Client) IobufSetOptions(ctx context.Context, p IobufSetOptionsParams) error {
	return c.Call(ctx, "iobuf_set_options", p, nil)
}

// IobufSetOptionsParams are the parameters of iobuf_set_options.
type IobufSetOptionsParams struct {
	SmallPoolCount *uint64 `json:"small_pool_count,omitempty"` // small buffers in the pool, at least 64; 8192 unless it is set
	LargePoolCount *uint64 `json:"large_pool_count,omitempty"` // large buffers in the pool, at least 8; 1024 unless it is set
	SmallBufsize   *uint32 `json:"small_bufsize,omitempty"`    // bytes of a small buffer, at least 4096, rounded up to a multiple of 4096; 8192 unless it is set
	LargeBufsize   *uint32 `json:"large_bufsize,omitempty"`    // bytes of a large buffer, at least 8192, rounded up to a multiple of 4096; 135168 unless it is set
	EnableNUMA     *bool   `json:"enable_numa,omitempty"`      // keep a pool of these counts for each NUMA node
}
