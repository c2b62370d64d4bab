// SPDX-License-Identifier: BSD-3-Clause

package blob

import "fmt"

// encoder puts descriptors into pages, in the order and with the page breaks
// of SPDK (blob_serialize).
type encoder struct {
	id    ID
	pages []page
	room  []byte // what is left of the last page
}

// encode returns the pages of a record's chain, not linked and not sealed.
func (r *record) encode() ([]page, error) {
	e := &encoder{id: r.id}
	e.addPage()
	body := e.take(descFlags, 24)
	le.PutUint64(body, r.invalid)
	le.PutUint64(body[8:], r.dataRO)
	le.PutUint64(body[16:], r.mdRO)
	for kind, list := range []xattrs{r.xattrs, r.internal} {
		for _, x := range list {
			if err := e.addXattr([]byte{descXattr, descXattrInternal}[kind], x); err != nil {
				return nil, err
			}
		}
	}
	if r.table {
		e.addTable(r.clusters, r.extents)
	} else {
		e.addRuns(r.runs)
	}
	return e.pages, nil
}

func (e *encoder) addPage() {
	p := newPage(e.id, uint32(len(e.pages)))
	e.pages = append(e.pages, p)
	e.room = p.descriptors()
}

// take returns the body of a new descriptor of n bytes, which fit.
func (e *encoder) take(kind byte, n int) []byte {
	e.room[0] = kind
	le.PutUint32(e.room[1:], uint32(n))
	body := e.room[descHeader : descHeader+n]
	e.room = e.room[descHeader+n:]
	return body
}

// xattrSpace is how many bytes of a page an attribute takes.
func xattrSpace(x xattr) int { return descHeader + 4 + len(x.name) + len(x.value) }

func (e *encoder) addXattr(kind byte, x xattr) error {
	n := xattrSpace(x)
	if n > descriptorSpace {
		return fmt.Errorf("%w: attribute %q takes %d bytes with its value, the most are %d", ErrTooLarge, x.name, n, descriptorSpace)
	}
	if n > len(e.room) {
		e.addPage()
	}
	body := e.take(kind, n-descHeader)
	le.PutUint16(body, uint16(len(x.name)))
	le.PutUint16(body[2:], uint16(len(x.value)))
	copy(body[4:], x.name)
	copy(body[4+len(x.name):], x.value)
	return nil
}

// addTable adds the extent table: pairs of a page and 1, or of 0 and the
// number of pages that are not allocated. Each page's part repeats the number
// of clusters.
func (e *encoder) addTable(clusters uint64, extents []uint32) {
	for i := 0; ; {
		if len(e.room) < descHeader+8 {
			e.addPage()
		}
		var entries []byte
		for fit := (len(e.room) - descHeader - 8) / 8; i < len(extents) && fit > 0; fit-- {
			n := 1
			for extents[i] == 0 && i+n < len(extents) && extents[i+n] == 0 {
				n++
			}
			entries = le.AppendUint32(entries, extents[i])
			entries = le.AppendUint32(entries, uint32(n))
			i += n
		}
		body := e.take(descExtentTable, 8+len(entries))
		le.PutUint64(body, clusters)
		copy(body[8:], entries)
		if i == len(extents) {
			return
		}
		e.addPage()
	}
}

// addRuns adds the clusters themselves.
func (e *encoder) addRuns(runs []run) {
	for len(runs) > 0 {
		n := min(len(runs), (len(e.room)-descHeader)/8)
		if n > 0 {
			body := e.take(descExtentRLE, 8*n)
			for i, r := range runs[:n] {
				le.PutUint32(body[8*i:], r.start)
				le.PutUint32(body[8*i+4:], r.len)
			}
			runs = runs[n:]
		}
		if len(runs) > 0 {
			e.addPage()
		}
	}
}

// encodeExtents returns the extent page of the clusters from first on.
func encodeExtents(id ID, first uint32, clusters []uint32) page {
	p := newPage(id, 0)
	d := p.descriptors()
	d[0] = descExtentPage
	le.PutUint32(d[1:], uint32(4+4*len(clusters)))
	le.PutUint32(d[descHeader:], first)
	for i, c := range clusters {
		le.PutUint32(d[descHeader+4+4*i:], c)
	}
	p.seal()
	return p
}

// decodeExtents reads an extent page (bs_load_cur_extent_page_valid): the
// clusters from first on.
func decodeExtents(p page) (first uint32, clusters []uint32, err error) {
	d := p.descriptors()
	length := int64(le.Uint32(d[1:]))
	switch {
	case p.sequence() != 0 || d[0] != descExtentPage:
		return 0, nil, fmt.Errorf("sequence %d and a descriptor of type %d, which is no extent page", p.sequence(), d[0])
	case length < 8 || length%4 != 0 || length > 4+4*extentsPerPage:
		return 0, nil, fmt.Errorf("extents of %d bytes", length)
	}
	clusters = make([]uint32, length/4-1)
	for i := range clusters {
		clusters[i] = le.Uint32(d[descHeader+4+4*i:])
	}
	return le.Uint32(d[descHeader:]), clusters, nil
}
