// SPDX-License-Identifier: BSD-3-Clause

package nvme

// NamespaceManagement is the Namespace Management command (section 5.23).
// Create takes an IdentifyNamespace and returns the new namespace id in the
// completion's CDW0.
type NamespaceManagement struct {
	NSID   uint32 // namespace
	Select uint8  // SEL, NamespaceCreate or NamespaceDelete
	CSI    CSI    // I/O command set
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x NamespaceManagement) Command() Command {
	return Command{
		Opcode: AdminNamespaceManagement,
		NSID:   x.NSID,
		CDW10:  uint32(x.Select) & 0xf,
		CDW11:  uint32(x.CSI) << 24,
	}
}

// ParseNamespaceManagement reads the command's fields.
func ParseNamespaceManagement(c *Command) NamespaceManagement {
	return NamespaceManagement{
		NSID:   c.NSID,
		Select: uint8(c.CDW10 & 0xf),
		CSI:    CSI(c.CDW11 >> 24),
	}
}

// NamespaceAttachment is the Namespace Attachment command (section 5.22). It
// takes a ControllerList.
type NamespaceAttachment struct {
	NSID   uint32 // namespace
	Select uint8  // SEL, NamespaceAttach or NamespaceDetach
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x NamespaceAttachment) Command() Command {
	return Command{
		Opcode: AdminNamespaceAttachment,
		NSID:   x.NSID,
		CDW10:  uint32(x.Select) & 0xf,
	}
}

// ParseNamespaceAttachment reads the command's fields.
func ParseNamespaceAttachment(c *Command) NamespaceAttachment {
	return NamespaceAttachment{
		NSID:   c.NSID,
		Select: uint8(c.CDW10 & 0xf),
	}
}

// FormatNVM is the Format NVM command (section 5.14).
type FormatNVM struct {
	NSID            uint32 // namespace
	Format          uint8  // LBAFU and LBAFL, index of the LBA format
	Extended        bool   // MSET, metadata is interleaved with the data
	Protection      uint8  // PI, 0 for none or the type, 1 to 3
	ProtectionFirst bool   // PIL, protection information is the first bytes of metadata
	SecureErase     uint8  // SES, a value of SecureErase
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x FormatNVM) Command() Command {
	return Command{
		Opcode: AdminFormatNVM,
		NSID:   x.NSID,
		CDW10:  uint32(x.Format)&0xf | uint32(x.Format>>4)&0x3<<12 | bit32(x.Extended, 4) | uint32(x.Protection)&0x7<<5 | bit32(x.ProtectionFirst, 8) | uint32(x.SecureErase)&0x7<<9,
	}
}

// ParseFormatNVM reads the command's fields.
func ParseFormatNVM(c *Command) FormatNVM {
	return FormatNVM{
		NSID:            c.NSID,
		Format:          uint8(c.CDW10&0xf) | uint8(c.CDW10>>12&0x3)<<4,
		Extended:        c.CDW10&(1<<4) != 0,
		Protection:      uint8(c.CDW10 >> 5 & 0x7),
		ProtectionFirst: c.CDW10&(1<<8) != 0,
		SecureErase:     uint8(c.CDW10 >> 9 & 0x7),
	}
}

// Sanitize is the Sanitize command (section 5.24).
type Sanitize struct {
	Action       uint8  // SANACT, a value of Sanitize
	Unrestricted bool   // AUSE, allow unrestricted sanitize exit
	Passes       uint8  // OWPASS, 0 means 16
	Invert       bool   // OIPBP, invert the pattern between passes
	NoDeallocate bool   // NDAS
	Verify       bool   // EMVS, enter the media verification state
	Pattern      uint32 // OVRPAT
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Sanitize) Command() Command {
	return Command{
		Opcode: AdminSanitize,
		CDW10:  uint32(x.Action)&0x7 | bit32(x.Unrestricted, 3) | uint32(x.Passes)&0xf<<4 | bit32(x.Invert, 8) | bit32(x.NoDeallocate, 9) | bit32(x.Verify, 10),
		CDW11:  x.Pattern,
	}
}

// ParseSanitize reads the command's fields.
func ParseSanitize(c *Command) Sanitize {
	return Sanitize{
		Action:       uint8(c.CDW10 & 0x7),
		Unrestricted: c.CDW10&(1<<3) != 0,
		Passes:       uint8(c.CDW10 >> 4 & 0xf),
		Invert:       c.CDW10&(1<<8) != 0,
		NoDeallocate: c.CDW10&(1<<9) != 0,
		Verify:       c.CDW10&(1<<10) != 0,
		Pattern:      c.CDW11,
	}
}

// CapacityManagement is the Capacity Management command (section 5.3). The
// completion's CDW0 bits 15:0 are the identifier of what was created.
type CapacityManagement struct {
	Operation uint8  // OPER
	Element   uint16 // ELID
	Capacity  uint64 // bytes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x CapacityManagement) Command() Command {
	return Command{
		Opcode: AdminCapacityManagement,
		CDW10:  uint32(x.Operation)&0xf | uint32(x.Element)<<16,
		CDW11:  uint32(x.Capacity),
		CDW12:  uint32(x.Capacity >> 32),
	}
}

// ParseCapacityManagement reads the command's fields.
func ParseCapacityManagement(c *Command) CapacityManagement {
	return CapacityManagement{
		Operation: uint8(c.CDW10 & 0xf),
		Element:   uint16(c.CDW10 >> 16),
		Capacity:  uint64(c.CDW11) | uint64(c.CDW12)<<32,
	}
}

// GetLBAStatus is the Get LBA Status command (NVM Command Set specification
// 1.0, section 4.2.1). It returns an LBAStatusHeader and descriptors.
type GetLBAStatus struct {
	NSID      uint32 // namespace
	SLBA      uint64 // first block
	MaxDwords uint64 // MNDW, dwords to return at most
	Range     uint16 // RL, blocks to look at, 0 for all
	Action    uint8  // ATYPE
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x GetLBAStatus) Command() Command {
	return Command{
		Opcode: AdminGetLBAStatus,
		NSID:   x.NSID,
		CDW10:  uint32(x.SLBA),
		CDW11:  uint32(x.SLBA >> 32),
		CDW12:  uint32((x.MaxDwords - 1)),
		CDW13:  uint32(x.Range) | uint32(x.Action)<<24,
	}
}

// ParseGetLBAStatus reads the command's fields.
func ParseGetLBAStatus(c *Command) GetLBAStatus {
	return GetLBAStatus{
		NSID:      c.NSID,
		SLBA:      uint64(c.CDW10) | uint64(c.CDW11)<<32,
		MaxDwords: uint64(c.CDW12) + 1,
		Range:     uint16(c.CDW13),
		Action:    uint8(c.CDW13 >> 24),
	}
}

// DirectiveSend is the Directive Send command (section 5.11).
type DirectiveSend struct {
	NSID      uint32 // namespace
	Dwords    uint64 // NUMD, dwords to transfer, from 1
	Operation uint8  // DOPER
	Type      uint8  // DTYPE
	Specific  uint16 // DSPEC
	CDW12     uint32 // of the directive
	CDW13     uint32 // of the directive
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DirectiveSend) Command() Command {
	return Command{
		Opcode: AdminDirectiveSend,
		NSID:   x.NSID,
		CDW10:  uint32((x.Dwords - 1)),
		CDW11:  uint32(x.Operation) | uint32(x.Type)<<8 | uint32(x.Specific)<<16,
		CDW12:  x.CDW12,
		CDW13:  x.CDW13,
	}
}

// ParseDirectiveSend reads the command's fields.
func ParseDirectiveSend(c *Command) DirectiveSend {
	return DirectiveSend{
		NSID:      c.NSID,
		Dwords:    uint64(c.CDW10) + 1,
		Operation: uint8(c.CDW11),
		Type:      uint8(c.CDW11 >> 8),
		Specific:  uint16(c.CDW11 >> 16),
		CDW12:     c.CDW12,
		CDW13:     c.CDW13,
	}
}

// DirectiveReceive is the Directive Receive command (section 5.10).
type DirectiveReceive struct {
	NSID      uint32 // namespace
	Dwords    uint64 // NUMD, dwords to transfer, from 1
	Operation uint8  // DOPER
	Type      uint8  // DTYPE
	Specific  uint16 // DSPEC
	CDW12     uint32 // of the directive
	CDW13     uint32 // of the directive
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DirectiveReceive) Command() Command {
	return Command{
		Opcode: AdminDirectiveReceive,
		NSID:   x.NSID,
		CDW10:  uint32((x.Dwords - 1)),
		CDW11:  uint32(x.Operation) | uint32(x.Type)<<8 | uint32(x.Specific)<<16,
		CDW12:  x.CDW12,
		CDW13:  x.CDW13,
	}
}

// ParseDirectiveReceive reads the command's fields.
func ParseDirectiveReceive(c *Command) DirectiveReceive {
	return DirectiveReceive{
		NSID:      c.NSID,
		Dwords:    uint64(c.CDW10) + 1,
		Operation: uint8(c.CDW11),
		Type:      uint8(c.CDW11 >> 8),
		Specific:  uint16(c.CDW11 >> 16),
		CDW12:     c.CDW12,
		CDW13:     c.CDW13,
	}
}

// Values of NamespaceManagement.Select and NamespaceAttachment.Select.
const (
	NamespaceCreate uint8 = 0
	NamespaceDelete uint8 = 1
	NamespaceAttach uint8 = 0
	NamespaceDetach uint8 = 1
)

// Values of FormatNVM.SecureErase.
const (
	SecureEraseNone     uint8 = 0
	SecureEraseUserData uint8 = 1
	SecureEraseCrypto   uint8 = 2
)

// Values of Sanitize.Action.
const (
	SanitizeExitFailure      uint8 = 1
	SanitizeBlockErase       uint8 = 2
	SanitizeOverwrite        uint8 = 3
	SanitizeCryptoErase      uint8 = 4
	SanitizeExitVerification uint8 = 5
)

// Values of GetLBAStatus.Action.
const (
	LBAStatusAllocated uint8 = 0x02 // blocks that are allocated
	LBAStatusScan      uint8 = 0x10 // scan, then tracked and untracked blocks that may fail
	LBAStatusTracked   uint8 = 0x11 // tracked blocks that may fail
)
