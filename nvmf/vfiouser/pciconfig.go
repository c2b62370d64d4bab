// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/pci"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// Identification of the PCI function. It is the one that C SPDK's vfio-user
// target has, so guests and tools treat both alike.
const (
	PCIVendor = 0x4e58
	PCIDevice = 0x0001
)

// Layout of the PCI function. Base address registers 0 (registers and
// doorbells), 4 (MSI-X table) and 5 (MSI-X pending bits).
const (
	pageSize       = 4096
	doorbellOffset = 0x1000
	doorbellSize   = 0x1000 // 512 queues of each kind
	bar0Size       = 0x4000 // the least that the specification allows
	vectors        = 512
	msiVectors     = 32
	msixTableSize  = vectors * 16
	msixPBASize    = 0x1000
)

func newConfig(msi bool) (*server.Config, error) {
	c := server.ConfigOptions{
		Vendor: PCIVendor, Device: PCIDevice,
		SubVendor:     PCIVendor,
		Class:         pci.ClassNVMe,
		BARs:          [6]server.BAROptions{0: {Size: bar0Size, Is64: true}},
		InterruptPin:  1,
		FunctionReset: true,
	}
	if msi {
		c.MSI = msiVectors
	} else {
		c.BARs[4].Size, c.BARs[5].Size = msixTableSize, msixPBASize
		c.MSIX = &server.MSIXOptions{Vectors: vectors, TableBAR: 4, PBABAR: 5}
	}
	return server.NewConfig(c)
}
