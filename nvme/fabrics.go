// SPDX-License-Identifier: BSD-3-Clause

package nvme

// FabricsType is the FCTYPE of a Fabrics command (section 6, Figure 382).
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
