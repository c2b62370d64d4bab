// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"fmt"
	"structs"
)

// PersistentEventLog begins the Persistent Event log (section 5.16.1). Events
// follow.
type PersistentEventLog struct {
	_ structs.HostLayout

	LID    LogPageID
	_      [3]byte
	TNEV   uint32 // number of events
	TLL    uint64 // length of the log in bytes
	LREV   uint8  // revision
	_      [1]byte
	LHL    uint16    // bytes of header after this field
	TSTMP  Timestamp // Timestamp
	POH    Uint128   // power on hours
	PCC    [8]byte   // power cycles, little endian
	VID    uint16    // PCI vendor id
	SSVID  uint16    // PCI subsystem vendor id
	SN     [20]byte  // serial number
	MN     [40]byte  // model number
	SUBNQN [256]byte // NVM subsystem NQN
	GNUM   uint16    // generation of the reporting context
	RCI    [4]byte   // reporting context information
	_      [102]byte
	SEB    [32]byte // supported events, a bit each
}

// Values of GetLogPage.LSP for the Persistent Event log.
const (
	LSPPersistentEventRead      uint8 = 0
	LSPPersistentEventEstablish uint8 = 1 // establish the context and read
	LSPPersistentEventRelease   uint8 = 2
)

// PersistentEventHeader begins an event.
type PersistentEventHeader struct {
	_ structs.HostLayout

	Type     uint8 // PersistentEvent values
	Revision uint8
	EHL      uint8     // bytes of header after this field
	EHAI     uint8     // additional information
	CNTLID   uint16    // controller id
	ETIME    Timestamp // Timestamp
	PELPID   uint16    // port id
	_        [4]byte
	VSIL     uint16 // bytes of vendor specific information
	EL       uint16 // bytes of event, vendor specific information included
}

// Types of persistent events.
const (
	PersistentEventSMART             = 0x01
	PersistentEventFirmwareCommit    = 0x02
	PersistentEventTimestamp         = 0x03
	PersistentEventPowerOn           = 0x04 // power-on or reset
	PersistentEventHardwareError     = 0x05
	PersistentEventNamespace         = 0x06
	PersistentEventFormatStart       = 0x07
	PersistentEventFormatCompletion  = 0x08
	PersistentEventSanitizeStart     = 0x09
	PersistentEventSanitizeDone      = 0x0a
	PersistentEventSetFeature        = 0x0b
	PersistentEventTelemetryCreated  = 0x0c
	PersistentEventThermalExcursion  = 0x0d
	PersistentEventMediaVerification = 0x0e
	PersistentEventVendor            = 0xde
	PersistentEventTCG               = 0xdf
)

// PersistentEvent is an event of the log.
type PersistentEvent struct {
	PersistentEventHeader
	Data []byte // EL bytes, aliases the log
}

// ParsePersistentEvents reads the events of a log, header included. When the
// log is cut off it returns the events before that and no error, since hosts
// read it in pieces; it fails on a header that is not valid.
func ParsePersistentEvents(p []byte) (PersistentEventLog, []PersistentEvent, error) {
	h, err := Read[PersistentEventLog](p)
	if err != nil {
		return h, nil, fmt.Errorf("nvme: persistent event log: %w", err)
	}
	head := int(h.LHL) + 20
	if head < 512 {
		return h, nil, fmt.Errorf("nvme: persistent event log: LHL %d, at least 492 is needed", h.LHL)
	}
	var events []PersistentEvent
	for off := head; uint64(len(events)) < uint64(h.TNEV); {
		if off >= len(p) {
			break
		}
		e, err := Read[PersistentEventHeader](p[off:])
		if err != nil {
			break
		}
		if e.EHL < 21 {
			return h, events, fmt.Errorf("nvme: persistent event log: event at byte %d: EHL %d, at least 21 is needed", off, e.EHL)
		}
		start := off + int(e.EHL) + 3
		end := start + int(e.EL)
		if end > len(p) {
			break
		}
		events = append(events, PersistentEvent{e, p[start:end:end]})
		off = end
	}
	return h, events, nil
}

// PowerCycles returns the number of power cycles.
func (l *PersistentEventLog) PowerCycles() uint64 { return binary.LittleEndian.Uint64(l.PCC[:]) }
