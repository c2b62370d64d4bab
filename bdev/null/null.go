// SPDX-License-Identifier: BSD-3-Clause

// Package null is a block device that does nothing, at once: for measuring
// what is above it.
//
// Writes are dropped. Reads leave the buffers as they are, as those of SPDK's
// null do, so whoever reads sees whatever was in its memory; do not export
// one to somebody who must not.
package null

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread"
)

// Config describes the device to make.
type Config struct {
	Name              string
	Aliases           []string
	UUID              uuid.UUID // zero for a random one
	NumBlocks         uint64
	BlockSize         uint32 // bytes of data; 0 means 512
	PhysicalBlockSize uint32 // bytes; 0 means BlockSize
	MDSize            uint32 // bytes of metadata a block
	MDInterleaved     bool   // they are in the data buffer
	OptimalIOBoundary uint32 // blocks; IO is split there unless it is 0

	// What users are told about good sizes, in blocks.
	PreferredWriteGranularity, PreferredWriteAlignment uint32
	OptimalWriteSize                                   uint32
	PreferredUnmapGranularity, PreferredUnmapAlignment uint32

	// DIF is the protection information in the metadata. That of what is
	// written is checked; what is read gets some that fits whatever the
	// buffers held.
	DIF         dif.Type
	DIFHeadOfMD bool
	DIFPIFormat dif.PIFormat
}

// Disk is the device. It has no content.
type Disk struct {
	info   bdev.Info     // but for NumBlocks
	blocks atomic.Uint64 // changes with Module.Resize
	closed func()        // called by Close, may be nil
}

// blockUnit is what sizes of a block's data are multiples of, in bytes.
const blockUnit = 512

// mdSizes are the sizes that a block's metadata may have, in bytes.
var mdSizes = []uint32{0, 8, 16, 32, 64, 128}

// New makes a device to be registered.
func New(cfg Config) (*Disk, error) {
	if cfg.BlockSize == 0 {
		cfg.BlockSize = blockUnit
	}
	// SPDK saves a block size that includes the metadata.
	if cfg.MDSize > 0 && cfg.BlockSize%blockUnit == cfg.MDSize {
		cfg.BlockSize -= cfg.MDSize
		cfg.MDInterleaved = true
	}
	if cfg.PhysicalBlockSize == 0 {
		cfg.PhysicalBlockSize = cfg.BlockSize
	}
	if cfg.UUID == uuid.Nil {
		cfg.UUID = uuid.New()
	}
	if err := check(&cfg); err != nil {
		return nil, fmt.Errorf("null: %w", err)
	}
	info := bdev.Info{
		Name: cfg.Name, Aliases: cfg.Aliases, Product: "Null disk", Module: moduleName, UUID: cfg.UUID,
		BlockSize: cfg.BlockSize, NumBlocks: cfg.NumBlocks,
		PhysicalBlockSize: cfg.PhysicalBlockSize,
		MDSize:            cfg.MDSize, MDInterleaved: cfg.MDInterleaved && cfg.MDSize > 0,
		OptimalIOBoundary: cfg.OptimalIOBoundary, SplitOnBoundary: cfg.OptimalIOBoundary > 0,
		PreferredWriteGranularity: cfg.PreferredWriteGranularity, PreferredWriteAlignment: cfg.PreferredWriteAlignment,
		OptimalWriteSize:          cfg.OptimalWriteSize,
		PreferredUnmapGranularity: cfg.PreferredUnmapGranularity, PreferredUnmapAlignment: cfg.PreferredUnmapAlignment,
		DIF: cfg.DIF, DIFHeadOfMD: cfg.DIFHeadOfMD, DIFPIFormat: cfg.DIFPIFormat, DIFCheck: cfg.DIF.Checks(),
	}
	if info.MDInterleaved {
		info.BlockSize += cfg.MDSize
	}
	d := &Disk{info: info}
	d.blocks.Store(info.NumBlocks)
	return d, nil
}

func check(cfg *Config) error {
	switch {
	case cfg.Name == "":
		return fmt.Errorf("the device needs a name: %w", bdev.ErrInvalid)
	case cfg.BlockSize > 1<<19 || cfg.BlockSize%blockUnit != 0:
		return fmt.Errorf("block_size %d of %s: it must be a multiple of %d, up to %d: %w", cfg.BlockSize, cfg.Name, blockUnit, 1<<19, bdev.ErrInvalid)
	case cfg.PhysicalBlockSize%blockUnit != 0:
		return fmt.Errorf("physical_block_size %d of %s: it must be a multiple of %d: %w", cfg.PhysicalBlockSize, cfg.Name, blockUnit, bdev.ErrInvalid)
	case !slices.Contains(mdSizes, cfg.MDSize):
		return fmt.Errorf("md_size %d of %s: it must be one of %v: %w", cfg.MDSize, cfg.Name, mdSizes, bdev.ErrInvalid)
	case cfg.NumBlocks == 0:
		return fmt.Errorf("num_blocks 0 of %s: it must be at least 1: %w", cfg.Name, bdev.ErrInvalid)
	case cfg.DIF > dif.Type3 || cfg.DIFPIFormat > dif.PI64:
		return fmt.Errorf("dif_type %d, dif_pi_format %d of %s: they must be from 0 to 3, and from 0 to 2: %w", cfg.DIF, cfg.DIFPIFormat, cfg.Name, bdev.ErrInvalid)
	case cfg.DIF != dif.Disabled && cfg.MDSize < cfg.DIFPIFormat.Size():
		return fmt.Errorf("md_size %d of %s: protection information needs %d bytes: %w", cfg.MDSize, cfg.Name, cfg.DIFPIFormat.Size(), bdev.ErrInvalid)
	}
	return nil
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info {
	i := d.info
	i.NumBlocks = d.blocks.Load()
	return i
}

// Supports implements bdev.Device.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush, bdev.OpWriteZeroes, bdev.OpReset:
		return true
	}
	return false
}

// SupportsIOType implements bdev.IOTyper: what SPDK's has. Unmap and flush work
// all the same.
func (d *Disk) SupportsIOType(name string, native bool) bool {
	switch name {
	case "unmap", "flush":
		return false
	case "abort":
		return true
	}
	return native
}

// DriverSpecific is what bdev_get_bdevs tells of the device: nothing more.
func (d *Disk) DriverSpecific() any { return struct{}{} }

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(*thread.Thread) (bdev.Channel, error) {
	if d.info.DIF != dif.Disabled {
		return &protected{d: d}, nil
	}
	return channel{}, nil
}

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error {
	if d.closed != nil {
		d.closed()
	}
	return nil
}

type channel struct{}

func (channel) Submit(io *bdev.IO) { io.Complete(bdev.StatusSuccess) }
func (channel) Close()             {}

// protected is the channel of a device with protection information.
type protected struct {
	d   *Disk
	ctx dif.Context
}

func (c *protected) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpWrite:
		io.Complete(io.VerifyDIF())
	case bdev.OpRead:
		c.ctx = c.d.info.DIFContext(io.Offset, c.d.info.DIFCheck)
		var err error
		if c.d.info.MDInterleaved {
			err = c.ctx.Generate(io.Iov, io.Blocks)
		} else if io.Meta != nil {
			err = c.ctx.GenerateMeta(io.Iov, io.Meta, io.Blocks)
		}
		io.Complete(bdev.StatusDIF(err))
	default:
		io.Complete(bdev.StatusSuccess)
	}
}

func (c *protected) Close() {}
