// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Bits of IdentifyController.CMIC.
const (
	CMICMultiplePorts       = 1 << 0
	CMICMultipleControllers = 1 << 1
	CMICSRIOV               = 1 << 2 // the controller is an SR-IOV virtual function
	CMICANAReporting        = 1 << 3
)

// Values of IdentifyController.CNTRLTYPE.
const (
	ControllerTypeNone           = 0 // not reported
	ControllerTypeIO             = 1
	ControllerTypeDiscovery      = 2
	ControllerTypeAdministrative = 3
)

// Bits of IdentifyController.OAES, which are also those of
// AsyncEventConfiguration.
const (
	OAESNamespaceAttribute    = 1 << 8
	OAESFirmwareActivation    = 1 << 9
	OAESTelemetryLog          = 1 << 10 // of AsyncEventConfiguration only
	OAESANAChange             = 1 << 11
	OAESPredictableLatency    = 1 << 12
	OAESLBAStatusInformation  = 1 << 13
	OAESEnduranceGroup        = 1 << 14
	OAESNormalSubsystemStop   = 1 << 15
	OAESTemperatureHysteresis = 1 << 16
	OAESReachabilityGroup     = 1 << 17
	OAESAllocatedNamespace    = 1 << 19
	OAESCrossController       = 1 << 20
	OAESLostHostCommunication = 1 << 21
	OAESZoneDescriptorChanged = 1 << 27
	OAESDiscoveryLogChange    = 1 << 31
)

// Bits of IdentifyController.CTRATT.
const (
	CTRATTHostID128            = 1 << 0
	CTRATTNonOperationalPower  = 1 << 1
	CTRATTNVMSets              = 1 << 2
	CTRATTReadRecoveryLevels   = 1 << 3
	CTRATTEnduranceGroups      = 1 << 4
	CTRATTPredictableLatency   = 1 << 5
	CTRATTTrafficKeepAlive     = 1 << 6
	CTRATTNamespaceGranularity = 1 << 7
	CTRATTSQAssociations       = 1 << 8
	CTRATTUUIDList             = 1 << 9
	CTRATTMultiDomain          = 1 << 10
	CTRATTFixedCapacity        = 1 << 11
	CTRATTVariableCapacity     = 1 << 12
	CTRATTDeleteEnduranceGroup = 1 << 13
	CTRATTDeleteNVMSet         = 1 << 14
	CTRATTExtendedLBAFormats   = 1 << 15
	CTRATTMDTSExcludesMetadata = 1 << 16
	CTRATTHMBRestrict          = 1 << 17
	CTRATTReservationsHostID   = 1 << 18
	CTRATTFDP                  = 1 << 19
)

// Bits of IdentifyController.OACS.
const (
	OACSSecurity             = 1 << 0
	OACSFormat               = 1 << 1
	OACSFirmware             = 1 << 2
	OACSNamespaceManagement  = 1 << 3
	OACSDeviceSelfTest       = 1 << 4
	OACSDirectives           = 1 << 5
	OACSNVMeMI               = 1 << 6
	OACSVirtualization       = 1 << 7
	OACSDoorbellBufferConfig = 1 << 8
	OACSGetLBAStatus         = 1 << 9
	OACSLockdown             = 1 << 10
	OACSLiveMigration        = 1 << 11
)

// Bits of IdentifyController.FRMW; bits 3:1 are the number of slots.
const (
	FRMWSlot1ReadOnly        = 1 << 0
	FRMWSlotsShift           = 1
	FRMWActivateWithoutReset = 1 << 4
	FRMWMultipleUpdate       = 1 << 5
)

// Bits of IdentifyController.LPA.
const (
	LPASMARTPerNamespace  = 1 << 0
	LPACommandEffects     = 1 << 1
	LPAExtendedData       = 1 << 2
	LPATelemetry          = 1 << 3
	LPAPersistentEvent    = 1 << 4
	LPASupportedLogPages  = 1 << 5 // with feature and MI command effects
	LPATelemetryDataArea4 = 1 << 6
)

// Bits of IdentifyController.SANICAP.
const (
	SANICAPCryptoErase      = 1 << 0
	SANICAPBlockErase       = 1 << 1
	SANICAPOverwrite        = 1 << 2
	SANICAPVerification     = 1 << 3
	SANICAPNoDeallocInhibit = 1 << 29 // No-Deallocate After Sanitize is not honoured
	SANICAPNodMMASShift     = 30      // 2 bits: media is modified after sanitize
)

// Bits of IdentifyController.ANACAP.
const (
	ANACAPOptimized      = 1 << 0
	ANACAPNonOptimized   = 1 << 1
	ANACAPInaccessible   = 1 << 2
	ANACAPPersistentLoss = 1 << 3
	ANACAPChange         = 1 << 4
	ANACAPStaticGroupID  = 1 << 6 // a namespace's group id does not change
	ANACAPNonZeroGroupID = 1 << 7
)

// Bits of IdentifyController.ONCS.
const (
	ONCSCompare               = 1 << 0
	ONCSWriteUncorrectable    = 1 << 1
	ONCSDatasetManagement     = 1 << 2
	ONCSWriteZeroes           = 1 << 3
	ONCSSaveSelect            = 1 << 4 // Save in Set Features and Select in Get Features
	ONCSReservations          = 1 << 5
	ONCSTimestamp             = 1 << 6
	ONCSVerify                = 1 << 7
	ONCSCopy                  = 1 << 8
	ONCSCopySingleAtomic      = 1 << 9
	ONCSAllFastCopy           = 1 << 10
	ONCSWriteZeroesDeallocate = 1 << 11
	ONCSNamespaceZeroes       = 1 << 12
)

// FUSESCompareWrite is bit 0 of IdentifyController.FUSES.
const FUSESCompareWrite = 1 << 0

// Bits of IdentifyController.FNA.
const (
	FNAFormatAll   = 1 << 0 // a format applies to all namespaces
	FNAEraseAll    = 1 << 1 // a secure erase applies to all namespaces
	FNACryptoErase = 1 << 2
	FNANoBroadcast = 1 << 3 // NSID FFFFFFFFh is not supported
)

// Bits of IdentifyController.VWC.
const (
	VWCPresent               = 1 << 0
	VWCBroadcastNotSupported = 2 << 1 // Flush with NSID FFFFFFFFh fails
	VWCBroadcastSupported    = 3 << 1
	VWCBroadcastMask         = 3 << 1
)

// Bits of IdentifyController.SGLS.
const (
	SGLSSupported           = 1 // of bits 1:0: no alignment needed
	SGLSSupportedDword      = 2 // of bits 1:0: dword alignment and granularity
	SGLSSupportedMask       = 3
	SGLSKeyed               = 1 << 2
	SGLSDescriptorThreshold = 8 // shift of the recommended number of descriptors, 8 bits
	SGLSBitBucket           = 1 << 16
	SGLSMetadataContiguous  = 1 << 17 // MPTR byte aligned contiguous buffer
	SGLSOversized           = 1 << 18 // an SGL may be longer than the data
	SGLSMetadataSGL         = 1 << 19 // MPTR may be the address of an SGL descriptor
	SGLSOffset              = 1 << 20
	SGLSTransport           = 1 << 21
)
