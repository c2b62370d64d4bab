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
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
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
}

// Disk is the device. It has no state.
type Disk struct{ info bdev.Info }

// New makes a device to be registered.
func New(cfg Config) (*Disk, error) {
	if cfg.Name == "" {
		return nil, errors.New("null: the device needs a name")
	}
	if cfg.BlockSize == 0 {
		cfg.BlockSize = 512
	}
	if cfg.BlockSize > 1<<20-1<<16 {
		return nil, fmt.Errorf("null: block size %d: it must be at most %d", cfg.BlockSize, 1<<20-1<<16)
	}
	if cfg.NumBlocks == 0 {
		return nil, fmt.Errorf("null: device %s has no blocks", cfg.Name)
	}
	info := bdev.Info{
		Name: cfg.Name, Aliases: cfg.Aliases, Product: "Null disk", UUID: cfg.UUID,
		BlockSize: cfg.BlockSize, NumBlocks: cfg.NumBlocks,
		PhysicalBlockSize: cfg.PhysicalBlockSize,
		MDSize:            cfg.MDSize, MDInterleaved: cfg.MDInterleaved,
		OptimalIOBoundary: cfg.OptimalIOBoundary, SplitOnBoundary: cfg.OptimalIOBoundary > 0,
	}
	if cfg.MDInterleaved {
		info.BlockSize += cfg.MDSize
	}
	return &Disk{info}, nil
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush, bdev.OpWriteZeroes, bdev.OpReset:
		return true
	}
	return false
}

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(*thread.Thread) (bdev.Channel, error) { return channel{}, nil }

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error { return nil }

type channel struct{}

func (channel) Submit(io *bdev.IO) { io.Complete(bdev.StatusSuccess) }
func (channel) Close()             {}
