// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"structs"
	"time"
)

// Timestamp is the data of FeatureTimestamp (section 5.27.1) and the form of
// timestamps elsewhere: ms since 1970 in bytes 5:0, attributes in byte 6.
type Timestamp [8]byte

// Attributes of a Timestamp, byte 6.
const (
	TimestampSynch      = 1 << 0 // the clock stopped at times
	TimestampOriginHost = 1 << 1 // bits 3:1: 0 since reset, 1 from Set Features
)

// NewTimestamp returns the timestamp of t with zero attributes.
func NewTimestamp(t time.Time) Timestamp {
	var s Timestamp
	binary.LittleEndian.PutUint64(s[:], uint64(t.UnixMilli())&(1<<48-1))
	return s
}

// Milliseconds returns the ms since 1970, or since reset if no host set the
// time.
func (s Timestamp) Milliseconds() uint64 { return binary.LittleEndian.Uint64(s[:]) & (1<<48 - 1) }

// Time returns the timestamp as a time.
func (s Timestamp) Time() time.Time { return time.UnixMilli(int64(s.Milliseconds())) }

// HostBehaviorSupport is the data of FeatureHostBehaviorSupport (section
// 5.27.1).
type HostBehaviorSupport struct {
	_ structs.HostLayout

	ACRE   uint8  // 1: the host understands command retry delays
	ETDAS  uint8  // 1: extended telemetry data area 4
	LBAFEE uint8  // 1: extended LBA formats
	HDISNS uint8  // 1: host dispersed namespaces
	CDFE   uint16 // copy descriptor formats enabled, a bit each from bit 2
	_      [506]byte
}

// HostMemoryBuffer is the data that Get Features returns for
// FeatureHostMemoryBuffer (section 5.27.1). Set Features has these values in
// CDW12 to CDW15 and HMB bits in CDW11.
type HostMemoryBuffer struct {
	_ structs.HostLayout

	HSIZE  uint32 // size in memory pages
	HMDLAL uint32 // descriptor list address, low
	HMDLAU uint32 // descriptor list address, high
	HMDLEC uint32 // descriptor list entries
	_      [4080]byte
}

// Bits of CDW11 of FeatureHostMemoryBuffer.
const (
	HMBEnable   = 1 << 0 // EHM
	HMBReturned = 1 << 1 // MR, the same memory as before
	HMBRestrict = 1 << 2 // HMNARE, no access while not operational
)

// HostMemoryDescriptor is an entry of the descriptor list.
type HostMemoryDescriptor struct {
	_ structs.HostLayout

	BADD  uint64 // address, a multiple of the memory page size
	BSIZE uint32 // memory pages
	_     [4]byte
}

// LBARangeType is an entry of the data of FeatureLBARangeType (NVM Command Set
// specification 1.0, section 4.1.3).
type LBARangeType struct {
	_ structs.HostLayout

	TYPE  uint8 // 0 general, 1 filesystem, 2 RAID, 3 cache, 4 swap, 5 cache and swap
	ATTRS uint8 // bit 0 may be overwritten, bit 1 hide from the OS
	_     [14]byte
	SLBA  uint64 // first block
	NLB   uint64 // number of blocks, 0's based
	GUID  [16]byte
	_     [16]byte
}

// PredictableLatencyConfig is the data of FeaturePredictableLatencyConfig
// (section 5.27.1).
type PredictableLatencyConfig struct {
	_ structs.HostLayout

	EE          uint16 // events to report
	_           [30]byte
	DTWINReads  uint64 // reads threshold
	DTWINWrites uint64 // writes threshold
	DTWINTime   uint64 // time threshold in ms
	_           [456]byte
}
