// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// ErrorLogEntry is an entry of the Error Information log (section 5.16.1). An
// entry whose ErrorCount is 0 is not used.
type ErrorLogEntry struct {
	_ structs.HostLayout

	ErrorCount      uint64 // unique, counts up from 1
	SQID            uint16 // FFFFh if not of one queue
	CMDID           uint16 // FFFFh if not of one command
	StatusPhase     uint16 // bit 0 may be the phase tag, the rest is Status
	ParameterError  uint16 // bits 7:0 byte, 10:8 bit of the command; FFFFh if none
	LBA             uint64 // first block with the error
	NSID            uint32 // namespace
	VendorLog       uint8  // log page with vendor information, 0 for none
	TRTYPE          uint8  // transport type as in a discovery log entry
	CSI             CSI    // I/O command set (Base 2.1)
	OPC             Opcode // opcode (Base 2.1)
	CommandSpecific uint64
	TransportSpec   uint16 // transport specific
	_               [21]byte
	LPVER           uint8 // log page version
}

// Status returns the status of the command that failed.
func (e *ErrorLogEntry) Status() Status { return Status(e.StatusPhase >> 1) }

// SetStatus sets the status of the command that failed.
func (e *ErrorLogEntry) SetStatus(s Status) { e.StatusPhase = e.StatusPhase&1 | uint16(s)<<1 }
