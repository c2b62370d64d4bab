// SPDX-License-Identifier: BSD-3-Clause

// Package malloc is a block device in memory: a RAM disk. Data are copied by
// a poller of each thread, in the order in which IO was submitted.
//
// The memory is DMA memory, taken from the system page by page as it is
// written; what has not been written reads as zeroes.
package malloc

import (
	"context"
	"fmt"
	"slices"
	"syscall"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/memcopy"
	"github.com/gospdk/gospdk/thread"
)

// blockUnit is what sizes of a block's data are multiples of, in bytes, and
// maxBlockSize the largest.
const (
	blockUnit    = 512
	maxBlockSize = 1 << 19
)

// mdSizes are the sizes that a block's metadata may have, in bytes.
var mdSizes = []uint32{0, 8, 16, 32, 64, 128}

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
	MDSize            uint32 // bytes of metadata a block: 0, 8, 16, 32, 64 or 128
	MDInterleaved     bool   // they follow each block's data

	// DIF is the protection information in the metadata, which the block
	// layer checks: at their end, or at their head. What has not been
	// written has tags that nobody checks.
	DIF         dif.Type
	DIFHeadOfMD bool
	DIFPIFormat dif.PIFormat

	// NUMA names the node that the memory should be of, -1 any. It is shown
	// to users; the kernel takes the pages from the node that writes first.
	NUMA int32
}

// Disk is the device.
type Disk struct {
	info bdev.Info
	data []byte
	meta []byte // separate metadata, or nil
	bufs []*dma.Buffer

	// store copies what is written. A disk that no cache can hold is
	// written past the caches.
	store func(dst, src []byte) int
}

// New makes a device of zeroes, to be registered. Its memory is released by
// Close.
func New(cfg Config) (*Disk, error) {
	if cfg.BlockSize == 0 {
		cfg.BlockSize = blockUnit
	}
	// SPDK saves a block size that includes interleaved metadata.
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
		DIF:                cfg.DIF, DIFHeadOfMD: cfg.DIFHeadOfMD, DIFPIFormat: cfg.DIFPIFormat, DIFCheck: cfg.DIF.Checks(),
		NUMA: cfg.NUMA, HasNUMA: true, Module: moduleName,
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
		return nil, fmt.Errorf("malloc: memory of device %s: %w (%w)", cfg.Name, err, syscall.ENOMEM)
	}
	d.unprotect(0, d.info.NumBlocks)
	if d.store = copyBytes; len(d.data) > memcopy.CacheSize() {
		d.store = memcopy.Stream
	}
	return d, nil
}

func copyBytes(dst, src []byte) int { return copy(dst, src) }

func check(cfg *Config) error {
	switch {
	case cfg.Name == "":
		return fmt.Errorf("the device needs a name: %w", bdev.ErrInvalid)
	case cfg.BlockSize > maxBlockSize || cfg.BlockSize%blockUnit != 0:
		return fmt.Errorf("block_size %d of %s: it must be a multiple of %d, up to %d: %w", cfg.BlockSize, cfg.Name, blockUnit, maxBlockSize, bdev.ErrInvalid)
	case cfg.PhysicalBlockSize%blockUnit != 0:
		return fmt.Errorf("physical_block_size %d of %s: it must be a multiple of %d: %w", cfg.PhysicalBlockSize, cfg.Name, blockUnit, bdev.ErrInvalid)
	case !slices.Contains(mdSizes, cfg.MDSize):
		return fmt.Errorf("md_size %d of %s: it must be one of %v: %w", cfg.MDSize, cfg.Name, mdSizes, bdev.ErrInvalid)
	case cfg.DIF > dif.Type3 || cfg.DIFPIFormat > dif.PI64:
		return fmt.Errorf("dif_type %d, dif_pi_format %d of %s: they must be from 0 to 3, and from 0 to 2: %w", cfg.DIF, cfg.DIFPIFormat, cfg.Name, bdev.ErrInvalid)
	case cfg.DIF != dif.Disabled && cfg.MDSize < cfg.DIFPIFormat.Size():
		return fmt.Errorf("md_size %d of %s: protection information needs %d bytes: %w", cfg.MDSize, cfg.Name, cfg.DIFPIFormat.Size(), bdev.ErrInvalid)
	case cfg.NumBlocks == 0 || cfg.NumBlocks > maxBytes/uint64(cfg.BlockSize+cfg.MDSize):
		return fmt.Errorf("%d blocks of device %s: num_blocks must make from one block to 64 TiB: %w", cfg.NumBlocks, cfg.Name, bdev.ErrInvalid)
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

// Lends implements bdev.Lender.
func (d *Disk) Lends() bool { return true }

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. Compare and write is left to the core,
// which makes it atomic across threads, and so is a copy with protection
// information, which gets the reference tags of where it goes there.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpFlush, bdev.OpWriteZeroes,
		bdev.OpReset, bdev.OpCompare:
		return true
	case bdev.OpCopy:
		return d.info.DIF == dif.Disabled
	}
	return false
}

// SupportsIOType implements bdev.IOTyper: SPDK's has zcopy and abort too, which
// here nobody needs, since IO ends in the next round, and always copy.
func (d *Disk) SupportsIOType(name string, native bool) bool {
	return native || name == "zcopy" || name == "abort" || name == "copy"
}

// DriverSpecific is what bdev_get_bdevs tells of the device: nothing more.
func (d *Disk) DriverSpecific() any { return struct{}{} }

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c := &channel{Disk: d}
	c.poller = t.NewPoller(thread.PollerConfig{Name: "bdev_malloc", Poll: c.poll})
	c.poller.Pause()
	return c, nil
}

// Close implements bdev.Device: it releases the memory.
func (d *Disk) Close(context.Context) error {
	d.free()
	return nil
}
