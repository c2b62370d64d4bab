// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"

	"github.com/gospdk/gospdk/rpc"
)

// SaveConfig returns the calls that make the devices and options of the
// registry again, in the order that SPDK saves them: options, the names for
// examination, what modules save, what devices save with their limits and
// histograms, and at last the wait for the examination. Modules that examine
// come first: what they are told to make waits for its base.
func (r *Registry) SaveConfig() []rpc.Call {
	o := r.Options()
	calls := []rpc.Call{{Method: "bdev_set_options", Params: savedOptions{
		o.IOPoolSize, o.IOCacheSize, o.AutoExamine, o.IobufSmallCache, o.IobufLargeCache}}}
	for _, name := range r.Examined() {
		calls = append(calls, rpc.Call{Method: "bdev_examine", Params: savedName{name}})
	}
	modules := r.Modules()
	slices.SortStableFunc(modules, func(a, b Module) int { return rank(a) - rank(b) })
	for _, m := range modules {
		if s, ok := m.(rpc.Saver); ok {
			calls = append(calls, s.SaveConfig()...)
		}
	}
	for _, d := range r.present() {
		if s, ok := d.dev.(rpc.Saver); ok {
			calls = append(calls, s.SaveConfig()...)
		}
	}
	return append(calls, rpc.Call{Method: "bdev_wait_for_examine"})
}

func rank(m Module) int {
	if examines(m) {
		return 0
	}
	return 1
}

type savedOptions struct {
	IOPoolSize      uint32 `json:"bdev_io_pool_size"`
	IOCacheSize     uint32 `json:"bdev_io_cache_size"`
	AutoExamine     bool   `json:"bdev_auto_examine"`
	IobufSmallCache uint32 `json:"iobuf_small_cache_size"`
	IobufLargeCache uint32 `json:"iobuf_large_cache_size"`
}

type savedName struct {
	Name string `json:"name"`
}
