// SPDX-License-Identifier: BSD-3-Clause

package passthru

import (
	"context"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Base string    `json:"base_bdev_name" rpc:"required" doc:"name of the base device; it may appear later"`
	Name string    `json:"name" rpc:"required" doc:"name of the device"`
	UUID uuid.UUID `json:"uuid" doc:"identifies the content; follows from the base's if it is left out"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_passthru_create", func(ctx context.Context, p createParams) (string, error) {
		return m.Create(ctx, Config{Name: p.Name, Base: p.Base, UUID: p.UUID})
	}, rpc.Doc("Makes a device that hands everything to another one."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_passthru_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a passthru device. Its base stays."))
}

// SaveConfig implements rpc.Saver. The devices are the module's to save, so
// that they come before their bases, for which they wait.
func (m *Module) SaveConfig() (calls []rpc.Call) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.disks {
		calls = append(calls, rpc.Call{Method: "bdev_passthru_create", Params: createParams{d.base.Info.Name, d.info.Name, d.info.UUID}})
	}
	return calls
}
