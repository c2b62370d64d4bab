// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
)

// channel is the array on one thread: a channel to each base device.
type channel struct {
	d        *disk
	bases    []*bdev.UserChannel
	tags     vbdev.RefTags
	children vbdev.Pool[child]
	fans     vbdev.Pool[fan]
}

// child is an IO to a base device on behalf of one to the array.
type child struct {
	io     bdev.IO
	c      *channel
	parent *bdev.IO
	fan    *fan // nil if parent has no other child
}

// fan is an IO to the array that goes to several base devices.
type fan struct {
	parent *bdev.IO
	left   int // children that have not ended
	status bdev.Status
}

// Close implements bdev.Channel.
func (c *channel) Close() {
	for _, b := range c.bases {
		if err := b.Close(); err != nil {
			flag.Infof("%s: %v", c.d.info.Name, err)
		}
	}
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) {
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite:
		c.transfer(io)
	case bdev.OpReset:
		c.all(io)
	case bdev.OpFlush, bdev.OpUnmap:
		if io.Blocks == 0 { // a flush of the whole device
			c.all(io)
			return
		}
		c.spread(io)
	default:
		io.Complete(bdev.StatusUnsupported)
	}
}

// transfer hands a read or write to the one base device that it lies on.
func (c *channel) transfer(io *bdev.IO) {
	e := c.d.locate(io.Offset, io.Blocks)
	if c.tags.Sends(io) {
		if s := c.tags.Move(io, io.Offset, c.d.offsets[e.base]+e.first, true); s != bdev.StatusSuccess {
			io.Complete(s)
			return
		}
	}
	m := c.child(io, nil)
	m.io.Iov, m.io.Meta = io.Iov, io.Meta
	m.send(e)
}

// child takes a child of io.
func (c *channel) child(io *bdev.IO, f *fan) *child {
	m := c.children.Get()
	m.parent, m.fan = io, f
	m.io.Op, m.io.DIFExclude = io.Op, io.DIFExclude
	return m
}

// send submits the child to an extent of a base device's data region.
func (m *child) send(e extent) {
	m.io.Offset, m.io.Blocks = m.c.d.offsets[e.base]+e.first, e.blocks
	m.c.bases[e.base].Submit(&m.io)
}

// all hands an operation on the whole array to all base devices.
func (c *channel) all(io *bdev.IO) {
	f := c.fan(io, len(c.bases))
	for _, base := range c.bases {
		m := c.child(io, f)
		m.io.Offset, m.io.Blocks = 0, 0
		base.Submit(&m.io)
	}
}

// spread hands an operation on a range to the base devices it lies on. The
// range is copied, since io may end with its last child.
func (c *channel) spread(io *bdev.IO) {
	offset, blocks := io.Offset, io.Blocks
	n := c.d.parts(offset, blocks)
	f := c.fan(io, n)
	for i := range n {
		c.child(io, f).send(c.d.part(offset, blocks, i))
	}
}

func (c *channel) fan(io *bdev.IO, n int) *fan {
	f := c.fans.Get()
	*f = fan{parent: io, left: n}
	return f
}

// Complete implements bdev.Completer: a base device has ended the child. Of
// several that failed the first decides.
func (m *child) Complete(*bdev.IO) {
	c, parent, f, status := m.c, m.parent, m.fan, m.io.Status
	if c.tags.Sends(parent) {
		c.tags.Move(parent, m.io.Offset, parent.Offset, false)
	} else if c.tags.Receives(parent) && status == bdev.StatusSuccess {
		status = c.tags.Move(parent, m.io.Offset, parent.Offset, true)
	}
	m.parent, m.fan, m.io.Iov, m.io.Meta = nil, nil, nil, nil
	c.children.Put(m)
	if f == nil {
		parent.Complete(status)
		return
	}
	if f.status == bdev.StatusSuccess {
		f.status = status
	}
	if f.left--; f.left > 0 {
		return
	}
	status = f.status
	c.fans.Put(f)
	parent.Complete(status)
}
