// SPDX-License-Identifier: BSD-3-Clause

// Package aio is a block device that is a file or a block device of the
// kernel's, by Linux's asynchronous I/O.
//
// Transfers go past the page cache (O_DIRECT) unless the filesystem refuses
// that. All aio devices of a thread share a queue: what is submitted during a
// round goes to the kernel with one system call at its end, and ends are read
// without any. A thread that has nothing to do sleeps.
package aio

import (
	"context"
	"fmt"
	"math/bits"
	"sync/atomic"
	"syscall"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/diskfile"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/internal/offload"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("aio")

const (
	productName = "AIO disk"
	// maxBytes bounds one transfer: Linux does no more at once.
	maxBytes = 1 << 30
)

// Config describes the device to make.
type Config struct {
	Name      string
	Filename  string
	BlockSize uint32    // bytes; 0 for that of the block device
	UUID      uuid.UUID // zero for one that is made up
	ReadOnly  bool
	// Fallocate has unmap and write zeroes carried out by fallocate(2). The
	// blocks read as zeroes afterwards.
	Fallocate bool
	// NoWait asks the kernel not to wait for resources within the submission
	// (RWF_NOWAIT): the block layer tries again instead. For block devices.
	NoWait bool
}

// Disk is the device.
type Disk struct {
	cfg      Config
	override bool // the block size was given
	info     bdev.Info
	file     *diskfile.File
	shift    uint
	rwFlags  uint32
	mod      *Module // nil if it was made without
	gone     atomic.Bool
	calls    offload.Queue // to the kernel that may wait
}

// New opens the file, to be registered as a device. Close closes it.
func New(cfg Config) (*Disk, error) {
	d := &Disk{cfg: cfg, override: cfg.BlockSize != 0}
	if cfg.Name == "" {
		return nil, fmt.Errorf("aio: the device needs a name: %w", bdev.ErrInvalid)
	}
	if cfg.UUID == uuid.Nil {
		d.cfg.UUID = uuid.New()
	}
	var err error
	if d.file, err = diskfile.Open(cfg.Filename, cfg.ReadOnly); err != nil {
		return nil, fmt.Errorf("aio: device %s: %w", cfg.Name, err)
	}
	if err := d.prepare(); err != nil {
		_ = d.file.Close() // the first error is the reason
		return nil, fmt.Errorf("aio: device %s: %w", cfg.Name, err)
	}
	return d, nil
}

// prepare finds the geometry out.
func (d *Disk) prepare() error {
	if d.cfg.NoWait {
		if !d.file.Block {
			return fmt.Errorf("nowait needs a block device, %s is a file: %w", d.cfg.Filename, syscall.EOPNOTSUPP)
		}
		d.rwFlags = linuxaio.NoWait
	}
	size, err := d.file.BlockSizeFor(d.cfg.BlockSize)
	if err != nil {
		return fmt.Errorf("%w (%w)", err, bdev.ErrInvalid)
	}
	if found := d.file.BlockSize; found > 0 && found != size {
		log.Noticef("%s: block size %d is not that of %s, %d", d.cfg.Name, size, d.cfg.Filename, found)
	}
	alignment, err := d.file.Prepare(size)
	if err != nil {
		return err
	}
	if !d.file.Direct {
		log.Noticef("%s: %s is used through the page cache", d.cfg.Name, d.cfg.Filename)
	}
	bytes := d.file.Size()
	if bytes%uint64(size) != 0 || bytes == 0 {
		return fmt.Errorf("%s has %d bytes: they must be one or more blocks of %d: %w", d.cfg.Filename, bytes, size, bdev.ErrInvalid)
	}
	d.shift = uint(bits.TrailingZeros32(size))
	d.info = bdev.Info{
		Name: d.cfg.Name, Product: productName, Module: moduleName, UUID: d.cfg.UUID,
		BlockSize: size, NumBlocks: bytes >> d.shift, Alignment: alignment,
		WriteCache: true, ZeroesAfterUnmap: d.cfg.Fallocate,
		MaxRW: maxBytes >> d.shift, MaxSegments: linuxaio.MaxPieces,
	}
	return nil
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. A reset is left to the core, which waits
// for what is outstanding: the kernel ends nothing early.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpFlush:
		return true
	case bdev.OpWrite:
		return !d.cfg.ReadOnly
	case bdev.OpUnmap, bdev.OpWriteZeroes:
		return d.cfg.Fallocate && !d.cfg.ReadOnly
	}
	return false
}

// SupportsIOType implements bdev.IOTyper: SPDK shows writes of a device that
// is for reading too, and resets.
func (d *Disk) SupportsIOType(name string, native bool) bool {
	switch name {
	case "reset", "write":
		return true
	case "unmap", "write_zeroes":
		return d.cfg.Fallocate
	}
	return native
}

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	q, err := openQueue(t)
	if err != nil {
		return nil, fmt.Errorf("aio: device %s: %w", d.cfg.Name, err)
	}
	return &channel{Disk: d, ref: q, queue: q.Value().(*queue)}, nil
}

// lost removes the device, once, if what is below has gone; it is called
// after an error and returns whether that is so.
func (d *Disk) lost() bool {
	if d.file.Size() > 0 {
		return d.gone.Load()
	}
	if !d.gone.Swap(true) && d.mod != nil {
		log.Errorf("%s: %s is gone; removing the device", d.cfg.Name, d.cfg.Filename)
		d.mod.remove(d.cfg.Name)
	}
	return true
}

// Close implements bdev.Device.
func (d *Disk) Close(context.Context) error {
	if d.mod != nil {
		d.mod.forget(d)
	}
	return d.file.Close()
}
