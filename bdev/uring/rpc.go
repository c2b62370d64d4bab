// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"context"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name      string    `json:"name" rpc:"required" doc:"name of the device"`
	BlockSize uint32    `json:"block_size,omitempty" doc:"bytes a block, a power of two, 512 or more; left out, that of the block device"`
	Filename  string    `json:"filename" rpc:"required" doc:"path of a file or a block device"`
	UUID      uuid.UUID `json:"uuid" doc:"identifies the content; made up if it is left out"`
	Poll      bool      `json:"iopoll,omitempty" doc:"ask the disk for the ends of transfers while there are any, in place of interrupts; not SPDK's"`
}

type nameParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_uring_create", func(ctx context.Context, p createParams) (string, error) {
		name, err := m.Create(ctx, Config{Name: p.Name, Filename: p.Filename, BlockSize: p.BlockSize, UUID: p.UUID, Poll: p.Poll})
		if err != nil {
			return "", rpc.Errorf(rpc.InternalError, "Unable to create URING bdev.: %v", err)
		}
		return name, nil
	}, rpc.Doc("Makes a block device of a file or of a block device of the kernel's, by Linux's io_uring."),
		rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_uring_rescan", func(_ context.Context, p nameParams) (rpc.True, error) {
		err := m.Rescan(p.Name)
		return err == nil, err
	}, rpc.Doc("Looks how large the file of a uring device is now."))
	rpc.Register(r, "bdev_uring_delete", func(ctx context.Context, p nameParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a uring device. The file stays."))
}

// SaveConfig implements rpc.Saver.
func (d *Disk) SaveConfig() []rpc.Call {
	return []rpc.Call{{Method: "bdev_uring_create", Params: createParams{
		Name: d.cfg.Name, BlockSize: d.info.BlockSize, Filename: d.cfg.Filename, UUID: d.cfg.UUID, Poll: d.cfg.Poll,
	}}}
}

// driverSpecific is what bdev_get_bdevs tells of the device.
type driverSpecific struct {
	Uring struct {
		Filename string `json:"filename"`
		Polled   *bool  `json:"iopoll,omitempty"` // if it was asked for
	} `json:"uring"`
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *Disk) DriverSpecific() any {
	var s driverSpecific
	s.Uring.Filename = d.cfg.Filename
	if d.cfg.Poll {
		s.Uring.Polled = &d.polled
	}
	return s
}
