// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// FirmwareSlotLog is the Firmware Slot Information log (section 5.16.1).
type FirmwareSlotLog struct {
	_ structs.HostLayout

	AFI uint8 // active slot in bits 2:0, slot of the next reset in bits 6:4
	_   [7]byte
	FRS [7][8]byte // firmware revision of slot 1 to 7, zeroes if empty
	_   [448]byte
}

// ActiveSlot returns the slot that runs.
func (l *FirmwareSlotLog) ActiveSlot() int { return int(l.AFI & 7) }

// NextSlot returns the slot that the next controller reset activates, 0 if not
// said.
func (l *FirmwareSlotLog) NextSlot() int { return int(l.AFI >> 4 & 7) }
