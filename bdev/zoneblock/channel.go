// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
)

// channel is the device on one thread.
type channel struct {
	d        *disk
	base     *bdev.UserChannel
	unmaps   bool // the base can unmap
	children vbdev.Pool[child]
}

// child is an IO to the base on behalf of one to the device.
type child struct {
	io     bdev.IO
	c      *channel
	parent *bdev.IO
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	if err := c.base.Close(); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}

// Submit implements bdev.Channel. What a zone does not allow fails, as SPDK's
// does.
func (c *channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpRead:
		c.read(io)
	case bdev.OpWrite, bdev.OpZoneAppend:
		c.write(io)
	case bdev.OpZoneManagement:
		c.manage(io)
	case bdev.OpZoneReport:
		c.report(io)
	default:
		io.Complete(bdev.StatusUnsupported)
	}
}

// zone returns the zone with a block, and the zone's first block. The core
// has seen to it that there is one.
func (d *disk) zone(block uint64) (z *zone, start uint64) {
	i := block >> d.shift
	return &d.zones[i], i << d.shift
}

// read reads from one zone; what has not been written there is what the base
// has.
func (c *channel) read(io *bdev.IO) {
	_, start := c.d.zone(io.Offset)
	if io.Offset-start+io.Blocks > c.d.capacity {
		io.Complete(bdev.StatusFailed)
		return
	}
	c.send(io, bdev.OpRead, io.Offset, io.Blocks)
}

func (c *channel) write(io *bdev.IO) {
	z, start := c.d.zone(io.Offset)
	at := uint64(noBlock)
	if io.Op == bdev.OpWrite {
		at = io.Offset - start
	}
	first, ok := z.advance(at, io.Blocks, c.d.capacity)
	if !ok {
		io.Complete(bdev.StatusFailed)
		return
	}
	io.Result = start + first
	c.send(io, bdev.OpWrite, start+first, io.Blocks)
}

func (c *channel) manage(io *bdev.IO) {
	z, start := c.d.zone(io.Offset)
	was, ok := z.act(io.ZoneAction, c.d.capacity)
	switch {
	case !ok:
		io.Complete(bdev.StatusFailed)
	case io.ZoneAction == bdev.ZoneActionReset && was != bdev.ZoneEmpty && c.unmaps:
		c.send(io, bdev.OpUnmap, start, c.d.capacity)
	default:
		io.Complete(bdev.StatusSuccess)
	}
}

func (c *channel) report(io *bdev.IO) {
	d := c.d
	first := io.Offset >> d.shift
	n := min(io.Blocks, uint64(len(d.zones))-first, uint64(len(io.Zones)))
	for i := range n {
		start := (first + i) << d.shift
		state, written := d.zones[first+i].load()
		io.Zones[i] = bdev.Zone{
			Start: start, WritePointer: start + written, Capacity: d.capacity,
			Type: bdev.ZoneSequentialWrite, State: state,
		}
	}
	io.Result = n
	io.Complete(bdev.StatusSuccess)
}

// send has the base do op for io, with io's data.
func (c *channel) send(io *bdev.IO, op bdev.Op, first, blocks uint64) {
	m := c.children.Get()
	m.parent = io
	m.io.Op, m.io.Offset, m.io.Blocks = op, first, blocks
	m.io.Iov, m.io.Meta, m.io.DIFExclude = io.Iov, io.Meta, io.DIFExclude
	c.base.Submit(&m.io)
}

// Complete implements bdev.Completer: the base has done it.
func (m *child) Complete(*bdev.IO) {
	c, parent, status := m.c, m.parent, m.io.Status
	m.parent, m.io.Iov, m.io.Meta = nil, nil, nil
	c.children.Put(m)
	parent.Complete(status)
}
