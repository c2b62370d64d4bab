// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"fmt"
	"slices"
)

// Types of descriptors in metadata pages.
const (
	descPadding       = 0
	descExtentRLE     = 1
	descXattr         = 2
	descFlags         = 3
	descXattrInternal = 4
	descExtentTable   = 5
	descExtentPage    = 6

	descHeader = 5 // type and length
)

// extentsPerPage is how many clusters an extent page describes.
const extentsPerPage = 512

// Flags in the three words of the flags descriptor. Whoever does not know a
// flag of the first does not open the blob, of the second does not write to
// it, of the third does not change its metadata.
const (
	flagThin             = 1 << 0
	flagInternalXattr    = 1 << 1
	flagExtentTable      = 1 << 2
	flagExternalSnapshot = 1 << 3
	knownInvalidFlags    = flagThin | flagInternalXattr | flagExtentTable | flagExternalSnapshot

	flagReadOnly      = 1 << 0
	knownDataROFlags  = flagReadOnly
	clearMethodMask   = 3
	knownMDROFlags    = clearMethodMask
	maxClustersOfBlob = 1 << 32
)

// Internal attributes.
const (
	xattrParent      = "SNAP"    // id of the snapshot below
	xattrInProgress  = "SNAPTMP" // on a snapshot: id of the blob that it is being taken of
	xattrRemoval     = "SNAPRM"  // on a snapshot: it is being deleted
	xattrExternal    = "EXTSNAP" // id of the device below
	maxXattrs        = 1 << 16
	maxXattrNameSize = 1<<16 - 1
)

// xattr is an extended attribute. Their order is kept.
type xattr struct {
	name  string
	value []byte
}

type xattrs []xattr

func (x xattrs) find(name string) int {
	return slices.IndexFunc(x, func(a xattr) bool { return a.name == name })
}

func (x xattrs) get(name string) ([]byte, bool) {
	if i := x.find(name); i >= 0 {
		return x[i].value, true
	}
	return nil, false
}

// with returns x with the attribute set; x stays what it is.
func (x xattrs) with(name string, value []byte) xattrs {
	y := slices.Clone(x)
	if i := y.find(name); i >= 0 {
		y[i].value = value
		return y
	}
	return append(y, xattr{name, value})
}

func (x xattrs) without(name string) xattrs {
	if i := x.find(name); i >= 0 {
		return slices.Delete(slices.Clone(x), i, i+1)
	}
	return x
}

// run is a number of clusters that follow one another, in a blob and on the
// device; start 0 says that they are not allocated.
type run struct{ start, len uint32 }

// record is what the chain of pages of a blob says. It is never changed once
// a Blob has it: changes make a new one.
type record struct {
	id       ID
	invalid  uint64
	dataRO   uint64
	mdRO     uint64
	xattrs   xattrs
	internal xattrs

	table    bool     // clusters are in extent pages, not in the chain itself
	clusters uint64   // with table
	extents  []uint32 // with table: the number of each extent page, or 0
	runs     []run    // without table
}

func (r *record) thin() bool { return r.invalid&flagThin != 0 }

func (r *record) clone() *record {
	c := *r
	return &c
}

// size is the number of clusters.
func (r *record) size() uint64 {
	if r.table {
		return r.clusters
	}
	n := uint64(0)
	for _, x := range r.runs {
		n += uint64(x.len)
	}
	return n
}

// parent returns the id of the snapshot below, or NoID.
func (r *record) parent() ID {
	if v, ok := r.internal.get(xattrParent); ok && len(v) == 8 {
		return ID(le.Uint64(v))
	}
	return NoID
}

// external returns the id of the device below, if it stands on one.
func (r *record) external() ([]byte, bool) {
	if r.invalid&flagExternalSnapshot == 0 {
		return nil, false
	}
	return r.internal.get(xattrExternal)
}

func extentPages(clusters uint64) int {
	return int((clusters + extentsPerPage - 1) / extentsPerPage)
}

// decodeRecord reads the descriptors of a blob's pages, which are intact and
// of one chain.
func decodeRecord(pages []page) (*record, error) {
	d := &recordDecoder{record: record{id: pages[0].id()}}
	for i, p := range pages {
		if p.id() != d.id || p.sequence() != uint32(i) {
			return nil, fmt.Errorf("page %d of blob %v says blob %v, sequence %d", i, d.id, p.id(), p.sequence())
		}
		if err := eachDescriptor(p, d.add); err != nil {
			return nil, fmt.Errorf("blob %v: %w", d.id, err)
		}
	}
	return d.finish()
}

// eachDescriptor calls f with the descriptors of a page.
func eachDescriptor(p page, f func(kind byte, body []byte) error) error {
	for b := p.descriptors(); len(b) >= descHeader; {
		kind, length := b[0], uint64(le.Uint32(b[1:]))
		if kind == descPadding && length == 0 {
			return nil
		}
		if length > uint64(len(b)-descHeader) {
			return fmt.Errorf("descriptor of type %d has %d bytes, where %d are left", kind, length, len(b)-descHeader)
		}
		if err := f(kind, b[descHeader:descHeader+length]); err != nil {
			return err
		}
		b = b[descHeader+length:]
	}
	return nil
}

type recordDecoder struct {
	record
	rle bool
}

func (d *recordDecoder) add(kind byte, body []byte) error {
	switch kind {
	case descFlags:
		if len(body) != 24 {
			return fmt.Errorf("flags of %d bytes", len(body))
		}
		d.invalid, d.dataRO, d.mdRO = le.Uint64(body), le.Uint64(body[8:]), le.Uint64(body[16:])
		return nil
	case descXattr:
		return d.addXattr(&d.xattrs, body)
	case descXattrInternal:
		return d.addXattr(&d.internal, body)
	case descExtentRLE:
		return d.addRuns(body)
	case descExtentTable:
		return d.addTable(body)
	case descExtentPage:
		return fmt.Errorf("extents of an extent page in the chain")
	}
	return nil // a flag would say if it mattered
}

func (d *recordDecoder) addXattr(to *xattrs, body []byte) error {
	if len(body) < 4 {
		return fmt.Errorf("attribute of %d bytes", len(body))
	}
	name, value := int(le.Uint16(body)), int(le.Uint16(body[2:]))
	if len(body) != 4+name+value {
		return fmt.Errorf("attribute of %d bytes has a name of %d and a value of %d", len(body), name, value)
	}
	if len(*to) >= maxXattrs {
		return fmt.Errorf("more than %d attributes", maxXattrs)
	}
	*to = append(*to, xattr{string(body[4 : 4+name]), slices.Clone(body[4+name:])})
	return nil
}

func (d *recordDecoder) addRuns(body []byte) error {
	if d.table || len(body) == 0 || len(body)%8 != 0 {
		return fmt.Errorf("run-length extents of %d bytes", len(body))
	}
	d.rle = true
	for b := body; len(b) > 0; b = b[8:] {
		r := run{le.Uint32(b), le.Uint32(b[4:])}
		if uint64(r.start)+uint64(r.len) > 1<<32 {
			return fmt.Errorf("%d clusters from cluster %d", r.len, r.start)
		}
		d.clusters += uint64(r.len)
		d.runs = append(d.runs, r)
	}
	if d.clusters > maxClustersOfBlob {
		return fmt.Errorf("%d clusters", d.clusters)
	}
	return nil
}

func (d *recordDecoder) addTable(body []byte) error {
	if d.rle || len(body) < 8 || (len(body)-8)%8 != 0 {
		return fmt.Errorf("extent table of %d bytes", len(body))
	}
	clusters := le.Uint64(body)
	if d.table && clusters != d.clusters || clusters > maxClustersOfBlob {
		return fmt.Errorf("extent table of %d clusters, after one of %d", clusters, d.clusters)
	}
	d.table, d.clusters = true, clusters
	for b := body[8:]; len(b) > 0; b = b[8:] {
		at, n := le.Uint32(b), uint64(le.Uint32(b[4:]))
		if at != 0 && n != 1 || uint64(len(d.extents))+n > uint64(extentPages(clusters)) {
			return fmt.Errorf("extent page %d, %d times, in a table for %d clusters that has %d", at, n, clusters, len(d.extents))
		}
		if at != 0 {
			d.extents = append(d.extents, at)
		} else {
			d.extents = append(d.extents, make([]uint32, n)...)
		}
	}
	return nil
}

func (d *recordDecoder) finish() (*record, error) {
	if unknown := d.invalid &^ knownInvalidFlags; unknown != 0 {
		return nil, fmt.Errorf("blob %v has unknown flags %#x", d.id, unknown)
	}
	if d.table && len(d.extents) != extentPages(d.clusters) {
		return nil, fmt.Errorf("blob %v has %d extent pages for %d clusters", d.id, len(d.extents), d.clusters)
	}
	if !d.thin() {
		if d.table && slices.Contains(d.extents, 0) || slices.ContainsFunc(d.runs, func(r run) bool { return r.start == 0 }) {
			return nil, fmt.Errorf("blob %v is thick and lacks clusters", d.id)
		}
	}
	if !d.table {
		d.clusters = 0
	}
	r := d.record
	return &r, nil
}
