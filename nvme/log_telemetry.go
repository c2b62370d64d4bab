// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// TelemetryBlockSize is the size in bytes of a telemetry data block.
const TelemetryBlockSize = 512

// TelemetryLog begins the Telemetry Host-Initiated and Controller-Initiated
// logs (section 5.16.1). Data blocks follow; the areas end with the blocks
// named here and each includes the one before it.
type TelemetryLog struct {
	_ structs.HostLayout

	LID                 LogPageID
	_                   [4]byte
	IEEE                [3]byte // OUI, least significant byte first
	DA1LB               uint16  // last block of area 1
	DA2LB               uint16  // last block of area 2
	DA3LB               uint16  // last block of area 3
	_                   [2]byte
	DA4LB               uint32 // last block of area 4
	_                   [360]byte
	Scope               uint8 // scope of the data (Base 2.1)
	HostGeneration      uint8 // of host-initiated data
	ControllerAvailable uint8 // 1 if there is controller-initiated data
	Generation          uint8 // of controller-initiated data
	Reason              [128]byte
}

// LSPTelemetryCreate is the bit of GetLogPage.LSP that makes the controller
// capture new host-initiated data.
const LSPTelemetryCreate uint8 = 1 << 0
