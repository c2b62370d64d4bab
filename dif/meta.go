// SPDX-License-Identifier: BSD-3-Clause

package dif

// GenerateMeta stores the protection information of blocks whose metadata is
// separate, in md. Nothing is written to the rest of the metadata. Errors are
// EINVAL.
func (c *Context) GenerateMeta(iov [][]byte, md []byte, blocks uint64) error {
	if err := c.checkSeparate(iov, md, blocks); err != nil || c.Type == Disabled {
		return err
	}
	at, size := c.piAt()
	ref, step := c.firstRef(), c.refStep()
	for s := start(iov); blocks > 0; blocks-- {
		m := md[:c.MDSize]
		c.put(m[at:at+size], c.guardMeta(&s, m[:at]), ref)
		md = md[len(m):]
		ref += step
	}
	return nil
}

// VerifyMeta checks the protection information of blocks whose metadata is
// separate. The first difference is returned as an *Error; other errors are
// EINVAL.
func (c *Context) VerifyMeta(iov [][]byte, md []byte, blocks uint64) error {
	if err := c.checkSeparate(iov, md, blocks); err != nil || c.Type == Disabled {
		return err
	}
	at, size := c.piAt()
	ref, step := c.firstRef(), c.refStep()
	s := start(iov)
	for block := range blocks {
		m := md[:c.MDSize]
		if err := c.check(m[at:at+size], c.guardMeta(&s, m[:at]), ref, block); err != nil {
			return err
		}
		md = md[len(m):]
		ref += step
	}
	return nil
}

func (c *Context) checkSeparate(iov [][]byte, md []byte, blocks uint64) error {
	if err := c.checkLayout(false); err != nil {
		return err
	}
	if err := enough("the buffer", iov, blocks, int(c.BlockSize)); err != nil {
		return err
	}
	return c.enoughMeta(md, blocks)
}

func (c *Context) enoughMeta(md []byte, blocks uint64) error {
	if blocks > uint64(len(md))/uint64(c.MDSize) {
		return invalid("Size of metadata buffer is not valid: it has %d bytes; %d blocks of %d bytes were asked for", len(md), blocks, c.MDSize)
	}
	return nil
}

// guardMeta returns the guard of the next block of s and of md, the metadata
// before the protection information.
func (c *Context) guardMeta(s *cursor, md []byte) uint64 {
	var g uint64
	if b := s.whole(int(c.BlockSize)); b != nil {
		g = c.guard(c.GuardSeed, b)
		s.skip(len(b))
	} else {
		g = c.guardPieces(c.GuardSeed, s, int(c.BlockSize))
	}
	if len(md) > 0 {
		g = c.guard(g, md)
	}
	return g
}
