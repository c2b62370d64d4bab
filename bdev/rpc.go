// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"time"

	"github.com/gospdk/gospdk/rpc"
)

// RegisterRPC adds the methods of the block layer to m: those that concern
// devices of every module.
func (r *Registry) RegisterRPC(m *rpc.Registry) {
	rpc.Register(m, "bdev_set_options", r.rpcSetOptions, rpc.Startup(),
		rpc.Doc("Sets options of the block layer. Those that are left out stay as they are."))
	rpc.Register(m, "bdev_examine", r.rpcExamine,
		rpc.Doc("Has the modules examine a device, now or when it appears. For use with bdev_auto_examine off."))
	rpc.Register(m, "bdev_wait_for_examine", r.rpcWaitForExamine, rpc.Concurrent(),
		rpc.Doc("Answers when all devices have been examined by all modules."))
	rpc.Register(m, "bdev_get_bdevs", r.rpcGetBdevs, rpc.Concurrent(),
		rpc.Doc("Describes the device of that name, or all devices."),
		rpc.Returns("an array with one object a device"))
	r.registerStatsRPC(m)
	r.registerLimitsRPC(m)
	r.registerHistogramRPC(m)
	m.After(r.settle)
}

// configWait bounds how long a method's answer waits for devices that are
// being made because their base has appeared.
const configWait = time.Second

// settle has a method answered only when the devices are there that wait for
// one which it has made: for a client they are part of that.
func (r *Registry) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, configWait)
	defer cancel()
	_ = r.WaitForConfig(ctx) // what is late comes later
}

type setOptionsParams struct {
	IOPoolSize      *uint32 `json:"bdev_io_pool_size" doc:"requests in SPDK's shared pool; kept and saved, but there is no such pool here (default 65535)"`
	IOCacheSize     *uint32 `json:"bdev_io_cache_size" doc:"requests that SPDK caches per thread; as above (default 256)"`
	AutoExamine     *bool   `json:"bdev_auto_examine" doc:"examine all devices; false leaves the choice to bdev_examine (default true)"`
	IobufSmallCache *uint32 `json:"iobuf_small_cache_size" doc:"small buffers that a thread keeps for itself (default 128)"`
	IobufLargeCache *uint32 `json:"iobuf_large_cache_size" doc:"large buffers that a thread keeps for itself (default 16)"`
}

// set gives *to the value of a parameter if it is there.
func set[T any](to *T, param *T) {
	if param != nil {
		*to = *param
	}
}

func (r *Registry) rpcSetOptions(_ context.Context, p setOptionsParams) (rpc.True, error) {
	o := r.Options()
	set(&o.IOPoolSize, p.IOPoolSize)
	set(&o.IOCacheSize, p.IOCacheSize)
	set(&o.AutoExamine, p.AutoExamine)
	set(&o.IobufSmallCache, p.IobufSmallCache)
	set(&o.IobufLargeCache, p.IobufLargeCache)
	err := r.SetOptions(o)
	if size, ok := errors.AsType[*PoolSizeError](err); ok {
		return false, rpc.Errorf(rpc.InvalidParams, "%s", size.Error())
	}
	return err == nil, err
}

type nameParams struct {
	Name string `json:"name" rpc:"required" doc:"name, alias or UUID of the device"`
}

func (r *Registry) rpcExamine(ctx context.Context, p nameParams) (rpc.True, error) {
	err := r.Examine(ctx, p.Name)
	return err == nil, err
}

func (r *Registry) rpcWaitForExamine(ctx context.Context, _ struct{}) (rpc.True, error) {
	err := r.WaitForExamine(ctx)
	return err == nil, err
}
