// SPDX-License-Identifier: BSD-3-Clause

package nvme

// Generic command status (section 3.3.3.2.1; command set specific codes 80h and
// up from the NVM and Key Value Command Set specifications).
const (
	StatusSuccess                          Status = 0x000
	StatusInvalidOpcode                    Status = 0x001
	StatusInvalidField                     Status = 0x002
	StatusCommandIDConflict                Status = 0x003
	StatusDataTransferError                Status = 0x004
	StatusAbortedPowerLoss                 Status = 0x005
	StatusInternalDeviceError              Status = 0x006
	StatusAbortedByRequest                 Status = 0x007
	StatusAbortedSQDeletion                Status = 0x008
	StatusAbortedFailedFused               Status = 0x009
	StatusAbortedMissingFused              Status = 0x00a
	StatusInvalidNamespace                 Status = 0x00b
	StatusCommandSequenceError             Status = 0x00c
	StatusInvalidSGLSegmentDescriptor      Status = 0x00d
	StatusInvalidNumberOfSGLDescriptors    Status = 0x00e
	StatusDataSGLLengthInvalid             Status = 0x00f
	StatusMetadataSGLLengthInvalid         Status = 0x010
	StatusSGLDescriptorTypeInvalid         Status = 0x011
	StatusInvalidControllerMemoryBuffer    Status = 0x012
	StatusInvalidPRPOffset                 Status = 0x013
	StatusAtomicWriteUnitExceeded          Status = 0x014
	StatusOperationDenied                  Status = 0x015
	StatusInvalidSGLOffset                 Status = 0x016
	StatusHostIDInconsistentFormat         Status = 0x018
	StatusKeepAliveExpired                 Status = 0x019
	StatusKeepAliveInvalid                 Status = 0x01a
	StatusAbortedPreempt                   Status = 0x01b
	StatusSanitizeFailed                   Status = 0x01c
	StatusSanitizeInProgress               Status = 0x01d
	StatusSGLDataBlockGranularityInvalid   Status = 0x01e
	StatusCommandInvalidInCMB              Status = 0x01f
	StatusNamespaceIsProtected             Status = 0x020
	StatusCommandInterrupted               Status = 0x021
	StatusTransientTransportError          Status = 0x022
	StatusCommandProhibitedByLockdown      Status = 0x023
	StatusAdminCommandMediaNotReady        Status = 0x024
	StatusInvalidKeyTag                    Status = 0x025
	StatusHostDispersedNamespaceNotEnabled Status = 0x026
	StatusHostIDNotInitialized             Status = 0x027
	StatusIncorrectKey                     Status = 0x028
	StatusFDPDisabled                      Status = 0x029
	StatusInvalidPlacementHandleList       Status = 0x02a
	StatusLBAOutOfRange                    Status = 0x080
	StatusCapacityExceeded                 Status = 0x081
	StatusNamespaceNotReady                Status = 0x082
	StatusReservationConflict              Status = 0x083
	StatusFormatInProgress                 Status = 0x084
	StatusInvalidValueSize                 Status = 0x085
	StatusInvalidKeySize                   Status = 0x086
	StatusKVKeyDoesNotExist                Status = 0x087
	StatusUnrecoveredError                 Status = 0x088
	StatusKeyExists                        Status = 0x089
)

// Command specific status (NVM Command Set specification 1.0; Zoned Namespace
// Command Set specification 1.1).
const (
	StatusInvalidCompletionQueue               Status = 0x100
	StatusInvalidQueueID                       Status = 0x101
	StatusInvalidQueueSize                     Status = 0x102
	StatusAbortLimitExceeded                   Status = 0x103
	StatusAERLimitExceeded                     Status = 0x105
	StatusInvalidFirmwareSlot                  Status = 0x106
	StatusInvalidFirmwareImage                 Status = 0x107
	StatusInvalidInterruptVector               Status = 0x108
	StatusInvalidLogPage                       Status = 0x109
	StatusInvalidFormat                        Status = 0x10a
	StatusFirmwareRequiresConventionalReset    Status = 0x10b
	StatusInvalidQueueDeletion                 Status = 0x10c
	StatusFeatureNotSaveable                   Status = 0x10d
	StatusFeatureNotChangeable                 Status = 0x10e
	StatusFeatureNotNamespaceSpecific          Status = 0x10f
	StatusFirmwareRequiresSubsystemReset       Status = 0x110
	StatusFirmwareRequiresReset                Status = 0x111
	StatusFirmwareRequiresMaxTimeViolation     Status = 0x112
	StatusFirmwareActivationProhibited         Status = 0x113
	StatusOverlappingRange                     Status = 0x114
	StatusNamespaceInsufficientCapacity        Status = 0x115
	StatusNamespaceIDUnavailable               Status = 0x116
	StatusNamespaceAlreadyAttached             Status = 0x118
	StatusNamespaceIsPrivate                   Status = 0x119
	StatusNamespaceNotAttached                 Status = 0x11a
	StatusThinProvisioningNotSupported         Status = 0x11b
	StatusControllerListInvalid                Status = 0x11c
	StatusDeviceSelfTestInProgress             Status = 0x11d
	StatusBootPartitionWriteProhibited         Status = 0x11e
	StatusInvalidControllerID                  Status = 0x11f
	StatusInvalidSecondaryControllerState      Status = 0x120
	StatusInvalidNumberOfControllerResources   Status = 0x121
	StatusInvalidResourceID                    Status = 0x122
	StatusSanitizeProhibitedPMR                Status = 0x123
	StatusANAGroupIDInvalid                    Status = 0x124
	StatusANAAttachFailed                      Status = 0x125
	StatusInsufficientCapacity                 Status = 0x126
	StatusNamespaceAttachLimitExceeded         Status = 0x127
	StatusProhibitCommandExecutionNotSupported Status = 0x128
	StatusIOCSNotSupported                     Status = 0x129
	StatusIOCSNotEnabled                       Status = 0x12a
	StatusIOCSCombinationRejected              Status = 0x12b
	StatusInvalidIOCS                          Status = 0x12c
	StatusIdentifierUnavailable                Status = 0x12d
	StatusInvalidDiscoveryInfo                 Status = 0x12f
	StatusStreamResourceAllocationFailed       Status = 0x17f
	StatusConflictingAttributes                Status = 0x180
	StatusInvalidProtectionInfo                Status = 0x181
	StatusWriteToReadOnlyRange                 Status = 0x182
	StatusCommandSizeLimitExceeded             Status = 0x183
	StatusZoneBoundaryError                    Status = 0x1b8
	StatusZoneIsFull                           Status = 0x1b9
	StatusZoneIsReadOnly                       Status = 0x1ba
	StatusZoneIsOffline                        Status = 0x1bb
	StatusZoneInvalidWrite                     Status = 0x1bc
	StatusTooManyActiveZones                   Status = 0x1bd
	StatusTooManyOpenZones                     Status = 0x1be
	StatusInvalidZoneStateTransition           Status = 0x1bf
)

// Command specific status of Fabrics commands (section 6).
const (
	StatusFabricsIncompatibleFormat  Status = 0x180
	StatusFabricsControllerBusy      Status = 0x181
	StatusFabricsInvalidParam        Status = 0x182
	StatusFabricsRestartDiscovery    Status = 0x183
	StatusFabricsInvalidHost         Status = 0x184
	StatusFabricsInvalidQueueType    Status = 0x185
	StatusFabricsLogRestartDiscovery Status = 0x190
	StatusFabricsAuthRequired        Status = 0x191
)

// Media and data integrity errors.
const (
	StatusWriteFault               Status = 0x280
	StatusUnrecoveredReadError     Status = 0x281
	StatusGuardCheckError          Status = 0x282
	StatusApplicationTagCheckError Status = 0x283
	StatusReferenceTagCheckError   Status = 0x284
	StatusCompareFailure           Status = 0x285
	StatusAccessDenied             Status = 0x286
	StatusDeallocatedBlock         Status = 0x287
	StatusStorageTagCheckError     Status = 0x288
)

// Path related status.
const (
	StatusInternalPathError   Status = 0x300
	StatusANAPersistentLoss   Status = 0x301
	StatusANAInaccessible     Status = 0x302
	StatusANATransition       Status = 0x303
	StatusControllerPathError Status = 0x360
	StatusHostPathError       Status = 0x370
	StatusAbortedByHost       Status = 0x371
)
