// SPDX-License-Identifier: BSD-3-Clause

// Package pcinames knows what PCI classes, vendors and devices are called.
package pcinames

import "fmt"

// classes are base class, sub-class and programming interface (PCI Code and
// ID Assignment 1.14, 1). The most exact entry counts.
var classes = map[string]string{
	"00": "Unclassified device", "0001": "VGA-compatible unclassified device",
	"01": "Mass storage controller", "0100": "SCSI storage controller", "0101": "IDE interface", "0102": "Floppy disk controller",
	"0103": "IPI bus controller", "0104": "RAID bus controller", "0105": "ATA controller",
	"0106": "SATA controller", "010601": "SATA controller (AHCI)", "0107": "Serial attached SCSI controller",
	"0108": "Non-volatile memory controller", "010801": "NVMHCI controller", "010802": "NVMe controller", "010803": "NVMe administrative controller",
	"0109": "UFS controller",
	"02":   "Network controller", "0200": "Ethernet controller", "0201": "Token ring controller", "0202": "FDDI controller",
	"0203": "ATM controller", "0204": "ISDN controller", "0206": "PICMG controller", "0207": "InfiniBand controller", "0208": "Fabric controller",
	"03": "Display controller", "0300": "VGA-compatible controller", "0301": "XGA-compatible controller", "0302": "3D controller",
	"04": "Multimedia controller", "0400": "Multimedia video controller", "0401": "Multimedia audio controller", "0403": "Audio device",
	"05": "Memory controller", "0500": "RAM", "0501": "Flash memory", "0502": "CXL memory device",
	"06": "Bridge", "0600": "Host bridge", "0601": "ISA bridge", "0602": "EISA bridge", "0604": "PCI bridge", "0605": "PCMCIA bridge",
	"0607": "CardBus bridge", "0609": "Semi-transparent PCI bridge", "060a": "InfiniBand bridge", "0680": "Other bridge",
	"07": "Communication controller", "0700": "Serial controller", "0701": "Parallel controller", "0702": "Multiport serial controller", "0703": "Modem",
	"08": "System peripheral", "0800": "Interrupt controller", "0801": "DMA controller", "0802": "Timer", "0803": "Real-time clock",
	"0804": "PCI hot-plug controller", "0805": "SD host controller", "0806": "IOMMU", "0807": "Root complex event collector",
	"09": "Input device controller", "0900": "Keyboard controller", "0902": "Mouse controller",
	"0a": "Docking station", "0b": "Processor", "0b40": "Co-processor",
	"0c": "Serial bus controller", "0c00": "FireWire controller", "0c03": "USB controller", "0c0300": "USB controller (UHCI)",
	"0c0310": "USB controller (OHCI)", "0c0320": "USB controller (EHCI)", "0c0330": "USB controller (XHCI)", "0c0340": "USB4 host interface",
	"0c04": "Fibre channel", "0c05": "SMBus", "0c06": "InfiniBand", "0c07": "IPMI interface", "0c09": "CAN bus",
	"0d": "Wireless controller", "0d11": "Bluetooth controller", "0d80": "Other wireless controller",
	"0e": "Intelligent controller", "0f": "Satellite communications controller",
	"10": "Encryption controller", "11": "Signal processing controller", "12": "Processing accelerator", "13": "Non-essential instrumentation",
	"40": "Co-processor", "ff": "Unassigned class",
}

// Class returns the name of a class code 0xccsspp, as exactly as it is known.
func Class(class uint32) string {
	code := fmt.Sprintf("%06x", class)
	for n := len(code); n > 0; n -= 2 {
		if name, ok := classes[code[:n]]; ok {
			return name
		}
	}
	return "Class " + code[:4]
}
