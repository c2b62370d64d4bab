// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name         string `json:"name" rpc:"required" doc:"name of the zoned device"`
	Base         string `json:"base_bdev" rpc:"required" doc:"name of the base device; it may appear later"`
	ZoneCapacity uint64 `json:"zone_capacity" rpc:"required" doc:"blocks of a zone that can be written; the zone's size is the next power of two"`
	OpenZones    uint64 `json:"optimal_open_zones" rpc:"required" doc:"how many zones are best written at once"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the zoned device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_zone_block_create", m.rpcCreate,
		rpc.Doc("Makes a zoned device out of another one. Its zones are full at first: reset them before writing."),
		rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_zone_block_delete", m.rpcDelete, rpc.Concurrent(),
		rpc.Doc("Deletes a zoned device. The data stay on the base device."))
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) (string, error) {
	name, err := m.Create(ctx, Config{Name: p.Name, Base: p.Base, ZoneCapacity: p.ZoneCapacity, OptimalOpenZones: p.OpenZones})
	if err != nil {
		words, detail := "", err.Error()
		if errno, ok := errors.AsType[syscall.Errno](err); ok {
			words = rpc.Strerror(errno)
			detail = strings.TrimSuffix(detail, ": "+strings.ToLower(words))
			words += ": "
		}
		return "", rpc.Errorf(rpc.InternalError, "Failed to create block zoned vbdev: %s%s", words, detail)
	}
	return name, nil
}

func (m *Module) rpcDelete(ctx context.Context, p deleteParams) (rpc.True, error) {
	err := m.Delete(ctx, p.Name)
	return err == nil, err
}

type savedDisk struct {
	Base      string `json:"base_bdev"`
	Name      string `json:"name"`
	Capacity  uint64 `json:"zone_capacity"`
	OpenZones uint64 `json:"optimal_open_zones"`
}

// SaveConfig implements rpc.Saver. The devices are the module's to save, so
// that they come before their bases, for which they wait.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.disks {
		s := d.specific()
		calls = append(calls, rpc.Call{Method: "bdev_zone_block_create", Params: savedDisk{s.Base, s.Name, s.Capacity, s.OpenZones}})
	}
	return calls
}
