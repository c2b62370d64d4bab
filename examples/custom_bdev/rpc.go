// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the device"`
	Base   string `json:"base_bdev_name" rpc:"required" doc:"name of the base device; it may appear later"`
	First  uint64 `json:"first_block" doc:"first protected block"`
	Blocks uint64 `json:"num_blocks" doc:"number of protected blocks; 0: none"`
}

type rangeParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the device"`
	First  uint64 `json:"first_block" rpc:"required" doc:"first protected block"`
	Blocks uint64 `json:"num_blocks" rpc:"required" doc:"number of protected blocks; 0: none"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_guard_create", func(ctx context.Context, p createParams) (string, error) {
		return p.Name, m.Create(ctx, Config{p.Name, p.Base, Range{p.First, p.Blocks}})
	}, rpc.Doc("Makes a device that hands everything to another one, but for writes to protected blocks."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_guard_set_range", func(_ context.Context, p rangeParams) (rpc.True, error) {
		err := m.SetRange(p.Name, Range{p.First, p.Blocks})
		return err == nil, err
	}, rpc.Doc("Changes the protected blocks of a guard device."))
	rpc.Register(r, "bdev_guard_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a guard device. Its base stays."))
}

// SaveConfig implements rpc.Saver: the calls that make the devices again.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.wanted {
		calls = append(calls, rpc.Call{Method: "bdev_guard_create", Params: createParams{w.Name, w.Base, w.Range.First, w.Range.Blocks}})
	}
	return calls
}

type driverSpecific struct {
	Base    string `json:"base_bdev_name"`
	First   uint64 `json:"first_block"`
	Blocks  uint64 `json:"num_blocks"`
	Refused uint64 `json:"refused_writes"`
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	r := d.protected.Load()
	return struct {
		Guard driverSpecific `json:"guard"`
	}{driverSpecific{d.base.Name(), r.First, r.Blocks, d.refused.Load()}}
}
