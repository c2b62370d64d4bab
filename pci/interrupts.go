// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"encoding/binary"
	"fmt"
)

// MSIX is the MSI-X capability (PCI Local Bus 3.0, 6.8.2).
type MSIX struct {
	Vectors int
	Enabled bool
	Masked  bool // all vectors
	Table   Place
	PBA     Place // pending bits
}

// Place is somewhere in a BAR.
type Place struct {
	BAR    int
	Offset uint64 // bytes
	Size   uint64 // bytes
}

// ParseMSIX reads the capability at c.
func ParseMSIX(cfg []byte, c Capability) (MSIX, error) {
	const (
		length    = 12
		entrySize = 16
	)
	b, err := within(cfg, c, CapabilityMSIX, length)
	if err != nil {
		return MSIX{}, err
	}
	le := binary.LittleEndian
	control, table, pba := le.Uint16(b[2:]), le.Uint32(b[4:]), le.Uint32(b[8:])
	m := MSIX{Vectors: int(control&0x7ff) + 1, Enabled: control&(1<<15) != 0, Masked: control&(1<<14) != 0}
	m.Table = Place{int(table & 7), uint64(table &^ 7), uint64(m.Vectors) * entrySize}
	m.PBA = Place{int(pba & 7), uint64(pba &^ 7), uint64(m.Vectors+63) / 64 * 8}
	for _, p := range []Place{m.Table, m.PBA} {
		if p.BAR > 5 {
			return MSIX{}, fmt.Errorf("MSI-X capability at %#x: its tables are in BAR %d, and there are 0 to 5", c.Offset, p.BAR)
		}
	}
	return m, nil
}

// MSI is the MSI capability (PCI Local Bus 3.0, 6.8.1).
type MSI struct {
	Vectors int // that the function asks for
	Enabled bool
	Addr64  bool
}

// ParseMSI reads the capability at c.
func ParseMSI(cfg []byte, c Capability) (MSI, error) {
	b, err := within(cfg, c, CapabilityMSI, 4)
	if err != nil {
		return MSI{}, err
	}
	control := binary.LittleEndian.Uint16(b[2:])
	log2 := control >> 1 & 7
	if log2 > 5 {
		return MSI{}, fmt.Errorf("MSI capability at %#x: it asks for 2^%d vectors, and 32 is the most", c.Offset, log2)
	}
	return MSI{Vectors: 1 << log2, Enabled: control&1 != 0, Addr64: control&(1<<7) != 0}, nil
}

// within returns the n bytes of a capability, after looking whether it is the
// one that is wanted.
func within(cfg []byte, c Capability, id uint16, n int) ([]byte, error) {
	if c.Extended || c.ID != id {
		return nil, fmt.Errorf("capability %s at %#x is not %s", c.Name(), c.Offset, Capability{ID: id}.Name())
	}
	if c.Offset < 0 || c.Offset > len(cfg)-n {
		return nil, fmt.Errorf("%s capability at %#x has %d bytes and ends behind config space, which has %d", c.Name(), c.Offset, n, len(cfg))
	}
	return cfg[c.Offset : c.Offset+n], nil
}
