// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// CommandSize is the size in bytes of a submission queue entry of every admin
// command and of the I/O command sets that the package knows.
const CommandSize = 64

// NSIDBroadcast addresses all namespaces (section 3.2.1.2).
const NSIDBroadcast uint32 = 0xffffffff

// Command is a submission queue entry (section 3.3.3.1).
type Command struct {
	_ structs.HostLayout

	Opcode Opcode
	Flags  uint8 // FUSE in bits 1:0, PSDT in bits 7:6
	CID    uint16
	NSID   uint32
	CDW2   uint32
	CDW3   uint32
	MPTR   uint64
	PRP1   uint64 // with PRP2 the data pointer; see SGL1 for the SGL form
	PRP2   uint64
	CDW10  uint32
	CDW11  uint32
	CDW12  uint32
	CDW13  uint32
	CDW14  uint32
	CDW15  uint32
}

// Fuse is the FUSE field: the place of a command in a fused pair.
type Fuse uint8

// Values of Fuse.
const (
	FuseNone   Fuse = 0
	FuseFirst  Fuse = 1
	FuseSecond Fuse = 2
)

// PSDT tells whether a command's pointers are PRPs or SGLs.
type PSDT uint8

// Values of PSDT.
const (
	PSDTPRP           PSDT = 0 // PRPs
	PSDTSGLMPTRContig PSDT = 1 // SGL; MPTR is the address of one contiguous buffer
	PSDTSGLMPTRSGL    PSDT = 2 // SGL; MPTR is the address of an SGL descriptor
)

// Masks and shifts of Command.Flags.
const (
	FlagsFUSEMask  uint8 = 0x03
	FlagsPSDTMask  uint8 = 0xc0
	FlagsPSDTShift       = 6
)

// FUSE returns the fused operation field.
func (c *Command) FUSE() Fuse { return Fuse(c.Flags & FlagsFUSEMask) }

// SetFUSE sets the fused operation field.
func (c *Command) SetFUSE(f Fuse) { c.Flags = c.Flags&^FlagsFUSEMask | uint8(f)&FlagsFUSEMask }

// PSDT returns the field that tells PRPs from SGLs.
func (c *Command) PSDT() PSDT { return PSDT(c.Flags >> FlagsPSDTShift) }

// SetPSDT sets the field that tells PRPs from SGLs.
func (c *Command) SetPSDT(p PSDT) { c.Flags = c.Flags&^FlagsPSDTMask | uint8(p)<<FlagsPSDTShift }

// SGL1 returns the data pointer read as an SGL descriptor. It means something
// only when PSDT is not PSDTPRP.
func (c *Command) SGL1() SGLDescriptor {
	return SGLDescriptor{
		Address:    c.PRP1,
		Length:     uint32(c.PRP2),
		Reserved:   [3]uint8{uint8(c.PRP2 >> 32), uint8(c.PRP2 >> 40), uint8(c.PRP2 >> 48)},
		Identifier: uint8(c.PRP2 >> 56),
	}
}

// SetSGL1 stores an SGL descriptor as the data pointer. The caller sets PSDT.
func (c *Command) SetSGL1(d SGLDescriptor) {
	c.PRP1 = d.Address
	c.PRP2 = uint64(d.Length) | uint64(d.Reserved[0])<<32 | uint64(d.Reserved[1])<<40 |
		uint64(d.Reserved[2])<<48 | uint64(d.Identifier)<<56
}

// Transfer reports in which direction the command moves data, for Fabrics
// commands too.
func (c *Command) Transfer() Transfer {
	if c.Opcode == OpcodeFabrics {
		return Transfer(uint8(c.NSID) & 3) // FCTYPE is byte 4
	}
	return c.Opcode.Transfer()
}

// SLBA returns the starting LBA of a command that addresses a range of blocks.
func (c *Command) SLBA() uint64 { return uint64(c.CDW11)<<32 | uint64(c.CDW10) }

// SetSLBA sets the starting LBA of a command that addresses a range of blocks.
func (c *Command) SetSLBA(lba uint64) { c.CDW10, c.CDW11 = uint32(lba), uint32(lba>>32) }

// NLB returns the number of blocks of a command that addresses a range of
// blocks, 1 to 65536.
func (c *Command) NLB() uint32 { return c.CDW12&0xffff + 1 }

// SetNLB sets the number of blocks, 1 to 65536.
func (c *Command) SetNLB(n uint32) { c.CDW12 = c.CDW12&^0xffff | (n-1)&0xffff }
