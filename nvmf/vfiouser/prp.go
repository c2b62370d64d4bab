// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"encoding/binary"

	"github.com/gospdk/gospdk/nvme"
)

// segment is a run of bytes in the client's memory.
type segment struct {
	addr uint64
	n    uint32
}

// source reads lists of addresses and descriptors out of the client's
// memory. The bytes may change while they are looked at, so each is looked at
// once.
type source interface {
	list(addr uint64, n int) ([]byte, nvme.Status)
}

// appendSegment adds a run, joining it to the last if it follows it.
func appendSegment(segs []segment, addr uint64, n uint32) []segment {
	if i := len(segs) - 1; i >= 0 && segs[i].addr+uint64(segs[i].n) == addr && segs[i].n+n > n {
		segs[i].n += n
		return segs
	}
	return append(segs, segment{addr, n})
}

// walkPRP finds the memory of length bytes that PRP entries describe (NVMe
// Base 2.0, 4.1.1): the first may begin anywhere in a page at a dword, the
// second is a page, or if more are needed the address of a list, whose pages
// are linked by their last entries. Each further page of a list holds at
// least 511 entries that are used up, so the walk ends whatever they say.
func walkPRP(src source, prp1, prp2 uint64, length uint32, segs []segment) ([]segment, nvme.Status) {
	if prp1%4 != 0 {
		return segs, nvme.StatusInvalidPRPOffset
	}
	n := min(length, uint32(pageSize-prp1%pageSize))
	segs = appendSegment(segs, prp1, n)
	length -= n
	if length == 0 {
		return segs, nvme.StatusSuccess
	}
	if length <= pageSize {
		if prp2%pageSize != 0 {
			return segs, nvme.StatusInvalidPRPOffset
		}
		return appendSegment(segs, prp2, length), nvme.StatusSuccess
	}
	if prp2%8 != 0 {
		return segs, nvme.StatusInvalidPRPOffset
	}
	return walkPRPList(src, prp2, length, segs)
}

func walkPRPList(src source, list uint64, length uint32, segs []segment) ([]segment, nvme.Status) {
	for {
		pages := int((length + pageSize - 1) / pageSize)
		entries := int(pageSize-list%pageSize) / 8
		more := pages > entries // the last entry then points to the next page
		n := min(entries, pages)
		b, s := src.list(list, n*8)
		if s != nvme.StatusSuccess {
			return segs, s
		}
		data := n
		if more {
			data--
		}
		for i := range data {
			entry := binary.LittleEndian.Uint64(b[i*8:])
			if entry%pageSize != 0 {
				return segs, nvme.StatusInvalidPRPOffset
			}
			part := min(length, pageSize)
			segs = appendSegment(segs, entry, part)
			length -= part
		}
		if !more {
			return segs, nvme.StatusSuccess
		}
		list = binary.LittleEndian.Uint64(b[data*8:])
		if list%pageSize != 0 {
			return segs, nvme.StatusInvalidPRPOffset
		}
	}
}
