// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "github.com/gospdk/gospdk/dif"

// plan makes p the next part of io: which blocks, by which steps, and with
// how much memory of its own.
func (c *UserChannel) plan(p *part, io *IO) Status {
	s, l := &io.split, &c.k.limits
	p.parent, p.step, p.need, p.meta = io, stepOnly, 0, io.Meta != nil
	p.seg, p.off = s.seg, s.off
	p.offset, p.blocks = s.next, s.left
	p.io = IO{Op: io.Op, ch: c, Done: p, DIFExclude: io.DIFExclude}
	native := c.d.native.has(io.Op) && !(c.hidden && io.Op == OpCompare)
	var status Status
	switch {
	case io.Op == OpRead || io.Op == OpCompare:
		p.blocks = min(room(s.next, s.left, l.boundary), l.maxRW)
		status = p.data(1, native)
	case io.Op == OpWrite:
		if !p.inPart(l.unit) {
			p.blocks = min(room(s.next, s.left, l.writeBoundary), l.maxRW)
			status = p.data(l.unit, true)
		}
	case io.Op == OpZoneAppend:
		if c.hidden {
			return StatusUnsupported // where the blocks go is not known yet
		}
		p.need = int(p.blocks * p.stride())
	case io.Op == OpWriteZeroes && !native:
		if p.meta = l.md > 0; !p.inPart(l.unit) {
			status = p.zeroes()
		}
	case io.Op == OpCopy && !native:
		return p.copy()
	case io.Op == OpUnmap:
		p.blocks = min(s.left, l.maxUnmap)
	case io.Op == OpWriteZeroes:
		p.blocks = min(s.left, l.maxZeroes)
	case io.Op == OpCopy:
		p.blocks = min(s.left, l.maxCopy)
		p.io.CopySrc = io.CopySrc + (s.next - io.Offset)
	}
	if status != StatusSuccess || p.step == stepOld && p.size > l.atOnce() {
		return max(status, StatusInvalid)
	}
	return p.cut()
}

// cut takes the part's blocks off what is left of the parent.
func (p *part) cut() Status {
	s := &p.parent.split
	p.io.Offset, p.io.Blocks = p.offset, p.blocks
	if p.step != stepOld {
		p.first, p.size = p.offset, p.blocks
	}
	if p.need == 0 {
		p.io.Iov = p.iov
		if p.io.Meta == nil {
			p.io.Meta = p.userMeta()
		}
	}
	s.left -= p.blocks
	if s.backward {
		return StatusSuccess
	}
	s.next += p.blocks
	if p.parent.Iov != nil {
		s.skip(p.parent.Iov, p.blocks*p.parent.ch.blockSize)
	}
	return StatusSuccess
}

// skip moves on in iov.
func (s *split) skip(iov [][]byte, size uint64) {
	for size > 0 {
		n := uint64(len(iov[s.seg]) - s.off)
		if n > size {
			s.off += int(size)
			return
		}
		size -= n
		s.seg, s.off = s.seg+1, 0
	}
}

// inPart makes p one that changes the write unit at its beginning in part,
// if its blocks do not begin with a whole one.
func (p *part) inPart(unit uint64) bool {
	c := p.parent.ch
	lead := p.offset % unit
	if unit == 1 || lead == 0 && p.blocks >= unit {
		return false
	}
	p.first, p.size = p.offset-lead, unit
	p.blocks = min(p.blocks, unit-lead)
	// The last unit may be incomplete.
	p.size = min(p.size, c.d.blocks.Load()-p.first)
	if p.size == p.blocks {
		return false
	}
	p.surround()
	return true
}

// surround makes p read the units around its blocks first.
func (p *part) surround() {
	p.step, p.meta = stepOld, p.parent.ch.k.limits.md > 0
	p.need = int(p.size * p.stride())
	if p.parent.Op == OpCopy {
		p.need = int(p.sourceAt() + p.blocks*p.stride())
	}
}

// data makes p move up to p.blocks, a multiple of unit, from or to the user's
// pieces if the device takes those, which direct allows, otherwise by memory
// of its own.
func (p *part) data(unit uint64, direct bool) Status {
	k := p.parent.ch.k
	if p.blocks > unit {
		p.blocks -= p.blocks % unit
	}
	if direct && !p.parent.ch.hidden {
		if n := p.pieces(unit); n > 0 {
			p.blocks = n
			return StatusSuccess
		}
	}
	if !k.openMemory() {
		return StatusNoMemory
	}
	n := k.blocksAtOnce(p.stride())
	if n = n - n%unit; n == 0 {
		n = unit
	}
	p.blocks = min(p.blocks, n)
	if p.blocks > k.limits.atOnce() {
		return StatusInvalid
	}
	p.need = int(p.blocks * p.stride())
	return StatusSuccess
}

// pieces makes p.iov of the user's next pieces, for up to p.blocks blocks,
// and returns for how many the device takes them: a multiple of unit, perhaps
// none.
func (p *part) pieces(unit uint64) uint64 {
	l := &p.parent.ch.k.limits
	seg, off := p.seg, p.off
	want, got := p.blocks*l.blockSize, uint64(0)
	for got < want && len(p.iov) < l.segments {
		q := p.parent.Iov[seg][off:]
		n := min(uint64(len(q)), want-got, l.segment)
		if n > 0 {
			if address(q)&l.align != 0 {
				break
			}
			p.iov = append(p.iov, q[:n:n])
			got += n
		}
		if off += int(n); off == len(p.parent.Iov[seg]) {
			seg, off = seg+1, 0
		}
	}
	n := got / l.blockSize
	if got < want {
		n -= n % unit
	}
	for extra := got - n*l.blockSize; extra > 0; {
		last := len(p.iov) - 1
		size := uint64(len(p.iov[last]))
		if size > extra {
			p.iov[last] = p.iov[last][: size-extra : size-extra]
			break
		}
		extra -= size
		p.iov[last] = nil
		p.iov = p.iov[:last]
	}
	return n
}

// zeroes makes p write up to p.blocks zeroed blocks.
func (p *part) zeroes() Status {
	k := p.parent.ch.k
	l := &k.limits
	n := min(room(p.offset, p.blocks, l.writeBoundary), l.maxRW, zeroBytes/max(l.blockSize, l.md), l.atOnce())
	if n = n - n%l.unit; n == 0 {
		n = min(l.unit, p.blocks)
	}
	if n > l.atOnce() || n*l.md > zeroBytes {
		return StatusInvalid
	}
	if k.d.info.DIF != dif.Disabled { // they differ from block to block
		if !k.openMemory() {
			return StatusNoMemory
		}
		p.blocks = min(n, max(l.unit, k.blocksAtOnce(p.stride())))
		p.blocks -= p.blocks % l.unit
		if p.blocks == 0 {
			p.blocks = n
		}
		p.need = int(p.blocks * p.stride())
		return StatusSuccess
	}
	zero := k.parts.zero
	for left := n * l.blockSize; left > 0; {
		size := min(left, uint64(len(zero)), l.segment)
		p.iov = append(p.iov, zero[:size:size])
		left -= size
	}
	if l.md > 0 {
		p.io.Meta = zero[: n*l.md : n*l.md]
	}
	p.io.Op, p.blocks = OpWrite, n
	return StatusSuccess
}
