// SPDX-License-Identifier: BSD-3-Clause

package nvme

// CreateIOSQ is the Create I/O Submission Queue command (section 5.5).
type CreateIOSQ struct {
	QID        uint16 // queue to create
	Size       uint32 // entries, 2 to 65536
	Contiguous bool   // Address is the queue, not a PRP list
	Priority   uint8  // QPRIO, used by weighted round robin
	CQID       uint16 // queue of the completions
	NVMSetID   uint16 // NVM set, 0 for none
	Address    uint64 // I/O address of the queue or of its PRP list
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x CreateIOSQ) Command() Command {
	return Command{
		Opcode: AdminCreateIOSQ,
		PRP1:   x.Address,
		CDW10:  uint32(x.QID) | (x.Size-1)&0xffff<<16,
		CDW11:  bit32(x.Contiguous, 0) | uint32(x.Priority)&0x3<<1 | uint32(x.CQID)<<16,
		CDW12:  uint32(x.NVMSetID),
	}
}

// ParseCreateIOSQ reads the command's fields.
func ParseCreateIOSQ(c *Command) CreateIOSQ {
	return CreateIOSQ{
		QID:        uint16(c.CDW10),
		Size:       c.CDW10>>16 + 1,
		Contiguous: c.CDW11&(1<<0) != 0,
		Priority:   uint8(c.CDW11 >> 1 & 0x3),
		CQID:       uint16(c.CDW11 >> 16),
		NVMSetID:   uint16(c.CDW12),
		Address:    c.PRP1,
	}
}

// CreateIOCQ is the Create I/O Completion Queue command (section 5.4).
type CreateIOCQ struct {
	QID              uint16 // queue to create
	Size             uint32 // entries, 2 to 65536
	Contiguous       bool   // Address is the queue, not a PRP list
	InterruptEnabled bool   // IEN
	Vector           uint16 // interrupt vector
	Address          uint64 // I/O address of the queue or of its PRP list
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x CreateIOCQ) Command() Command {
	return Command{
		Opcode: AdminCreateIOCQ,
		PRP1:   x.Address,
		CDW10:  uint32(x.QID) | (x.Size-1)&0xffff<<16,
		CDW11:  bit32(x.Contiguous, 0) | bit32(x.InterruptEnabled, 1) | uint32(x.Vector)<<16,
	}
}

// ParseCreateIOCQ reads the command's fields.
func ParseCreateIOCQ(c *Command) CreateIOCQ {
	return CreateIOCQ{
		QID:              uint16(c.CDW10),
		Size:             c.CDW10>>16 + 1,
		Contiguous:       c.CDW11&(1<<0) != 0,
		InterruptEnabled: c.CDW11&(1<<1) != 0,
		Vector:           uint16(c.CDW11 >> 16),
		Address:          c.PRP1,
	}
}

// DeleteIOSQ is the Delete I/O Submission Queue command (section 5.7).
type DeleteIOSQ struct {
	QID uint16 // queue to delete
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DeleteIOSQ) Command() Command {
	return Command{
		Opcode: AdminDeleteIOSQ,
		CDW10:  uint32(x.QID),
	}
}

// ParseDeleteIOSQ reads the command's fields.
func ParseDeleteIOSQ(c *Command) DeleteIOSQ {
	return DeleteIOSQ{
		QID: uint16(c.CDW10),
	}
}

// DeleteIOCQ is the Delete I/O Completion Queue command (section 5.6).
type DeleteIOCQ struct {
	QID uint16 // queue to delete
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DeleteIOCQ) Command() Command {
	return Command{
		Opcode: AdminDeleteIOCQ,
		CDW10:  uint32(x.QID),
	}
}

// ParseDeleteIOCQ reads the command's fields.
func ParseDeleteIOCQ(c *Command) DeleteIOCQ {
	return DeleteIOCQ{
		QID: uint16(c.CDW10),
	}
}

// DoorbellBufferConfig is the Doorbell Buffer Config command (section 5.8).
// Both buffers are one page of memory and have the layout of the doorbell
// registers.
type DoorbellBufferConfig struct {
	Shadow     uint64 // I/O address of the shadow doorbells, which the host writes
	EventIndex uint64 // I/O address of the event indexes, which the controller writes
}

// Command returns the command's dwords. The caller adds CID and, where the
// command moves data, the data pointer.
func (x DoorbellBufferConfig) Command() Command {
	return Command{
		Opcode: AdminDoorbellBufferConfig,
		PRP1:   x.Shadow,
		PRP2:   x.EventIndex,
	}
}

// ParseDoorbellBufferConfig reads the command's fields.
func ParseDoorbellBufferConfig(c *Command) DoorbellBufferConfig {
	return DoorbellBufferConfig{
		Shadow:     c.PRP1,
		EventIndex: c.PRP2,
	}
}

// Values of CreateIOSQ.Priority.
const (
	QueuePriorityUrgent uint8 = 0
	QueuePriorityHigh   uint8 = 1
	QueuePriorityMedium uint8 = 2
	QueuePriorityLow    uint8 = 3
)
