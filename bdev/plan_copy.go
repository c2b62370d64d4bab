// SPDX-License-Identifier: BSD-3-Clause

package bdev

// roomBefore returns how many of n blocks before end lie behind the line
// before.
func roomBefore(end, n, line uint64) uint64 {
	if line == 0 {
		return n
	}
	return min(n, (end-1)%line+1)
}

// copy makes p the next part of an emulated copy: a read and a write. If the
// ranges overlap, the parts go one after the other in the direction in which
// nothing is overwritten before it was read, as memmove does.
func (p *part) copy() Status {
	io := p.parent
	k := io.ch.k
	l, s := &k.limits, &io.split
	if !k.openMemory() {
		return StatusNoMemory
	}
	p.step, p.meta = stepSource, l.md > 0
	delta := s.next - io.Offset
	n := min(s.left, l.maxRW, max(1, k.blocksAtOnce(p.stride())))
	if s.backward {
		end, srcEnd := s.next+s.left, io.CopySrc+delta+s.left
		n = min(roomBefore(end, n, l.writeBoundary), roomBefore(srcEnd, n, l.boundary))
		if tail := end % l.unit; tail != 0 {
			n = min(n, tail)
		} else if n > l.unit {
			n -= n % l.unit
		}
		p.offset = end - n
		p.src = srcEnd - n
	} else {
		n = min(room(s.next, n, l.writeBoundary), room(io.CopySrc+delta, n, l.boundary))
		if lead := s.next % l.unit; lead != 0 {
			n = min(n, l.unit-lead)
		} else if n > l.unit {
			n -= n % l.unit
		}
		p.src = io.CopySrc + delta
	}
	p.blocks = n
	p.first, p.size = p.offset, n
	if !l.whole(p.offset, n) {
		p.first, p.size = l.units(p.offset, n)
		p.size = min(p.size, io.ch.d.blocks.Load()-p.first)
	}
	switch {
	case p.size > l.atOnce():
		return StatusInvalid
	case p.size != n:
		p.surround()
	default:
		p.need = int(n * p.stride())
	}
	return p.cut()
}
