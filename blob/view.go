// SPDX-License-Identifier: BSD-3-Clause

package blob

import "sync/atomic"

// extent is the device clusters of 512 clusters of a blob; 0 is none, as
// cluster 0 holds the super block.
type extent [extentsPerPage]atomic.Uint32

// view is what a data path sees of a blob: its clusters, and what is below
// where it has none. It is replaced as one; of the one that is current, only
// single clusters change, from none to one and, when they are unmapped, back.
type view struct {
	size    uint64 // clusters
	extents []atomic.Pointer[extent]
	below   below
}

// below is what a thin blob stands on: a snapshot, a device, or zeroes.
type below struct {
	blob     *Blob
	external External
	missing  bool // the external snapshot could not be opened
}

func newView(size uint64, b below) *view {
	return &view{size: size, extents: make([]atomic.Pointer[extent], extentPages(size)), below: b}
}

// get returns the device's cluster of cluster i, or 0.
func (v *view) get(i uint64) uint32 {
	e := v.extents[i/extentsPerPage].Load()
	if e == nil {
		return 0
	}
	return e[i%extentsPerPage].Load()
}

// set changes a cluster. One goroutine at a time sets.
func (v *view) set(i uint64, c uint32) {
	e := v.extents[i/extentsPerPage].Load()
	if e == nil {
		if c == 0 {
			return
		}
		e = new(extent)
		v.extents[i/extentsPerPage].Store(e)
	}
	e[i%extentsPerPage].Store(c)
}

// page returns the clusters that extent page i describes.
func (v *view) page(i int) []uint32 {
	n := min(v.size-uint64(i)*extentsPerPage, extentsPerPage)
	clusters := make([]uint32, n)
	if e := v.extents[i].Load(); e != nil {
		for j := range clusters {
			clusters[j] = e[j].Load()
		}
	}
	return clusters
}

// each calls f with the clusters that are allocated.
func (v *view) each(f func(i uint64, c uint32)) {
	for p := range v.extents {
		e := v.extents[p].Load()
		if e == nil {
			continue
		}
		for j := range e {
			if c := e[j].Load(); c != 0 {
				f(uint64(p)*extentsPerPage+uint64(j), c)
			}
		}
	}
}

func (v *view) allocated() uint64 {
	n := uint64(0)
	v.each(func(uint64, uint32) { n++ })
	return n
}

// runs returns the clusters as a chain of pages without an extent table has
// them.
func (v *view) runs() []run {
	var runs []run
	for i := uint64(0); i < v.size; i++ {
		c := v.get(i)
		if n := len(runs); n > 0 {
			last := &runs[n-1]
			if c == 0 && last.start == 0 || c != 0 && last.start != 0 && last.start+last.len == c {
				last.len++
				continue
			}
		}
		runs = append(runs, run{c, 1})
	}
	return runs
}

// resized returns a copy of v with size clusters and something else below it.
// What stays is copied, so that v may live on.
func (v *view) resized(size uint64, b below) *view {
	w := newView(size, b)
	v.each(func(i uint64, c uint32) {
		if i < size {
			w.set(i, c)
		}
	})
	return w
}
