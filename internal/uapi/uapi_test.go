// SPDX-License-Identifier: BSD-3-Clause

package uapi

import (
	"testing"
	"unsafe"
)

// TestIoctlNumbers holds numbers that a C compiler gave for the headers.
func TestIoctlNumbers(t *testing.T) {
	for name, n := range map[string]struct{ got, want uint32 }{
		"VFIO_GET_API_VERSION":          {VFIOGetAPIVersion, 0x3b64},
		"VFIO_CHECK_EXTENSION":          {VFIOCheckExtension, 0x3b65},
		"VFIO_SET_IOMMU":                {VFIOSetIOMMU, 0x3b66},
		"VFIO_GROUP_GET_STATUS":         {VFIOGroupGetStatus, 0x3b67},
		"VFIO_GROUP_SET_CONTAINER":      {VFIOGroupSetContainer, 0x3b68},
		"VFIO_GROUP_UNSET_CONTAINER":    {VFIOGroupUnsetContainer, 0x3b69},
		"VFIO_GROUP_GET_DEVICE_FD":      {VFIOGroupGetDeviceFD, 0x3b6a},
		"VFIO_DEVICE_GET_INFO":          {VFIODeviceGetInfo, 0x3b6b},
		"VFIO_DEVICE_GET_REGION_INFO":   {VFIODeviceGetRegionInfo, 0x3b6c},
		"VFIO_DEVICE_GET_IRQ_INFO":      {VFIODeviceGetIRQInfo, 0x3b6d},
		"VFIO_DEVICE_SET_IRQS":          {VFIODeviceSetIRQs, 0x3b6e},
		"VFIO_DEVICE_RESET":             {VFIODeviceReset, 0x3b6f},
		"VFIO_IOMMU_GET_INFO":           {VFIOIOMMUGetInfo, 0x3b70},
		"VFIO_IOMMU_MAP_DMA":            {VFIOIOMMUMapDMA, 0x3b71},
		"VFIO_IOMMU_UNMAP_DMA":          {VFIOIOMMUUnmapDMA, 0x3b72},
		"VFIO_DEVICE_BIND_IOMMUFD":      {VFIODeviceBindIOMMUFD, 0x3b76},
		"VFIO_DEVICE_ATTACH_IOMMUFD_PT": {VFIODeviceAttachIOMMUFD, 0x3b77},
		"VFIO_DEVICE_DETACH_IOMMUFD_PT": {VFIODeviceDetachIOMMUFD, 0x3b78},
		"IOMMU_DESTROY":                 {IOMMUDestroy, 0x3b80},
		"IOMMU_IOAS_ALLOC":              {IOMMUIOASAlloc, 0x3b81},
		"IOMMU_IOAS_IOVA_RANGES":        {IOMMUIOASIOVARanges, 0x3b84},
		"IOMMU_IOAS_MAP":                {IOMMUIOASMap, 0x3b85},
		"IOMMU_IOAS_UNMAP":              {IOMMUIOASUnmap, 0x3b86},
	} {
		if n.got != n.want {
			t.Errorf("%s is %#x, want %#x", name, n.got, n.want)
		}
	}
}

func TestOffsets(t *testing.T) {
	for name, o := range map[string]struct{ got, want uintptr }{
		"vfio_region_info.size":          {unsafe.Offsetof(VFIORegionInfo{}.Size), 16},
		"vfio_region_info.offset":        {unsafe.Offsetof(VFIORegionInfo{}.Offset), 24},
		"vfio_device_info.cap_offset":    {unsafe.Offsetof(VFIODeviceInfo{}.CapOffset), 16},
		"vfio_iommu_type1_info.pgsizes":  {unsafe.Offsetof(VFIOType1Info{}.IOVAPgSizes), 8},
		"vfio_iommu_type1_info.cap":      {unsafe.Offsetof(VFIOType1Info{}.CapOffset), 16},
		"vfio_dma_map.iova":              {unsafe.Offsetof(VFIODMAMap{}.IOVA), 16},
		"vfio_bind_iommufd.out_devid":    {unsafe.Offsetof(VFIOBindIOMMUFD{}.OutDevID), 12},
		"iommu_ioas_iova_ranges.allowed": {unsafe.Offsetof(IOMMUIOVARangesArg{}.AllowedIOVAs), 16},
		"iommu_ioas_map.user_va":         {unsafe.Offsetof(IOMMUIOASMapArg{}.UserVA), 16},
		"iommu_ioas_map.iova":            {unsafe.Offsetof(IOMMUIOASMapArg{}.IOVA), 32},
		"iommu_ioas_unmap.length":        {unsafe.Offsetof(IOMMUIOASUnmapArg{}.Length), 16},
	} {
		if o.got != o.want {
			t.Errorf("%s is at %d, want %d", name, o.got, o.want)
		}
	}
}
