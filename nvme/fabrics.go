// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// FabricsType is the FCTYPE of a Fabrics command (section 6).
type FabricsType uint8

// Fabrics commands.
const (
	FabricsPropertySet FabricsType = 0x00
	FabricsConnect     FabricsType = 0x01
	FabricsPropertyGet FabricsType = 0x04
	FabricsAuthSend    FabricsType = 0x05
	FabricsAuthReceive FabricsType = 0x06
	FabricsDisconnect  FabricsType = 0x08
	FabricsVendorStart FabricsType = 0xc0
)

// FCTYPE returns the kind of a Fabrics command, byte 4, which other commands
// use for NSID.
func (c *Command) FCTYPE() FabricsType { return FabricsType(c.NSID) }

// String returns the name that SPDK prints for the command.
func (t FabricsType) String() string {
	switch t {
	case FabricsPropertySet:
		return "PROPERTY SET"
	case FabricsConnect:
		return "CONNECT"
	case FabricsPropertyGet:
		return "PROPERTY GET"
	case FabricsAuthSend:
		return "AUTHENTICATION SEND"
	case FabricsAuthReceive:
		return "AUTHENTICATION RECV"
	}
	return "RESERVED / VENDOR SPECIFIC"
}

// ConnectData is the data of Connect (section 6.3).
type ConnectData struct {
	_ structs.HostLayout

	HOSTID  [16]byte // host identifier
	CNTLID  uint16   // controller, FFFFh to have one assigned
	_       [238]byte
	SUBNQN  [256]byte // ends at the first zero byte
	HOSTNQN [256]byte // ends at the first zero byte
	_       [256]byte
}

// ConnectResult is CDW0 of a successful Connect.
type ConnectResult uint32

// CNTLID returns the controller that the host is connected to.
func (r ConnectResult) CNTLID() uint16 { return uint16(r) }

// NewConnectResult returns the result of a Connect that needs no
// authentication.
func NewConnectResult(cntlid uint16) ConnectResult { return ConnectResult(cntlid) }

// AuthRequired reports whether the host must authenticate in-band (ATR or
// ASCR).
func (r ConnectResult) AuthRequired() bool { return r&(ConnectAuthTransaction|ConnectAuthSecure) != 0 }

// Bits of ConnectResult.
const (
	ConnectAuthTransaction ConnectResult = 1 << 17 // ATR
	ConnectAuthSecure      ConnectResult = 1 << 18 // ASCR, with a secure channel
)

// ConnectInvalid returns CDW0 of a Connect that failed with
// StatusFabricsInvalidParam: the offset in bytes of the invalid parameter in
// the data or, if not inData, in the command.
func ConnectInvalid(offset uint16, inData bool) uint32 {
	return uint32(offset) | bit32(inData, 16)
}

// SECPNVMe is the security protocol of in-band authentication.
const SECPNVMe uint8 = 0xe9
