// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"slices"
	"structs"
)

// NamespaceList is a list of namespace ids in increasing order; the first zero
// ends it (section 4.4.2).
type NamespaceList [1024]uint32

// IDs returns the ids up to the end of the list. The slice aliases l.
func (l *NamespaceList) IDs() []uint32 {
	if i := slices.Index(l[:], 0); i >= 0 {
		return l[:i]
	}
	return l[:]
}

// ControllerList is a list of controller ids in increasing order (section
// 4.4.1).
type ControllerList struct {
	_ structs.HostLayout

	NUMCNTL uint16 // number of ids
	CNTLID  [2047]uint16
}

// IDs returns the ids of the list. The slice aliases l.
func (l *ControllerList) IDs() []uint16 { return l.CNTLID[:min(int(l.NUMCNTL), len(l.CNTLID))] }

// Append adds an id and reports whether there was room.
func (l *ControllerList) Append(id uint16) bool {
	if int(l.NUMCNTL) >= len(l.CNTLID) {
		return false
	}
	l.CNTLID[l.NUMCNTL] = id
	l.NUMCNTL++
	return true
}

// IOCommandSets is the Identify I/O Command Set data structure (CNS 1Ch,
// section 5.17.2): combinations of command sets, each a bit a CSI.
type IOCommandSets [512]uint64

// PrimaryControllerCapabilities is what CNSPrimaryController returns (section
// 5.17.2).
type PrimaryControllerCapabilities struct {
	_ structs.HostLayout

	CNTLID uint16 // controller id
	PORTID uint16 // port id
	CRT    uint8  // bit 0 queue resources, bit 1 interrupt resources
	_      [27]byte
	VQFRT  uint32 // queue flexible resources, total
	VQRFA  uint32 // assigned to secondary controllers
	VQRFAP uint16 // allocated to the primary controller
	VQPRT  uint16 // queue private resources
	VQFRSM uint16 // largest number for a secondary controller
	VQGRAN uint16 // preferred granularity
	_      [16]byte
	VIFRT  uint32 // interrupt flexible resources, total
	VIRFA  uint32 // assigned to secondary controllers
	VIRFAP uint16 // allocated to the primary controller
	VIPRT  uint16 // interrupt private resources
	VIFRSM uint16 // largest number for a secondary controller
	VIGRAN uint16 // preferred granularity
	_      [4016]byte
}

// SecondaryControllerList is what CNSSecondaryControllers returns (section
// 5.17.2).
type SecondaryControllerList struct {
	_ structs.HostLayout

	NUMID   uint8 // number of entries
	_       [31]byte
	Entries [127]SecondaryController
}

// SecondaryController is an entry of SecondaryControllerList.
type SecondaryController struct {
	_ structs.HostLayout

	SCID uint16 // secondary controller id
	PCID uint16 // primary controller id
	SCS  uint8  // bit 0: online
	_    [3]byte
	VFN  uint16 // virtual function number
	NVQ  uint16 // queue flexible resources
	NVI  uint16 // interrupt flexible resources
	_    [18]byte
}

// NamespaceGranularityList is what CNSNamespaceGranularity returns (NVM Command
// Set specification 1.0, section 4.1.5).
type NamespaceGranularityList struct {
	_ structs.HostLayout

	NGA uint32 // bit 0: a descriptor for each LBA format
	NOD uint8  // number of descriptors, 0's based
	_   [27]byte
	NGD [16]NamespaceGranularity
	_   [3808]byte
}

// NamespaceGranularity is an entry of NamespaceGranularityList, in bytes.
type NamespaceGranularity struct {
	_ structs.HostLayout

	NSG uint64 // namespace size granularity
	NCG uint64 // namespace capacity granularity
}

// UUIDList is what CNSUUIDList returns (section 5.17.2). The first entry is
// index 1 of a command's UUID index.
type UUIDList struct {
	_ structs.HostLayout

	_       [32]byte
	Entries [127]UUIDEntry
}

// UUIDEntry is an entry of UUIDList.
type UUIDEntry struct {
	_ structs.HostLayout

	Header uint8 // bits 1:0: 1 the PCI vendor, 2 the PCI subsystem vendor
	_      [15]byte
	UUID   [16]byte
}

// NVMSetList is what CNSNVMSets returns (section 5.17.2).
type NVMSetList struct {
	_ structs.HostLayout

	NUMID   uint8 // number of entries
	_       [127]byte
	Entries [31]NVMSet
}

// NVMSet is an entry of NVMSetList.
type NVMSet struct {
	_ structs.HostLayout

	NVMSETID uint16 // NVM set id
	ENDGID   uint16 // endurance group id
	_        [4]byte
	RR4KT    uint32  // random 4 KiB read typical in 100 ns
	OWS      uint32  // optimal write size in bytes
	TNVMSETC Uint128 // total capacity in bytes
	UNVMSETC Uint128 // unallocated capacity in bytes
	_        [80]byte
}

// EnduranceGroupList is what CNSEnduranceGroups returns (section 5.17.2).
type EnduranceGroupList struct {
	_ structs.HostLayout

	NUMID  uint16 // number of ids
	ENDGID [2047]uint16
}

// DomainList is what CNSDomains returns (section 5.17.2).
type DomainList struct {
	_ structs.HostLayout

	NUMID   uint8 // number of entries
	_       [127]byte
	Entries [31]Domain
}

// Domain is an entry of DomainList.
type Domain struct {
	_ structs.HostLayout

	DID   uint16 // domain id
	_     [14]byte
	DCAP  Uint128 // capacity in bytes
	UDCAP Uint128 // unallocated capacity in bytes
	MEGDC Uint128 // largest endurance group in bytes
	_     [64]byte
}
