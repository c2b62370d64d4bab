// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"encoding/binary"
	"fmt"
	"structs"
)

// CopyRange is a source range of Copy in descriptor format 0, or in format 2,
// which has SNSID (NVM Command Set specification 1.0, section 3.2.2; formats 2
// and 3 are of 1.1).
type CopyRange struct {
	_ structs.HostLayout

	SNSID  uint32 // source namespace, format 2 only
	_      [4]byte
	SLBA   uint64 // first block
	NLB    uint16 // number of blocks, 0's based
	_      [4]byte
	SOPT   uint16 // source options, format 2 only
	ELBT   uint32 // expected reference and storage tag
	ELBAT  uint16 // expected application tag
	ELBATM uint16 // mask of the application tag
}

// CopyRangeExtended is a source range of Copy in descriptor format 1, or in
// format 3, which has SNSID. They are for 32b and 64b guards.
type CopyRangeExtended struct {
	_ structs.HostLayout

	SNSID  uint32 // source namespace, format 3 only
	_      [4]byte
	SLBA   uint64 // first block
	NLB    uint16 // number of blocks, 0's based
	_      [4]byte
	SOPT   uint16 // source options, format 3 only
	_      [2]byte
	ELBT   [10]byte // expected reference and storage tag
	ELBAT  uint16   // expected application tag
	ELBATM uint16   // mask of the application tag
}

// Bits of the source options.
const CopySourceFast uint16 = 1 << 15 // FCO: fast copy only

// CopySource is a source range of Copy of any format.
type CopySource struct {
	NSID    uint32 // 0 in formats 0 and 1: the command's namespace
	SLBA    uint64
	Blocks  uint32 // 1 to 65536
	Options uint16
	AppTag  uint16
	AppMask uint16
	Tag     [10]byte // formats 0 and 2 have the first 4 bytes
}

// CopyRangeSize returns the size in bytes of a source range of the given
// descriptor format, 0 if the format is not known.
func CopyRangeSize(format uint8) int {
	switch format {
	case 0, 2:
		return 32
	case 1, 3:
		return 40
	}
	return 0
}

// ParseCopyRange reads the source range at the start of p. It does not
// allocate.
func ParseCopyRange(format uint8, p []byte) (s CopySource, err error) {
	size := CopyRangeSize(format)
	if size == 0 {
		return s, fmt.Errorf("nvme: copy descriptor format %d, 0 to 3 are known", format)
	}
	if len(p) < size {
		return s, fmt.Errorf("nvme: copy descriptor of %d bytes, format %d has %d", len(p), format, size)
	}
	s.SLBA = binary.LittleEndian.Uint64(p[8:])
	s.Blocks = uint32(binary.LittleEndian.Uint16(p[16:])) + 1
	if format >= 2 {
		s.NSID = binary.LittleEndian.Uint32(p)
		s.Options = binary.LittleEndian.Uint16(p[22:])
	}
	if size == 32 {
		copy(s.Tag[:4], p[24:])
	} else {
		copy(s.Tag[:], p[26:])
	}
	s.AppTag = binary.LittleEndian.Uint16(p[size-4:])
	s.AppMask = binary.LittleEndian.Uint16(p[size-2:])
	return s, nil
}
