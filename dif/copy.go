// SPDX-License-Identifier: BSD-3-Clause

package dif

// GenerateCopy copies blocks from src to dst, whose metadata is interleaved,
// and stores their protection information there. src has no metadata, unless
// PRACT is set and there is more metadata than protection information: then
// src has metadata, too, and all of it but the protection information is
// copied. Otherwise nothing is written to the rest of the metadata. With type
// Disabled blocks are copied only. Errors are EINVAL.
func (c *Context) GenerateCopy(dst, src [][]byte, blocks uint64) error {
	from, err := c.checkCopy(src, dst, blocks)
	if err != nil {
		return err
	}
	at, size := c.piAt()
	ref, step := c.firstRef(), c.refStep()
	var d, s cursor
	d.start(dst)
	s.start(src)
	for range blocks {
		if c.Type == Disabled {
			s.copyTo(&d, from)
			d.skip(int(c.BlockSize) - from)
			continue
		}
		b := d.whole(int(c.BlockSize))
		if p := s.whole(from); b != nil && p != nil {
			n := min(from, at)
			g := c.guardCopy(c.GuardSeed, b[:n], p[:n])
			if n < at {
				g = c.guard(g, b[n:at])
			}
			if from > at+size {
				copy(b[at+size:], p[at+size:])
			}
			c.put(b[at:at+size], g, ref)
			s.skip(len(p))
			d.skip(len(b))
		} else {
			c.generateCopyPieces(&d, &s, from, ref)
		}
		ref += step
	}
	return nil
}

// VerifyCopy copies blocks from src, whose metadata is interleaved, to dst,
// and checks their protection information. dst has no metadata, unless PRACT
// is set and there is more metadata than protection information: then all of
// it is copied. With type Disabled blocks are copied only. The first
// difference is returned as an *Error; the blocks before that one, and the
// data of that one, have been copied. Other errors are EINVAL.
func (c *Context) VerifyCopy(dst, src [][]byte, blocks uint64) error {
	to, err := c.checkCopy(dst, src, blocks)
	if err != nil {
		return err
	}
	at, size := c.piAt()
	ref, step := c.firstRef(), c.refStep()
	var d, s cursor
	d.start(dst)
	s.start(src)
	for block := range blocks {
		if c.Type == Disabled {
			s.copyTo(&d, to)
			s.skip(int(c.BlockSize) - to)
			continue
		}
		b := s.whole(int(c.BlockSize))
		if p := d.whole(to); b != nil && p != nil {
			n := min(to, at)
			g := c.guardCopy(c.GuardSeed, p[:n], b[:n])
			if n < at {
				g = c.guard(g, b[n:at])
			}
			if to > at {
				copy(p[at:], b[at:])
			}
			err = c.check(b[at:at+size], g, ref, block)
			s.skip(len(b))
			d.skip(len(p))
		} else {
			err = c.verifyCopyPieces(&d, &s, to, ref, block)
		}
		if err != nil {
			return err
		}
		ref += step
	}
	return nil
}

// checkCopy checks the arguments of a copy between plain blocks and blocks
// with protection information, and returns the size of the plain ones.
func (c *Context) checkCopy(plain, protected [][]byte, blocks uint64) (size int, err error) {
	if err := c.checkLayout(true); err != nil {
		return 0, err
	}
	size = c.dataSize()
	if c.PRACT && c.MDSize != c.PIFormat.Size() {
		size = int(c.BlockSize)
	}
	if err := enough("the buffer without protection information", plain, blocks, size); err != nil {
		return 0, err
	}
	return size, enough("the buffer with protection information", protected, blocks, int(c.BlockSize))
}

func (c *Context) generateCopyPieces(d, s *cursor, from int, ref uint64) {
	at, size := c.piAt()
	n := min(from, at)
	g := c.guardCopyPieces(c.GuardSeed, d, s, n)
	g = c.guardPieces(g, d, at-n)
	var b [16]byte
	c.put(b[:size], g, ref)
	d.write(b[:size])
	if from > at {
		s.skip(size)
		s.copyTo(d, from-at-size)
		return
	}
	d.skip(int(c.BlockSize) - at - size)
}

func (c *Context) verifyCopyPieces(d, s *cursor, to int, ref, block uint64) error {
	at, size := c.piAt()
	n := min(to, at)
	g := c.guardCopyPieces(c.GuardSeed, d, s, n)
	g = c.guardPieces(g, s, at-n)
	var b [16]byte
	s.read(b[:size])
	if to > at {
		d.write(b[:size])
		s.copyTo(d, to-at-size)
	} else {
		s.skip(int(c.BlockSize) - at - size)
	}
	return c.check(b[:size], g, ref, block)
}
