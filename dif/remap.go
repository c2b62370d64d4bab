// SPDX-License-Identifier: BSD-3-Clause

package dif

// Remap changes the reference tags of blocks whose metadata is interleaved:
// they count from ref instead of c.RefTag. That is for devices whose blocks
// have other addresses than those of the device below. With check, the tags
// are checked first. Blocks whose tags turn off checks stay as they are, and
// all do if RefTag is not among the flags. The first difference is returned as
// an *Error; other errors are EINVAL.
func (c *Context) Remap(iov [][]byte, blocks, ref uint64, check bool) error {
	if err := c.checkInterleaved(iov, blocks); err != nil || c.Type == Disabled || c.Flags&RefTag == 0 {
		return err
	}
	at, size := c.piAt()
	var s cursor
	s.start(iov)
	for block := range blocks {
		s.skip(at)
		if b := s.whole(size); b != nil {
			if err := c.remap(b, block, ref, check); err != nil {
				return err
			}
			s.skip(size)
		} else {
			var tmp [16]byte
			place := s
			s.read(tmp[:size])
			if err := c.remap(tmp[:size], block, ref, check); err != nil {
				return err
			}
			place.write(tmp[:size])
		}
		s.skip(int(c.BlockSize) - at - size)
	}
	return nil
}

// RemapMeta does what Remap does where metadata is separate.
func (c *Context) RemapMeta(md []byte, blocks, ref uint64, check bool) error {
	if err := c.checkLayout(false); err != nil {
		return err
	}
	if err := c.enoughMeta(md, blocks); err != nil || c.Type == Disabled || c.Flags&RefTag == 0 {
		return err
	}
	at, size := c.piAt()
	for block := range blocks {
		if err := c.remap(md[at:at+size], block, ref, check); err != nil {
			return err
		}
		md = md[c.MDSize:]
	}
	return nil
}

// remap changes the reference tag of one block.
func (c *Context) remap(b []byte, block, ref uint64, check bool) error {
	p := c.PIFormat.get(b)
	if c.ignored(p) {
		return nil
	}
	if c.Type != Type3 {
		offset := c.firstRef() - c.RefTag + block
		if check {
			if err := c.checkRef(p, c.RefTag+offset, block); err != nil {
				return err
			}
		}
		ref += offset
	}
	c.PIFormat.putRef(b, ref)
	return nil
}
