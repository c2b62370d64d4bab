// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// EnduranceGroupLog is the Endurance Group Information log (section 5.16.1).
type EnduranceGroupLog struct {
	_ structs.HostLayout

	CriticalWarning         uint8 // bit 0 spare, 2 reliability, 3 read only
	EGFEAT                  uint8 // features
	_                       [1]byte
	AvailableSpare          uint8  // percent
	AvailableSpareThreshold uint8  // percent
	PercentageUsed          uint8  // percent, may exceed 100
	DID                     uint16 // domain id
	_                       [24]byte
	EnduranceEstimate       Uint128 // bytes in 10^9
	DataUnitsRead           Uint128 // bytes in 10^9
	DataUnitsWritten        Uint128 // bytes in 10^9
	MediaUnitsWritten       Uint128 // bytes in 10^9
	HostReadCommands        Uint128
	HostWriteCommands       Uint128
	MediaErrors             Uint128
	ErrorLogEntries         Uint128
	TEGCAP                  Uint128 // total capacity in bytes
	UEGCAP                  Uint128 // unallocated capacity in bytes
	_                       [320]byte
}

// PredictableLatencyLog is the Predictable Latency Per NVM Set log (section
// 5.16.1).
type PredictableLatencyLog struct {
	_ structs.HostLayout

	Status              uint8 // bits 2:0: 0 not enabled, 1 deterministic, 2 not deterministic
	_                   [1]byte
	EventType           uint16 // events that occurred
	_                   [28]byte
	DTWINReadsTypical   uint64 // 4 KiB random reads
	DTWINWritesTypical  uint64 // writes of the optimal write size
	DTWINTimeMax        uint64 // ms
	NDWINTimeMinHigh    uint64 // ms
	NDWINTimeMinLow     uint64 // ms
	_                   [56]byte
	DTWINReadsEstimate  uint64
	DTWINWritesEstimate uint64
	DTWINTimeEstimate   uint64 // ms
	_                   [360]byte
}

// AggregateLog begins the Predictable Latency Event Aggregate and the Endurance
// Group Event Aggregate logs (section 5.16.1): the ids of sets or groups, 2
// bytes each, follow.
type AggregateLog struct {
	_ structs.HostLayout

	Entries uint64
}
