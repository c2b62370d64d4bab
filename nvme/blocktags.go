// SPDX-License-Identifier: BSD-3-Clause

package nvme

// BlockTags is what commands on logical blocks say about reference, storage
// and application tags (NVM Command Set specification 1.0, section 5.2).
type BlockTags struct {
	TagLow     uint32 // low 32 bits of reference and storage tag (ILBRT, EILBRT)
	TagHigh    uint64 // the 48 bits above TagLow
	AppTag     uint16 // LBAT or ELBAT
	AppTagMask uint16 // LBATM or ELBATM
}

func (t BlockTags) set(c *Command) {
	c.CDW2 = uint32(t.TagHigh)
	c.CDW3 = uint32(t.TagHigh>>32) & 0xffff
	c.CDW14 = t.TagLow
	c.CDW15 = uint32(t.AppTag) | uint32(t.AppTagMask)<<16
}

func blockTags(c *Command) BlockTags {
	return BlockTags{
		TagLow:     c.CDW14,
		TagHigh:    uint64(c.CDW2) | uint64(c.CDW3&0xffff)<<32,
		AppTag:     uint16(c.CDW15),
		AppTagMask: uint16(c.CDW15 >> 16),
	}
}
