// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
)

// channel is the partition on one thread.
type channel struct {
	d        *disk
	base     *bdev.UserChannel
	tags     vbdev.RefTags
	children vbdev.Pool[child]
}

// child is an IO to the base on behalf of one to the partition. The latter's
// Driver is its child.
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

// Submit implements bdev.Channel: the same to the base, further on.
func (c *channel) Submit(io *bdev.IO) {
	m := c.children.Get()
	m.parent = io
	io.Driver = m
	b, first := &m.io, c.d.part.first
	b.Op, b.Offset, b.Blocks, b.DIFExclude = io.Op, io.Offset+first, io.Blocks, io.DIFExclude
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpCompare:
		b.Iov, b.Meta = io.Iov, io.Meta
	case bdev.OpCompareAndWrite:
		b.Iov, b.WriteIov = io.Iov, io.WriteIov
	case bdev.OpCopy:
		b.CopySrc = io.CopySrc + first
	case bdev.OpFlush:
		if io.Blocks == 0 { // all of the partition, not of the base
			b.Blocks = c.d.info.NumBlocks
		}
	case bdev.OpAbort:
		target, ok := io.Target.Driver.(*child)
		if !ok || target.parent != io.Target {
			m.end(bdev.StatusFailed)
			return
		}
		b.Target = &target.io
	}
	if c.tags.Sends(io) {
		if s := c.tags.Move(io, io.Offset, b.Offset, true); s != bdev.StatusSuccess {
			m.end(s)
			return
		}
	}
	c.base.Submit(b)
}

// Complete implements bdev.Completer: the base has done it.
func (m *child) Complete(*bdev.IO) {
	b, parent, tags, status := &m.io, m.parent, &m.c.tags, m.io.Status
	switch {
	case b.Op == bdev.OpSeekData || b.Op == bdev.OpSeekHole:
		parent.Result = m.found(b.Result)
	case tags.Sends(parent):
		tags.Move(parent, b.Offset, parent.Offset, false)
	case tags.Receives(parent) && status == bdev.StatusSuccess:
		status = tags.Move(parent, b.Offset, parent.Offset, true)
	}
	m.end(status)
}

// found turns a block of the base into one of the partition, if it is there.
func (m *child) found(block uint64) uint64 {
	d := m.c.d
	if block == bdev.NoBlock || block-d.part.first >= d.info.NumBlocks {
		return bdev.NoBlock
	}
	return block - d.part.first
}

func (m *child) end(s bdev.Status) {
	parent := m.parent
	m.parent, m.io.Iov, m.io.WriteIov, m.io.Meta, m.io.Target = nil, nil, nil, nil, nil
	m.c.children.Put(m)
	parent.Driver = nil
	parent.Complete(s)
}
