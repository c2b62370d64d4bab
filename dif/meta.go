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
	var s cursor
	s.start(iov)
	var g guards
	for blocks > 0 {
		n := c.batchMeta(&g, &s, blocks)
		for _, guard := range g[:n] {
			m := md[:c.MDSize]
			if at > 0 {
				guard = c.guard(guard, m[:at])
			}
			c.put(m[at:at+size], guard, ref)
			md = md[len(m):]
			ref += step
		}
		blocks -= uint64(n)
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
	var s cursor
	s.start(iov)
	var g guards
	for block := uint64(0); block < blocks; {
		n := c.batchMeta(&g, &s, blocks-block)
		for _, guard := range g[:n] {
			m := md[:c.MDSize]
			if at > 0 {
				guard = c.guard(guard, m[:at])
			}
			if err := c.check(m[at:at+size], guard, ref, block); err != nil {
				return err
			}
			md = md[len(m):]
			ref += step
			block++
		}
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

// batchMeta computes the guards of the data of the next blocks, at most left,
// goes on behind them and returns how many they are.
func (c *Context) batchMeta(g *guards, s *cursor, left uint64) int {
	n := c.batch(g, s, left, int(c.BlockSize), int(c.BlockSize))
	if n == 0 {
		g[0] = c.guardPieces(c.GuardSeed, s, int(c.BlockSize))
		return 1
	}
	s.skip(n * int(c.BlockSize))
	return n
}
