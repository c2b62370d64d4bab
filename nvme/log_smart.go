// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"structs"
)

// SMARTLog is the SMART / Health Information log (section 5.16.1). Temperatures
// are in kelvins, 0 for not reported.
type SMARTLog struct {
	_ structs.HostLayout

	CriticalWarning         uint8   // CriticalWarning bits
	CTEMP                   [2]byte // composite temperature, see Temperature
	AvailableSpare          uint8   // percent
	AvailableSpareThreshold uint8   // percent
	PercentageUsed          uint8   // percent of the device's life, may exceed 100
	EnduranceGroupWarning   uint8   // critical warnings of endurance groups
	_                       [25]byte
	DataUnitsRead           Uint128 // in 1000 times 512 bytes
	DataUnitsWritten        Uint128 // in 1000 times 512 bytes
	HostReadCommands        Uint128
	HostWriteCommands       Uint128
	ControllerBusyTime      Uint128 // minutes
	PowerCycles             Uint128
	PowerOnHours            Uint128
	UnsafeShutdowns         Uint128
	MediaErrors             Uint128
	ErrorLogEntries         Uint128 // over the device's life
	WarningTempTime         uint32  // minutes above WCTEMP
	CriticalTempTime        uint32  // minutes above CCTEMP
	TempSensor              [8]uint16
	TMT1Transitions         uint32 // times that thermal management 1 began
	TMT2Transitions         uint32 // times that thermal management 2 began
	TMT1Time                uint32 // seconds in thermal management 1
	TMT2Time                uint32 // seconds in thermal management 2
	_                       [280]byte
}

// Bits of SMARTLog.CriticalWarning and AsyncEventConfiguration.
const (
	CriticalWarningSpare            = 1 << 0
	CriticalWarningTemperature      = 1 << 1
	CriticalWarningReliability      = 1 << 2
	CriticalWarningReadOnly         = 1 << 3
	CriticalWarningVolatileBackup   = 1 << 4
	CriticalWarningPersistentMemory = 1 << 5
)

// Temperature returns the composite temperature in kelvins.
func (l *SMARTLog) Temperature() uint16 { return binary.LittleEndian.Uint16(l.CTEMP[:]) }

// SetTemperature sets the composite temperature in kelvins.
func (l *SMARTLog) SetTemperature(k uint16) { binary.LittleEndian.PutUint16(l.CTEMP[:], k) }
