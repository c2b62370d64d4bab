// SPDX-License-Identifier: BSD-3-Clause

package bdev

// plain tells whether io has nothing wrong with it and needs nothing done to
// it: the fast half of check.
func (c *UserChannel) plain(io *IO) bool {
	if io.Op > OpWrite {
		return c.check(io) == StatusSuccess && c.simple(io)
	}
	size := c.d.blocks.Load()
	if io.Blocks-1 >= size || io.Offset > size-io.Blocks {
		return false
	}
	if io.Iov == nil && c.lends && io.Op == OpRead {
		return true
	}
	if len(io.Iov) == 1 && !c.strict && io.Meta == nil {
		return uint64(len(io.Iov[0])) == io.Blocks*c.blockSize
	}
	return c.check(io) == StatusSuccess && c.simple(io)
}

// check says what is wrong with the fields of io.
func (c *UserChannel) check(io *IO) Status {
	if !c.d.able.has(io.Op) {
		return StatusUnsupported
	}
	if changing.has(io.Op) && !c.desc.writable.Load() {
		return StatusReadOnly
	}
	if nvmeOps.has(io.Op) && io.NVMe == nil {
		return StatusInvalid
	}
	if s := c.checkRange(io); s != StatusSuccess {
		return s
	}
	if carrying.has(io.Op) && (io.Iov != nil || io.Op != OpRead) {
		if s := c.checkData(io); s != StatusSuccess {
			return s
		}
	}
	if io.Op == OpCompareAndWrite {
		if io.Meta != nil {
			return StatusInvalid
		}
		return checkIov(io.WriteIov, io.Blocks*c.blockSize)
	}
	return StatusSuccess
}

// checkRange checks the blocks that io names.
func (c *UserChannel) checkRange(io *IO) Status {
	size := c.d.blocks.Load()
	within := func(offset uint64) bool { return io.Blocks <= size && offset <= size-io.Blocks }
	switch {
	case zoneOps.has(io.Op):
		return c.checkZone(io, size)
	case io.Op == OpSeekData || io.Op == OpSeekHole:
		if io.Offset >= size {
			return StatusOutOfRange
		}
		return StatusSuccess
	case io.Op == OpFlush:
		if !within(io.Offset) {
			return StatusOutOfRange
		}
		return StatusSuccess
	case !ranged.has(io.Op):
		return StatusSuccess
	case io.Blocks == 0:
		return StatusInvalid
	case !within(io.Offset):
		return StatusOutOfRange
	case io.Op == OpCopy && !within(io.CopySrc):
		return StatusOutOfRange
	case io.Op == OpCompareAndWrite && io.Blocks > c.maxCompareWrite():
		return StatusInvalid
	}
	return StatusSuccess
}

// maxCompareWrite is how many blocks a compare and write may have: as many as
// the device says, otherwise a write unit.
func (c *UserChannel) maxCompareWrite() uint64 {
	if n := c.d.info.AtomicCompareWrite; n > 0 {
		return uint64(n)
	}
	return uint64(max(1, c.d.info.WriteUnit))
}

// checkData checks the buffers of an operation that has any.
func (c *UserChannel) checkData(io *IO) Status {
	if s := checkIov(io.Iov, io.Blocks*c.blockSize); s != StatusSuccess {
		return s
	}
	if io.Meta == nil {
		return StatusSuccess
	}
	info := &c.d.info
	if info.MDSize == 0 || info.MDInterleaved {
		return StatusInvalid
	}
	if uint64(len(io.Meta)) != io.Blocks*uint64(info.MDSize) {
		return StatusLength
	}
	return StatusSuccess
}

// checkIov checks that the pieces are want bytes together.
func checkIov(iov [][]byte, want uint64) Status {
	var sum uint64
	for _, p := range iov {
		sum += uint64(len(p))
	}
	if sum != want {
		return StatusLength
	}
	return StatusSuccess
}
