// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"structs"
)

// Protection information as it stands in metadata, most significant byte first
// (NVM Command Set specification 1.0, section 5.2.1). The tag space holds the
// storage tag in its high bits, as many as ExtendedLBAFormat.STS says, and the
// reference tag in the rest.

// PI16 is protection information with a 16-bit guard.
type PI16 struct {
	_ structs.HostLayout

	GUARD [2]byte
	APP   [2]byte
	TAG   [4]byte
}

// PI32 is protection information with a 32-bit guard.
type PI32 struct {
	_ structs.HostLayout

	GUARD [4]byte
	APP   [2]byte
	TAG   [10]byte
}

// PI64 is protection information with a 64-bit guard.
type PI64 struct {
	_ structs.HostLayout

	GUARD [8]byte
	APP   [2]byte
	TAG   [6]byte
}

// Guard returns the guard.
func (p *PI16) Guard() uint16 { return binary.BigEndian.Uint16(p.GUARD[:]) }

// SetGuard sets the guard.
func (p *PI16) SetGuard(v uint16) { binary.BigEndian.PutUint16(p.GUARD[:], v) }

// AppTag returns the application tag.
func (p *PI16) AppTag() uint16 { return binary.BigEndian.Uint16(p.APP[:]) }

// SetAppTag sets the application tag.
func (p *PI16) SetAppTag(v uint16) { binary.BigEndian.PutUint16(p.APP[:], v) }

// RefTag returns the tag space, which is the reference tag when there is no
// storage tag.
func (p *PI16) RefTag() uint32 { return binary.BigEndian.Uint32(p.TAG[:]) }

// SetRefTag sets the tag space.
func (p *PI16) SetRefTag(v uint32) { binary.BigEndian.PutUint32(p.TAG[:], v) }

// Guard returns the guard.
func (p *PI32) Guard() uint32 { return binary.BigEndian.Uint32(p.GUARD[:]) }

// SetGuard sets the guard.
func (p *PI32) SetGuard(v uint32) { binary.BigEndian.PutUint32(p.GUARD[:], v) }

// AppTag returns the application tag.
func (p *PI32) AppTag() uint16 { return binary.BigEndian.Uint16(p.APP[:]) }

// SetAppTag sets the application tag.
func (p *PI32) SetAppTag(v uint16) { binary.BigEndian.PutUint16(p.APP[:], v) }

// Tags returns the 80 bits of tag space as its high 16 and low 64 bits.
func (p *PI32) Tags() (hi uint16, lo uint64) {
	return binary.BigEndian.Uint16(p.TAG[:]), binary.BigEndian.Uint64(p.TAG[2:])
}

// SetTags sets the 80 bits of tag space.
func (p *PI32) SetTags(hi uint16, lo uint64) {
	binary.BigEndian.PutUint16(p.TAG[:], hi)
	binary.BigEndian.PutUint64(p.TAG[2:], lo)
}

// Guard returns the guard.
func (p *PI64) Guard() uint64 { return binary.BigEndian.Uint64(p.GUARD[:]) }

// SetGuard sets the guard.
func (p *PI64) SetGuard(v uint64) { binary.BigEndian.PutUint64(p.GUARD[:], v) }

// AppTag returns the application tag.
func (p *PI64) AppTag() uint16 { return binary.BigEndian.Uint16(p.APP[:]) }

// SetAppTag sets the application tag.
func (p *PI64) SetAppTag(v uint16) { binary.BigEndian.PutUint16(p.APP[:], v) }

// Tags returns the 48 bits of tag space.
func (p *PI64) Tags() uint64 {
	return uint64(binary.BigEndian.Uint16(p.TAG[:]))<<32 | uint64(binary.BigEndian.Uint32(p.TAG[2:]))
}

// SetTags sets the 48 bits of tag space.
func (p *PI64) SetTags(v uint64) {
	binary.BigEndian.PutUint16(p.TAG[:], uint16(v>>32))
	binary.BigEndian.PutUint32(p.TAG[2:], uint32(v))
}

// Size returns the bytes of protection information of the format, 0 if it is
// not a known one.
func (g GuardFormat) Size() int {
	switch g {
	case Guard16b:
		return 8
	case Guard32b, Guard64b:
		return 16
	}
	return 0
}
