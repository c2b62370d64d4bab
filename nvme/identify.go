// SPDX-License-Identifier: BSD-3-Clause

package nvme

// IdentifySize is the size in bytes of what Identify returns, whatever the CNS.
const IdentifySize = 4096

// CNS selects what Identify returns (section 5.17.1).
type CNS uint8

// Values of CNS. Those with IOCS are specific to the I/O command set in the
// command's CSI field.
const (
	CNSNamespace                 CNS = 0x00 // IdentifyNamespace of NSID
	CNSController                CNS = 0x01 // IdentifyController
	CNSActiveNamespaces          CNS = 0x02 // NamespaceList of those above NSID
	CNSNamespaceDescriptors      CNS = 0x03 // see ParseNamespaceDescriptors
	CNSNVMSets                   CNS = 0x04 // NVMSetList
	CNSIOCSNamespace             CNS = 0x05 // IdentifyNamespaceNVM or IdentifyNamespaceZNS
	CNSIOCSController            CNS = 0x06 // IdentifyControllerNVM or IdentifyControllerZNS
	CNSIOCSActiveNamespaces      CNS = 0x07 // NamespaceList
	CNSIndependentNamespace      CNS = 0x08 // IdentifyNamespaceIndependent
	CNSFormatNamespace           CNS = 0x09 // IdentifyNamespace, user data format
	CNSIOCSFormatNamespace       CNS = 0x0a // as CNSIOCSNamespace, user data format
	CNSAllocatedNamespaces       CNS = 0x10 // NamespaceList
	CNSAllocatedNamespace        CNS = 0x11 // IdentifyNamespace
	CNSNamespaceControllers      CNS = 0x12 // ControllerList of those attached to NSID
	CNSControllers               CNS = 0x13 // ControllerList
	CNSPrimaryController         CNS = 0x14 // PrimaryControllerCapabilities
	CNSSecondaryControllers      CNS = 0x15 // SecondaryControllerList
	CNSNamespaceGranularity      CNS = 0x16 // NamespaceGranularityList
	CNSUUIDList                  CNS = 0x17 // UUIDList
	CNSDomains                   CNS = 0x18 // DomainList
	CNSEnduranceGroups           CNS = 0x19 // EnduranceGroupList
	CNSIOCSAllocatedNamespaces   CNS = 0x1a // NamespaceList
	CNSIOCSAllocatedNamespace    CNS = 0x1b // as CNSIOCSNamespace
	CNSIOCommandSets             CNS = 0x1c // IOCommandSets
	CNSUnderlyingNamespaces      CNS = 0x1d
	CNSPorts                     CNS = 0x1e
	CNSIOCSIndependentAllocated  CNS = 0x1f // IdentifyNamespaceIndependent
	CNSSupportedControllerStates CNS = 0x20
)

// CSI is an I/O command set identifier (section 5.17.1).
type CSI uint8

// I/O command sets.
const (
	CSINVM  CSI = 0
	CSIKV   CSI = 1
	CSIZNS  CSI = 2
	CSISLM  CSI = 3 // subsystem local memory
	CSICPNS CSI = 4 // computational programs
)
