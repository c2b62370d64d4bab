// SPDX-License-Identifier: BSD-3-Clause

package pdu

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/internal/crc32c"
)

var le = binary.LittleEndian

// begin writes the common header of a PDU with n bytes of data, clears what
// follows up to the data and returns how much that is.
func (f Format) begin(b []byte, t Type, flags Flags, n uint32) int {
	head, pdo := f.headWithoutData(t), 0
	if n > 0 {
		head = f.HeadSize(t)
		pdo = head
	}
	clear(b[CommonSize:head])
	plen := uint32(head) + n
	if types[t].digests {
		if f.HeaderDigest {
			flags |= FlagHeaderDigest
		}
		if f.DataDigest && n > 0 {
			flags |= FlagDataDigest
			plen += DigestSize
		}
	}
	b[offType], b[offFlags], b[offHLEN], b[offPDO] = uint8(t), uint8(flags), types[t].hlen, uint8(pdo)
	le.PutUint32(b[offPLEN:], plen)
	return head
}

// seal writes the digest of the header, if there is one.
func (f Format) seal(b []byte, t Type) {
	if f.HeaderDigest && types[t].digests {
		n := int(types[t].hlen)
		PutDigest(b[n:], crc32c.Update(0, b[:n]))
	}
}

// DataDigest returns the digest of data which follow those with digest crc,
// 0 at the beginning.
func DataDigest(crc uint32, data []byte) uint32 { return crc32c.Update(crc, data) }

// PutDigest writes a digest as it is sent, 4 bytes.
func PutDigest(b []byte, digest uint32) { le.PutUint32(b, digest) }

// Digest reads a digest of 4 bytes.
func Digest(b []byte) uint32 { return le.Uint32(b) }
