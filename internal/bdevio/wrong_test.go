// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"context"
	"testing"
	"unsafe"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// fault is what a device does wrong. All but before and after are about what
// the device says of itself.
type fault struct {
	info   func(*bdev.Info)
	native []bdev.Op // that the device does itself, beside what its base does
	lacks  bdev.Op   // and what it does not
	// before may carry an IO out and return true; otherwise the base does.
	before func(*wrongChannel, *bdev.IO) bool
	// after may change what the base has done, and returns the status.
	after func(*wrongChannel, *bdev.IO, bdev.Status) bdev.Status
}

// wrong is a device that is its base but for a fault.
type wrong struct {
	fault
	desc bdev.Info
	base *vbdev.Base
}

// breakDevice puts a wrong device named W on the one of that name.
func breakDevice(t *testing.T, a *app.App, name string, f fault) {
	t.Helper()
	base, err := vbdev.OpenBase(t.Context(), a.Bdevs, name, "wrong", vbdev.Events{})
	if err != nil {
		t.Fatal(err)
	}
	base.Ready()
	d := &wrong{fault: f, base: base, desc: vbdev.Like(base.Info, "W", "Wrong disk", "wrong", uuid.New())}
	if f.info != nil {
		f.info(&d.desc)
	}
	if err := a.Bdevs.Register(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func (d *wrong) Info() bdev.Info { return d.desc }

func (d *wrong) Supports(op bdev.Op) bool {
	for _, n := range d.native {
		if n == op {
			return true
		}
	}
	// What the core makes of the rest is not to be the base's.
	switch op {
	case bdev.OpSeekData, bdev.OpSeekHole, bdev.OpCompareAndWrite, bdev.OpAbort, d.lacks:
		return false
	}
	return d.base.Desc.Supports(op)
}

func (d *wrong) Close(context.Context) error { return d.base.Close() }

func (d *wrong) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, err
	}
	c := &wrongChannel{d: d, base: base, kept: map[uint64][]byte{}}
	c.right = vbdev.NewForwarder(base, &d.desc, 0, func(io *bdev.IO, s bdev.Status) {
		if d.after != nil {
			s = d.after(c, io, s)
		}
		io.Complete(s)
	})
	return c, nil
}

type wrongChannel struct {
	d     *wrong
	base  *bdev.UserChannel
	right *vbdev.Forwarder
	held  []*bdev.IO
	kept  map[uint64][]byte // blocks that only this channel knows
}

func (c *wrongChannel) Submit(io *bdev.IO) {
	if c.d.before == nil || !c.d.before(c, io) {
		c.right.Send(io)
	}
}

func (c *wrongChannel) Close() { _ = c.right.Close() }

// other is an IO to the base in place of another one.
type other struct {
	io   bdev.IO
	then func(bdev.Status)
}

func (o *other) Complete(*bdev.IO) { o.then(o.io.Status) }

// instead has the base do something, and ends io as that ends.
func (c *wrongChannel) instead(io *bdev.IO, do bdev.IO) bool {
	return c.run(do, func(s bdev.Status) { io.Complete(s) })
}

func (c *wrongChannel) run(do bdev.IO, then func(bdev.Status)) bool {
	o := &other{io: do, then: then}
	o.io.Done = o
	c.base.Submit(&o.io)
	return true
}

// succeed ends an operation that was not carried out.
func succeed(op bdev.Op) func(*wrongChannel, *bdev.IO) bool {
	return end(op, bdev.StatusSuccess)
}

func end(op bdev.Op, s bdev.Status) func(*wrongChannel, *bdev.IO) bool {
	return func(_ *wrongChannel, io *bdev.IO) bool {
		if io.Op != op {
			return false
		}
		io.Complete(s)
		return true
	}
}

// tooMany does an operation to one block more.
func tooMany(op bdev.Op) func(*wrongChannel, *bdev.IO) bool {
	return func(c *wrongChannel, io *bdev.IO) bool {
		return io.Op == op && c.instead(io, bdev.IO{Op: op, Offset: io.Offset, Blocks: io.Blocks + 1})
	}
}

// flip changes a byte of what is read.
func flip(at int) func(*wrongChannel, *bdev.IO, bdev.Status) bdev.Status {
	return func(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
		left := at
		for _, p := range io.Iov {
			if io.Op == bdev.OpRead && left >= 0 && left < len(p) {
				p[left] ^= 0x10
			}
			left -= len(p)
		}
		return s
	}
}

// flipFirst changes the first byte of each read, whatever the pieces.
func flipFirst(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
	for _, p := range io.Iov {
		if io.Op == bdev.OpRead && len(p) > 0 {
			p[0] ^= 0x10
			break
		}
	}
	return s
}

// readHalf reads half of the blocks and says that it has read them all.
func readHalf(c *wrongChannel, io *bdev.IO) bool {
	if io.Op != bdev.OpRead || io.Blocks < 2 {
		return false
	}
	half := io.Blocks / 2
	left := int(half) * int(c.d.desc.BlockSize)
	var iov [][]byte
	for _, p := range io.Iov {
		n := min(left, len(p))
		iov = append(iov, p[:n])
		left -= n
	}
	return c.instead(io, bdev.IO{Op: bdev.OpRead, Offset: io.Offset, Blocks: half, Iov: iov})
}

// changeBuffer writes into the memory of those who write.
func changeBuffer(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
	if io.Op == bdev.OpWrite {
		io.Iov[0][7] ^= 1
	}
	return s
}

// overrun writes behind the memory of those who read.
func overrun(_ *wrongChannel, io *bdev.IO, s bdev.Status) bdev.Status {
	if io.Op == bdev.OpRead {
		last := io.Iov[len(io.Iov)-1]
		*(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(last)), len(last)+2)) = 0x77
	}
	return s
}

// zeroNext zeroes the block behind those that are written.
func zeroNext(c *wrongChannel, io *bdev.IO) bool {
	next := io.Offset + io.Blocks
	if io.Op != bdev.OpWrite || next >= c.d.desc.NumBlocks {
		return false
	}
	return c.run(bdev.IO{Op: bdev.OpWrite, Offset: io.Offset, Blocks: io.Blocks, Iov: io.Iov, Meta: io.Meta}, func(bdev.Status) {
		c.instead(io, bdev.IO{Op: bdev.OpWriteZeroes, Offset: next, Blocks: 1})
	})
}

// copyForward copies block by block from the first on.
func copyForward(c *wrongChannel, io *bdev.IO) bool {
	if io.Op != bdev.OpCopy {
		return false
	}
	done := uint64(0)
	var next func(bdev.Status)
	next = func(s bdev.Status) {
		if s != bdev.StatusSuccess || done == io.Blocks {
			io.Complete(s)
			return
		}
		done++
		c.run(bdev.IO{Op: bdev.OpCopy, CopySrc: io.CopySrc + done - 1, Offset: io.Offset + done - 1, Blocks: 1}, next)
	}
	next(bdev.StatusSuccess)
	return true
}

// keepToItself has each channel see its own writes only.
func keepToItself(c *wrongChannel, io *bdev.IO) bool {
	bs := int(c.d.desc.BlockSize)
	switch io.Op {
	case bdev.OpWrite:
		var all []byte
		for _, p := range io.Iov {
			all = append(all, p...)
		}
		for i := range io.Blocks {
			c.kept[io.Offset+i] = all[int(i)*bs:][:bs]
		}
		io.Complete(bdev.StatusSuccess)
		return true
	case bdev.OpRead:
		if len(io.Iov) != 1 {
			return false
		}
		for i := range io.Blocks {
			copy(io.Iov[0][int(i)*bs:], c.kept[io.Offset+i])
		}
		io.Complete(bdev.StatusSuccess)
		return true
	}
	return false
}

// holdFlush does not end a flush before a reset.
func holdFlush(c *wrongChannel, io *bdev.IO) bool {
	switch io.Op {
	case bdev.OpFlush:
		c.held = append(c.held, io)
		return true
	case bdev.OpReset:
		for _, h := range c.held {
			h.Complete(bdev.StatusAborted)
		}
		c.held = nil
	}
	return false
}

// unprotected has the base write with exactly these checks left out.
func unprotected(exclude dif.Flags) func(*wrongChannel, *bdev.IO) bool {
	return func(c *wrongChannel, io *bdev.IO) bool {
		return io.Op == bdev.OpWrite && c.instead(io, bdev.IO{
			Op: io.Op, Offset: io.Offset, Blocks: io.Blocks, Iov: io.Iov, Meta: io.Meta, DIFExclude: exclude,
		})
	}
}
