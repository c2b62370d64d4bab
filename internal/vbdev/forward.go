// SPDX-License-Identifier: BSD-3-Clause

package vbdev

import (
	"encoding/binary"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
)

// Like describes a device that is its base under another name. It does not
// lend memory: what its base lends is lent to it.
func Like(base bdev.Info, name, product, module string, id uuid.UUID) bdev.Info {
	i := base
	i.Name, i.Aliases, i.Product, i.Module, i.UUID = name, nil, product, module, id
	return i
}

// partNamespace makes the UUID of a part of a device, as SPDK does.
var partNamespace = uuid.MustParse("976b899e-3e1e-4d71-ab69-c2b08e9df8b8")

// PartUUID makes the UUID of a part of a device: of blocks from first on.
func PartUUID(base uuid.UUID, first, blocks uint64) uuid.UUID {
	p := append([]byte(nil), base[:]...)
	p = binary.LittleEndian.AppendUint64(p, first)
	return UUID(partNamespace, binary.LittleEndian.AppendUint64(p, blocks))
}

// Forwarder sends a device's IO on to its base: the same, or further on if
// the device is a part of it. It belongs to the channel's thread and
// allocates nothing once it has grown.
type Forwarder struct {
	base   *bdev.UserChannel
	first  uint64 // block of the base where the device begins
	blocks uint64 // of the device
	done   func(io *bdev.IO, s bdev.Status)
	tags   RefTags
	pool   Pool[forward]
}

// forward is an IO to the base on behalf of one to the device, whose Driver it
// is meanwhile.
type forward struct {
	io     bdev.IO
	f      *Forwarder
	parent *bdev.IO
}

// NewForwarder makes a forwarder for the device that info describes and that
// begins at block first of its base. done is called with each IO that the
// base has ended, in place of its Complete; nil to have that called.
func NewForwarder(base *bdev.UserChannel, info *bdev.Info, first uint64, done func(io *bdev.IO, s bdev.Status)) *Forwarder {
	f := &Forwarder{base: base, first: first, blocks: info.NumBlocks, done: done}
	if first > 0 {
		f.tags = NewRefTags(info)
	}
	f.pool = NewPool(func() *forward {
		w := &forward{f: f}
		w.io.Done = w
		return w
	})
	return f
}

// Close closes the channel to the base.
func (f *Forwarder) Close() error { return f.base.Close() }

// Send sends io to the base.
func (f *Forwarder) Send(io *bdev.IO) {
	w := f.pool.Get()
	w.parent = io
	io.Driver = w
	b := &w.io
	b.Op, b.Offset, b.Blocks, b.DIFExclude = io.Op, io.Offset+f.first, io.Blocks, io.DIFExclude
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpCompare, bdev.OpZoneAppend:
		b.Iov, b.Meta = io.Iov, io.Meta
	case bdev.OpCompareAndWrite:
		b.Iov, b.WriteIov = io.Iov, io.WriteIov
	case bdev.OpCopy:
		b.CopySrc = io.CopySrc + f.first
	case bdev.OpZoneManagement, bdev.OpZoneReport:
		b.ZoneAction, b.Zones = io.ZoneAction, io.Zones
	case bdev.OpNVMeAdmin, bdev.OpNVMeIO: // of whole devices only
		b.Iov, b.Meta, b.NVMe = io.Iov, io.Meta, io.NVMe
		b.Offset = 0
	case bdev.OpFlush:
		if io.Blocks == 0 && f.first > 0 { // all of the part, not of the base
			b.Blocks = f.blocks
		}
	case bdev.OpAbort:
		target, ok := io.Target.Driver.(*forward)
		if !ok || target.parent != io.Target {
			w.end(bdev.StatusFailed)
			return
		}
		b.Target = &target.io
	}
	if f.tags.Sends(io) {
		if s := f.tags.Move(io, io.Offset, b.Offset, true); s != bdev.StatusSuccess {
			w.end(s)
			return
		}
	}
	f.base.Submit(b)
}

// Complete implements bdev.Completer: the base has done it.
func (w *forward) Complete(*bdev.IO) {
	b, parent, tags, status := &w.io, w.parent, &w.f.tags, w.io.Status
	switch {
	case b.Op == bdev.OpSeekData || b.Op == bdev.OpSeekHole:
		parent.Result = w.f.found(b.Result)
	case b.Op == bdev.OpZoneAppend:
		parent.Result = b.Result - w.f.first
	case b.Op == bdev.OpZoneReport:
		parent.Result = b.Result
	case tags.Sends(parent):
		tags.Move(parent, b.Offset, parent.Offset, false)
	case tags.Receives(parent) && status == bdev.StatusSuccess:
		status = tags.Move(parent, b.Offset, parent.Offset, true)
	}
	w.end(status)
}

// found turns a block of the base into one of the device, if it is there.
func (f *Forwarder) found(block uint64) uint64 {
	if block == bdev.NoBlock || block-f.first >= f.blocks {
		return bdev.NoBlock
	}
	return block - f.first
}

func (w *forward) end(s bdev.Status) {
	f, parent := w.f, w.parent
	w.parent, w.io.Iov, w.io.WriteIov, w.io.Meta, w.io.Target, w.io.Zones, w.io.NVMe = nil, nil, nil, nil, nil, nil, nil
	f.pool.Put(w)
	parent.Driver = nil
	if f.done != nil {
		f.done(parent, s)
		return
	}
	parent.Complete(s)
}
