// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// ReservationType is RTYPE (NVM Express Base 2.0, figure 460).
type ReservationType uint8

// Reservation types.
const (
	WriteExclusive                 ReservationType = 1
	ExclusiveAccess                ReservationType = 2
	WriteExclusiveRegistrantsOnly  ReservationType = 3
	ExclusiveAccessRegistrantsOnly ReservationType = 4
	WriteExclusiveAllRegistrants   ReservationType = 5
	ExclusiveAccessAllRegistrants  ReservationType = 6
)

// Actions of the reservation commands.
const (
	RegisterKey   = 0
	UnregisterKey = 1
	ReplaceKey    = 2

	AcquireReservation = 0
	PreemptReservation = 1
	PreemptAndAbort    = 2

	ReleaseReservation = 0
	ClearReservation   = 1
)

// ReservationKeySize is the size in bytes of the data of the reservation
// commands: current and new key for register, current and preempted key for
// acquire; release takes 8 bytes.
const ReservationKeySize = 16

// PutReservationKeys fills the data of a reservation command.
func PutReservationKeys(buf []byte, current, other uint64) {
	le.PutUint64(buf, current)
	if len(buf) >= ReservationKeySize {
		le.PutUint64(buf[8:], other)
	}
}

// ReservationRegister registers, unregisters or replaces a key. cptpl is the
// change of persistence through power loss (0, 2 or 3).
func (qp *QPair) ReservationRegister(ns *Namespace, r *Request, keys []byte, action uint8, ignoreKey bool, cptpl uint8) error {
	dw := uint32(action&7) | uint32(cptpl&3)<<30
	return qp.reservation(ns, r, nvme.CmdReservationRegister, keys, ReservationKeySize, dw, ignoreKey)
}

// ReservationAcquire acquires a reservation or preempts one.
func (qp *QPair) ReservationAcquire(ns *Namespace, r *Request, keys []byte, action uint8, ignoreKey bool, t ReservationType) error {
	dw := uint32(action&7) | uint32(t)<<8
	return qp.reservation(ns, r, nvme.CmdReservationAcquire, keys, ReservationKeySize, dw, ignoreKey)
}

// ReservationRelease releases or clears a reservation.
func (qp *QPair) ReservationRelease(ns *Namespace, r *Request, key []byte, action uint8, ignoreKey bool, t ReservationType) error {
	dw := uint32(action&7) | uint32(t)<<8
	return qp.reservation(ns, r, nvme.CmdReservationRelease, key, 8, dw, ignoreKey)
}

func (qp *QPair) reservation(ns *Namespace, r *Request, op nvme.Opcode, data []byte, size int, dw10 uint32, ignoreKey bool) error {
	if len(data) != size {
		return fmt.Errorf("host: reservation data of %d bytes: it must have %d", len(data), size)
	}
	if ignoreKey {
		dw10 |= 1 << 3
	}
	return qp.plain(ns, r, nvme.Command{Opcode: op, CDW10: dw10}, data)
}

// ReservationReport receives the reservation status; extended asks for the
// structure with 128-bit host identifiers.
func (qp *QPair) ReservationReport(ns *Namespace, r *Request, buf []byte, extended bool) error {
	if len(buf) == 0 || len(buf)%4 != 0 {
		return fmt.Errorf("host: reservation report buffer of %d bytes: it must be a multiple of 4 and not empty", len(buf))
	}
	cmd := nvme.Command{Opcode: nvme.CmdReservationReport, CDW10: uint32(len(buf)/4 - 1)}
	if extended {
		cmd.CDW11 = 1
	}
	return qp.plain(ns, r, cmd, buf)
}
