// SPDX-License-Identifier: BSD-3-Clause

package nvme

// ZoneManagementSend is the Zone Management Send command (Zoned Namespace
// Command Set specification 1.1, section 3.4.3).
type ZoneManagementSend struct {
	NSID      uint32         // namespace
	SLBA      uint64         // first block
	Action    ZoneSendAction // ZSA
	SelectAll bool           // all zones, SLBA does not matter
	Option    bool           // ZSASO, of the action
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ZoneManagementSend) Command() Command {
	return Command{
		Opcode: CmdZoneManagementSend,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW13:  uint32(x.Action) | bit32(x.SelectAll, 8) | bit32(x.Option, 9),
	}
}

// ParseZoneManagementSend reads the command's fields.
func ParseZoneManagementSend(c *Command) ZoneManagementSend {
	return ZoneManagementSend{
		NSID:      c.NSID,
		SLBA:      uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Action:    ZoneSendAction(c.CDW13),
		SelectAll: c.CDW13&(1<<8) != 0,
		Option:    c.CDW13&(1<<9) != 0,
	}
}

// ZoneManagementReceive is the Zone Management Receive command (Zoned Namespace
// Command Set specification 1.1, section 3.4.2). It returns a ZoneReportHeader
// and descriptors.
type ZoneManagementReceive struct {
	NSID    uint32 // namespace
	SLBA    uint64 // first block
	Dwords  uint64 // NUMD, dwords to transfer, from 1
	Action  uint8  // ZRA, ZoneReport or ZoneReportExtended
	Option  uint8  // ZRASF, which zones, a value of ZoneList
	Partial bool   // count the zones returned, not those that match
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ZoneManagementReceive) Command() Command {
	return Command{
		Opcode: CmdZoneManagementReceive,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  uint32((x.Dwords - 1)),
		CDW13:  uint32(x.Action) | uint32(x.Option)<<8 | bit32(x.Partial, 16),
	}
}

// ParseZoneManagementReceive reads the command's fields.
func ParseZoneManagementReceive(c *Command) ZoneManagementReceive {
	return ZoneManagementReceive{
		NSID:    c.NSID,
		SLBA:    uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Dwords:  uint64(c.CDW12) + 1,
		Action:  uint8(c.CDW13),
		Option:  uint8(c.CDW13 >> 8),
		Partial: c.CDW13&(1<<16) != 0,
	}
}

// ZoneAppend is the Zone Append command (Zoned Namespace Command Set
// specification 1.1, section 3.4.1). The completion's Result64 is the first
// block written.
type ZoneAppend struct {
	NSID              uint32 // namespace
	ZSLBA             uint64 // first block of the zone
	Blocks            uint32 // NLB, 1 to 65536
	DirectiveType     uint8  // DTYPE
	StorageTagCheck   bool   // STC
	Remap             bool   // PIREMAP
	PRINFO            PRInfo // what to do with protection information
	FUA               bool   // force unit access
	LR                bool   // limited retry
	DirectiveSpecific uint16 // DSPEC
	BlockTags
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ZoneAppend) Command() Command {
	c := Command{
		Opcode: CmdZoneAppend,
		NSID:   x.NSID,
		CDW10:  uint32(x.ZSLBA),
		CDW11:  uint32(x.ZSLBA >> 32),
		CDW12:  (x.Blocks-1)&0xffff | uint32(x.DirectiveType)&0xf<<20 | bit32(x.StorageTagCheck, 24) | bit32(x.Remap, 25) | uint32(x.PRINFO)&0xf<<26 | bit32(x.FUA, 30) | bit32(x.LR, 31),
		CDW13:  uint32(x.DirectiveSpecific) << 16,
	}
	x.BlockTags.set(&c)
	return c
}

// ParseZoneAppend reads the command's fields.
func ParseZoneAppend(c *Command) ZoneAppend {
	return ZoneAppend{
		NSID:              c.NSID,
		ZSLBA:             uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Blocks:            c.CDW12&0xffff + 1,
		DirectiveType:     uint8(c.CDW12 >> 20 & 0xf),
		StorageTagCheck:   c.CDW12&(1<<24) != 0,
		Remap:             c.CDW12&(1<<25) != 0,
		PRINFO:            PRInfo(c.CDW12 >> 26 & 0xf),
		FUA:               c.CDW12&(1<<30) != 0,
		LR:                c.CDW12&(1<<31) != 0,
		DirectiveSpecific: uint16(c.CDW13 >> 16),
		BlockTags:         blockTags(c),
	}
}
