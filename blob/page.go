// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/internal/crc32c"
)

// PageSize is the size of what metadata is read and written by: the super
// block, and each page of the masks and of the metadata region.
const PageSize = 4096

// noPage stands in a page's next field where the chain ends.
const noPage = 0xFFFFFFFF

// Where the fields of a metadata page lie (struct spdk_blob_md_page).
const (
	pageIDAt          = 0
	pageSequenceAt    = 8
	pageReservedAt    = 12
	pageDescriptorsAt = 16
	pageNextAt        = 4088
	pageCRCAt         = 4092

	descriptorSpace = pageNextAt - pageDescriptorsAt
)

var le = binary.LittleEndian

// page is a metadata page of PageSize bytes, a view of them.
type page []byte

func (p page) id() ID              { return ID(le.Uint64(p[pageIDAt:])) }
func (p page) sequence() uint32    { return le.Uint32(p[pageSequenceAt:]) }
func (p page) reserved() uint32    { return le.Uint32(p[pageReservedAt:]) }
func (p page) next() uint32        { return le.Uint32(p[pageNextAt:]) }
func (p page) descriptors() []byte { return p[pageDescriptorsAt:pageNextAt] }
func (p page) intact() bool        { return le.Uint32(p[pageCRCAt:]) == checksum(p) }

func (p page) setNext(n uint32) { le.PutUint32(p[pageNextAt:], n) }

// seal sets the checksum, after which nothing else of the page changes.
func (p page) seal() { le.PutUint32(p[pageCRCAt:], checksum(p)) }

// empty tells whether the page is all zeroes, as it is before its first use
// and after its blob was deleted.
func (p page) empty() bool {
	for i := 0; i < PageSize; i += 8 {
		if le.Uint64(p[i:]) != 0 {
			return false
		}
	}
	return true
}

func newPage(id ID, sequence uint32) page {
	p := make(page, PageSize)
	le.PutUint64(p[pageIDAt:], uint64(id))
	le.PutUint32(p[pageSequenceAt:], sequence)
	p.setNext(noPage)
	return p
}

// checksum is what the last four bytes of a page or a super block hold.
func checksum(p []byte) uint32 { return crc32c.Update(0, p[:pageCRCAt]) }

// A shadow is a copy of a metadata page that is about to be written over,
// kept in a free page until the other is on the medium: what a write that was
// torn is mended from. It is the page with its number, marked, for a sequence
// number, and with a generation that tells the newer of two shadows in a
// field that is 0 in every other page. SPDK takes it for a page that belongs
// to no chain, which it passes over.
const shadowMark = 1 << 31

// shadow returns a copy of p that tells that p is page number at.
func (p page) shadow(at, generation uint32) page {
	s := make(page, PageSize)
	copy(s, p)
	le.PutUint32(s[pageSequenceAt:], shadowMark|at)
	le.PutUint32(s[pageReservedAt:], generation)
	s.seal()
	return s
}

// shadowOf tells which page p is a shadow of.
func (p page) shadowOf() (at uint32, ok bool) {
	return p.sequence() &^ shadowMark, p.sequence()&shadowMark != 0 && p.reserved() != 0
}

// unshadow returns the page that p is a shadow of.
func (p page) unshadow() page {
	u := make(page, PageSize)
	copy(u, p)
	le.PutUint32(u[pageSequenceAt:], 0)
	le.PutUint32(u[pageReservedAt:], 0)
	u.seal()
	return u
}
