// SPDX-License-Identifier: BSD-3-Clause

package aio

import (
	"context"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name      string    `json:"name" rpc:"required" doc:"name of the device"`
	BlockSize uint32    `json:"block_size,omitempty" doc:"bytes a block, a power of two, 512 or more; left out, that of the block device"`
	Filename  string    `json:"filename" rpc:"required" doc:"path of a file or a block device"`
	ReadOnly  bool      `json:"readonly" doc:"open it for reading only"`
	Fallocate bool      `json:"fallocate" doc:"unmap and write zeroes by fallocate"`
	UUID      uuid.UUID `json:"uuid" doc:"identifies the content; made up if it is left out"`
	NoWait    bool      `json:"nowait" doc:"do not wait for the kernel's resources within a submission; block devices only"`
}

type nameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_aio_create", func(ctx context.Context, p createParams) (string, error) {
		name, err := m.Create(ctx, Config{
			Name: p.Name, Filename: p.Filename, BlockSize: p.BlockSize, UUID: p.UUID,
			ReadOnly: p.ReadOnly, Fallocate: p.Fallocate, NoWait: p.NoWait,
		})
		if err != nil {
			return "", err
		}
		return name, m.reg.WaitForExamine(ctx)
	}, rpc.Doc("Makes a block device of a file or of a block device of the kernel's, by Linux's asynchronous I/O."),
		rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_aio_rescan", func(_ context.Context, p nameParams) (rpc.True, error) {
		err := m.Rescan(p.Name)
		return err == nil, err
	}, rpc.Doc("Looks how large the file of an aio device is now."))
	rpc.Register(r, "bdev_aio_delete", func(ctx context.Context, p nameParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes an aio device. The file stays."))
}

// SaveConfig implements rpc.Saver.
func (d *Disk) SaveConfig() []rpc.Call {
	p := createParams{
		Name: d.cfg.Name, Filename: d.cfg.Filename, UUID: d.cfg.UUID,
		ReadOnly: d.cfg.ReadOnly, Fallocate: d.cfg.Fallocate, NoWait: d.cfg.NoWait,
	}
	if d.override {
		p.BlockSize = d.info.BlockSize
	}
	return []rpc.Call{{Method: "bdev_aio_create", Params: p}}
}

// driverSpecific is what bdev_get_bdevs tells of the device.
type driverSpecific struct {
	AIO struct {
		Filename  string `json:"filename"`
		Override  bool   `json:"block_size_override"`
		ReadOnly  bool   `json:"readonly"`
		Fallocate bool   `json:"fallocate"`
		NoWait    bool   `json:"nowait"`
	} `json:"aio"`
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *Disk) DriverSpecific() any {
	var s driverSpecific
	s.AIO.Filename, s.AIO.Override = d.cfg.Filename, d.override
	s.AIO.ReadOnly, s.AIO.Fallocate, s.AIO.NoWait = d.cfg.ReadOnly, d.cfg.Fallocate, d.cfg.NoWait
	return s
}
