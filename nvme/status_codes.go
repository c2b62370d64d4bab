// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Generic command status (section 3.3.3.2.1, Figure 94; command set specific
// codes 80h and up from the NVM and Key Value Command Set specifications).
const (
	StatusSuccess                        = Status(SCTGeneric)<<8 | 0x00
	StatusInvalidOpcode                  = Status(SCTGeneric)<<8 | 0x01
	StatusInvalidField                   = Status(SCTGeneric)<<8 | 0x02
	StatusCommandIDConflict              = Status(SCTGeneric)<<8 | 0x03
	StatusDataTransferError              = Status(SCTGeneric)<<8 | 0x04
	StatusAbortedPowerLoss               = Status(SCTGeneric)<<8 | 0x05
	StatusInternalDeviceError            = Status(SCTGeneric)<<8 | 0x06
	StatusAbortedByRequest               = Status(SCTGeneric)<<8 | 0x07
	StatusAbortedSQDeletion              = Status(SCTGeneric)<<8 | 0x08
	StatusAbortedFailedFused             = Status(SCTGeneric)<<8 | 0x09
	StatusAbortedMissingFused            = Status(SCTGeneric)<<8 | 0x0a
	StatusInvalidNamespace               = Status(SCTGeneric)<<8 | 0x0b
	StatusCommandSequenceError           = Status(SCTGeneric)<<8 | 0x0c
	StatusInvalidSGLSegmentDescriptor    = Status(SCTGeneric)<<8 | 0x0d
	StatusInvalidNumberOfSGLDescriptors  = Status(SCTGeneric)<<8 | 0x0e
	StatusDataSGLLengthInvalid           = Status(SCTGeneric)<<8 | 0x0f
	StatusMetadataSGLLengthInvalid       = Status(SCTGeneric)<<8 | 0x10
	StatusSGLDescriptorTypeInvalid       = Status(SCTGeneric)<<8 | 0x11
	StatusInvalidControllerMemoryBuffer  = Status(SCTGeneric)<<8 | 0x12
	StatusInvalidPRPOffset               = Status(SCTGeneric)<<8 | 0x13
	StatusAtomicWriteUnitExceeded        = Status(SCTGeneric)<<8 | 0x14
	StatusOperationDenied                = Status(SCTGeneric)<<8 | 0x15
	StatusInvalidSGLOffset               = Status(SCTGeneric)<<8 | 0x16
	StatusHostIDInconsistentFormat       = Status(SCTGeneric)<<8 | 0x18
	StatusKeepAliveExpired               = Status(SCTGeneric)<<8 | 0x19
	StatusKeepAliveInvalid               = Status(SCTGeneric)<<8 | 0x1a
	StatusAbortedPreempt                 = Status(SCTGeneric)<<8 | 0x1b
	StatusSanitizeFailed                 = Status(SCTGeneric)<<8 | 0x1c
	StatusSanitizeInProgress             = Status(SCTGeneric)<<8 | 0x1d
	StatusSGLDataBlockGranularityInvalid = Status(SCTGeneric)<<8 | 0x1e
	StatusCommandInvalidInCMB            = Status(SCTGeneric)<<8 | 0x1f
	StatusNamespaceIsProtected           = Status(SCTGeneric)<<8 | 0x20
	StatusCommandInterrupted             = Status(SCTGeneric)<<8 | 0x21
	StatusTransientTransportError        = Status(SCTGeneric)<<8 | 0x22
	StatusCommandProhibitedByLockdown    = Status(SCTGeneric)<<8 | 0x23
	StatusAdminCommandMediaNotReady      = Status(SCTGeneric)<<8 | 0x24
	StatusFDPDisabled                    = Status(SCTGeneric)<<8 | 0x29
	StatusInvalidPlacementHandleList     = Status(SCTGeneric)<<8 | 0x2a
	StatusLBAOutOfRange                  = Status(SCTGeneric)<<8 | 0x80
	StatusCapacityExceeded               = Status(SCTGeneric)<<8 | 0x81
	StatusNamespaceNotReady              = Status(SCTGeneric)<<8 | 0x82
	StatusReservationConflict            = Status(SCTGeneric)<<8 | 0x83
	StatusFormatInProgress               = Status(SCTGeneric)<<8 | 0x84
	StatusInvalidValueSize               = Status(SCTGeneric)<<8 | 0x85
	StatusInvalidKeySize                 = Status(SCTGeneric)<<8 | 0x86
	StatusKVKeyDoesNotExist              = Status(SCTGeneric)<<8 | 0x87
	StatusUnrecoveredError               = Status(SCTGeneric)<<8 | 0x88
	StatusKeyExists                      = Status(SCTGeneric)<<8 | 0x89
)

// Command specific status (Figure 95; NVM Command Set specification 1.0,
// Figure 16; Zoned Namespace Command Set specification 1.1, Figure 12).
const (
	StatusInvalidCompletionQueue               = Status(SCTCommandSpecific)<<8 | 0x00
	StatusInvalidQueueID                       = Status(SCTCommandSpecific)<<8 | 0x01
	StatusInvalidQueueSize                     = Status(SCTCommandSpecific)<<8 | 0x02
	StatusAbortLimitExceeded                   = Status(SCTCommandSpecific)<<8 | 0x03
	StatusAERLimitExceeded                     = Status(SCTCommandSpecific)<<8 | 0x05
	StatusInvalidFirmwareSlot                  = Status(SCTCommandSpecific)<<8 | 0x06
	StatusInvalidFirmwareImage                 = Status(SCTCommandSpecific)<<8 | 0x07
	StatusInvalidInterruptVector               = Status(SCTCommandSpecific)<<8 | 0x08
	StatusInvalidLogPage                       = Status(SCTCommandSpecific)<<8 | 0x09
	StatusInvalidFormat                        = Status(SCTCommandSpecific)<<8 | 0x0a
	StatusFirmwareRequiresConventionalReset    = Status(SCTCommandSpecific)<<8 | 0x0b
	StatusInvalidQueueDeletion                 = Status(SCTCommandSpecific)<<8 | 0x0c
	StatusFeatureNotSaveable                   = Status(SCTCommandSpecific)<<8 | 0x0d
	StatusFeatureNotChangeable                 = Status(SCTCommandSpecific)<<8 | 0x0e
	StatusFeatureNotNamespaceSpecific          = Status(SCTCommandSpecific)<<8 | 0x0f
	StatusFirmwareRequiresSubsystemReset       = Status(SCTCommandSpecific)<<8 | 0x10
	StatusFirmwareRequiresReset                = Status(SCTCommandSpecific)<<8 | 0x11
	StatusFirmwareRequiresMaxTimeViolation     = Status(SCTCommandSpecific)<<8 | 0x12
	StatusFirmwareActivationProhibited         = Status(SCTCommandSpecific)<<8 | 0x13
	StatusOverlappingRange                     = Status(SCTCommandSpecific)<<8 | 0x14
	StatusNamespaceInsufficientCapacity        = Status(SCTCommandSpecific)<<8 | 0x15
	StatusNamespaceIDUnavailable               = Status(SCTCommandSpecific)<<8 | 0x16
	StatusNamespaceAlreadyAttached             = Status(SCTCommandSpecific)<<8 | 0x18
	StatusNamespaceIsPrivate                   = Status(SCTCommandSpecific)<<8 | 0x19
	StatusNamespaceNotAttached                 = Status(SCTCommandSpecific)<<8 | 0x1a
	StatusThinProvisioningNotSupported         = Status(SCTCommandSpecific)<<8 | 0x1b
	StatusControllerListInvalid                = Status(SCTCommandSpecific)<<8 | 0x1c
	StatusDeviceSelfTestInProgress             = Status(SCTCommandSpecific)<<8 | 0x1d
	StatusBootPartitionWriteProhibited         = Status(SCTCommandSpecific)<<8 | 0x1e
	StatusInvalidControllerID                  = Status(SCTCommandSpecific)<<8 | 0x1f
	StatusInvalidSecondaryControllerState      = Status(SCTCommandSpecific)<<8 | 0x20
	StatusInvalidNumberOfControllerResources   = Status(SCTCommandSpecific)<<8 | 0x21
	StatusInvalidResourceID                    = Status(SCTCommandSpecific)<<8 | 0x22
	StatusSanitizeProhibitedPMR                = Status(SCTCommandSpecific)<<8 | 0x23
	StatusANAGroupIDInvalid                    = Status(SCTCommandSpecific)<<8 | 0x24
	StatusANAAttachFailed                      = Status(SCTCommandSpecific)<<8 | 0x25
	StatusInsufficientCapacity                 = Status(SCTCommandSpecific)<<8 | 0x26
	StatusNamespaceAttachLimitExceeded         = Status(SCTCommandSpecific)<<8 | 0x27
	StatusProhibitCommandExecutionNotSupported = Status(SCTCommandSpecific)<<8 | 0x28
	StatusIOCSNotSupported                     = Status(SCTCommandSpecific)<<8 | 0x29
	StatusIOCSNotEnabled                       = Status(SCTCommandSpecific)<<8 | 0x2a
	StatusIOCSCombinationRejected              = Status(SCTCommandSpecific)<<8 | 0x2b
	StatusInvalidIOCS                          = Status(SCTCommandSpecific)<<8 | 0x2c
	StatusIdentifierUnavailable                = Status(SCTCommandSpecific)<<8 | 0x2d
	StatusStreamResourceAllocationFailed       = Status(SCTCommandSpecific)<<8 | 0x7f
	StatusConflictingAttributes                = Status(SCTCommandSpecific)<<8 | 0x80
	StatusInvalidProtectionInfo                = Status(SCTCommandSpecific)<<8 | 0x81
	StatusWriteToReadOnlyRange                 = Status(SCTCommandSpecific)<<8 | 0x82
	StatusCommandSizeLimitExceeded             = Status(SCTCommandSpecific)<<8 | 0x83
	StatusZoneBoundaryError                    = Status(SCTCommandSpecific)<<8 | 0xb8
	StatusZoneIsFull                           = Status(SCTCommandSpecific)<<8 | 0xb9
	StatusZoneIsReadOnly                       = Status(SCTCommandSpecific)<<8 | 0xba
	StatusZoneIsOffline                        = Status(SCTCommandSpecific)<<8 | 0xbb
	StatusZoneInvalidWrite                     = Status(SCTCommandSpecific)<<8 | 0xbc
	StatusTooManyActiveZones                   = Status(SCTCommandSpecific)<<8 | 0xbd
	StatusTooManyOpenZones                     = Status(SCTCommandSpecific)<<8 | 0xbe
	StatusInvalidZoneStateTransition           = Status(SCTCommandSpecific)<<8 | 0xbf
)

// Command specific status of Fabrics commands (section 6, Figure 96).
const (
	StatusFabricsIncompatibleFormat  = Status(SCTCommandSpecific)<<8 | 0x80
	StatusFabricsControllerBusy      = Status(SCTCommandSpecific)<<8 | 0x81
	StatusFabricsInvalidParam        = Status(SCTCommandSpecific)<<8 | 0x82
	StatusFabricsRestartDiscovery    = Status(SCTCommandSpecific)<<8 | 0x83
	StatusFabricsInvalidHost         = Status(SCTCommandSpecific)<<8 | 0x84
	StatusFabricsInvalidQueueType    = Status(SCTCommandSpecific)<<8 | 0x85
	StatusFabricsLogRestartDiscovery = Status(SCTCommandSpecific)<<8 | 0x90
	StatusFabricsAuthRequired        = Status(SCTCommandSpecific)<<8 | 0x91
)

// Media and data integrity errors (Figure 97).
const (
	StatusWriteFault               = Status(SCTMediaError)<<8 | 0x80
	StatusUnrecoveredReadError     = Status(SCTMediaError)<<8 | 0x81
	StatusGuardCheckError          = Status(SCTMediaError)<<8 | 0x82
	StatusApplicationTagCheckError = Status(SCTMediaError)<<8 | 0x83
	StatusReferenceTagCheckError   = Status(SCTMediaError)<<8 | 0x84
	StatusCompareFailure           = Status(SCTMediaError)<<8 | 0x85
	StatusAccessDenied             = Status(SCTMediaError)<<8 | 0x86
	StatusDeallocatedBlock         = Status(SCTMediaError)<<8 | 0x87
	StatusStorageTagCheckError     = Status(SCTMediaError)<<8 | 0x88
)

// Path related status (Figure 98).
const (
	StatusInternalPathError   = Status(SCTPath)<<8 | 0x00
	StatusANAPersistentLoss   = Status(SCTPath)<<8 | 0x01
	StatusANAInaccessible     = Status(SCTPath)<<8 | 0x02
	StatusANATransition       = Status(SCTPath)<<8 | 0x03
	StatusControllerPathError = Status(SCTPath)<<8 | 0x60
	StatusHostPathError       = Status(SCTPath)<<8 | 0x70
	StatusAbortedByHost       = Status(SCTPath)<<8 | 0x71
)
