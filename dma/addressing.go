// SPDX-License-Identifier: BSD-3-Clause

package dma

// Addressing says which addresses a device takes for memory.
type Addressing uint8

const (
	// Virtual: the I/O address of a byte is its virtual address. A vfio-user
	// server and an IOMMU (VFIO) translate it.
	Virtual Addressing = iota
	// Physical: nothing translates what the device puts on the bus (UIO,
	// VFIO without an IOMMU). Only hugepages have physical addresses that
	// stay.
	Physical
)

func (a Addressing) String() string {
	if a == Physical {
		return "physical"
	}
	return "virtual"
}
