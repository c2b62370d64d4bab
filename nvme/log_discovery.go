// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"structs"
)

// DiscoveryLog begins the Discovery log (section 5.16.1). Entries follow.
type DiscoveryLog struct {
	_ structs.HostLayout

	GENCTR uint64 // generation, counts changes
	NUMREC uint64 // number of entries
	RECFMT uint16 // 0
	DLPF   uint8  // bit 0 extended, 1 port local, 2 all subsystems (Base 2.1)
	_      [1]byte
	TDLPL  uint32 // total length in bytes (Base 2.1)
	_      [1000]byte
}

// DiscoveryEntry is an entry of the Discovery log.
type DiscoveryEntry struct {
	_ structs.HostLayout

	TRTYPE  uint8 // TransportType, or FEh for intra-host
	ADRFAM  AddressFamily
	SUBTYPE uint8  // DiscoverySubtype values
	TREQ    uint8  // bits 1:0 secure channel, bit 2 SQ flow can be disabled
	PORTID  uint16 // port id
	CNTLID  uint16 // controller id, FFFFh for the dynamic model
	ASQSZ   uint16 // maximum admin submission queue entries
	EFLAGS  uint16 // DiscoveryFlag bits
	_       [20]byte
	TRSVCID [32]byte // padded with spaces
	_       [192]byte
	SUBNQN  [256]byte // ends at the first zero byte
	TRADDR  [256]byte // padded with spaces
	TSAS    [256]byte // transport specific
}

// Values of DiscoveryEntry.SUBTYPE.
const (
	DiscoverySubtypeReferral uint8 = 1 // to another discovery subsystem
	DiscoverySubtypeNVM      uint8 = 2
	DiscoverySubtypeCurrent  uint8 = 3 // this discovery subsystem
)

// Values of bits 1:0 of DiscoveryEntry.TREQ.
const (
	DiscoverySecureNotSpecified uint8 = 0
	DiscoverySecureRequired     uint8 = 1
	DiscoverySecureNotRequired  uint8 = 2
)

// Bits of DiscoveryEntry.EFLAGS.
const (
	DiscoveryFlagDuplicate  uint16 = 1 << 0 // DUPRETINFO
	DiscoveryFlagPersistent uint16 = 1 << 1 // EPCSD
	DiscoveryFlagNoCDC      uint16 = 1 << 2 // NCC
)

// ControllerIDDynamic is the controller id of the dynamic controller model.
const ControllerIDDynamic uint16 = 0xffff

// TransportID returns how to reach the entry's subsystem.
func (e *DiscoveryEntry) TransportID() TransportID {
	return TransportID{
		Trtype:  TransportType(e.TRTYPE),
		Adrfam:  e.ADRFAM,
		Traddr:  Text(e.TRADDR[:]),
		Trsvcid: Text(e.TRSVCID[:]),
		Subnqn:  Text(e.SUBNQN[:]),
	}
}

// ParseDiscoveryLog reads a Discovery log. It returns the entries that p holds,
// which may be fewer than the header's NUMREC.
func ParseDiscoveryLog(p []byte) (DiscoveryLog, []DiscoveryEntry, error) {
	h, err := Read[DiscoveryLog](p)
	if err != nil {
		return h, nil, fmt.Errorf("nvme: discovery log: %w", err)
	}
	if h.RECFMT != 0 {
		return h, nil, fmt.Errorf("nvme: discovery log: record format %d, only 0 is known", h.RECFMT)
	}
	const size = 1024
	p = p[size:]
	entries := make([]DiscoveryEntry, min(h.NUMREC, uint64(len(p)/size)))
	for i := range entries {
		copy(Bytes(&entries[i]), p[i*size:])
	}
	return h, entries, nil
}
