// SPDX-License-Identifier: BSD-3-Clause

package bdev

// plain tells whether io has nothing wrong with it and needs nothing done to
// it: the fast half of check.
func (c *UserChannel) plain(io *IO) bool {
	if io.Op > OpWrite {
		return c.check(io) == StatusSuccess && !c.crosses(io)
	}
	size := c.d.blocks.Load()
	if io.Blocks-1 >= size || io.Offset > size-io.Blocks {
		return false
	}
	if io.Meta != nil || c.boundary != 0 && c.crosses(io) {
		return c.check(io) == StatusSuccess && !c.crosses(io)
	}
	if len(io.Iov) == 1 && c.align == 0 {
		return uint64(len(io.Iov[0])) == io.Blocks*c.blockSize
	}
	return c.checkIov(io.Iov, io.Blocks*c.blockSize) == StatusSuccess
}

// crosses tells whether io must be split at the device's boundary.
func (c *UserChannel) crosses(io *IO) bool {
	return c.boundary != 0 && splitting.has(io.Op) && io.Offset%c.boundary+io.Blocks > c.boundary
}

// check says what is wrong with the fields of io.
func (c *UserChannel) check(io *IO) Status {
	if !c.d.able.has(io.Op) {
		return StatusUnsupported
	}
	if changing.has(io.Op) && !c.desc.writable.Load() {
		return StatusReadOnly
	}
	if s := c.checkRange(io); s != StatusSuccess {
		return s
	}
	if carrying.has(io.Op) {
		if s := c.checkData(io); s != StatusSuccess {
			return s
		}
	}
	if io.Op == OpCompareAndWrite {
		if io.Meta != nil {
			return StatusInvalid
		}
		return c.checkIov(io.WriteIov, io.Blocks*c.blockSize)
	}
	return StatusSuccess
}

// checkRange checks the blocks that io names.
func (c *UserChannel) checkRange(io *IO) Status {
	size := c.d.blocks.Load()
	within := func(offset uint64) bool { return io.Blocks <= size && offset <= size-io.Blocks }
	switch {
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
	case io.Op == OpCompareAndWrite && io.Blocks > uint64(max(1, c.d.info.AtomicCompareWrite)):
		return StatusInvalid
	}
	return StatusSuccess
}

// checkData checks the buffers of an operation that has any.
func (c *UserChannel) checkData(io *IO) Status {
	if s := c.checkIov(io.Iov, io.Blocks*c.blockSize); s != StatusSuccess {
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

// checkIov checks that the pieces are want bytes together, and aligned.
func (c *UserChannel) checkIov(iov [][]byte, want uint64) Status {
	var sum uint64
	for _, p := range iov {
		sum += uint64(len(p))
		if c.align != 0 && address(p)&c.align != 0 {
			return StatusMisaligned
		}
	}
	if sum != want {
		return StatusLength
	}
	return StatusSuccess
}
