// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "bytes"

// splitting operations must not cross the device's boundary.
var splitting = setOf(OpRead, OpWrite, OpCompare)

// emulated returns what the core makes of a device's native operations.
func emulated(native opSet) opSet {
	ops := setOf(OpReset, OpAbort)
	if native.has(OpWrite) {
		ops |= setOf(OpWriteZeroes)
	}
	if native.has(OpRead) {
		ops |= setOf(OpCompare)
		if native.has(OpWrite) {
			ops |= setOf(OpCompareAndWrite)
		}
	}
	return ops
}

// split is the progress of an IO that is carried out in parts.
type split struct {
	next, left uint64 // blocks that no part has been made for
	seg, off   int    // where they begin in Iov
	parts      uint32 // with the device
	busy       bool   // parts are being made
	starved    bool   // in the queue for a free part
	status     Status // of the first part that failed
}

// fail stops the making of further parts.
func (s *split) fail(status Status) {
	if s.status == StatusSuccess {
		s.status = status
	}
}

// split carries io out in parts.
func (c *UserChannel) split(io *IO) {
	io.state = ioSplit
	io.split = split{next: io.Offset, left: io.Blocks}
	c.advance(io)
}

// advance submits parts of io while there are any to make and to make them
// from, and ends io with its last part. Parts that end within their Submit
// come here again; busy leaves the work to the loop below them.
func (c *UserChannel) advance(io *IO) {
	s := &io.split
	if s.busy || s.starved {
		return
	}
	s.busy = true
	for s.left > 0 && s.status == StatusSuccess {
		if c.k.frozen > 0 {
			s.fail(StatusAborted)
			break
		}
		p := c.k.parts.take()
		if p == nil {
			s.starved = true
			c.k.parts.starved.push(io)
			break
		}
		s.parts++
		if status := c.fill(p, io); status != StatusSuccess {
			s.parts--
			s.fail(status)
			c.k.parts.put(p)
			c.k.parts.feed()
			break
		}
		c.mod.Submit(&p.io)
	}
	s.busy = false
	if s.parts == 0 && !s.starved {
		c.finish(io, s.status)
	}
}

// fill makes p the next part of io.
func (c *UserChannel) fill(p *part, io *IO) Status {
	s := &io.split
	n := s.left
	if c.boundary != 0 {
		n = min(n, c.boundary-s.next%c.boundary)
	}
	p.parent = io
	p.io = IO{Op: io.Op, state: ioChild, ch: c, Offset: s.next, Blocks: n, Done: p, Iov: p.iov[:0]}
	switch {
	case io.Op == OpWriteZeroes:
		n = c.k.parts.fillZeroes(&p.io, n)
	case io.Op == OpCompare && !c.d.native.has(OpCompare):
		var status Status
		if n, status = c.k.parts.fillBounce(p, n, io.Meta != nil); status != StatusSuccess {
			return status
		}
		p.want = s.cut(io.Iov, n*c.blockSize, p.want[:0])
		p.wantMeta = c.partMeta(io, n)
	default:
		p.io.Iov = s.cut(io.Iov, n*c.blockSize, p.io.Iov)
		p.io.Meta = c.partMeta(io, n)
	}
	p.iov = p.io.Iov[:0]
	s.next += n
	s.left -= n
	return StatusSuccess
}

// partMeta returns the metadata of the next n blocks of io.
func (c *UserChannel) partMeta(io *IO, n uint64) []byte {
	if io.Meta == nil {
		return nil
	}
	md := uint64(c.d.info.MDSize)
	at := (io.split.next - io.Offset) * md
	return io.Meta[at : at+n*md]
}

// cut appends the next size bytes of iov to dst.
func (s *split) cut(iov [][]byte, size uint64, dst [][]byte) [][]byte {
	for size > 0 {
		p := iov[s.seg][s.off:]
		if uint64(len(p)) > size {
			p = p[:size:size]
			s.off += len(p)
		} else {
			s.seg, s.off = s.seg+1, 0
		}
		if len(p) > 0 {
			dst = append(dst, p)
			size -= uint64(len(p))
		}
	}
	return dst
}

// part is a piece of an IO, on its way to the device.
type part struct {
	io     IO
	iov    [][]byte // io.Iov's memory, kept for the next use
	parent *IO
	bounce *bounce

	// want and wantMeta are what a compare that is emulated expects in the
	// bounce buffer.
	want     [][]byte
	wantMeta []byte
}

// Complete implements Completer.
func (p *part) Complete(io *IO) {
	parent, c, status := p.parent, io.ch, io.Status
	if status == StatusSuccess && len(p.want) > 0 {
		status = p.compare()
	}
	parent.split.parts--
	if status != StatusSuccess {
		parent.split.fail(status)
	}
	// One that waits for parts is advanced by feed, at its turn, and may
	// have ended when that returns.
	starved := parent.split.starved
	c.k.parts.put(p)
	c.k.parts.feed()
	if !starved {
		c.advance(parent)
	}
}

// compare holds what has been read against what is wanted.
func (p *part) compare() Status {
	got := p.io.Iov[0]
	for _, w := range p.want {
		if !bytes.Equal(got[:len(w)], w) {
			return StatusMiscompare
		}
		got = got[len(w):]
	}
	if !bytes.Equal(p.io.Meta, p.wantMeta) {
		return StatusMiscompare
	}
	return StatusSuccess
}
