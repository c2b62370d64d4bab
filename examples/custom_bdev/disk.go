// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

// namespace makes a device's UUID out of its base's, so that it is the same
// whenever the device is made.
var namespace = uuid.MustParse("4ff2b03b-2d1a-47c1-8f6a-6a2b5b9d1c0e")

// disk is a guard device.
type disk struct {
	cfg     Config
	base    *bdev.Desc
	info    bdev.Info
	refused atomic.Uint64 // writes

	decided    chan struct{} // closed when registered is right
	registered bool
}

// newDisk opens the base and makes the device, to be registered.
func (m *Module) newDisk(ctx context.Context, cfg Config) (*disk, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	d := &disk{cfg: cfg, decided: make(chan struct{})}
	var err error
	d.base, err = m.reg.Open(ctx, cfg.Base, bdev.Write, func(e bdev.Event) { m.baseEvent(d, e) })
	if err != nil {
		return nil, err
	}
	if err := d.base.Claim(bdev.ClaimExclWrite, moduleName, 0); err != nil {
		return nil, errors.Join(err, d.base.Close())
	}
	d.info = d.base.Info() // block size, limits, … are the base's
	if d.info.Zoned {
		return nil, errors.Join(fmt.Errorf("base %s is zoned, which guard does not support: %w", cfg.Base, bdev.ErrInvalid), d.base.Close())
	}
	d.info.Name, d.info.Aliases, d.info.Product, d.info.Module = cfg.Name, nil, "Guard disk", moduleName
	d.info.UUID = uuid.NewSHA1(namespace, d.info.UUID[:])
	return d, nil
}

// protects tells whether some of the blocks from first on are protected.
func (d *disk) protects(first, blocks uint64) bool {
	return first < d.cfg.First+d.cfg.Blocks && d.cfg.First < first+blocks
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. What is not here the block layer makes out
// of reads and writes, so that it is guarded too.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes, bdev.OpFlush, bdev.OpReset:
		return d.base.Supports(op)
	}
	return false
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("base of %s: %w", d.info.Name, err)
	}
	return &channel{d: d, base: base}, nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error { return d.base.Close() }

// channel is the device on one thread. Only that thread calls it.
type channel struct {
	d    *disk
	base *bdev.UserChannel
	free []*request // that are not in use
}

// request is an IO to the base on behalf of one to the device.
type request struct {
	io     bdev.IO
	c      *channel
	parent *bdev.IO
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes:
		if c.d.protects(io.Offset, io.Blocks) {
			c.d.refused.Add(1)
			io.Complete(accessDenied)
			return
		}
	}
	r := c.get()
	r.parent = io
	r.io.Op, r.io.Offset, r.io.Blocks = io.Op, io.Offset, io.Blocks
	r.io.Iov, r.io.Meta, r.io.DIFExclude = io.Iov, io.Meta, io.DIFExclude
	c.base.Submit(&r.io)
}

// accessDenied is NVMe's status for blocks that may not be accessed.
var accessDenied = bdev.StatusNVMe(2, 0x86)

// Complete implements bdev.Completer: the base has done it.
func (r *request) Complete(*bdev.IO) {
	parent := r.parent
	r.parent, r.io.Iov, r.io.Meta = nil, nil, nil
	r.c.free = append(r.c.free, r)
	parent.Complete(r.io.Status)
}

// get takes a request that is free. There are soon as many as are ever under
// way at once, and then nothing is allocated any more.
func (c *channel) get() *request {
	if n := len(c.free); n > 0 {
		r := c.free[n-1]
		c.free = c.free[:n-1]
		return r
	}
	r := &request{c: c}
	r.io.Done = r
	return r
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	if err := c.base.Close(); err != nil {
		log.Warnf("guard: %s: %v", c.d.info.Name, err)
	}
}
