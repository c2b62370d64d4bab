// SPDX-License-Identifier: BSD-3-Clause

// Package malloc is a block device in memory: a RAM disk. Data are copied
// within Submit, so an IO has ended when Submit returns.
//
// The memory is DMA memory, taken from the system page by page as it is
// written; what has not been written reads as zeroes.
package malloc

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// Sizes of a block's data, in bytes; powers of two.
const (
	MinBlockSize = 512
	MaxBlockSize = 64 << 10
)

// maxMDSize is the largest metadata of a block, in bytes.
const maxMDSize = 128

// maxBytes is the largest device.
const maxBytes = 1 << 46

// atomicCompareWrite is how many blocks a compare and write may have.
const atomicCompareWrite = 256

// Config describes the device to make.
type Config struct {
	Name              string
	Aliases           []string
	UUID              uuid.UUID // zero for a random one
	NumBlocks         uint64
	BlockSize         uint32 // bytes of data; 0 means 512
	PhysicalBlockSize uint32 // bytes; 0 means BlockSize
	OptimalIOBoundary uint32 // blocks; IO is split there unless it is 0
	MDSize            uint32 // bytes of metadata a block, up to 128
	MDInterleaved     bool   // they follow each block's data
}

// Disk is the device.
type Disk struct {
	info bdev.Info
	data []byte
	meta []byte // separate metadata, or nil
	bufs []*dma.Buffer
}

// New makes a device of zeroes, to be registered. Its memory is released by
// Close.
func New(cfg Config) (*Disk, error) {
	if cfg.BlockSize == 0 {
		cfg.BlockSize = MinBlockSize
	}
	if err := check(&cfg); err != nil {
		return nil, fmt.Errorf("malloc: %w", err)
	}
	d := &Disk{info: bdev.Info{
		Name: cfg.Name, Aliases: cfg.Aliases, Product: "Malloc disk", UUID: cfg.UUID,
		BlockSize: cfg.BlockSize, NumBlocks: cfg.NumBlocks,
		PhysicalBlockSize: cfg.PhysicalBlockSize,
		OptimalIOBoundary: cfg.OptimalIOBoundary, SplitOnBoundary: cfg.OptimalIOBoundary > 0,
		MDSize: cfg.MDSize, MDInterleaved: cfg.MDInterleaved && cfg.MDSize > 0,
		AtomicCompareWrite: atomicCompareWrite,
		ZeroesAfterUnmap:   true,
	}}
	if d.info.MDInterleaved {
		d.info.BlockSize += cfg.MDSize
	}
	var err error
	if d.data, err = d.alloc(d.info.NumBlocks * uint64(d.info.BlockSize)); err == nil && cfg.MDSize > 0 && !d.info.MDInterleaved {
		d.meta, err = d.alloc(d.info.NumBlocks * uint64(cfg.MDSize))
	}
	if err != nil {
		d.free()
		return nil, fmt.Errorf("malloc: memory of device %s: %w", cfg.Name, err)
	}
	return d, nil
}

func check(cfg *Config) error {
	switch {
	case cfg.Name == "":
		return errors.New("the device needs a name")
	case cfg.BlockSize < MinBlockSize || cfg.BlockSize > MaxBlockSize || bits.OnesCount32(cfg.BlockSize) != 1:
		return fmt.Errorf("block size %d of device %s: it must be a power of two from %d to %d",
			cfg.BlockSize, cfg.Name, MinBlockSize, MaxBlockSize)
	case cfg.PhysicalBlockSize != 0 && bits.OnesCount32(cfg.PhysicalBlockSize) != 1:
		return fmt.Errorf("physical block size %d of device %s: it must be a power of two", cfg.PhysicalBlockSize, cfg.Name)
	case cfg.MDSize > maxMDSize:
		return fmt.Errorf("metadata size %d of device %s: it must be at most %d", cfg.MDSize, cfg.Name, maxMDSize)
	case cfg.NumBlocks == 0 || cfg.NumBlocks > maxBytes/uint64(cfg.BlockSize+cfg.MDSize):
		return fmt.Errorf("%d blocks of device %s: the size must be from one block to 64 TiB", cfg.NumBlocks, cfg.Name)
	}
	return nil
}

func (d *Disk) alloc(size uint64) ([]byte, error) {
	buf, err := dma.Alloc(int(size), 4096)
	if err != nil {
		return nil, err
	}
	d.bufs = append(d.bufs, buf)
	return buf.Bytes(), nil
}

func (d *Disk) free() {
	for _, b := range d.bufs {
		b.Free()
	}
	d.bufs, d.data, d.meta = nil, nil, nil
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. Compare and write is left to the core,
// which makes it atomic across threads.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush, bdev.OpWriteZeroes,
		bdev.OpReset, bdev.OpCompare, bdev.OpCopy:
		return true
	}
	return false
}

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(*thread.Thread) (bdev.Channel, error) { return channel{d}, nil }

// Close implements bdev.Device: it releases the memory.
func (d *Disk) Close(context.Context) error {
	d.free()
	return nil
}
