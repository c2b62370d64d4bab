// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"fmt"
	"structs"
)

// FDPConfigurationsLog begins the FDP Configurations log (Base 2.1, section
// 5.1.12.1). Configurations follow.
type FDPConfigurationsLog struct {
	_ structs.HostLayout

	N    uint16 // number of configurations, 0's based
	VER  uint8  // version
	_    [1]byte
	SIZE uint32 // of the log in bytes
	_    [8]byte
}

// FDPConfiguration begins a configuration. A type of reclaim unit handle, 4
// bytes each, and vendor specific bytes follow.
type FDPConfiguration struct {
	_ structs.HostLayout

	DSIZE   uint16  // of the descriptor in bytes
	FDPA    uint8   // bits 3:0 RGIF, bit 4 volatile write cache, bit 7 valid
	VSSIZE  uint8   // vendor specific bytes
	NRG     uint32  // reclaim groups
	NRUH    uint16  // reclaim unit handles
	MAXPIDS uint16  // largest placement identifier, 0's based
	NNSS    uint32  // namespaces supported
	RUNS    [8]byte // reclaim unit size in bytes, little endian
	ERUTL   uint32  // reclaim unit time limit in s
	_       [36]byte
}

// FDPConfigurationEntry is a configuration of the log.
type FDPConfigurationEntry struct {
	FDPConfiguration
	HandleTypes []uint8 // 1 initially isolated, 2 persistently isolated
}

// ReclaimUnitSize returns the nominal size of a reclaim unit in bytes.
func (c *FDPConfiguration) ReclaimUnitSize() uint64 { return binary.LittleEndian.Uint64(c.RUNS[:]) }

// ParseFDPConfigurations reads the FDP Configurations log. It fails on a
// configuration whose size does not fit itself and returns those before; a log
// that is cut off gives those that are whole.
func ParseFDPConfigurations(p []byte) ([]FDPConfigurationEntry, error) {
	h, err := Read[FDPConfigurationsLog](p)
	if err != nil {
		return nil, fmt.Errorf("nvme: FDP configurations log: %w", err)
	}
	var out []FDPConfigurationEntry
	p = p[16:]
	for i := range int(h.N) + 1 {
		c, err := Read[FDPConfiguration](p)
		if err != nil || int(c.DSIZE) > len(p) {
			break
		}
		if need := 64 + 4*int(c.NRUH) + int(c.VSSIZE); int(c.DSIZE) < need {
			return out, fmt.Errorf("nvme: FDP configuration %d has %d bytes, its %d handles need %d", i, c.DSIZE, c.NRUH, need)
		}
		e := FDPConfigurationEntry{FDPConfiguration: c, HandleTypes: make([]uint8, c.NRUH)}
		for j := range e.HandleTypes {
			e.HandleTypes[j] = p[64+4*j]
		}
		out = append(out, e)
		p = p[c.DSIZE:]
	}
	return out, nil
}

// FDPHandleUsageLog begins the Reclaim Unit Handle Usage log. FDPHandleUsage
// entries follow.
type FDPHandleUsageLog struct {
	_ structs.HostLayout

	NRUH uint16 // number of handles
	_    [6]byte
}

// FDPHandleUsage is an entry of the log.
type FDPHandleUsage struct {
	_ structs.HostLayout

	RUHA uint8 // 0 unused, 1 host specified, 2 controller specified
	_    [7]byte
}

// FDPStatisticsLog is the FDP Statistics log.
type FDPStatisticsLog struct {
	_ structs.HostLayout

	HBMW Uint128 // host bytes written, metadata included
	MBMW Uint128 // media bytes written, metadata included
	MBE  Uint128 // media bytes erased
	_    [16]byte
}

// FDPEventsLog begins the FDP Events log. FDPEvent entries follow.
type FDPEventsLog struct {
	_ structs.HostLayout

	NEVENTS uint32
	_       [60]byte
}

// FDPEvent is an entry of the log.
type FDPEvent struct {
	_ structs.HostLayout

	Type     uint8
	FDPEF    uint8  // valid: bit 0 PID, 1 NSID, 2 RGID and RUHID
	PID      uint16 // placement identifier
	ETIME    Timestamp
	NSID     uint32
	Specific [16]byte
	RGID     uint16 // reclaim group
	RUHID    uint16 // reclaim unit handle
	_        [4]byte
	VS       [24]byte // vendor specific
}

// Types of FDP events.
const (
	FDPEventUnitNotFull      uint8 = 0x00
	FDPEventUnitTimeLimit    uint8 = 0x01
	FDPEventResetModified    uint8 = 0x02
	FDPEventInvalidPlacement uint8 = 0x03
	FDPEventMediaReallocated uint8 = 0x80
	FDPEventImplicitModified uint8 = 0x81
)
