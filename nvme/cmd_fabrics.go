// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Connect is the Connect command (section 6.3). It takes a ConnectData.
type Connect struct {
	RecordFormat uint16 // RECFMT, 0
	QID          uint16 // queue, 0 for the admin queue
	SQSize       uint32 // entries, 2 to 65536
	Attributes   uint8  // CATTR
	KATO         uint32 // keep alive timeout in ms, 0 for none
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Connect) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsConnect), // byte 4 is FCTYPE
		CDW10:  uint32(x.RecordFormat) | uint32(x.QID)<<16,
		CDW11:  (x.SQSize-1)&0xffff | uint32(x.Attributes)<<16,
		CDW12:  x.KATO,
	}
}

// ParseConnect reads the command's fields.
func ParseConnect(c *Command) Connect {
	return Connect{
		RecordFormat: uint16(c.CDW10),
		QID:          uint16(c.CDW10 >> 16),
		SQSize:       c.CDW11&0xffff + 1,
		Attributes:   uint8(c.CDW11 >> 16),
		KATO:         c.CDW12,
	}
}

// Disconnect is the Disconnect command (section 6.4).
type Disconnect struct {
	RecordFormat uint16 // RECFMT, 0
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x Disconnect) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsDisconnect), // byte 4 is FCTYPE
		CDW10:  uint32(x.RecordFormat),
	}
}

// ParseDisconnect reads the command's fields.
func ParseDisconnect(c *Command) Disconnect {
	return Disconnect{
		RecordFormat: uint16(c.CDW10),
	}
}

// PropertyGet is the Property Get command (section 6.5). The completion's
// Result64 is the value.
type PropertyGet struct {
	Wide   uint8  // ATTRIB: 0 for 4 bytes, 1 for 8
	Offset uint32 // OFST, such as RegCAP
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x PropertyGet) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsPropertyGet), // byte 4 is FCTYPE
		CDW10:  uint32(x.Wide) & 0x7,
		CDW11:  x.Offset,
	}
}

// ParsePropertyGet reads the command's fields.
func ParsePropertyGet(c *Command) PropertyGet {
	return PropertyGet{
		Wide:   uint8(c.CDW10 & 0x7),
		Offset: c.CDW11,
	}
}

// PropertySet is the Property Set command (section 6.6).
type PropertySet struct {
	Wide   uint8  // ATTRIB: 0 for 4 bytes, 1 for 8
	Offset uint32 // OFST, such as RegCC
	Value  uint64 // value
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x PropertySet) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsPropertySet), // byte 4 is FCTYPE
		CDW10:  uint32(x.Wide) & 0x7,
		CDW11:  x.Offset,
		CDW12:  uint32(x.Value),
		CDW13:  uint32(x.Value >> 32),
	}
}

// ParsePropertySet reads the command's fields.
func ParsePropertySet(c *Command) PropertySet {
	return PropertySet{
		Wide:   uint8(c.CDW10 & 0x7),
		Offset: c.CDW11,
		Value:  uint64(c.CDW12) | uint64(c.CDW13)<<32,
	}
}

// AuthSend is the Authentication Send command (section 6.2).
type AuthSend struct {
	SPSP   uint16 // security protocol specific
	SECP   uint8  // security protocol
	Length uint32 // TL in bytes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x AuthSend) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsAuthSend), // byte 4 is FCTYPE
		CDW10:  uint32(x.SPSP)<<8 | uint32(x.SECP)<<24,
		CDW11:  x.Length,
	}
}

// ParseAuthSend reads the command's fields.
func ParseAuthSend(c *Command) AuthSend {
	return AuthSend{
		SPSP:   uint16(c.CDW10 >> 8),
		SECP:   uint8(c.CDW10 >> 24),
		Length: c.CDW11,
	}
}

// AuthReceive is the Authentication Receive command (section 6.1).
type AuthReceive struct {
	SPSP   uint16 // security protocol specific
	SECP   uint8  // security protocol
	Length uint32 // AL in bytes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x AuthReceive) Command() Command {
	return Command{
		Opcode: OpcodeFabrics,
		NSID:   uint32(FabricsAuthReceive), // byte 4 is FCTYPE
		CDW10:  uint32(x.SPSP)<<8 | uint32(x.SECP)<<24,
		CDW11:  x.Length,
	}
}

// ParseAuthReceive reads the command's fields.
func ParseAuthReceive(c *Command) AuthReceive {
	return AuthReceive{
		SPSP:   uint16(c.CDW10 >> 8),
		SECP:   uint8(c.CDW10 >> 24),
		Length: c.CDW11,
	}
}

// Bits of Connect.Attributes.
const (
	ConnectPriorityMask     = 3
	ConnectNoSQFlow         = 1 << 2 // SQ flow control is disabled
	ConnectIndividualDelete = 1 << 3 // I/O queues can be deleted one by one
)
