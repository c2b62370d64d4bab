// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name   string `json:"name" rpc:"required" doc:"name of the device"`
	Base   string `json:"base_bdev_name" rpc:"required" doc:"name of the base device"`
	First  uint64 `json:"first_block" doc:"first protected block"`
	Blocks uint64 `json:"num_blocks" doc:"number of protected blocks; 0: none"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_guard_create", func(ctx context.Context, p createParams) (string, error) {
		return p.Name, m.Create(ctx, Config(p))
	}, rpc.Doc("Makes a device that hands everything to another one, but for writes to protected blocks."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_guard_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a guard device. Its base stays."))
}

// SaveConfig implements rpc.Saver: the call that makes the device again.
func (d *disk) SaveConfig() []rpc.Call {
	return []rpc.Call{{Method: "bdev_guard_create", Params: createParams(d.cfg)}}
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	type specific struct {
		Base    string `json:"base_bdev_name"`
		First   uint64 `json:"first_block"`
		Blocks  uint64 `json:"num_blocks"`
		Refused uint64 `json:"refused_writes"`
	}
	return struct {
		Guard specific `json:"guard"`
	}{specific{d.base.Name(), d.cfg.First, d.cfg.Blocks, d.refused.Load()}}
}
