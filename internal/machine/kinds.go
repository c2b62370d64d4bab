// SPDX-License-Identifier: BSD-3-Clause

package machine

import "github.com/gospdk/gospdk/pci"

// Kinds of functions that SPDK's drivers are for.
const (
	KindNVMe   = "NVMe"
	KindVirtio = "virtio"
	KindIOAT   = "I/OAT"
	KindVMD    = "VMD"
	KindDSA    = "DSA"
	KindIAA    = "IAA"
	KindAE4DMA = "AE4DMA"
)

const (
	vendorIntel  = 0x8086
	vendorAMD    = 0x1022
	vendorVirtio = 0x1af4
)

// virtio device ids (Virtual I/O Device 1.2, 4.1.2): 0x1000 and up for
// transitional devices, 0x1040 plus the device's type for the others.
const virtioFS = 0x105a

var virtioDevices = map[uint16]bool{
	0x1001:   true, // block, transitional
	0x1004:   true, // SCSI, transitional
	0x1017:   true, // vhost-user
	0x1042:   true, // block
	0x1048:   true, // SCSI
	virtioFS: true,
}

// intelDevices are the accelerators and volume management devices.
var intelDevices = map[uint16]string{
	0x0b25: KindDSA, 0x1212: KindDSA,
	0x0cfe: KindIAA, 0x1216: KindIAA,
	0x201d: KindVMD, 0x28c0: KindVMD,
	0x2021: KindIOAT, // Skylake
	0x0b00: KindIOAT, // Ice Lake
}

// ioatRanges are the I/OAT functions of the processors that have several,
// first to last.
var ioatRanges = [][2]uint16{
	{0x3c20, 0x3c27}, {0x3c2e, 0x3c2f}, // Sandy Bridge
	{0x0e20, 0x0e27}, {0x0e2e, 0x0e2f}, // Ivy Bridge
	{0x2f20, 0x2f27}, {0x2f2e, 0x2f2f}, // Haswell
	{0x0c50, 0x0c53},                   // Briarwood
	{0x6f50, 0x6f53},                   // Broadwell DE
	{0x6f20, 0x6f27}, {0x6f2e, 0x6f2f}, // Broadwell
}

// Kind returns what a function is to SPDK, "" if SPDK has no driver for it.
func Kind(id pci.ID) string {
	if id.Class == pci.ClassNVMe {
		return KindNVMe
	}
	switch id.Vendor {
	case vendorIntel:
		if k := intelDevices[id.Device]; k != "" {
			return k
		}
		for _, r := range ioatRanges {
			if r[0] <= id.Device && id.Device <= r[1] {
				return KindIOAT
			}
		}
	case vendorVirtio:
		if virtioDevices[id.Device] {
			return KindVirtio
		}
	case vendorAMD:
		if id.Device == 0x14dc || id.Device == 0x149b {
			return KindAE4DMA
		}
	}
	return ""
}

// kernelDrivers are the kernel's own drivers of each kind.
var kernelDrivers = map[string]string{
	KindNVMe:   "nvme",
	KindVirtio: "virtio-pci",
	KindIOAT:   "ioatdma",
	KindVMD:    "vmd",
	KindDSA:    "idxd",
	KindIAA:    "idxd",
	KindAE4DMA: "ae4dma",
}

// UserDriver tells whether a driver hands its function to user space.
func UserDriver(driver string) bool {
	switch driver {
	case "vfio-pci", "uio_pci_generic", "igb_uio":
		return true
	}
	return false
}
