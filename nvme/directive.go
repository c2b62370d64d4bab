// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// Directive types (section 8.7), for commands' DTYPE.
const (
	DirectiveIdentify      uint8 = 0
	DirectiveStreams       uint8 = 1
	DirectiveDataPlacement uint8 = 2
)

// Operations of Directive Receive and Send (sections 8.7.2 and 8.7.3).
const (
	DirectiveIdentifyReturnParameters uint8 = 1 // receive
	DirectiveIdentifyEnable           uint8 = 1 // send
	DirectiveStreamsReturnParameters  uint8 = 1 // receive
	DirectiveStreamsGetStatus         uint8 = 2 // receive
	DirectiveStreamsAllocate          uint8 = 3 // receive
	DirectiveStreamsReleaseID         uint8 = 1 // send
	DirectiveStreamsReleaseResources  uint8 = 2 // send
)

// DirectiveParameters is what the Identify directive returns: a bit a directive
// type.
type DirectiveParameters struct {
	_ structs.HostLayout

	Supported  [32]byte
	Enabled    [32]byte
	Persistent [32]byte // over a controller reset
	_          [4000]byte
}

// StreamsParameters is what the Streams directive returns.
type StreamsParameters struct {
	_ structs.HostLayout

	MSL  uint16 // maximum streams limit
	NSSA uint16 // streams available in the NVM subsystem
	NSSO uint16 // streams open in the NVM subsystem
	NSSC uint8  // bit 0: a stream may be shared by hosts
	_    [9]byte
	SWS  uint32 // stream write size in blocks
	SGS  uint16 // stream granularity in units of SWS
	NSA  uint16 // streams allocated in the namespace
	NSO  uint16 // streams open in the namespace
	_    [6]byte
}

// ReclaimUnitHandleStatus begins what I/O Management Receive returns for
// operation 1 (Base 2.1, section 7.3.1.1). Descriptors follow.
type ReclaimUnitHandleStatus struct {
	_ structs.HostLayout

	_      [14]byte
	NRUHSD uint16 // number of descriptors
}

// ReclaimUnitHandleDescriptor is a descriptor of ReclaimUnitHandleStatus.
type ReclaimUnitHandleDescriptor struct {
	_ structs.HostLayout

	PID    uint16 // placement identifier
	RUHID  uint16 // reclaim unit handle
	EARUTR uint32 // estimated time remaining in s
	RUAMW  uint64 // blocks that can still be written
	_      [16]byte
}
