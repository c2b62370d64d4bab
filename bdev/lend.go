// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"slices"

	"github.com/gospdk/gospdk/thread/iobuf"
)

// borrower is a read without Iov that waits for memory.
type borrower struct {
	io     *IO
	waiter iobuf.Waiter
}

// borrow gets memory for a read that came without Iov, and lets it go on.
func (c *UserChannel) borrow(io *IO) {
	k := c.k
	if !k.openMemory() {
		c.finish(io, StatusNoMemory)
		return
	}
	limit := uint64(k.bufs.MaxSize() - k.limits.slack())
	stride := c.blockSize + k.limits.md
	if io.Blocks > limit/stride {
		c.finish(io, StatusLength)
		return
	}
	size := int(io.Blocks*stride) + k.limits.slack()
	if buf := k.bufs.Get(size, nil); buf != nil {
		c.lend(io, buf)
		return
	}
	b := &borrower{io: io}
	b.waiter.Taker = b
	k.borrowers = append(k.borrowers, b)
	if buf := k.bufs.Get(size, &b.waiter); buf != nil {
		b.TakeBuffer(&b.waiter, buf)
	}
}

// TakeBuffer implements iobuf.Taker.
func (b *borrower) TakeBuffer(_ *iobuf.Waiter, buf []byte) {
	c := b.io.ch
	c.k.borrowers = slices.DeleteFunc(c.k.borrowers, func(o *borrower) bool { return o == b })
	c.depth++
	c.lend(b.io, buf)
	c.depth--
}

// lend lets a read have buf, and go on.
func (c *UserChannel) lend(io *IO, buf []byte) {
	l := &c.k.limits
	at := uint64(-address(buf) & l.align)
	n := io.Blocks * c.blockSize
	io.lent = [2][]byte{buf[at : at+n : at+n], buf}
	io.Iov = io.lent[:1]
	if l.md > 0 {
		io.Meta = buf[at+n : at+n+io.Blocks*l.md]
	}
	c.lent++
	if c.k.frozen > 0 {
		c.finish(io, StatusAborted)
		return
	}
	c.toDevice(io)
}

// abortBorrowers ends reads that wait for memory: all, or only.
func (k *channel) abortBorrowers(only *IO) (found bool) {
	for i := 0; i < len(k.borrowers); {
		b := k.borrowers[i]
		if (only != nil && b.io != only) || !k.bufs.Cancel(&b.waiter) {
			i++
			continue
		}
		k.borrowers = slices.Delete(k.borrowers, i, i+1)
		c := b.io.ch
		c.depth++
		c.finish(b.io, StatusAborted)
		c.depth--
		found, i = true, 0 // the user may have done anything
	}
	return found
}

// ReleaseBuffer gives back the memory that an OpRead without Iov was given,
// together with separate metadata if the device has them. The data are in Iov
// and Meta from completion until then. It is called on the channel's thread,
// before the channel is closed, whatever the Status. For other IO it does
// nothing.
func (io *IO) ReleaseBuffer() {
	if io.lent[0] == nil {
		return
	}
	if io.state != ioIdle {
		panic("bdev: ReleaseBuffer of an IO that is under way")
	}
	buf := io.lent[1]
	io.lent = [2][]byte{}
	io.Iov, io.Meta = nil, nil
	io.ch.lent--
	if buf != nil {
		io.ch.k.bufs.Put(buf)
	}
}

// Lend is for the channel of a [Lender]: it answers an OpRead
// that came without Iov with p, memory of the device that holds the blocks.
// The user reads there until ReleaseBuffer, and may find what is written
// meanwhile. Complete follows.
func (io *IO) Lend(p []byte) {
	io.lent = [2][]byte{p}
	io.Iov = io.lent[:1]
	io.ch.lent++
}
