// SPDX-License-Identifier: BSD-3-Clause

// Package uring is a block device that is a file or a block device of the
// kernel's, by Linux's io_uring.
//
// Transfers go past the page cache (O_DIRECT) unless the filesystem refuses
// that. All uring devices of a thread share a ring: what is submitted during a
// round goes to the kernel with one system call at its end, and ends are read
// without any unless the kernel asks for one. A thread that has nothing to do sleeps.
//
// Memory that is used often is registered with the kernel (buffers.go). Disks
// may be polled for ends in place of interrupts (Config.Poll), on a ring of
// their own. Disks with zones are zoned devices (zones.go).
package uring

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/diskfile"
	"github.com/gospdk/gospdk/internal/offload"
	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("uring")

const (
	productName = "URING bdev"
	// maxBytes bounds one transfer: Linux does no more at once.
	maxBytes = 1 << 30
)

// Config describes the device to make.
type Config struct {
	Name      string
	Filename  string
	BlockSize uint32    // bytes; 0 for that of the block device
	UUID      uuid.UUID // zero for one that is made up
	// Poll asks the disk for the ends of transfers while there are any, in
	// place of interrupts. Where that cannot be, a notice in the log says so.
	Poll bool
}

// Disk is the device.
type Disk struct {
	cfg   Config
	info  bdev.Info
	file  *diskfile.File
	shift uint
	// polled tells that the disk is asked for ends of transfers.
	polled bool
	mod    *Module // nil if it was made without
	gone   atomic.Bool
	calls  offload.Queue // to the kernel that may wait
}

// New opens the file, to be registered as a device. Close closes it.
func New(cfg Config) (*Disk, error) {
	d := &Disk{cfg: cfg}
	if cfg.Name == "" {
		return nil, fmt.Errorf("uring: the device needs a name: %w", bdev.ErrInvalid)
	}
	if cfg.UUID == uuid.Nil {
		d.cfg.UUID = uuid.New()
	}
	err := uring.Probe()
	if err != nil {
		return nil, fmt.Errorf("uring: device %s: %w", cfg.Name, err)
	}
	if d.file, err = diskfile.Open(cfg.Filename, false); err != nil {
		return nil, fmt.Errorf("uring: device %s: %w", cfg.Name, err)
	}
	if err := d.prepare(); err != nil {
		_ = d.file.Close() // the first error is the reason
		return nil, fmt.Errorf("uring: device %s: %w", cfg.Name, err)
	}
	return d, nil
}

// prepare finds the geometry out.
func (d *Disk) prepare() error {
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
		WriteCache: true, MaxRW: maxBytes >> d.shift, MaxSegments: uring.MaxPieces,
	}
	if d.cfg.Poll {
		d.preparePolling()
	}
	return d.prepareZones()
}

// preparePolling finds out whether the disk can be asked for ends.
func (d *Disk) preparePolling() {
	var why error
	switch {
	case !d.file.Direct:
		why = errors.New("it is used through the page cache")
	case !d.file.CanPoll():
		why = errors.New("the disk's driver has no queues for that (io_poll of its queue in /sys/block is 0); that of NVMe is loaded with poll_queues=N for N of them")
	default:
		why = uring.ProbePolled(d.file.FD, int(d.info.BlockSize))
	}
	d.polled = why == nil
	if !d.polled {
		log.Noticef("%s: %s cannot be polled for ends of transfers, it interrupts: %v", d.cfg.Name, d.cfg.Filename, why)
	}
}

// Info implements bdev.Device.
func (d *Disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. A reset is left to the core, which waits
// for what is outstanding: the kernel ends nothing early.
func (d *Disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpFlush:
		return true
	case bdev.OpZoneReport, bdev.OpZoneManagement:
		return d.info.Zoned
	}
	return false
}

// OpenChannel implements bdev.Device.
func (d *Disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c := &channel{Disk: d}
	var err error
	if c.others, err = openLane(t, d.file.FD, queueKey{}); err != nil {
		return nil, fmt.Errorf("uring: device %s: %w", d.cfg.Name, err)
	}
	if c.transfers = c.others; !d.polled {
		return c, nil
	}
	if c.transfers, err = openLane(t, d.file.FD, queueKey{polled: true}); err != nil {
		c.others.close(d.cfg.Name)
		return nil, fmt.Errorf("uring: device %s: %w", d.cfg.Name, err)
	}
	return c, nil
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
