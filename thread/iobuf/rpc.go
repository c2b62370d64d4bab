// SPDX-License-Identifier: BSD-3-Clause

package iobuf

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type setOptionsParams struct {
	SmallCount *uint64 `json:"small_pool_count" doc:"small buffers in the pool, at least 64; 8192 unless it is set"`
	LargeCount *uint64 `json:"large_pool_count" doc:"large buffers in the pool, at least 8; 1024 unless it is set"`
	SmallSize  *uint32 `json:"small_bufsize" doc:"bytes of a small buffer, at least 4096, rounded up to a multiple of 4096; 8192 unless it is set"`
	LargeSize  *uint32 `json:"large_bufsize" doc:"bytes of a large buffer, at least 8192, rounded up to a multiple of 4096; 135168 unless it is set"`
	NUMA       *bool   `json:"enable_numa" doc:"keep a pool of these counts for each NUMA node"`
}

// saved is setOptionsParams with everything said.
type saved struct {
	SmallCount uint64 `json:"small_pool_count"`
	LargeCount uint64 `json:"large_pool_count"`
	SmallSize  uint32 `json:"small_bufsize"`
	LargeSize  uint32 `json:"large_bufsize"`
	NUMA       bool   `json:"enable_numa"`
}

// RegisterRPC adds the pool's methods to m.
func (p *Pool) RegisterRPC(m *rpc.Registry) {
	rpc.Register(m, "iobuf_set_options", p.rpcSetOptions, rpc.Startup(),
		rpc.Doc("Sets the sizes of the buffer pools. What is left out stays as it is. Memory is taken when it is needed, up to these sizes."))
	rpc.Register(m, "iobuf_get_stats", p.rpcGetStats,
		rpc.Doc("Returns how the users of the buffer pools have been served."),
		rpc.Returns("for each user and size: how many buffers came from a thread's cache, how many from the pool, how many had to be waited for"))
}

func (p *Pool) rpcSetOptions(_ context.Context, q setOptionsParams) (rpc.True, error) {
	o := p.Options()
	apply(&o.SmallCount, q.SmallCount)
	apply(&o.LargeCount, q.LargeCount)
	apply(&o.SmallSize, q.SmallSize)
	apply(&o.LargeSize, q.LargeSize)
	apply(&o.NUMA, q.NUMA)
	err := p.set(o)
	return err == nil, err
}

// apply sets what the caller has said.
func apply[T any](to, said *T) {
	if said != nil {
		*to = *said
	}
}

func (p *Pool) rpcGetStats(ctx context.Context, _ struct{}) ([]ModuleStats, error) {
	return p.Stats(ctx)
}

// SaveConfig returns the call that sets the sizes.
func (p *Pool) SaveConfig() []rpc.Call {
	o := p.Options()
	return []rpc.Call{{Method: "iobuf_set_options", Params: saved(o)}}
}
