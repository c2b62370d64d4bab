// SPDX-License-Identifier: BSD-3-Clause

package malloc

import (
	"context"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/rpc"
)

type createParams struct {
	Name              string    `json:"name,omitempty" doc:"name of the device; without one it is Malloc0, Malloc1 and so on"`
	NumBlocks         uint64    `json:"num_blocks" rpc:"required" doc:"size in blocks"`
	BlockSize         uint32    `json:"block_size" rpc:"required" doc:"bytes of data a block, a multiple of 512"`
	PhysicalBlockSize uint32    `json:"physical_block_size" doc:"bytes, a multiple of 512; 0 for block_size"`
	UUID              uuid.UUID `json:"uuid" doc:"identifies the content; made up if it is left out"`
	OptimalIOBoundary uint32    `json:"optimal_io_boundary" doc:"blocks; IO is split there unless it is 0"`
	MDSize            uint32    `json:"md_size" doc:"bytes of metadata a block: 0, 8, 16, 32, 64 or 128"`
	MDInterleave      bool      `json:"md_interleave,omitempty" doc:"metadata follow each block's data; otherwise they are separate"`
	DIFType           int32     `json:"dif_type" min:"0" max:"3" doc:"type of protection information, 0 for none"`
	DIFHeadOfMD       bool      `json:"dif_is_head_of_md" doc:"protection information is at the head of the metadata, not at their end"`
	DIFPIFormat       uint32    `json:"dif_pi_format" max:"2" doc:"guard of 16 (0), 32 (1) or 64 bits (2)"`
	NUMA              *int32    `json:"numa_id,omitempty" min:"-1" doc:"NUMA node of the memory; -1, the default, for any"`
}

type deleteParams struct {
	Name string `json:"name" rpc:"required" doc:"name of the device"`
}

// RegisterRPC adds the methods of the module.
func (m *Module) RegisterRPC(r *rpc.Registry) {
	rpc.Register(r, "bdev_malloc_create", m.rpcCreate,
		rpc.Doc("Makes a block device in memory."), rpc.Returns("the name of the device"))
	rpc.Register(r, "bdev_malloc_delete", func(ctx context.Context, p deleteParams) (rpc.True, error) {
		err := m.Delete(ctx, p.Name)
		return err == nil, err
	}, rpc.Concurrent(), rpc.Doc("Deletes a block device in memory, with its content."))
}

func (m *Module) rpcCreate(ctx context.Context, p createParams) (string, error) {
	cfg := Config{
		Name: p.Name, UUID: p.UUID, NumBlocks: p.NumBlocks, BlockSize: p.BlockSize, PhysicalBlockSize: p.PhysicalBlockSize,
		OptimalIOBoundary: p.OptimalIOBoundary, MDSize: p.MDSize, MDInterleaved: p.MDInterleave,
		DIF: dif.Type(p.DIFType), DIFHeadOfMD: p.DIFHeadOfMD, DIFPIFormat: dif.PIFormat(p.DIFPIFormat), NUMA: -1,
	}
	if p.NUMA != nil {
		cfg.NUMA = *p.NUMA
	}
	if cfg.BlockSize == 0 {
		return "", rpc.Errorf(-22, "Invalid argument: block_size 0: it must be a multiple of %d", blockUnit)
	}
	return m.Create(ctx, cfg)
}

// SaveConfig implements rpc.Saver.
func (d *Disk) SaveConfig() []rpc.Call {
	i := &d.info
	return []rpc.Call{{Method: "bdev_malloc_create", Params: createParams{
		Name: i.Name, NumBlocks: i.NumBlocks, BlockSize: i.DataSize(), PhysicalBlockSize: i.PhysicalBlockSize, UUID: i.UUID,
		OptimalIOBoundary: i.OptimalIOBoundary, MDSize: i.MDSize, MDInterleave: i.MDInterleaved,
		DIFType: int32(i.DIF), DIFHeadOfMD: i.DIFHeadOfMD, DIFPIFormat: uint32(i.DIFPIFormat), NUMA: &i.NUMA,
	}}}
}
