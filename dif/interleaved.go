// SPDX-License-Identifier: BSD-3-Clause

package dif

// Generate stores the protection information of blocks whose metadata is
// interleaved. The pieces of iov may be cut anywhere. Nothing is written to
// the rest of the metadata. Errors are EINVAL.
func (c *Context) Generate(iov [][]byte, blocks uint64) error {
	if err := c.checkInterleaved(iov, blocks); err != nil || c.Type == Disabled {
		return err
	}
	at, _ := c.piAt()
	ref := c.firstRef()
	var s cursor
	s.start(iov)
	var g guards
	for blocks > 0 {
		n := c.batch(&g, &s, blocks, at, int(c.BlockSize))
		if n == 0 {
			c.generatePieces(&s, c.GuardSeed, at, ref)
			ref += c.refStep()
			blocks--
			continue
		}
		ref = c.putAll(s.cur[at:], g[:n], ref)
		s.skip(n * int(c.BlockSize))
		blocks -= uint64(n)
	}
	return nil
}

// Verify checks the protection information of blocks whose metadata is
// interleaved. The first difference is returned as an *Error; other errors
// are EINVAL.
func (c *Context) Verify(iov [][]byte, blocks uint64) error {
	if err := c.checkInterleaved(iov, blocks); err != nil || c.Type == Disabled {
		return err
	}
	at, _ := c.piAt()
	ref := c.firstRef()
	var s cursor
	s.start(iov)
	var g guards
	for block := uint64(0); block < blocks; {
		n := c.batch(&g, &s, blocks-block, at, int(c.BlockSize))
		if n == 0 {
			if err := c.verifyPieces(&s, c.GuardSeed, at, ref, block); err != nil {
				return err
			}
			ref += c.refStep()
			block++
			continue
		}
		var err error
		if ref, err = c.checkAll(s.cur[at:], g[:n], ref, block); err != nil {
			return err
		}
		block += uint64(n)
		s.skip(n * int(c.BlockSize))
	}
	return nil
}

func (c *Context) checkInterleaved(iov [][]byte, blocks uint64) error {
	if err := c.checkLayout(true); err != nil {
		return err
	}
	return enough("the buffer", iov, blocks, int(c.BlockSize))
}

// generatePieces finishes a block of which n bytes are left before its
// protection information, and whose guard so far is g.
func (c *Context) generatePieces(s *cursor, g uint64, n int, ref uint64) {
	at, size := c.piAt()
	var b [16]byte
	c.put(b[:size], c.guardPieces(g, s, n), ref)
	s.write(b[:size])
	s.skip(int(c.BlockSize) - at - size)
}

// verifyPieces is generatePieces's counterpart.
func (c *Context) verifyPieces(s *cursor, g uint64, n int, ref, block uint64) error {
	at, size := c.piAt()
	g = c.guardPieces(g, s, n)
	var b [16]byte
	s.read(b[:size])
	s.skip(int(c.BlockSize) - at - size)
	return c.check(b[:size], g, ref, block)
}
