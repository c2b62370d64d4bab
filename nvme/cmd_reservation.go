// SPDX-License-Identifier: BSD-3-Clause

package nvme

// ReservationRegister is the Reservation Register command (section 7.3). It
// takes a ReservationRegisterData.
type ReservationRegister struct {
	NSID      uint32 // namespace
	Action    uint8  // RREGA
	IgnoreKey bool   // IEKEY
	Persist   uint8  // CPTPL, a value of ReservationPersist
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ReservationRegister) Command() Command {
	return Command{
		Opcode: CmdReservationRegister,
		NSID:   x.NSID,
		CDW10:  uint32(x.Action)&0x7 | bit32(x.IgnoreKey, 3) | uint32(x.Persist)&0x3<<30,
	}
}

// ParseReservationRegister reads the command's fields.
func ParseReservationRegister(c *Command) ReservationRegister {
	return ReservationRegister{
		NSID:      c.NSID,
		Action:    uint8(c.CDW10 & 0x7),
		IgnoreKey: c.CDW10&(1<<3) != 0,
		Persist:   uint8(c.CDW10 >> 30),
	}
}

// ReservationAcquire is the Reservation Acquire command (section 7.2). It takes
// a ReservationAcquireData.
type ReservationAcquire struct {
	NSID      uint32          // namespace
	Action    uint8           // RACQA
	IgnoreKey bool            // IEKEY
	Type      ReservationType // RTYPE
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ReservationAcquire) Command() Command {
	return Command{
		Opcode: CmdReservationAcquire,
		NSID:   x.NSID,
		CDW10:  uint32(x.Action)&0x7 | bit32(x.IgnoreKey, 3) | uint32(x.Type)<<8,
	}
}

// ParseReservationAcquire reads the command's fields.
func ParseReservationAcquire(c *Command) ReservationAcquire {
	return ReservationAcquire{
		NSID:      c.NSID,
		Action:    uint8(c.CDW10 & 0x7),
		IgnoreKey: c.CDW10&(1<<3) != 0,
		Type:      ReservationType(c.CDW10 >> 8),
	}
}

// ReservationRelease is the Reservation Release command (section 7.4). It takes
// the current key, 8 bytes.
type ReservationRelease struct {
	NSID      uint32          // namespace
	Action    uint8           // RRELA
	IgnoreKey bool            // IEKEY
	Type      ReservationType // RTYPE
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ReservationRelease) Command() Command {
	return Command{
		Opcode: CmdReservationRelease,
		NSID:   x.NSID,
		CDW10:  uint32(x.Action)&0x7 | bit32(x.IgnoreKey, 3) | uint32(x.Type)<<8,
	}
}

// ParseReservationRelease reads the command's fields.
func ParseReservationRelease(c *Command) ReservationRelease {
	return ReservationRelease{
		NSID:      c.NSID,
		Action:    uint8(c.CDW10 & 0x7),
		IgnoreKey: c.CDW10&(1<<3) != 0,
		Type:      ReservationType(c.CDW10 >> 8),
	}
}

// ReservationReport is the Reservation Report command (section 7.5). It returns
// a ReservationStatus, or a ReservationStatusExtended if Extended.
type ReservationReport struct {
	NSID     uint32 // namespace
	Dwords   uint64 // NUMD, dwords to transfer, from 1
	Extended bool   // EDS, 128-bit host identifiers
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x ReservationReport) Command() Command {
	return Command{
		Opcode: CmdReservationReport,
		NSID:   x.NSID,
		CDW10:  uint32((x.Dwords - 1)),
		CDW11:  bit32(x.Extended, 0),
	}
}

// ParseReservationReport reads the command's fields.
func ParseReservationReport(c *Command) ReservationReport {
	return ReservationReport{
		NSID:     c.NSID,
		Dwords:   uint64(c.CDW10) + 1,
		Extended: c.CDW11&(1<<0) != 0,
	}
}

// Values of ReservationRegister.Action.
const (
	ReservationRegisterKey   uint8 = 0
	ReservationUnregisterKey uint8 = 1
	ReservationReplaceKey    uint8 = 2
)

// Values of ReservationRegister.Persist.
const (
	ReservationPersistNoChange uint8 = 0
	ReservationPersistClear    uint8 = 2 // released and unregistered at power on
	ReservationPersistSet      uint8 = 3 // persist through power loss
)

// Values of ReservationAcquire.Action.
const (
	ReservationActionAcquire         uint8 = 0
	ReservationActionPreempt         uint8 = 1
	ReservationActionPreemptAndAbort uint8 = 2
)

// Values of ReservationRelease.Action.
const (
	ReservationActionRelease uint8 = 0
	ReservationActionClear   uint8 = 1
)
