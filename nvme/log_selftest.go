// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"structs"
)

// DeviceSelfTestLog is the Device Self-test log (section 5.16.1).
type DeviceSelfTestLog struct {
	_ structs.HostLayout

	CurrentOperation  uint8 // bits 3:0: a value of SelfTest in progress, 0 for none
	CurrentCompletion uint8 // bits 6:0: percent done
	_                 [2]byte
	Results           [20]SelfTestResult // newest first
}

// SelfTestResult is the result of a self-test.
type SelfTestResult struct {
	_ structs.HostLayout

	STATUS  uint8 // bits 3:0 SelfTestResult value, 7:4 kind of test
	Segment uint8 // first segment that failed
	VDI     uint8 // valid: bit 0 NSID, 1 LBA, 2 status type, 3 status code
	_       uint8
	POH     [8]byte // power on hours, see PowerOnHours
	NSID    uint32  // namespace of the failure
	LBA     [8]byte // block of the failure, see FailingLBA
	SCT     uint8   // status code type of the failure
	SC      uint8   // status code of the failure
	VS      [2]byte // vendor specific
}

// Values of bits 3:0 of SelfTestResult.STATUS.
const (
	SelfTestOK               = 0x0
	SelfTestAbortedByCommand = 0x1
	SelfTestAbortedByReset   = 0x2
	SelfTestAbortedByRemoval = 0x3 // of the namespace
	SelfTestAbortedByFormat  = 0x4
	SelfTestFatal            = 0x5
	SelfTestFailedUnknown    = 0x6 // a segment, not known which
	SelfTestFailed           = 0x7 // Segment failed
	SelfTestAbortedUnknown   = 0x8
	SelfTestAbortedSanitize  = 0x9
	SelfTestNotUsed          = 0xf // the entry holds no result
)

// Result returns bits 3:0 of STATUS.
func (r *SelfTestResult) Result() uint8 { return r.STATUS & 0xf }

// Code returns the kind of test, a value of SelfTest.
func (r *SelfTestResult) Code() uint8 { return r.STATUS >> 4 }

// PowerOnHours returns the power on hours when the test ended.
func (r *SelfTestResult) PowerOnHours() uint64 { return binary.LittleEndian.Uint64(r.POH[:]) }

// FailingLBA returns the block of the failure.
func (r *SelfTestResult) FailingLBA() uint64 { return binary.LittleEndian.Uint64(r.LBA[:]) }
