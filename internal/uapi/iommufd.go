// SPDX-License-Identifier: BSD-3-Clause

package uapi

import (
	"structs"
	"unsafe"
)

// Ioctls of /dev/iommu (linux/iommufd.h).
const (
	iommufdBase = ioTypeVFIO<<ioTypeShift | 0x80

	IOMMUDestroy        = iommufdBase + 0
	IOMMUIOASAlloc      = iommufdBase + 1
	IOMMUIOASIOVARanges = iommufdBase + 4
	IOMMUIOASMap        = iommufdBase + 5
	IOMMUIOASUnmap      = iommufdBase + 6
)

// IOMMUDestroyArg is the argument of IOMMUDestroy.
type IOMMUDestroyArg struct {
	_    structs.HostLayout
	Size uint32
	ID   uint32
}

// IOMMUIOASAllocArg is the argument of IOMMUIOASAlloc.
type IOMMUIOASAllocArg struct {
	_         structs.HostLayout
	Size      uint32
	Flags     uint32
	OutIOASID uint32
}

// IOMMUIOVARange is a range of I/O addresses.
type IOMMUIOVARange struct {
	_     structs.HostLayout
	Start uint64
	Last  uint64
}

// IOMMUIOVARangesArg is the argument of IOMMUIOASIOVARanges. NumIOVAs is the
// length of the array that AllowedIOVAs points to, then the number of ranges.
type IOMMUIOVARangesArg struct {
	_                structs.HostLayout
	Size             uint32
	IOASID           uint32
	NumIOVAs         uint32
	_                uint32
	AllowedIOVAs     uint64
	OutIOVAAlignment uint64
}

// IOMMUIOASMapArg is the argument of IOMMUIOASMap.
type IOMMUIOASMapArg struct {
	_      structs.HostLayout
	Size   uint32
	Flags  uint32
	IOASID uint32
	_      uint32
	UserVA uint64
	Length uint64
	IOVA   uint64
}

// Flags of IOMMUIOASMapArg.
const (
	IOMMUMapFixedIOVA = 1 << 0
	IOMMUMapWriteable = 1 << 1
	IOMMUMapReadable  = 1 << 2
)

// IOMMUIOASUnmapArg is the argument of IOMMUIOASUnmap; Length becomes what
// was unmapped.
type IOMMUIOASUnmapArg struct {
	_      structs.HostLayout
	Size   uint32
	IOASID uint32
	IOVA   uint64
	Length uint64
}

// The sizes are the kernel's: each line fails to compile if one is not.
var (
	_ [8]byte  = [unsafe.Sizeof(IOMMUDestroyArg{})]byte{}
	_ [12]byte = [unsafe.Sizeof(IOMMUIOASAllocArg{})]byte{}
	_ [16]byte = [unsafe.Sizeof(IOMMUIOVARange{})]byte{}
	_ [32]byte = [unsafe.Sizeof(IOMMUIOVARangesArg{})]byte{}
	_ [40]byte = [unsafe.Sizeof(IOMMUIOASMapArg{})]byte{}
	_ [24]byte = [unsafe.Sizeof(IOMMUIOASUnmapArg{})]byte{}
)
