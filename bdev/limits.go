// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "math"

// limits are what a device lets one operation be. Numbers are blocks unless
// they say otherwise; what has no limit is very large.
type limits struct {
	boundary      uint64 // a line that reads must not cross; 0 for none
	writeBoundary uint64 // and writes
	unit          uint64 // writes are multiples of it
	maxRW         uint64
	maxUnmap      uint64
	maxZeroes     uint64
	maxCopy       uint64
	segment       uint64  // bytes of one piece of Iov
	segments      int     // pieces
	align         uintptr // bits that a piece's address must not have
	strict        bool    // reads and writes may need more than a look at their length
	blockSize     uint64  // bytes
	md            uint64  // bytes of separate metadata a block
}

func newLimits(i *Info) limits {
	or := func(v uint64) uint64 {
		if v == 0 {
			return math.MaxUint64
		}
		return v
	}
	l := limits{
		unit: max(1, uint64(i.WriteUnit)), maxRW: or(i.MaxRW), maxZeroes: or(i.MaxWriteZeroes), maxCopy: or(i.MaxCopy),
		maxUnmap: or(i.MaxUnmap * uint64(max(1, i.MaxUnmapSegments))),
		segment:  or(uint64(i.MaxSegment)), segments: math.MaxInt,
		blockSize: uint64(i.BlockSize),
	}
	if i.MaxSegments > 0 {
		l.segments = int(i.MaxSegments)
	}
	if i.Zoned {
		l.unit = 1 // what was written cannot be written again
	}
	if i.SplitOnBoundary {
		l.boundary, l.writeBoundary = uint64(i.OptimalIOBoundary), uint64(i.OptimalIOBoundary)
	}
	if i.SplitOnWriteUnit && i.WriteUnit > 0 {
		l.writeBoundary = uint64(i.WriteUnit)
	}
	if i.Alignment > 1 {
		l.align = uintptr(i.Alignment) - 1
	}
	if !i.MDInterleaved {
		l.md = uint64(i.MDSize)
	}
	l.strict = l.boundary|l.writeBoundary != 0 || l.unit > 1 || l.align != 0 || i.MaxRW != 0 || i.MaxSegment|i.MaxSegments != 0
	return l
}

// room returns how many of n blocks at off lie before the next line.
func room(off, n, line uint64) uint64 {
	if line == 0 {
		return n
	}
	return min(n, line-off%line)
}

// units returns the write units that blocks touch.
func (l *limits) units(off, blocks uint64) (first, n uint64) {
	first = off - off%l.unit
	end := off + blocks + l.unit - 1
	return first, end - end%l.unit - first
}

// whole tells whether blocks are write units.
func (l *limits) whole(off, blocks uint64) bool {
	return l.unit == 1 || off%l.unit == 0 && blocks%l.unit == 0
}

// fits tells whether the device takes the pieces as they are.
func (l *limits) fits(iov [][]byte) bool {
	if len(iov) > l.segments {
		return false
	}
	for _, p := range iov {
		if uint64(len(p)) > l.segment || address(p)&l.align != 0 {
			return false
		}
	}
	return true
}

// simple tells whether the device takes io as it is.
func (l *limits) simple(io *IO) bool {
	switch io.Op {
	case OpRead, OpCompare:
		return room(io.Offset, io.Blocks, l.boundary) == io.Blocks && io.Blocks <= l.maxRW && io.Iov != nil && l.fits(io.Iov)
	case OpWrite:
		return room(io.Offset, io.Blocks, l.writeBoundary) == io.Blocks && io.Blocks <= l.maxRW &&
			l.whole(io.Offset, io.Blocks) && l.fits(io.Iov)
	case OpCompareAndWrite:
		return l.fits(io.Iov) && l.fits(io.WriteIov)
	case OpZoneAppend:
		return l.fits(io.Iov)
	case OpUnmap:
		return io.Blocks <= l.maxUnmap
	case OpWriteZeroes:
		return io.Blocks <= l.maxZeroes
	case OpCopy:
		return io.Blocks <= l.maxCopy
	}
	return true
}
