// SPDX-License-Identifier: BSD-3-Clause

package uapi

import (
	"structs"
	"unsafe"
)

// Ioctls of VFIO (linux/vfio.h). Those of the container, a group, a device
// and the type 1 IOMMU share one range of numbers.
const (
	vfioBase = ioTypeVFIO<<ioTypeShift | 100

	VFIOGetAPIVersion  = vfioBase + 0
	VFIOCheckExtension = vfioBase + 1
	VFIOSetIOMMU       = vfioBase + 2

	VFIOGroupGetStatus      = vfioBase + 3
	VFIOGroupSetContainer   = vfioBase + 4
	VFIOGroupUnsetContainer = vfioBase + 5
	VFIOGroupGetDeviceFD    = vfioBase + 6

	VFIODeviceGetInfo       = vfioBase + 7
	VFIODeviceGetRegionInfo = vfioBase + 8
	VFIODeviceGetIRQInfo    = vfioBase + 9
	VFIODeviceSetIRQs       = vfioBase + 10
	VFIODeviceReset         = vfioBase + 11
	VFIODeviceBindIOMMUFD   = vfioBase + 18
	VFIODeviceAttachIOMMUFD = vfioBase + 19
	VFIODeviceDetachIOMMUFD = vfioBase + 20

	VFIOIOMMUGetInfo  = vfioBase + 12
	VFIOIOMMUMapDMA   = vfioBase + 13
	VFIOIOMMUUnmapDMA = vfioBase + 14
)

// VFIOAPIVersion is what VFIOGetAPIVersion returns.
const VFIOAPIVersion = 0

// Extensions, of which some are the kinds of IOMMU for VFIOSetIOMMU.
const (
	VFIOType1IOMMU   = 1
	VFIOType1v2IOMMU = 3
	VFIONoIOMMU      = 8
)

// VFIOInfoCapHeader starts a capability in the answer of a GetInfo ioctl.
type VFIOInfoCapHeader struct {
	_       structs.HostLayout
	ID      uint16
	Version uint16
	Next    uint32 // offset of the next one in the answer, 0 at the last
}

// VFIOGroupStatus is the answer of VFIOGroupGetStatus.
type VFIOGroupStatus struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
}

// Flags of VFIOGroupStatus.
const (
	VFIOGroupViable       = 1 << 0
	VFIOGroupContainerSet = 1 << 1
)

// VFIODeviceInfo is the answer of VFIODeviceGetInfo.
type VFIODeviceInfo struct {
	_          structs.HostLayout
	ArgSize    uint32
	Flags      uint32
	NumRegions uint32
	NumIRQs    uint32
	CapOffset  uint32
	_          uint32
}

// Flags of VFIODeviceInfo.
const (
	VFIODeviceFlagReset = 1 << 0
	VFIODeviceFlagPCI   = 1 << 1
	VFIODeviceFlagCaps  = 1 << 7
)

// VFIORegionInfo is the answer of VFIODeviceGetRegionInfo. Index is asked
// for.
type VFIORegionInfo struct {
	_         structs.HostLayout
	ArgSize   uint32
	Flags     uint32
	Index     uint32
	CapOffset uint32
	Size      uint64
	Offset    uint64 // in the device's file
}

// Flags of VFIORegionInfo.
const (
	VFIORegionRead  = 1 << 0
	VFIORegionWrite = 1 << 1
	VFIORegionMmap  = 1 << 2
	VFIORegionCaps  = 1 << 3
)

// Capabilities of VFIORegionInfo.
const (
	VFIORegionCapSparseMmap   = 1
	VFIORegionCapMSIXMappable = 3
)

// VFIOSparseMmapHeader follows the header of a VFIORegionCapSparseMmap; the
// areas follow it.
type VFIOSparseMmapHeader struct {
	_       structs.HostLayout
	NrAreas uint32
	_       uint32
}

// VFIOSparseMmapArea is a part of a region that may be mapped.
type VFIOSparseMmapArea struct {
	_      structs.HostLayout
	Offset uint64 // in the region
	Size   uint64
}

// VFIOIRQInfo is the answer of VFIODeviceGetIRQInfo. Index is asked for.
type VFIOIRQInfo struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
	Index   uint32
	Count   uint32
}

// Flags of VFIOIRQInfo.
const (
	VFIOIRQEventFD    = 1 << 0
	VFIOIRQMaskable   = 1 << 1
	VFIOIRQAutoMasked = 1 << 2
	VFIOIRQNoResize   = 1 << 3
)

// VFIOIRQSet is the argument of VFIODeviceSetIRQs; its data follow.
type VFIOIRQSet struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
	Index   uint32
	Start   uint32
	Count   uint32
}

// Flags of VFIOIRQSet.
const (
	VFIOIRQSetDataNone      = 1 << 0
	VFIOIRQSetDataBool      = 1 << 1
	VFIOIRQSetDataEventFD   = 1 << 2
	VFIOIRQSetActionMask    = 1 << 3
	VFIOIRQSetActionUnmask  = 1 << 4
	VFIOIRQSetActionTrigger = 1 << 5
)

// Regions of a PCI function; base address registers are 0 to 5.
const (
	VFIOPCIROMRegion    = 6
	VFIOPCIConfigRegion = 7
)

// Kinds of interrupts of a PCI function.
const (
	VFIOPCIINTxIRQ = 0
	VFIOPCIMSIIRQ  = 1
	VFIOPCIMSIXIRQ = 2
	VFIOPCIErrIRQ  = 3
	VFIOPCIReqIRQ  = 4
)

// VFIOType1Info is the answer of VFIOIOMMUGetInfo.
type VFIOType1Info struct {
	_           structs.HostLayout
	ArgSize     uint32
	Flags       uint32
	IOVAPgSizes uint64 // bit mask
	CapOffset   uint32
	_           uint32
}

// Flags of VFIOType1Info.
const (
	VFIOType1InfoPgSizes = 1 << 0
	VFIOType1InfoCaps    = 1 << 1
)

// Capabilities of VFIOType1Info.
const (
	VFIOType1CapIOVARange = 1
	VFIOType1CapDMAAvail  = 3
)

// VFIOIOVARangeHeader follows the header of a VFIOType1CapIOVARange; the
// ranges follow it.
type VFIOIOVARangeHeader struct {
	_       structs.HostLayout
	NrIOVAs uint32
	_       uint32
}

// VFIOIOVARange is a range of I/O addresses.
type VFIOIOVARange struct {
	_     structs.HostLayout
	Start uint64
	End   uint64 // the last one
}

// VFIODMAMap is the argument of VFIOIOMMUMapDMA.
type VFIODMAMap struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
	Vaddr   uint64
	IOVA    uint64
	Size    uint64
}

// Flags of VFIODMAMap.
const (
	VFIODMAMapRead  = 1 << 0
	VFIODMAMapWrite = 1 << 1
)

// VFIODMAUnmap is the argument of VFIOIOMMUUnmapDMA; Size becomes what was
// unmapped.
type VFIODMAUnmap struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
	IOVA    uint64
	Size    uint64
}

// VFIOBindIOMMUFD is the argument of VFIODeviceBindIOMMUFD.
type VFIOBindIOMMUFD struct {
	_        structs.HostLayout
	ArgSize  uint32
	Flags    uint32
	IOMMUFD  int32
	OutDevID uint32
}

// VFIOAttachIOMMUFD is the argument of VFIODeviceAttachIOMMUFD, as it was
// before PASIDs. PTID becomes the page table that the kernel has chosen.
type VFIOAttachIOMMUFD struct {
	_       structs.HostLayout
	ArgSize uint32
	Flags   uint32
	PTID    uint32
}

// The sizes are the kernel's: each line fails to compile if one is not.
var (
	_ [8]byte  = [unsafe.Sizeof(VFIOInfoCapHeader{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(VFIOGroupStatus{})]byte{}
	_ [24]byte = [unsafe.Sizeof(VFIODeviceInfo{})]byte{}
	_ [32]byte = [unsafe.Sizeof(VFIORegionInfo{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(VFIOSparseMmapHeader{})]byte{}
	_ [16]byte = [unsafe.Sizeof(VFIOSparseMmapArea{})]byte{}
	_ [16]byte = [unsafe.Sizeof(VFIOIRQInfo{})]byte{}
	_ [20]byte = [unsafe.Sizeof(VFIOIRQSet{})]byte{}
	_ [24]byte = [unsafe.Sizeof(VFIOType1Info{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(VFIOIOVARangeHeader{})]byte{}
	_ [16]byte = [unsafe.Sizeof(VFIOIOVARange{})]byte{}
	_ [32]byte = [unsafe.Sizeof(VFIODMAMap{})]byte{}
	_ [24]byte = [unsafe.Sizeof(VFIODMAUnmap{})]byte{}
	_ [16]byte = [unsafe.Sizeof(VFIOBindIOMMUFD{})]byte{}
	_ [12]byte = [unsafe.Sizeof(VFIOAttachIOMMUFD{})]byte{}
)
