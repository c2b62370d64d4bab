// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "structs"

// SGLType is bits 7:4 of an SGL descriptor's identifier (section 4.1.2).
type SGLType uint8

// SGL descriptor types.
const (
	SGLTypeDataBlock          SGLType = 0x0
	SGLTypeBitBucket          SGLType = 0x1
	SGLTypeSegment            SGLType = 0x2
	SGLTypeLastSegment        SGLType = 0x3
	SGLTypeKeyedDataBlock     SGLType = 0x4
	SGLTypeTransportDataBlock SGLType = 0x5
	SGLTypeVendorSpecific     SGLType = 0xf
)

// SGLSubtype is bits 3:0 of an SGL descriptor's identifier.
type SGLSubtype uint8

// SGL descriptor subtypes.
const (
	SGLSubtypeAddress       SGLSubtype = 0x0
	SGLSubtypeOffset        SGLSubtype = 0x1
	SGLSubtypeTransport     SGLSubtype = 0xa
	SGLSubtypeInvalidateKey SGLSubtype = 0xf // of a keyed data block
)

// SGLDescriptorSize is the size in bytes of an SGL descriptor.
const SGLDescriptorSize = 16

// SGLDescriptor is an SGL descriptor (section 4.1.2). The fields are those of
// the unkeyed kinds. A keyed data block has a 24-bit length and a 32-bit key in
// the place of Length and Reserved: use KeyedLength, Key and NewKeyedSGL.
type SGLDescriptor struct {
	_ structs.HostLayout

	Address    uint64
	Length     uint32
	Reserved   [3]uint8
	Identifier uint8 // type in bits 7:4, subtype in bits 3:0
}

// NewSGL returns an unkeyed descriptor. Length is in bytes.
func NewSGL(t SGLType, sub SGLSubtype, address uint64, length uint32) SGLDescriptor {
	return SGLDescriptor{Address: address, Length: length, Identifier: uint8(t)<<4 | uint8(sub)&0xf}
}

// NewKeyedSGL returns a keyed data block descriptor. Length is in bytes, less
// than 16 MiB; key is the remote key of the transport.
func NewKeyedSGL(sub SGLSubtype, address uint64, length, key uint32) SGLDescriptor {
	return SGLDescriptor{
		Address:    address,
		Length:     length&0xffffff | key<<24,
		Reserved:   [3]uint8{uint8(key >> 8), uint8(key >> 16), uint8(key >> 24)},
		Identifier: uint8(SGLTypeKeyedDataBlock)<<4 | uint8(sub)&0xf,
	}
}

// Type returns the descriptor's type.
func (d SGLDescriptor) Type() SGLType { return SGLType(d.Identifier >> 4) }

// Subtype returns the descriptor's subtype.
func (d SGLDescriptor) Subtype() SGLSubtype { return SGLSubtype(d.Identifier & 0xf) }

// KeyedLength returns the length in bytes of a keyed data block.
func (d SGLDescriptor) KeyedLength() uint32 { return d.Length & 0xffffff }

// Key returns the key of a keyed data block.
func (d SGLDescriptor) Key() uint32 {
	return d.Length>>24 | uint32(d.Reserved[0])<<8 | uint32(d.Reserved[1])<<16 | uint32(d.Reserved[2])<<24
}
