// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// IdentifyNamespaceZNS is what CNSIOCSNamespace returns for the zoned namespace
// command set (Zoned Namespace Command Set specification 1.1, section 4.1.5).
type IdentifyNamespaceZNS struct {
	_ structs.HostLayout

	ZOC     uint16 // bit 0 variable zone capacity, bit 1 zone active excursions
	OZCS    uint16 // bit 0 read across zone boundaries, bit 1 zone random write area
	MAR     uint32 // maximum active resources, 0's based; FFFFFFFFh is no limit
	MOR     uint32 // maximum open resources, 0's based; FFFFFFFFh is no limit
	RRL     uint32 // reset recommended limit in s
	FRL     uint32 // finish recommended limit in s
	RRL1    uint32
	RRL2    uint32
	RRL3    uint32
	FRL1    uint32
	FRL2    uint32
	FRL3    uint32
	NUMZRWA uint32 // zone random write area resources, 0's based
	ZRWAFG  uint16 // ZRWA flush granularity in blocks
	ZRWASZ  uint16 // ZRWA size in blocks
	ZRWACAP uint8  // bit 0: explicit ZRWA flush supported
	_       [2763]byte
	LBAFE   [64]ZoneLBAFormat
	VS      [256]byte
}

// ZoneLBAFormat is the zone part of an LBA format.
type ZoneLBAFormat struct {
	_ structs.HostLayout

	ZSZE uint64 // zone size in blocks
	ZDES uint8  // zone descriptor extension size in 64 bytes
	_    [7]byte
}

// MaxOpenZones returns the maximum number of open zones, 0 for no limit.
func (n *IdentifyNamespaceZNS) MaxOpenZones() uint32 { return n.MOR + 1 }

// MaxActiveZones returns the maximum number of active zones, 0 for no limit.
func (n *IdentifyNamespaceZNS) MaxActiveZones() uint32 { return n.MAR + 1 }

// IdentifyControllerZNS is what CNSIOCSController returns for the zoned
// namespace command set (section 4.1.5).
type IdentifyControllerZNS struct {
	_ structs.HostLayout

	ZASL uint8 // Zone Append size limit, power of two of CAP.MPSMIN pages; 0 is MDTS
	_    [4095]byte
}

// MaxAppendSize returns the largest Zone Append in bytes, 0 when that is what
// MDTS allows. PageSize is CAP.MinPageSize.
func (c *IdentifyControllerZNS) MaxAppendSize(pageSize int) uint64 {
	if c.ZASL == 0 {
		return 0
	}
	return shiftOrMax(uint64(pageSize), c.ZASL)
}
