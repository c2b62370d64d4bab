// SPDX-License-Identifier: BSD-3-Clause

package null

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name                      string    `json:"name" rpc:"required" doc:"name of the device"`
	NumBlocks                 uint64    `json:"num_blocks" rpc:"required" doc:"size in blocks"`
	BlockSize                 uint32    `json:"block_size" rpc:"required" doc:"bytes of data a block, a multiple of 512"`
	PhysicalBlockSize         uint32    `json:"physical_block_size" doc:"bytes, a multiple of 512; 0 for block_size"`
	MDSize                    uint32    `json:"md_size" doc:"bytes of metadata after the data of each block: 0, 8, 16, 32, 64 or 128"`
	DIFType                   int32     `json:"dif_type" min:"0" max:"3" doc:"type of protection information, 0 for none"`
	DIFHeadOfMD               bool      `json:"dif_is_head_of_md" doc:"protection information is at the head of the metadata, not at their end"`
	DIFPIFormat               uint32    `json:"dif_pi_format" max:"2" doc:"guard of 16 (0), 32 (1) or 64 bits (2)"`
	UUID                      uuid.UUID `json:"uuid" doc:"identifies the content; made up if it is left out"`
	PreferredWriteGranularity uint32    `json:"preferred_write_granularity" doc:"what users are told, in blocks"`
	PreferredWriteAlignment   uint32    `json:"preferred_write_alignment" doc:"what users are told, in blocks"`
	OptimalWriteSize          uint32    `json:"optimal_write_size" doc:"what users are told, in blocks"`
	PreferredUnmapGranularity uint32    `json:"preferred_unmap_granularity" doc:"what users are told, in blocks"`
	PreferredUnmapAlignment   uint32    `json:"preferred_unmap_alignment" doc:"what users are told, in blocks"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

type resizeParams struct {
	Name    string `json:"name" rpc:"required" doc:"name of the device"`
	NewSize uint64 `json:"new_size" rpc:"required" doc:"size in MiB, not less than it is"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_null_create", m.rpcCreate,
		rpc.Doc("Makes a block device that drops what is written and leaves buffers as they are when it is read: for measuring what is above it."),
		rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_null_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a null block device."))
	rpc.Register(r, "bdev_null_resize", func(_ context.Context, p resizeParams) (rpc.True, error) {
		err := m.Resize(p.Name, p.NewSize)
		return err == nil, err
	}, rpc.Doc("Makes a null block device larger."))
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) (string, error) {
	if p.BlockSize == 0 {
		return "", fmt.Errorf("block_size 0: it must be a multiple of %d: %w", blockUnit, bdev.ErrInvalid)
	}
	return m.Create(ctx, Config{
		Name: p.Name, UUID: p.UUID, NumBlocks: p.NumBlocks, BlockSize: p.BlockSize, PhysicalBlockSize: p.PhysicalBlockSize,
		MDSize: p.MDSize, MDInterleaved: p.MDSize > 0,
		PreferredWriteGranularity: p.PreferredWriteGranularity, PreferredWriteAlignment: p.PreferredWriteAlignment,
		OptimalWriteSize:          p.OptimalWriteSize,
		PreferredUnmapGranularity: p.PreferredUnmapGranularity, PreferredUnmapAlignment: p.PreferredUnmapAlignment,
		DIF: dif.Type(p.DIFType), DIFHeadOfMD: p.DIFHeadOfMD, DIFPIFormat: dif.PIFormat(p.DIFPIFormat),
	})
}

// SaveConfig implements rpc.Saver.
func (d *Disk) SaveConfig() []rpc.Call {
	i := d.Info()
	return []rpc.Call{{Method: "bdev_null_create", Params: createParams{
		Name: i.Name, NumBlocks: i.NumBlocks, BlockSize: i.DataSize(), PhysicalBlockSize: i.PhysicalBlockSize, MDSize: i.MDSize,
		DIFType: int32(i.DIF), DIFHeadOfMD: i.DIFHeadOfMD, DIFPIFormat: uint32(i.DIFPIFormat), UUID: i.UUID,
		PreferredWriteGranularity: i.PreferredWriteGranularity, PreferredWriteAlignment: i.PreferredWriteAlignment,
		OptimalWriteSize:          i.OptimalWriteSize,
		PreferredUnmapGranularity: i.PreferredUnmapGranularity, PreferredUnmapAlignment: i.PreferredUnmapAlignment,
	}}}
}
