// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// ReservationNotificationLog is the Reservation Notification log (section
// 5.16.1).
type ReservationNotificationLog struct {
	_ structs.HostLayout

	LPC  uint64 // counts pages, 0 if there is none
	Type uint8  // ReservationNotification values
	NALP uint8  // number of further pages
	_    [2]byte
	NSID uint32
	_    [48]byte
}

// Values of ReservationNotificationLog.Type. The events' bits in
// ReservationNotificationMask are 1 shifted by them.
const (
	ReservationNotificationEmpty                 uint8 = 0
	ReservationNotificationRegistrationPreempted uint8 = 1
	ReservationNotificationReleased              uint8 = 2
	ReservationNotificationPreempted             uint8 = 3
)

// SanitizeStatusLog is the Sanitize Status log (section 5.16.1). Estimates are
// in seconds, FFFFFFFFh if there is none.
type SanitizeStatusLog struct {
	_ structs.HostLayout

	SPROG  uint16 // progress in 65536ths, FFFFh when not in progress
	SSTAT  uint16 // bits 2:0 Sanitize status, 7:3 passes, 8 global data erased
	SCDW10 uint32 // CDW10 of the Sanitize command
	ETO    uint32 // overwrite
	ETBE   uint32 // block erase
	ETCE   uint32 // crypto erase
	ETOND  uint32 // overwrite without deallocation
	ETBEND uint32 // block erase without deallocation
	ETCEND uint32 // crypto erase without deallocation
	ETPVDS uint32 // deallocation after verification (Base 2.1)
	SSI    uint8  // state machine (Base 2.1)
	_      [475]byte
}

// Values of bits 2:0 of SanitizeStatusLog.SSTAT.
const (
	SanitizeStatusNever         = 0
	SanitizeStatusDone          = 1
	SanitizeStatusInProgress    = 2
	SanitizeStatusFailed        = 3
	SanitizeStatusDoneNoDealloc = 4 // done, but blocks were not deallocated as asked
)

// Status returns bits 2:0 of SSTAT.
func (l *SanitizeStatusLog) Status() uint8 { return uint8(l.SSTAT & 7) }

// ChangedZonesLog is the Changed Zone List log (Zoned Namespace Command Set
// specification 1.1, section 4.1.4).
type ChangedZonesLog struct {
	_ structs.HostLayout

	NRZID uint16 // number of zones, FFFFh if they do not fit
	_     [6]byte
	ZID   [511]uint64 // first blocks of the zones
}

// Zones returns the first blocks of the zones that changed, and false if there
// were too many to list. The slice aliases l.
func (l *ChangedZonesLog) Zones() ([]uint64, bool) {
	if int(l.NRZID) > len(l.ZID) {
		return nil, false
	}
	return l.ZID[:l.NRZID], true
}

// ChangedNamespacesOverflow as the only entry of the Changed Namespace List
// log, a NamespaceList, says that more than 1024 namespaces changed (section
// 5.16.1).
const ChangedNamespacesOverflow uint32 = 0xffffffff

// BootPartitionLog begins the Boot Partition log (section 5.16.1). The
// partition's data follows.
type BootPartitionLog struct {
	_ structs.HostLayout

	LID    LogPageID
	_      [3]byte
	BPINFO uint32 // bits 14:0 size in 128 KiB, bit 31 active partition
	_      [8]byte
}

// RotationalMediaLog is the Rotational Media Information log (section 5.16.1).
type RotationalMediaLog struct {
	_ structs.HostLayout

	ENDGID uint16 // endurance group id
	NUMA   uint16 // number of actuators
	NRS    uint16 // nominal speed in revolutions a minute
	_      [2]byte
	SPINC  uint32 // spinups
	FSPINC uint32 // failed spinups
	LDC    uint32 // loads
	FLDC   uint32 // failed loads
	_      [488]byte
}
