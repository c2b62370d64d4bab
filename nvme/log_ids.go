// SPDX-License-Identifier: BSD-3-Clause

package nvme

// LogPageID names a log page (section 5.16.1).
type LogPageID uint8

// Log pages.
const (
	LogSupportedPages           LogPageID = 0x00
	LogError                    LogPageID = 0x01
	LogSMART                    LogPageID = 0x02
	LogFirmwareSlot             LogPageID = 0x03
	LogChangedNamespaces        LogPageID = 0x04
	LogCommandEffects           LogPageID = 0x05
	LogDeviceSelfTest           LogPageID = 0x06
	LogTelemetryHost            LogPageID = 0x07
	LogTelemetryController      LogPageID = 0x08
	LogEnduranceGroup           LogPageID = 0x09
	LogPredictableLatency       LogPageID = 0x0a // of an NVM set
	LogPredictableLatencyEvents LogPageID = 0x0b
	LogANA                      LogPageID = 0x0c
	LogPersistentEvent          LogPageID = 0x0d
	LogLBAStatus                LogPageID = 0x0e
	LogEnduranceGroupEvents     LogPageID = 0x0f
	LogMediaUnitStatus          LogPageID = 0x10
	LogCapacityConfigurations   LogPageID = 0x11
	LogFeatureEffects           LogPageID = 0x12
	LogMIEffects                LogPageID = 0x13 // NVMe-MI commands supported and effects
	LogLockdown                 LogPageID = 0x14
	LogBootPartition            LogPageID = 0x15
	LogRotationalMedia          LogPageID = 0x16
	LogDispersedNamespaces      LogPageID = 0x17
	LogManagementAddresses      LogPageID = 0x18
	LogPhyReceiverMeasurement   LogPageID = 0x19 // PCIe transport
	LogReachabilityGroups       LogPageID = 0x1a
	LogReachabilityAssociations LogPageID = 0x1b
	LogChangedAllocated         LogPageID = 0x1c // changed allocated namespace list
	LogFDPConfigurations        LogPageID = 0x20
	LogFDPReclaimUnitHandles    LogPageID = 0x21
	LogFDPStatistics            LogPageID = 0x22
	LogFDPEvents                LogPageID = 0x23
	LogDiscovery                LogPageID = 0x70
	LogHostDiscovery            LogPageID = 0x71
	LogAVEDiscovery             LogPageID = 0x72
	LogPullModelDDCRequest      LogPageID = 0x73
	LogReservationNotification  LogPageID = 0x80
	LogSanitizeStatus           LogPageID = 0x81
	LogChangedZones             LogPageID = 0xbf
)
