// SPDX-License-Identifier: BSD-3-Clause

package nvme

// PRP is a physical region page entry: an address of which the bits below the
// memory page size are an offset (section 4.1.1). The page size, CC.PageSize,
// is in bytes and a power of two.
type PRP uint64

// PRPSize is the size in bytes of an entry of a PRP list.
const PRPSize = 8

// Offset returns the offset of the entry in its page. Only the first entry of
// a transfer, and a pointer to a PRP list, may have one; it is a multiple of 4,
// or of 8 for the pointer.
func (p PRP) Offset(pageSize int) int { return int(uint64(p) & uint64(pageSize-1)) }

// Page returns the address of the entry's page.
func (p PRP) Page(pageSize int) uint64 { return uint64(p) &^ uint64(pageSize-1) }

// Remaining returns the bytes from the entry's address to the end of its page.
func (p PRP) Remaining(pageSize int) int { return pageSize - p.Offset(pageSize) }

// Entries returns how many entries a transfer of length bytes needs that begins
// at p: the pages that it touches. With more than two, PRP2 points to a list of
// all but the first.
func (p PRP) Entries(length, pageSize int) int {
	if length <= 0 {
		return 0
	}
	return (p.Offset(pageSize) + length + pageSize - 1) / pageSize
}

// ListEntries returns how many entries of a PRP list are in the page from p on.
// When the list goes on, the last of them is the address of the next list.
func (p PRP) ListEntries(pageSize int) int { return p.Remaining(pageSize) / PRPSize }
