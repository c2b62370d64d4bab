// SPDX-License-Identifier: BSD-3-Clause

package raid

import "math/bits"

// extent is a range of blocks of a base device's data region.
type extent struct {
	base          int
	first, blocks uint64
}

// layout maps blocks of the array to its base devices. It does not change
// while the array is online, but for growing at the end.
type layout struct {
	level Level
	n     uint64 // base devices
	shift uint   // of a strip in blocks
	// starts are where the base devices of a concat begin in the array; one
	// more at the end is the array's size.
	starts []uint64
}

// newLayout makes the layout of base devices with data regions of these
// sizes in blocks, and returns how much of each it uses, in whole strips.
func newLayout(level Level, strip uint32, sizes []uint64) (l *layout, used []uint64) {
	l = &layout{level: level, n: uint64(len(sizes)), shift: uint(bits.TrailingZeros32(strip))}
	used = make([]uint64, len(sizes))
	smallest := sizes[0]
	for _, s := range sizes {
		smallest = min(smallest, s)
	}
	var sum uint64
	for i, s := range sizes {
		if level == RAID0 {
			s = smallest
		}
		used[i] = s >> l.shift << l.shift
		l.starts = append(l.starts, sum)
		sum += used[i]
	}
	l.starts = append(l.starts, sum)
	return l, used
}

// size is the array's number of blocks.
func (l *layout) size() uint64 { return l.starts[l.n] }

// strip is the number of blocks in a strip.
func (l *layout) strip() uint64 { return 1 << l.shift }

// boundary is the line in blocks that a read or write must not cross, 0 if
// there is none: what is between two lines lies on one base device.
func (l *layout) boundary() uint32 {
	if l.level == RAID0 && l.n == 1 {
		return 0
	}
	return uint32(l.strip())
}

// locate returns where a range lies that crosses no boundary.
func (l *layout) locate(offset, blocks uint64) extent {
	if l.level == Concat {
		i := l.concatBase(offset)
		return extent{base: i, first: offset - l.starts[i], blocks: blocks}
	}
	strip := offset >> l.shift
	return extent{
		base:   int(strip % l.n),
		first:  strip/l.n<<l.shift + offset&(l.strip()-1),
		blocks: blocks,
	}
}

// concatBase returns which base device of a concat a block is on.
func (l *layout) concatBase(block uint64) int {
	i := 0
	for l.starts[i+1] <= block {
		i++
	}
	return i
}

// part returns the share of the i-th base device that a range of any length
// has a part on, counted from the one with its first block. Parts there are
// parts(...) of.
func (l *layout) part(offset, blocks uint64, i int) extent {
	if l.level == Concat {
		b := l.concatBase(offset) + i
		first := max(offset, l.starts[b])
		return extent{base: b, first: first - l.starts[b], blocks: min(offset+blocks, l.starts[b+1]) - first}
	}
	mask := l.strip() - 1
	last := offset + blocks - 1
	firstStrip, lastStrip := offset>>l.shift, last>>l.shift
	// The first and the last strip of the range on this base device.
	from := firstStrip + uint64(i)
	to := lastStrip - (lastStrip-from)%l.n
	begin, end := from/l.n<<l.shift, to/l.n<<l.shift+mask
	if from == firstStrip {
		begin += offset & mask
	}
	if to == lastStrip {
		end -= mask - last&mask
	}
	return extent{base: int(from % l.n), first: begin, blocks: end - begin + 1}
}

// parts returns how many base devices a range lies on.
func (l *layout) parts(offset, blocks uint64) int {
	last := offset + blocks - 1
	if l.level == Concat {
		return l.concatBase(last) - l.concatBase(offset) + 1
	}
	return int(min(last>>l.shift-offset>>l.shift+1, l.n))
}
