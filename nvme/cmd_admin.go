// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Identify is the Identify command (section 5.17). It returns IdentifySize
// bytes.
type Identify struct {
	NSID      uint32 // namespace
	CNS       CNS    // what to return
	CNTID     uint16 // controller, used by some CNS
	Specific  uint16 // CNS specific identifier, such as an NVM set
	CSI       CSI    // I/O command set
	UUIDIndex uint8  // index in the UUID list, 0 for none
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Identify) Command() Command {
	return Command{
		Opcode: AdminIdentify,
		NSID:   x.NSID,
		CDW10:  uint32(x.CNS) | uint32(x.CNTID)<<16,
		CDW11:  uint32(x.Specific) | uint32(x.CSI)<<24,
		CDW14:  uint32(x.UUIDIndex) & 0x7f,
	}
}

// ParseIdentify reads the command's fields.
func ParseIdentify(c *Command) Identify {
	return Identify{
		NSID:      c.NSID,
		CNS:       CNS(c.CDW10),
		CNTID:     uint16(c.CDW10 >> 16),
		Specific:  uint16(c.CDW11),
		CSI:       CSI(c.CDW11 >> 24),
		UUIDIndex: uint8(c.CDW14 & 0x7f),
	}
}

// GetLogPage is the Get Log Page command (section 5.16).
type GetLogPage struct {
	NSID        uint32    // namespace
	LID         LogPageID // log page
	LSP         uint8     // log specific parameter
	RAE         bool      // retain the asynchronous event
	Dwords      uint64    // NUMD, dwords to return, from 1
	LSI         uint16    // log specific identifier
	Offset      uint64    // LPO in bytes, or an index if IndexOffset
	UUIDIndex   uint8     // index in the UUID list, 0 for none
	IndexOffset bool      // OT, Offset is the index of an entry
	CSI         CSI       // I/O command set
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x GetLogPage) Command() Command {
	return Command{
		Opcode: AdminGetLogPage,
		NSID:   x.NSID,
		CDW10:  uint32(x.LID) | uint32(x.LSP)&0x7f<<8 | bit32(x.RAE, 15) | uint32((x.Dwords-1))&0xffff<<16,
		CDW11:  uint32((x.Dwords-1)>>16)&0xffff | uint32(x.LSI)<<16,
		CDW12:  uint32(x.Offset),
		CDW13:  uint32(x.Offset >> 32),
		CDW14:  uint32(x.UUIDIndex)&0x7f | bit32(x.IndexOffset, 23) | uint32(x.CSI)<<24,
	}
}

// ParseGetLogPage reads the command's fields.
func ParseGetLogPage(c *Command) GetLogPage {
	return GetLogPage{
		NSID:        c.NSID,
		LID:         LogPageID(c.CDW10),
		LSP:         uint8(c.CDW10 >> 8 & 0x7f),
		RAE:         c.CDW10&(1<<15) != 0,
		Dwords:      (uint64(c.CDW10>>16) | uint64(c.CDW11&0xffff)<<16) + 1,
		LSI:         uint16(c.CDW11 >> 16),
		Offset:      uint64(c.CDW12) | uint64(c.CDW13)<<32,
		UUIDIndex:   uint8(c.CDW14 & 0x7f),
		IndexOffset: c.CDW14&(1<<23) != 0,
		CSI:         CSI(c.CDW14 >> 24),
	}
}

// Abort is the Abort command (section 5.1). Bit 0 of the completion's CDW0 is 0
// when the command was aborted.
type Abort struct {
	SQID uint16 // queue of the command to abort
	CID  uint16 // identifier of the command to abort
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Abort) Command() Command {
	return Command{
		Opcode: AdminAbort,
		CDW10:  uint32(x.SQID) | uint32(x.CID)<<16,
	}
}

// ParseAbort reads the command's fields.
func ParseAbort(c *Command) Abort {
	return Abort{
		SQID: uint16(c.CDW10),
		CID:  uint16(c.CDW10 >> 16),
	}
}

// AsyncEventRequest is the Asynchronous Event Request command (section 5.2).
// See AsyncEvent for its result.
type AsyncEventRequest struct {
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (AsyncEventRequest) Command() Command {
	return Command{
		Opcode: AdminAsyncEventRequest,
	}
}

// KeepAlive is the Keep Alive command (section 5.18).
type KeepAlive struct {
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (KeepAlive) Command() Command {
	return Command{
		Opcode: AdminKeepAlive,
	}
}

// FirmwareCommit is the Firmware Commit command (section 5.12).
type FirmwareCommit struct {
	Slot          uint8 // FS, 0 lets the controller choose
	Action        uint8 // CA, a value of FirmwareAction
	BootPartition bool  // BPID
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x FirmwareCommit) Command() Command {
	return Command{
		Opcode: AdminFirmwareCommit,
		CDW10:  uint32(x.Slot)&0x7 | uint32(x.Action)&0x7<<3 | bit32(x.BootPartition, 31),
	}
}

// ParseFirmwareCommit reads the command's fields.
func ParseFirmwareCommit(c *Command) FirmwareCommit {
	return FirmwareCommit{
		Slot:          uint8(c.CDW10 & 0x7),
		Action:        uint8(c.CDW10 >> 3 & 0x7),
		BootPartition: c.CDW10&(1<<31) != 0,
	}
}

// FirmwareImageDownload is the Firmware Image Download command (section 5.13).
type FirmwareImageDownload struct {
	Dwords uint64 // NUMD, dwords to transfer, from 1
	Offset uint32 // OFST, dwords from the start of the image
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x FirmwareImageDownload) Command() Command {
	return Command{
		Opcode: AdminFirmwareImageDownload,
		CDW10:  uint32((x.Dwords - 1)),
		CDW11:  x.Offset,
	}
}

// ParseFirmwareImageDownload reads the command's fields.
func ParseFirmwareImageDownload(c *Command) FirmwareImageDownload {
	return FirmwareImageDownload{
		Dwords: uint64(c.CDW10) + 1,
		Offset: c.CDW11,
	}
}

// DeviceSelfTest is the Device Self-test command (section 5.9).
type DeviceSelfTest struct {
	NSID uint32 // namespace
	Code uint8  // STC, a value of SelfTest
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DeviceSelfTest) Command() Command {
	return Command{
		Opcode: AdminDeviceSelfTest,
		NSID:   x.NSID,
		CDW10:  uint32(x.Code) & 0xf,
	}
}

// ParseDeviceSelfTest reads the command's fields.
func ParseDeviceSelfTest(c *Command) DeviceSelfTest {
	return DeviceSelfTest{
		NSID: c.NSID,
		Code: uint8(c.CDW10 & 0xf),
	}
}

// VirtualizationManagement is the Virtualization Management command (section
// 5.28). Bits 15:0 of the completion's CDW0 are the number of resources
// changed.
type VirtualizationManagement struct {
	Action       uint8  // ACT: 1 primary allocation, 7 offline, 8 assign, 9 online
	ResourceType uint8  // RT: 0 queues, 1 interrupts
	CNTLID       uint16 // controller
	Resources    uint16 // NR
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x VirtualizationManagement) Command() Command {
	return Command{
		Opcode: AdminVirtualizationManagement,
		CDW10:  uint32(x.Action)&0xf | uint32(x.ResourceType)&0x7<<8 | uint32(x.CNTLID)<<16,
		CDW11:  uint32(x.Resources),
	}
}

// ParseVirtualizationManagement reads the command's fields.
func ParseVirtualizationManagement(c *Command) VirtualizationManagement {
	return VirtualizationManagement{
		Action:       uint8(c.CDW10 & 0xf),
		ResourceType: uint8(c.CDW10 >> 8 & 0x7),
		CNTLID:       uint16(c.CDW10 >> 16),
		Resources:    uint16(c.CDW11),
	}
}

// SecuritySend is the Security Send command (section 5.26).
type SecuritySend struct {
	NSID   uint32 // namespace
	NSSF   uint8  // NVMe security specific field
	SPSP   uint16 // security protocol specific
	SECP   uint8  // security protocol
	Length uint32 // TL in bytes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x SecuritySend) Command() Command {
	return Command{
		Opcode: AdminSecuritySend,
		NSID:   x.NSID,
		CDW10:  uint32(x.NSSF) | uint32(x.SPSP)<<8 | uint32(x.SECP)<<24,
		CDW11:  x.Length,
	}
}

// ParseSecuritySend reads the command's fields.
func ParseSecuritySend(c *Command) SecuritySend {
	return SecuritySend{
		NSID:   c.NSID,
		NSSF:   uint8(c.CDW10),
		SPSP:   uint16(c.CDW10 >> 8),
		SECP:   uint8(c.CDW10 >> 24),
		Length: c.CDW11,
	}
}

// SecurityReceive is the Security Receive command (section 5.25).
type SecurityReceive struct {
	NSID   uint32 // namespace
	NSSF   uint8  // NVMe security specific field
	SPSP   uint16 // security protocol specific
	SECP   uint8  // security protocol
	Length uint32 // AL in bytes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x SecurityReceive) Command() Command {
	return Command{
		Opcode: AdminSecurityReceive,
		NSID:   x.NSID,
		CDW10:  uint32(x.NSSF) | uint32(x.SPSP)<<8 | uint32(x.SECP)<<24,
		CDW11:  x.Length,
	}
}

// ParseSecurityReceive reads the command's fields.
func ParseSecurityReceive(c *Command) SecurityReceive {
	return SecurityReceive{
		NSID:   c.NSID,
		NSSF:   uint8(c.CDW10),
		SPSP:   uint16(c.CDW10 >> 8),
		SECP:   uint8(c.CDW10 >> 24),
		Length: c.CDW11,
	}
}

// Lockdown is the Lockdown command (section 5.19).
type Lockdown struct {
	Scope      uint8 // SCP
	Prohibit   bool  // PRHBT
	Interface  uint8 // IFC
	Identifier uint8 // OFI, opcode or feature
	UUIDIndex  uint8 // index in the UUID list, 0 for none
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Lockdown) Command() Command {
	return Command{
		Opcode: AdminLockdown,
		CDW10:  uint32(x.Scope)&0xf | bit32(x.Prohibit, 4) | uint32(x.Interface)&0x3<<5 | uint32(x.Identifier)<<8,
		CDW14:  uint32(x.UUIDIndex) & 0x7f,
	}
}

// ParseLockdown reads the command's fields.
func ParseLockdown(c *Command) Lockdown {
	return Lockdown{
		Scope:      uint8(c.CDW10 & 0xf),
		Prohibit:   c.CDW10&(1<<4) != 0,
		Interface:  uint8(c.CDW10 >> 5 & 0x3),
		Identifier: uint8(c.CDW10 >> 8),
		UUIDIndex:  uint8(c.CDW14 & 0x7f),
	}
}

// MISend is the NVMe-MI Send command (NVMe Management Interface specification
// 1.2, section 4.3).
type MISend struct {
	MIOpcode uint8  // OPC
	NMD0     uint32 // management dword 0
	NMD1     uint32 // management dword 1
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x MISend) Command() Command {
	return Command{
		Opcode: AdminNVMeMISend,
		CDW10:  uint32(x.MIOpcode),
		CDW11:  x.NMD0,
		CDW12:  x.NMD1,
	}
}

// ParseMISend reads the command's fields.
func ParseMISend(c *Command) MISend {
	return MISend{
		MIOpcode: uint8(c.CDW10),
		NMD0:     c.CDW11,
		NMD1:     c.CDW12,
	}
}

// MIReceive is the NVMe-MI Receive command.
type MIReceive struct {
	MIOpcode uint8  // OPC
	NMD0     uint32 // management dword 0
	NMD1     uint32 // management dword 1
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x MIReceive) Command() Command {
	return Command{
		Opcode: AdminNVMeMIReceive,
		CDW10:  uint32(x.MIOpcode),
		CDW11:  x.NMD0,
		CDW12:  x.NMD1,
	}
}

// ParseMIReceive reads the command's fields.
func ParseMIReceive(c *Command) MIReceive {
	return MIReceive{
		MIOpcode: uint8(c.CDW10),
		NMD0:     c.CDW11,
		NMD1:     c.CDW12,
	}
}

// Values of FirmwareCommit.Action.
const (
	FirmwareActionReplace              uint8 = 0 // replace the slot's image
	FirmwareActionReplaceAndActivate   uint8 = 1 // and activate it at the next reset
	FirmwareActionActivate             uint8 = 2 // activate the slot at the next reset
	FirmwareActionActivateNow          uint8 = 3 // activate the slot without reset
	FirmwareActionReplaceBootPartition uint8 = 6
	FirmwareActionActivateBoot         uint8 = 7
)

// Values of DeviceSelfTest.Code.
const (
	SelfTestShort    uint8 = 0x1
	SelfTestExtended uint8 = 0x2
	SelfTestHostInit uint8 = 0x3
	SelfTestVendor   uint8 = 0xe
	SelfTestAbort    uint8 = 0xf
)
