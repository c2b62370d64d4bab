// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"fmt"
	"math"
)

// TypeLength is the size of a store's type, a name that tells whose it is.
const TypeLength = 16

const (
	signature    = "SPDKBLOB"
	superVersion = 3
)

// Where the fields of the super block lie (struct spdk_bs_super_block). All
// of them are in its first 512 bytes, the checksum in the last four.
const (
	superVersionAt     = 8
	superLengthAt      = 12
	superCleanAt       = 16
	superBlobAt        = 20
	superClusterSizeAt = 28
	superPageMaskAt    = 32
	superClusterMaskAt = 40
	superMDAt          = 48
	superTypeAt        = 56
	superIDMaskAt      = 72
	superSizeAt        = 80
	superIOUnitAt      = 88
	superPageSizeAt    = 92
	superReservedAt    = 96
)

// span is a run of metadata pages, counted from the beginning of the device.
type span struct{ start, len uint32 }

func (s span) end() uint64 { return uint64(s.start) + uint64(s.len) }

// superBlock is the first page of a store.
type superBlock struct {
	version     uint32
	clean       bool
	blob        ID
	clusterSize uint32 // bytes
	pageMask    span
	clusterMask span
	md          span
	idMask      span
	kind        [TypeLength]byte
	size        uint64 // bytes
	ioUnit      uint32 // bytes
	pageSize    uint32 // bytes
}

func (s *superBlock) encode() []byte {
	p := make([]byte, PageSize)
	copy(p, signature)
	le.PutUint32(p[superVersionAt:], s.version)
	le.PutUint32(p[superLengthAt:], PageSize)
	if s.clean {
		le.PutUint32(p[superCleanAt:], 1)
	}
	le.PutUint64(p[superBlobAt:], uint64(s.blob))
	le.PutUint32(p[superClusterSizeAt:], s.clusterSize)
	for at, sp := range map[int]span{superPageMaskAt: s.pageMask, superClusterMaskAt: s.clusterMask, superMDAt: s.md, superIDMaskAt: s.idMask} {
		le.PutUint32(p[at:], sp.start)
		le.PutUint32(p[at+4:], sp.len)
	}
	copy(p[superTypeAt:], s.kind[:])
	le.PutUint64(p[superSizeAt:], s.size)
	le.PutUint32(p[superIOUnitAt:], s.ioUnit)
	le.PutUint32(p[superPageSizeAt:], s.pageSize)
	page(p).seal()
	return p
}

// decodeSuper reads the super block of a device of size bytes. torn tells
// that the checksum is wrong while everything else fits together, as a write
// leaves it of which only one end came to the medium; the fields, which lie
// in one sector, are of one write then.
func decodeSuper(p []byte, size int64) (s *superBlock, torn bool, err error) {
	if string(p[:len(signature)]) != signature {
		return nil, false, noStoref("no signature in the first block")
	}
	at := func(i int) span { return span{le.Uint32(p[i:]), le.Uint32(p[i+4:])} }
	s = &superBlock{
		version:     le.Uint32(p[superVersionAt:]),
		clean:       le.Uint32(p[superCleanAt:]) == 1,
		blob:        ID(le.Uint64(p[superBlobAt:])),
		clusterSize: le.Uint32(p[superClusterSizeAt:]),
		pageMask:    at(superPageMaskAt),
		clusterMask: at(superClusterMaskAt),
		md:          at(superMDAt),
		idMask:      at(superIDMaskAt),
		kind:        [TypeLength]byte(p[superTypeAt:]),
		size:        le.Uint64(p[superSizeAt:]),
		ioUnit:      le.Uint32(p[superIOUnitAt:]),
		pageSize:    le.Uint32(p[superPageSizeAt:]),
	}
	s.complete(size)
	if err := s.check(size); err != nil {
		return nil, false, err
	}
	if !page(p).intact() {
		if s.version != superVersion || !tornSuper(p) || !s.laidOut() {
			return nil, false, noStoref("the checksum of the super block is %#x, want %#x", le.Uint32(p[pageCRCAt:]), checksum(p))
		}
		s.clean = false
		torn = true
	}
	return s, torn, nil
}

// laidOut tells whether the parts follow one another as layout has them.
func (s *superBlock) laidOut() bool {
	return s.pageMask.start == 1 && uint64(s.clusterMask.start) == s.pageMask.end() && uint64(s.idMask.start) >= s.clusterMask.end() &&
		uint64(s.md.start) == s.idMask.end() && s.idMask.len == s.pageMask.len && s.pageMask.len == maskPageCount(uint64(s.md.len), s.pageSize)
}

// complete sets what earlier versions did not have.
func (s *superBlock) complete(size int64) {
	if s.size == 0 {
		s.size = uint64(size)
	}
	if s.ioUnit == 0 {
		s.ioUnit = PageSize
	}
	if s.pageSize == 0 {
		s.pageSize = PageSize
	}
}

// tornSuper tells whether nothing but the fields and the checksum is set.
func tornSuper(p []byte) bool {
	for _, b := range p[superReservedAt:pageCRCAt] {
		if b != 0 {
			return false
		}
	}
	return le.Uint32(p[superLengthAt:]) == PageSize && le.Uint32(p[superCleanAt:]) <= 1
}

func (s *superBlock) check(size int64) error {
	switch {
	case s.version < 1 || s.version > superVersion:
		return noStoref("version %d, of which %d is the newest known", s.version, superVersion)
	case s.size > uint64(size):
		return noStoref("the store has %d bytes, the device only %d", s.size, size)
	case s.pageSize%PageSize != 0 || s.pageSize > 1<<20:
		return noStoref("metadata pages of %d bytes", s.pageSize)
	case s.clusterSize == 0 || s.clusterSize%s.pageSize != 0:
		return noStoref("clusters of %d bytes", s.clusterSize)
	case s.ioUnit < 512 || s.clusterSize%s.ioUnit != 0:
		return noStoref("I/O units of %d bytes", s.ioUnit)
	case s.clusters() > math.MaxUint32:
		return noStoref("%d clusters", s.clusters())
	case s.md.start == 0 || s.md.len == 0 || s.md.len > shadowMark || s.md.end()*uint64(s.pageSize) > s.size:
		return noStoref("metadata of %d pages at page %d", s.md.len, s.md.start)
	}
	for _, m := range []struct {
		name string
		span span
		bits uint64
	}{{"pages", s.pageMask, uint64(s.md.len)}, {"clusters", s.clusterMask, s.clusters()}, {"blob ids", s.idMask, uint64(s.md.len)}} {
		if m.name == "blob ids" && m.span.len == 0 {
			continue // as in versions 1 and 2, where only a recovery tells them
		}
		if m.span.start == 0 || m.span.end() > uint64(s.md.start) || m.span.len < maskPageCount(m.bits, s.pageSize) {
			return noStoref("mask of %s of %d pages at page %d", m.name, m.span.len, m.span.start)
		}
	}
	return nil
}

// clusters is how many clusters the store has, those of the metadata among them.
func (s *superBlock) clusters() uint64 { return s.size / uint64(s.clusterSize) }

// mdClusters is how many clusters the super block, the masks and the
// metadata take at the beginning.
func (s *superBlock) mdClusters() uint32 {
	perCluster := uint64(s.clusterSize / s.pageSize)
	return uint32((s.md.end() + perCluster - 1) / perCluster)
}

// layout lays a new store out on size bytes (spdk_bs_init). mdPages is the
// number of metadata pages, or 0 for one a cluster.
func layout(size int64, opts *Options) (*superBlock, error) {
	s := &superBlock{version: superVersion, blob: NoID, clusterSize: opts.ClusterSize, kind: opts.Type,
		size: uint64(size), ioUnit: opts.ioUnit, pageSize: opts.PageSize}
	switch {
	case s.clusterSize == 0 || s.clusterSize%PageSize != 0:
		return nil, invalidf("cluster size %d is no multiple of %d", s.clusterSize, PageSize)
	case s.clusterSize < s.pageSize || s.clusterSize%s.pageSize != 0:
		return nil, invalidf("cluster size %d is no multiple of the metadata page size %d", s.clusterSize, s.pageSize)
	case uint64(s.clusterSize) > s.size:
		return nil, fmt.Errorf("%w: cluster size %d is larger than the device, %d bytes", ErrNoSpace, s.clusterSize, size)
	case s.clusters() > math.MaxUint32:
		return nil, invalidf("cluster size %d makes %d clusters of %d bytes", s.clusterSize, s.clusters(), size)
	}
	pages := uint64(opts.MetadataPages)
	if pages == 0 {
		pages = s.clusters()
	}
	if pages > shadowMark {
		return nil, invalidf("%d metadata pages, the most are %d", pages, uint32(shadowMark))
	}
	mask := maskPageCount(pages, s.pageSize)
	s.pageMask = span{1, mask}
	s.clusterMask = span{1 + mask, maskPageCount(s.clusters(), s.pageSize)}
	// The mask of clusters has room to grow to one cluster a metadata page.
	s.idMask = span{s.clusterMask.start + max(mask, s.clusterMask.len), mask}
	s.md = span{s.idMask.start + mask, uint32(pages)}
	if uint64(s.mdClusters()) > s.clusters() {
		return nil, fmt.Errorf("%w: metadata of %d pages take %d clusters of %d; choose fewer pages or larger clusters",
			ErrTooLarge, s.md.end(), s.mdClusters(), s.clusters())
	}
	return s, nil
}
