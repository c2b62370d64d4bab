// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"structs"
)

// ZoneSendAction is the action of Zone Management Send.
type ZoneSendAction uint8

// Actions of Zone Management Send (Zoned Namespace Command Set specification
// 1.1).
const (
	ZoneClose        ZoneSendAction = 0x01
	ZoneFinish       ZoneSendAction = 0x02
	ZoneOpen         ZoneSendAction = 0x03
	ZoneReset        ZoneSendAction = 0x04
	ZoneOffline      ZoneSendAction = 0x05
	ZoneSetExtension ZoneSendAction = 0x10
	ZoneFlushZRWA    ZoneSendAction = 0x11 // flush the explicit ZRWA
)

// Values of ZoneManagementReceive.Action.
const (
	ZoneReport         uint8 = 0
	ZoneReportExtended uint8 = 1
)

// Values of ZoneManagementReceive.Option.
const (
	ZoneListAll            uint8 = 0
	ZoneListEmpty          uint8 = 1
	ZoneListImplicitlyOpen uint8 = 2
	ZoneListExplicitlyOpen uint8 = 3
	ZoneListClosed         uint8 = 4
	ZoneListFull           uint8 = 5
	ZoneListReadOnly       uint8 = 6
	ZoneListOffline        uint8 = 7
)

// ZoneState is the state of a zone.
type ZoneState uint8

// Zone states (section 2.3.1 of that specification).
const (
	ZoneStateEmpty          ZoneState = 0x1
	ZoneStateImplicitlyOpen ZoneState = 0x2
	ZoneStateExplicitlyOpen ZoneState = 0x3
	ZoneStateClosed         ZoneState = 0x4
	ZoneStateReadOnly       ZoneState = 0xd
	ZoneStateFull           ZoneState = 0xe
	ZoneStateOffline        ZoneState = 0xf
)

// String returns the state in words.
func (s ZoneState) String() string {
	switch s {
	case ZoneStateEmpty:
		return "empty"
	case ZoneStateImplicitlyOpen:
		return "implicitly open"
	case ZoneStateExplicitlyOpen:
		return "explicitly open"
	case ZoneStateClosed:
		return "closed"
	case ZoneStateReadOnly:
		return "read only"
	case ZoneStateFull:
		return "full"
	case ZoneStateOffline:
		return "offline"
	}
	return fmt.Sprintf("ZoneState(%d)", uint8(s))
}

// ZoneTypeSequentialWrite is the only zone type, sequential write required.
const ZoneTypeSequentialWrite = 2

// ZoneReportHeader begins what Zone Management Receive returns. Descriptors
// follow, each with its extension if it was an extended report.
type ZoneReportHeader struct {
	_ structs.HostLayout

	Zones uint64 // number of zones
	_     [56]byte
}

// ZoneDescriptor describes a zone.
type ZoneDescriptor struct {
	_ structs.HostLayout

	ZT    uint8 // bits 3:0 zone type
	ZS    uint8 // bits 7:4 zone state
	ZA    uint8 // ZA bits
	ZAI   uint8 // zone attributes information
	_     [4]byte
	ZCAP  uint64 // capacity in blocks
	ZSLBA uint64 // first block
	WP    uint64 // write pointer
	_     [32]byte
}

// State returns the zone's state.
func (z *ZoneDescriptor) State() ZoneState { return ZoneState(z.ZS >> 4) }

// SetState sets the zone's state.
func (z *ZoneDescriptor) SetState(s ZoneState) { z.ZS = z.ZS&0xf | uint8(s)<<4 }

// Bits of ZoneDescriptor.ZA.
const (
	ZAFinished          = 1 << 0 // the controller finished the zone
	ZAFinishRecommended = 1 << 1
	ZAResetRecommended  = 1 << 2
	ZARandomWriteArea   = 1 << 3 // ZRWAV
	ZAExtensionValid    = 1 << 7
)

// Zone is a zone of a report with its extension, which is empty unless the
// report was an extended one.
type Zone struct {
	ZoneDescriptor
	Extension []byte // aliases the report
}

// ParseZoneReport reads a report. ExtensionSize is the bytes of extension after
// each descriptor: 0, or 64 times ZDES for an extended report. It returns the
// zones that fit p and the number that the header counts, which may be more.
func ParseZoneReport(p []byte, extensionSize int) (zones []Zone, total uint64, err error) {
	h, err := Read[ZoneReportHeader](p)
	if err != nil {
		return nil, 0, fmt.Errorf("nvme: zone report: %w", err)
	}
	const descriptorSize = 64
	if extensionSize < 0 || extensionSize > 255*64 {
		return nil, 0, fmt.Errorf("nvme: zone report: extension of %d bytes: give 64 times ZDES, at most 16320", extensionSize)
	}
	p = p[descriptorSize:] // the header is as long as a descriptor
	n := min(h.Zones, uint64(len(p)/(descriptorSize+extensionSize)))
	zones = make([]Zone, n)
	for i := range zones {
		zones[i].ZoneDescriptor, _ = Read[ZoneDescriptor](p) // n fit
		if extensionSize > 0 {
			zones[i].Extension = p[descriptorSize : descriptorSize+extensionSize : descriptorSize+extensionSize]
		}
		p = p[descriptorSize+extensionSize:]
	}
	return zones, h.Zones, nil
}
