// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"encoding/binary"
	"fmt"
)

// Capabilities that drivers look for (PCI Code and ID Assignment, 2 and 3).
const (
	CapabilityPM   = 0x01
	CapabilityMSI  = 0x05
	CapabilityPCIe = 0x10
	CapabilityMSIX = 0x11

	ExtendedAER   = 0x0001
	ExtendedSRIOV = 0x0010
)

// Capability is an entry of a list in config space.
type Capability struct {
	ID       uint16
	Offset   int   // in config space, bytes
	Extended bool  // it is in the list that PCI Express adds
	Version  uint8 // of an extended one
}

var capabilityNames = map[uint16]string{
	0x01: "PM", 0x02: "AGP", 0x03: "VPD", 0x04: "Slot ID", 0x05: "MSI", 0x06: "CompactPCI hot swap",
	0x07: "PCI-X", 0x08: "HyperTransport", 0x09: "vendor", 0x0a: "debug port", 0x0b: "CompactPCI resources",
	0x0c: "hot-plug", 0x0d: "bridge subsystem", 0x0e: "AGP 8x", 0x0f: "secure device", 0x10: "PCIe",
	0x11: "MSI-X", 0x12: "SATA", 0x13: "AF", 0x14: "EA", 0x15: "FPB",
}

var extendedNames = map[uint16]string{
	0x01: "AER", 0x02: "VC", 0x03: "serial number", 0x04: "power budgeting", 0x05: "root complex link",
	0x06: "root complex link control", 0x07: "root complex events", 0x08: "MFVC", 0x09: "VC",
	0x0a: "RCRB", 0x0b: "vendor", 0x0d: "ACS", 0x0e: "ARI", 0x0f: "ATS", 0x10: "SR-IOV", 0x11: "MR-IOV",
	0x12: "multicast", 0x13: "PRI", 0x15: "resizable BAR", 0x16: "DPA", 0x17: "TPH", 0x18: "LTR",
	0x19: "secondary PCIe", 0x1a: "PMUX", 0x1b: "PASID", 0x1c: "LNR", 0x1d: "DPC", 0x1e: "L1 PM substates",
	0x1f: "PTM", 0x20: "M-PCIe", 0x21: "FRS queueing", 0x22: "readiness time", 0x23: "DVSEC",
	0x24: "VF resizable BAR", 0x25: "data link feature", 0x26: "16 GT/s", 0x27: "lane margining",
	0x28: "hierarchy ID", 0x29: "NPEM", 0x2a: "32 GT/s", 0x2b: "alternate protocol", 0x2c: "SFI",
	0x2d: "shadow functions", 0x2e: "DOE", 0x2f: "device 3", 0x30: "IDE", 0x31: "64 GT/s",
}

// Name returns the usual short name, such as MSI-X, or the number.
func (c Capability) Name() string {
	names := capabilityNames
	if c.Extended {
		names = extendedNames
	}
	if n, ok := names[c.ID]; ok {
		return n
	}
	return fmt.Sprintf("%#x", c.ID)
}

// Capabilities returns what the lists in config space name, in their order:
// first the capabilities proper, then the extended ones. cfg is as much of
// config space as could be read: an unprivileged process sees 64 bytes, in
// which there are none. A list that is damaged ends where it is.
func Capabilities(cfg []byte) []Capability {
	return append(listed(cfg), extended(cfg)...)
}

// listed follows the list of PCI Local Bus 3.0, 6.7.
func listed(cfg []byte) (all []Capability) {
	cfg = cfg[:min(len(cfg), ConfigSize)]
	const header = 0x40 // what lies below is no capability
	if len(cfg) < header || binary.LittleEndian.Uint16(cfg[ConfigStatus:])&statusCapabilities == 0 {
		return nil
	}
	pointer := ConfigCapabilities
	if cfg[configHeaderType]&0x7f == 2 { // CardBus bridge
		pointer = 0x14
	}
	var seen [ConfigSize]bool
	for {
		at := int(cfg[pointer] &^ 3)
		if at < header || at+2 > len(cfg) || seen[at] || cfg[at] == 0xff {
			return all
		}
		seen[at] = true
		if cfg[at] != 0 { // a null capability holds a place
			all = append(all, Capability{ID: uint16(cfg[at]), Offset: at})
		}
		pointer = at + 1
	}
}

// extended follows the list of PCI Express Base 6.0, 7.6.3.
func extended(cfg []byte) (all []Capability) {
	cfg = cfg[:min(len(cfg), ConfigSizeExtended)]
	var seen [ConfigSizeExtended]bool
	for at := ConfigSize; at >= ConfigSize && at+4 <= len(cfg) && !seen[at]; {
		h := binary.LittleEndian.Uint32(cfg[at:])
		if h == 0 || h == 0xffffffff {
			break
		}
		seen[at] = true
		if id := uint16(h); id != 0 {
			all = append(all, Capability{ID: id, Offset: at, Extended: true, Version: uint8(h >> 16 & 0xf)})
		}
		at = int(h >> 20 &^ 3)
	}
	return all
}

// FindCapability returns the first one with that number.
func FindCapability(cfg []byte, id uint16, ext bool) (Capability, bool) {
	for _, c := range Capabilities(cfg) {
		if c.ID == id && c.Extended == ext {
			return c, true
		}
	}
	return Capability{}, false
}
