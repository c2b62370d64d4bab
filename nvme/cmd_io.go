// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Flush is the Flush command (section 7.1).
type Flush struct {
	NSID uint32 // namespace
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Flush) Command() Command {
	return Command{
		Opcode: CmdFlush,
		NSID:   x.NSID,
	}
}

// ParseFlush reads the command's fields.
func ParseFlush(c *Command) Flush {
	return Flush{
		NSID: c.NSID,
	}
}

// ReadWrite is the Read, Write or Compare command (NVM Command Set
// specification 1.0, sections 3.2.1, 3.2.4 and 3.2.6). Compare has no DSM field
// and no directive, Read no directive.
type ReadWrite struct {
	Opcode            Opcode // CmdRead, CmdWrite or CmdCompare
	NSID              uint32 // namespace
	SLBA              uint64 // first block
	Blocks            uint32 // NLB, 1 to 65536
	DirectiveType     uint8  // DTYPE
	StorageTagCheck   bool   // STC
	PRINFO            PRInfo // what to do with protection information
	FUA               bool   // force unit access
	LR                bool   // limited retry
	DSM               uint8  // dataset management hints
	DirectiveSpecific uint16 // DSPEC
	BlockTags
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ReadWrite) Command() Command {
	c := Command{
		Opcode: x.Opcode,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  (x.Blocks-1)&0xffff | uint32(x.DirectiveType)&0xf<<20 | bit32(x.StorageTagCheck, 24) | uint32(x.PRINFO)&0xf<<26 | bit32(x.FUA, 30) | bit32(x.LR, 31),
		CDW13:  uint32(x.DSM) | uint32(x.DirectiveSpecific)<<16,
	}
	x.BlockTags.set(&c)
	return c
}

// ParseReadWrite reads the command's fields.
func ParseReadWrite(c *Command) ReadWrite {
	return ReadWrite{
		Opcode:            c.Opcode,
		NSID:              c.NSID,
		SLBA:              uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Blocks:            c.CDW12&0xffff + 1,
		DirectiveType:     uint8(c.CDW12 >> 20 & 0xf),
		StorageTagCheck:   c.CDW12&(1<<24) != 0,
		PRINFO:            PRInfo(c.CDW12 >> 26 & 0xf),
		FUA:               c.CDW12&(1<<30) != 0,
		LR:                c.CDW12&(1<<31) != 0,
		DSM:               uint8(c.CDW13),
		DirectiveSpecific: uint16(c.CDW13 >> 16),
		BlockTags:         blockTags(c),
	}
}

// WriteZeroes is the Write Zeroes command (NVM Command Set specification 1.0,
// section 3.2.8).
type WriteZeroes struct {
	NSID              uint32 // namespace
	SLBA              uint64 // first block
	Blocks            uint32 // NLB, 1 to 65536
	DirectiveType     uint8  // DTYPE
	StorageTagCheck   bool   // STC
	Deallocate        bool   // DEAC
	PRINFO            PRInfo // what to do with protection information
	FUA               bool   // force unit access
	LR                bool   // limited retry
	DirectiveSpecific uint16 // DSPEC
	BlockTags
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x WriteZeroes) Command() Command {
	c := Command{
		Opcode: CmdWriteZeroes,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  (x.Blocks-1)&0xffff | uint32(x.DirectiveType)&0xf<<20 | bit32(x.StorageTagCheck, 24) | bit32(x.Deallocate, 25) | uint32(x.PRINFO)&0xf<<26 | bit32(x.FUA, 30) | bit32(x.LR, 31),
		CDW13:  uint32(x.DirectiveSpecific) << 16,
	}
	x.BlockTags.set(&c)
	return c
}

// ParseWriteZeroes reads the command's fields.
func ParseWriteZeroes(c *Command) WriteZeroes {
	return WriteZeroes{
		NSID:              c.NSID,
		SLBA:              uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Blocks:            c.CDW12&0xffff + 1,
		DirectiveType:     uint8(c.CDW12 >> 20 & 0xf),
		StorageTagCheck:   c.CDW12&(1<<24) != 0,
		Deallocate:        c.CDW12&(1<<25) != 0,
		PRINFO:            PRInfo(c.CDW12 >> 26 & 0xf),
		FUA:               c.CDW12&(1<<30) != 0,
		LR:                c.CDW12&(1<<31) != 0,
		DirectiveSpecific: uint16(c.CDW13 >> 16),
		BlockTags:         blockTags(c),
	}
}

// WriteUncorrectable is the Write Uncorrectable command (NVM Command Set
// specification 1.0, section 3.2.7).
type WriteUncorrectable struct {
	NSID              uint32 // namespace
	SLBA              uint64 // first block
	Blocks            uint32 // NLB, 1 to 65536
	DirectiveType     uint8  // DTYPE
	DirectiveSpecific uint16 // DSPEC
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x WriteUncorrectable) Command() Command {
	return Command{
		Opcode: CmdWriteUncorrectable,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  (x.Blocks-1)&0xffff | uint32(x.DirectiveType)&0xf<<20,
		CDW13:  uint32(x.DirectiveSpecific) << 16,
	}
}

// ParseWriteUncorrectable reads the command's fields.
func ParseWriteUncorrectable(c *Command) WriteUncorrectable {
	return WriteUncorrectable{
		NSID:              c.NSID,
		SLBA:              uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Blocks:            c.CDW12&0xffff + 1,
		DirectiveType:     uint8(c.CDW12 >> 20 & 0xf),
		DirectiveSpecific: uint16(c.CDW13 >> 16),
	}
}

// Verify is the Verify command (NVM Command Set specification 1.0, section
// 3.2.5).
type Verify struct {
	NSID            uint32 // namespace
	SLBA            uint64 // first block
	Blocks          uint32 // NLB, 1 to 65536
	StorageTagCheck bool   // STC
	PRINFO          PRInfo // what to do with protection information
	FUA             bool   // force unit access
	LR              bool   // limited retry
	BlockTags
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Verify) Command() Command {
	c := Command{
		Opcode: CmdVerify,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  (x.Blocks-1)&0xffff | bit32(x.StorageTagCheck, 24) | uint32(x.PRINFO)&0xf<<26 | bit32(x.FUA, 30) | bit32(x.LR, 31),
	}
	x.BlockTags.set(&c)
	return c
}

// ParseVerify reads the command's fields.
func ParseVerify(c *Command) Verify {
	return Verify{
		NSID:            c.NSID,
		SLBA:            uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Blocks:          c.CDW12&0xffff + 1,
		StorageTagCheck: c.CDW12&(1<<24) != 0,
		PRINFO:          PRInfo(c.CDW12 >> 26 & 0xf),
		FUA:             c.CDW12&(1<<30) != 0,
		LR:              c.CDW12&(1<<31) != 0,
		BlockTags:       blockTags(c),
	}
}

// DatasetManagement is the Dataset Management command (NVM Command Set
// specification 1.0, section 3.2.3). It takes DSMRange entries.
type DatasetManagement struct {
	NSID          uint32 // namespace
	Ranges        uint16 // NR, 1 to 256
	IntegralRead  bool   // IDR
	IntegralWrite bool   // IDW
	Deallocate    bool   // AD
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DatasetManagement) Command() Command {
	return Command{
		Opcode: CmdDatasetManagement,
		NSID:   x.NSID,
		CDW10:  uint32((x.Ranges - 1)) & 0xff,
		CDW11:  bit32(x.IntegralRead, 0) | bit32(x.IntegralWrite, 1) | bit32(x.Deallocate, 2),
	}
}

// ParseDatasetManagement reads the command's fields.
func ParseDatasetManagement(c *Command) DatasetManagement {
	return DatasetManagement{
		NSID:          c.NSID,
		Ranges:        uint16(c.CDW10&0xff) + 1,
		IntegralRead:  c.CDW11&(1<<0) != 0,
		IntegralWrite: c.CDW11&(1<<1) != 0,
		Deallocate:    c.CDW11&(1<<2) != 0,
	}
}

// Copy is the Copy command (NVM Command Set specification 1.0, section 3.2.2).
// It takes source range descriptors of the format that Format says.
type Copy struct {
	NSID                 uint32 // namespace
	SDLBA                uint64 // first block of the destination
	Ranges               uint16 // NR, 1 to 256
	Format               uint8  // descriptor format, 0 to 3
	PRINFOR              PRInfo // PRINFO of the reads
	DirectiveType        uint8  // DTYPE
	StorageTagCheckWrite bool   // STCW
	StorageTagCheckRead  bool   // STCR
	PRINFOW              PRInfo // PRINFO of the writes
	FUA                  bool   // force unit access
	LR                   bool   // limited retry
	DirectiveSpecific    uint16 // DSPEC
	BlockTags
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Copy) Command() Command {
	c := Command{
		Opcode: CmdCopy,
		NSID:   x.NSID,
		CDW10:  uint32(x.SDLBA),
		CDW11:  uint32(x.SDLBA >> 32),
		CDW12:  uint32((x.Ranges-1))&0xff | uint32(x.Format)&0xf<<8 | uint32(x.PRINFOR)&0xf<<12 | uint32(x.DirectiveType)&0xf<<20 | bit32(x.StorageTagCheckWrite, 24) | bit32(x.StorageTagCheckRead, 25) | uint32(x.PRINFOW)&0xf<<26 | bit32(x.FUA, 30) | bit32(x.LR, 31),
		CDW13:  uint32(x.DirectiveSpecific) << 16,
	}
	x.BlockTags.set(&c)
	return c
}

// ParseCopy reads the command's fields.
func ParseCopy(c *Command) Copy {
	return Copy{
		NSID:                 c.NSID,
		SDLBA:                uint64(c.CDW10) | uint64(c.CDW11)<<32,
		Ranges:               uint16(c.CDW12&0xff) + 1,
		Format:               uint8(c.CDW12 >> 8 & 0xf),
		PRINFOR:              PRInfo(c.CDW12 >> 12 & 0xf),
		DirectiveType:        uint8(c.CDW12 >> 20 & 0xf),
		StorageTagCheckWrite: c.CDW12&(1<<24) != 0,
		StorageTagCheckRead:  c.CDW12&(1<<25) != 0,
		PRINFOW:              PRInfo(c.CDW12 >> 26 & 0xf),
		FUA:                  c.CDW12&(1<<30) != 0,
		LR:                   c.CDW12&(1<<31) != 0,
		DirectiveSpecific:    uint16(c.CDW13 >> 16),
		BlockTags:            blockTags(c),
	}
}

// IOManagementReceive is the I/O Management Receive command (section 7.3 as of
// Base 2.1).
type IOManagementReceive struct {
	NSID      uint32 // namespace
	Operation uint8  // MO
	Specific  uint16 // MOS
	Dwords    uint64 // NUMD, dwords to transfer, from 1
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x IOManagementReceive) Command() Command {
	return Command{
		Opcode: CmdIOManagementReceive,
		NSID:   x.NSID,
		CDW10:  uint32(x.Operation) | uint32(x.Specific)<<16,
		CDW11:  uint32((x.Dwords - 1)),
	}
}

// ParseIOManagementReceive reads the command's fields.
func ParseIOManagementReceive(c *Command) IOManagementReceive {
	return IOManagementReceive{
		NSID:      c.NSID,
		Operation: uint8(c.CDW10),
		Specific:  uint16(c.CDW10 >> 16),
		Dwords:    uint64(c.CDW11) + 1,
	}
}

// IOManagementSend is the I/O Management Send command (section 7.4 as of Base
// 2.1).
type IOManagementSend struct {
	NSID      uint32 // namespace
	Operation uint8  // MO
	Specific  uint16 // MOS
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x IOManagementSend) Command() Command {
	return Command{
		Opcode: CmdIOManagementSend,
		NSID:   x.NSID,
		CDW10:  uint32(x.Operation) | uint32(x.Specific)<<16,
	}
}

// ParseIOManagementSend reads the command's fields.
func ParseIOManagementSend(c *Command) IOManagementSend {
	return IOManagementSend{
		NSID:      c.NSID,
		Operation: uint8(c.CDW10),
		Specific:  uint16(c.CDW10 >> 16),
	}
}
