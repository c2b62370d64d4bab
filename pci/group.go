// SPDX-License-Identifier: BSD-3-Clause

package pci

import "strings"

// LetsGroupGo tells whether a function that the driver holds ("" for none)
// leaves its IOMMU group to user space: VFIO's own drivers, and those that do
// no DMA, set driver_managed_dma (Linux, Documentation/driver-api/vfio.rst,
// "Groups, Devices, and IOMMUs").
func LetsGroupGo(driver string) bool {
	return driver == "" || driver == "pci-stub" || driver == "pcieport" || strings.Contains(driver, "vfio")
}
