// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Opcode is byte 0 of a command. Admin, I/O and Fabrics commands share the
// number space: the queue tells which is meant. Bits 1:0 name the direction of
// the data transfer (section 3.3.3.1).
type Opcode uint8

// Admin commands (section 5).
const (
	AdminDeleteIOSQ               Opcode = 0x00
	AdminCreateIOSQ               Opcode = 0x01
	AdminGetLogPage               Opcode = 0x02
	AdminDeleteIOCQ               Opcode = 0x04
	AdminCreateIOCQ               Opcode = 0x05
	AdminIdentify                 Opcode = 0x06
	AdminAbort                    Opcode = 0x08
	AdminSetFeatures              Opcode = 0x09
	AdminGetFeatures              Opcode = 0x0a
	AdminAsyncEventRequest        Opcode = 0x0c
	AdminNamespaceManagement      Opcode = 0x0d
	AdminFirmwareCommit           Opcode = 0x10
	AdminFirmwareImageDownload    Opcode = 0x11
	AdminDeviceSelfTest           Opcode = 0x14
	AdminNamespaceAttachment      Opcode = 0x15
	AdminKeepAlive                Opcode = 0x18
	AdminDirectiveSend            Opcode = 0x19
	AdminDirectiveReceive         Opcode = 0x1a
	AdminVirtualizationManagement Opcode = 0x1c
	AdminNVMeMISend               Opcode = 0x1d
	AdminNVMeMIReceive            Opcode = 0x1e
	AdminCapacityManagement       Opcode = 0x20
	AdminLockdown                 Opcode = 0x24
	AdminDoorbellBufferConfig     Opcode = 0x7c
	AdminFormatNVM                Opcode = 0x80
	AdminSecuritySend             Opcode = 0x81
	AdminSecurityReceive          Opcode = 0x82
	AdminSanitize                 Opcode = 0x84
	AdminGetLBAStatus             Opcode = 0x86
	AdminVendorSpecificStart      Opcode = 0xc0
)

// OpcodeFabrics marks a Fabrics command on any queue; the command's FCTYPE
// tells which (section 6).
const OpcodeFabrics Opcode = 0x7f

// I/O commands (section 7; NVM Command Set specification 1.0, section 3; Zoned
// Namespace Command Set specification 1.1, section 3).
const (
	CmdFlush                 Opcode = 0x00
	CmdWrite                 Opcode = 0x01
	CmdRead                  Opcode = 0x02
	CmdWriteUncorrectable    Opcode = 0x04
	CmdCompare               Opcode = 0x05
	CmdWriteZeroes           Opcode = 0x08
	CmdDatasetManagement     Opcode = 0x09
	CmdVerify                Opcode = 0x0c
	CmdReservationRegister   Opcode = 0x0d
	CmdReservationReport     Opcode = 0x0e
	CmdReservationAcquire    Opcode = 0x11
	CmdIOManagementReceive   Opcode = 0x12
	CmdReservationRelease    Opcode = 0x15
	CmdCopy                  Opcode = 0x19
	CmdIOManagementSend      Opcode = 0x1d
	CmdZoneManagementSend    Opcode = 0x79
	CmdZoneManagementReceive Opcode = 0x7a
	CmdZoneAppend            Opcode = 0x7d
	CmdVendorSpecificStart   Opcode = 0x80
)

// Transfer is the direction in which a command's data moves.
type Transfer uint8

// The values of opcode bits 1:0.
const (
	TransferNone             Transfer = 0
	TransferHostToController Transfer = 1
	TransferControllerToHost Transfer = 2
	TransferBidirectional    Transfer = 3
)

// Transfer reports in which direction the command moves data. It does not hold
// for a Fabrics command, whose FCTYPE carries these bits instead: see
// [Command.Transfer].
func (o Opcode) Transfer() Transfer { return Transfer(o & 3) }

// VendorSpecific reports whether the opcode of an admin (admin true) or I/O
// command is one that vendors may define.
func (o Opcode) VendorSpecific(admin bool) bool {
	if admin {
		return o >= AdminVendorSpecificStart
	}
	return o >= CmdVendorSpecificStart
}
