// SPDX-License-Identifier: BSD-3-Clause

package pci

import "encoding/binary"

// Offsets in the header of config space, in bytes (PCI Local Bus 3.0, 6.1).
const (
	ConfigVendor       = 0x00
	ConfigCommand      = 0x04
	ConfigStatus       = 0x06
	ConfigBAR0         = 0x10
	ConfigCapabilities = 0x34
	ConfigInterruptPin = 0x3d

	configHeaderType = 0x0e
)

// Bits of the command register (6.2.2).
const (
	CommandIO          = 1 << 0
	CommandMemory      = 1 << 1
	CommandBusMaster   = 1 << 2
	CommandINTxDisable = 1 << 10
)

// statusCapabilities is the bit of the status register that tells of a list
// of capabilities (6.2.3).
const statusCapabilities = 1 << 4

// ConfigSize and ConfigSizeExtended are the lengths of config space in bytes:
// of conventional PCI, and of PCI Express.
const (
	ConfigSize         = 256
	ConfigSizeExtended = 4096
)

// UpdateCommand sets and clears bits of a device's command register.
func UpdateCommand(d Device, set, clear uint16) error {
	var b [2]byte
	if err := d.ConfigRead(ConfigCommand, b[:]); err != nil {
		return err
	}
	old := binary.LittleEndian.Uint16(b[:])
	v := old&^clear | set
	if v == old {
		return nil
	}
	binary.LittleEndian.PutUint16(b[:], v)
	return d.ConfigWrite(ConfigCommand, b[:])
}
