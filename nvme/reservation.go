// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"fmt"
	"structs"
)

// ReservationType is a kind of reservation (section 8.19).
type ReservationType uint8

// Reservation types.
const (
	ReservationNone                       ReservationType = 0
	ReservationWriteExclusive             ReservationType = 1
	ReservationExclusiveAccess            ReservationType = 2
	ReservationWriteExclusiveRegistrants  ReservationType = 3
	ReservationExclusiveAccessRegistrants ReservationType = 4
	ReservationWriteExclusiveAll          ReservationType = 5
	ReservationExclusiveAccessAll         ReservationType = 6
)

// ReservationRegisterData is the data of Reservation Register.
type ReservationRegisterData struct {
	_ structs.HostLayout

	CRKEY uint64 // current key
	NRKEY uint64 // new key
}

// ReservationAcquireData is the data of Reservation Acquire.
type ReservationAcquireData struct {
	_ structs.HostLayout

	CRKEY uint64 // current key
	PRKEY uint64 // key to preempt
}

// ReservationReleaseData is the data of Reservation Release.
type ReservationReleaseData struct {
	_ structs.HostLayout

	CRKEY uint64 // current key
}

// ReservationStatus begins what Reservation Report returns. A
// ReservationRegistrant for each registered controller follows.
type ReservationStatus struct {
	_ structs.HostLayout

	GEN    uint32 // generation, counts changes
	RTYPE  ReservationType
	REGCTL [2]byte // number of registrants, see Registrants
	_      [2]byte
	PTPLS  uint8 // persist through power loss state
	_      [14]byte
}

// Registrants returns the number of registered controllers.
func (r *ReservationStatus) Registrants() int { return int(binary.LittleEndian.Uint16(r.REGCTL[:])) }

// SetRegistrants sets the number of registered controllers.
func (r *ReservationStatus) SetRegistrants(n int) {
	binary.LittleEndian.PutUint16(r.REGCTL[:], uint16(n))
}

// ReservationRegistrant is a registered controller.
type ReservationRegistrant struct {
	_ structs.HostLayout

	CNTLID uint16
	RCSTS  uint8 // bit 0: holds the reservation
	_      [5]byte
	HOSTID uint64
	RKEY   uint64
}

// ReservationStatusExtended begins an extended report. A
// ReservationRegistrantExtended for each registered controller follows.
type ReservationStatusExtended struct {
	_ structs.HostLayout

	ReservationStatus
	_ [40]byte
}

// ReservationRegistrantExtended is a registered controller of an extended
// report.
type ReservationRegistrantExtended struct {
	_ structs.HostLayout

	CNTLID uint16
	RCSTS  uint8 // bit 0: holds the reservation
	_      [5]byte
	RKEY   uint64
	HOSTID [16]byte
	_      [32]byte
}

// Registrant is a registered controller of either kind of report.
type Registrant struct {
	CNTLID uint16
	Holder bool // holds the reservation
	Key    uint64
	HostID [16]byte // the first 8 bytes of it unless the report is extended
}

// ParseReservationStatus reads what Reservation Report returned. It returns the
// registrants that fit p.
func ParseReservationStatus(p []byte, extended bool) (ReservationStatus, []Registrant, error) {
	head, size := 24, 24
	if extended {
		head, size = 64, 64
	}
	if len(p) < head {
		return ReservationStatus{}, nil, fmt.Errorf("nvme: reservation report of %d bytes, at least %d are needed", len(p), head)
	}
	s, err := Read[ReservationStatus](p)
	if err != nil {
		return s, nil, err
	}
	p = p[head:]
	regs := make([]Registrant, min(s.Registrants(), len(p)/size))
	for i := range regs {
		e := p[i*size:]
		r := &regs[i]
		r.CNTLID, r.Holder = binary.LittleEndian.Uint16(e), e[2]&1 != 0
		if extended {
			r.Key = binary.LittleEndian.Uint64(e[8:])
			copy(r.HostID[:], e[16:])
		} else {
			copy(r.HostID[:8], e[8:])
			r.Key = binary.LittleEndian.Uint64(e[16:])
		}
	}
	return s, regs, nil
}
