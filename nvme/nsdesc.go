// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "fmt"

// Types of namespace identification descriptors (section 5.17.2).
const (
	NIDTypeEUI64 uint8 = 1 // 8 bytes
	NIDTypeNGUID uint8 = 2 // 16 bytes
	NIDTypeUUID  uint8 = 3 // 16 bytes
	NIDTypeCSI   uint8 = 4 // 1 byte
)

// NamespaceDescriptors are the identifiers of a namespace, what
// CNSNamespaceDescriptors returns. An identifier of zeroes is absent.
type NamespaceDescriptors struct {
	EUI64  [8]byte
	NGUID  [16]byte
	UUID   [16]byte
	CSI    CSI
	HasCSI bool
}

// nidLength returns the length of a type's identifier, 0 if the type is not
// known.
func nidLength(nidt uint8) int {
	switch nidt {
	case NIDTypeEUI64:
		return 8
	case NIDTypeNGUID, NIDTypeUUID:
		return 16
	case NIDTypeCSI:
		return 1
	}
	return 0
}

// ParseNamespaceDescriptors reads a list of namespace identification
// descriptors. It passes over types that it does not know and fails on a
// descriptor that is cut off or has the wrong length for its type, returning
// what stood before it.
func ParseNamespaceDescriptors(p []byte) (NamespaceDescriptors, error) {
	var d NamespaceDescriptors
	for off := 0; off+4 <= len(p) && p[off+1] != 0; {
		nidt, nidl := p[off], int(p[off+1])
		if off+4+nidl > len(p) {
			return d, fmt.Errorf("nvme: namespace identification descriptor at byte %d: length %d, only %d bytes are left", off, nidl, len(p)-off-4)
		}
		if want := nidLength(nidt); want != 0 && nidl != want {
			return d, fmt.Errorf("nvme: namespace identification descriptor at byte %d: length %d, type %d has %d", off, nidl, nidt, want)
		}
		nid := p[off+4 : off+4+nidl]
		switch nidt {
		case NIDTypeEUI64:
			copy(d.EUI64[:], nid)
		case NIDTypeNGUID:
			copy(d.NGUID[:], nid)
		case NIDTypeUUID:
			copy(d.UUID[:], nid)
		case NIDTypeCSI:
			d.CSI, d.HasCSI = CSI(nid[0]), true
		}
		off += 4 + nidl
	}
	return d, nil
}

// Append appends the descriptors in wire form to p.
func (d *NamespaceDescriptors) Append(p []byte) []byte {
	add := func(nidt uint8, nid []byte) {
		p = append(p, nidt, uint8(len(nid)), 0, 0)
		p = append(p, nid...)
	}
	if d.EUI64 != [8]byte{} {
		add(NIDTypeEUI64, d.EUI64[:])
	}
	if d.NGUID != [16]byte{} {
		add(NIDTypeNGUID, d.NGUID[:])
	}
	if d.UUID != [16]byte{} {
		add(NIDTypeUUID, d.UUID[:])
	}
	if d.HasCSI {
		add(NIDTypeCSI, []byte{byte(d.CSI)})
	}
	return p
}
