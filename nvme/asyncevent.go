// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "fmt"

// AsyncEvent is CDW0 of the completion of an Asynchronous Event Request
// (section 5.2.1).
type AsyncEvent uint32

// Type returns the kind of event.
func (a AsyncEvent) Type() AsyncEventType { return AsyncEventType(a & 0x7) }

// WithType returns a with Type set to v.
func (a AsyncEvent) WithType(v AsyncEventType) AsyncEvent { return a&^(0x7) | AsyncEvent(v)&0x7 }

// Info returns what happened, specific to the type.
func (a AsyncEvent) Info() uint8 { return uint8(a >> 8 & 0xff) }

// WithInfo returns a with Info set to v.
func (a AsyncEvent) WithInfo(v uint8) AsyncEvent { return a&^(0xff<<8) | AsyncEvent(v)&0xff<<8 }

// LogPage returns the log page to read, which clears the event.
func (a AsyncEvent) LogPage() LogPageID { return LogPageID(a >> 16 & 0xff) }

// WithLogPage returns a with LogPage set to v.
func (a AsyncEvent) WithLogPage(v LogPageID) AsyncEvent {
	return a&^(0xff<<16) | AsyncEvent(v)&0xff<<16
}

// AsyncEventType is a kind of asynchronous event.
type AsyncEventType uint8

// Kinds of asynchronous events.
const (
	AsyncEventError     AsyncEventType = 0
	AsyncEventSMART     AsyncEventType = 1
	AsyncEventNotice    AsyncEventType = 2
	AsyncEventImmediate AsyncEventType = 3
	AsyncEventOneShot   AsyncEventType = 4
	AsyncEventIO        AsyncEventType = 6 // I/O command specific
	AsyncEventVendor    AsyncEventType = 7
)

// Values of AsyncEvent.Info for AsyncEventError.
const (
	ErrorInvalidDoorbell      uint8 = 0 // write to an invalid doorbell register
	ErrorInvalidDoorbellValue uint8 = 1
	ErrorDiagnosticFailure    uint8 = 2
	ErrorPersistentInternal   uint8 = 3
	ErrorTransientInternal    uint8 = 4
	ErrorFirmwareImageLoad    uint8 = 5
)

// Values of AsyncEvent.Info for AsyncEventSMART.
const (
	SMARTReliability          uint8 = 0
	SMARTTemperatureThreshold uint8 = 1
	SMARTSpareBelowThreshold  uint8 = 2
)

// Values of AsyncEvent.Info for AsyncEventNotice.
const (
	NoticeNamespaceAttribute uint8 = 0x00
	NoticeFirmwareActivation uint8 = 0x01
	NoticeTelemetryLog       uint8 = 0x02
	NoticeANAChange          uint8 = 0x03
	NoticePredictableLatency uint8 = 0x04
	NoticeLBAStatus          uint8 = 0x05
	NoticeEnduranceGroup     uint8 = 0x06
	NoticeReachabilityGroup  uint8 = 0x07
	NoticeReachability       uint8 = 0x08
	NoticeAllocatedNamespace uint8 = 0x09
	NoticeZoneDescriptor     uint8 = 0xef
	NoticeDiscoveryLog       uint8 = 0xf0
	NoticeHostDiscoveryLog   uint8 = 0xf1
	NoticeAVEDiscoveryLog    uint8 = 0xf2
)

// Values of AsyncEvent.Info for AsyncEventIO.
const (
	IOEventReservationLog     uint8 = 0
	IOEventSanitizeDone       uint8 = 1
	IOEventSanitizeUnexpected uint8 = 2 // done, with blocks deallocated in spite of the request
	IOEventSanitizeVerifying  uint8 = 3
)

// NewAsyncEvent returns the result that reports an event.
func NewAsyncEvent(t AsyncEventType, info uint8, log LogPageID) AsyncEvent {
	return AsyncEvent(0).WithType(t).WithInfo(info).WithLogPage(log)
}

var asyncEventNames = map[AsyncEventType]map[uint8]string{
	AsyncEventError: {
		ErrorInvalidDoorbell:      "write to invalid doorbell register",
		ErrorInvalidDoorbellValue: "invalid doorbell write value",
		ErrorDiagnosticFailure:    "diagnostic failure",
		ErrorPersistentInternal:   "persistent internal error",
		ErrorTransientInternal:    "transient internal error",
		ErrorFirmwareImageLoad:    "firmware image load error",
	},
	AsyncEventSMART: {
		SMARTReliability:          "NVM subsystem reliability",
		SMARTTemperatureThreshold: "temperature threshold",
		SMARTSpareBelowThreshold:  "spare below threshold",
	},
	AsyncEventNotice: {
		NoticeNamespaceAttribute: "namespace attribute changed",
		NoticeFirmwareActivation: "firmware activation starting",
		NoticeTelemetryLog:       "telemetry log changed",
		NoticeANAChange:          "asymmetric namespace access change",
		NoticePredictableLatency: "predictable latency event",
		NoticeLBAStatus:          "LBA status information alert",
		NoticeEnduranceGroup:     "endurance group event",
		NoticeReachabilityGroup:  "reachability group change",
		NoticeReachability:       "reachability association change",
		NoticeAllocatedNamespace: "allocated namespace attribute changed",
		NoticeZoneDescriptor:     "zone descriptor changed",
		NoticeDiscoveryLog:       "discovery log changed",
		NoticeHostDiscoveryLog:   "host discovery log changed",
		NoticeAVEDiscoveryLog:    "AVE discovery log changed",
	},
	AsyncEventIO: {
		IOEventReservationLog:     "reservation log page available",
		IOEventSanitizeDone:       "sanitize completed",
		IOEventSanitizeUnexpected: "sanitize completed with unexpected deallocation",
		IOEventSanitizeVerifying:  "sanitize entered media verification",
	},
	AsyncEventImmediate: {0: "normal NVM subsystem shutdown"},
}

// String returns the kind of event.
func (t AsyncEventType) String() string {
	switch t {
	case AsyncEventError:
		return "error"
	case AsyncEventSMART:
		return "SMART"
	case AsyncEventNotice:
		return "notice"
	case AsyncEventImmediate:
		return "immediate"
	case AsyncEventOneShot:
		return "one-shot"
	case AsyncEventIO:
		return "I/O command specific"
	case AsyncEventVendor:
		return "vendor specific"
	}
	return fmt.Sprintf("AsyncEventType(%d)", uint8(t))
}

// String returns the event in words: "notice: namespace attribute changed (log
// page 0x04)".
func (a AsyncEvent) String() string {
	what, ok := asyncEventNames[a.Type()][a.Info()]
	if !ok {
		what = fmt.Sprintf("info %#02x", a.Info())
	}
	return fmt.Sprintf("%s: %s (log page %#02x)", a.Type(), what, uint8(a.LogPage()))
}
