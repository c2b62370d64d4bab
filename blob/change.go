// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
)

// lookup returns a blob that is there. Store.mu is held.
func (s *Store) lookup(id ID) (*Blob, error) {
	if s.closed {
		return nil, ErrClosed
	}
	b := s.blobs[id]
	if b == nil {
		return nil, fmt.Errorf("%w: %v", ErrNotFound, id)
	}
	return b, nil
}

func busy(b *Blob) error {
	return fmt.Errorf("%w: blob %v is open %d times", ErrBusy, b.id, b.refs)
}

// rewrite writes a blob's record anew and makes it and v the blob's. Store.md
// is held.
func (s *Store) rewrite(ctx context.Context, b *Blob, rec *record, v *view) error {
	c := s.change()
	c.lasting = true
	return s.install(ctx, c, b, rec, v)
}

// CreateOptions say what a new blob is.
type CreateOptions struct {
	Clusters uint64
	// Thin has clusters allocated when they are first written.
	Thin bool
	// Clear is what is done with clusters that the blob gives back.
	Clear ClearMethod
	// NoExtentTable keeps the clusters in the chain of metadata pages, as
	// SPDK did before version 3 and does for blobs of its own programs.
	NoExtentTable bool
	// Xattrs are the blob's attributes.
	Xattrs map[string][]byte
}

// Create makes a blob and returns its id. It is on the medium when Create
// returns.
func (s *Store) Create(ctx context.Context, o CreateOptions) (ID, error) {
	if o.Clusters >= maxClustersOfBlob {
		return NoID, invalidf("%d clusters", o.Clusters)
	}
	if o.Clear > ClearWriteZeroes {
		return NoID, invalidf("clear method %d", o.Clear)
	}
	rec := &record{mdRO: uint64(o.Clear), table: !o.NoExtentTable}
	if rec.table {
		rec.invalid |= flagExtentTable
	}
	if o.Thin {
		rec.invalid |= flagThin
	}
	for _, name := range slices.Sorted(maps.Keys(o.Xattrs)) {
		if err := checkXattr(name, o.Xattrs[name]); err != nil {
			return NoID, err
		}
		rec.xattrs = append(rec.xattrs, xattr{name, bytes.Clone(o.Xattrs[name])})
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return NoID, err
	}
	defer unlock()
	return s.create(ctx, rec, o.Clusters)
}

// create writes the first metadata of a blob. Store.md is held.
func (s *Store) create(ctx context.Context, rec *record, clusters uint64) (ID, error) {
	c := s.change()
	c.lasting = true
	at, err := c.takeRoot()
	if err != nil {
		return NoID, err
	}
	rec.id = pageID(at)
	v, taken, err := s.extend(ctx, c, rec, newView(0, below{}), clusters)
	if err == nil {
		if !rec.table {
			rec.runs = v.runs()
		}
		var chain []uint32
		if chain, err = c.root(rec, nil); err == nil {
			b := &Blob{s: s, id: rec.id, rec: rec, chain: chain}
			b.view.Store(v)
			if err = c.commit(ctx); err == nil {
				rec.runs = nil
				s.mu.Lock()
				defer s.mu.Unlock()
				s.blobs[b.id] = b
				return b.id, nil
			}
			s.returnClusters(taken)
			return NoID, err
		}
	}
	c.giveUp()
	s.returnClusters(taken)
	return NoID, err
}

// returnClusters gives back what was taken for a change that did not come
// about, unless nobody knows whether it did.
func (s *Store) returnClusters(clusters []uint32) {
	if s.broken {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range clusters {
		s.clusters.release(c)
	}
}

// extend returns v with a size of clusters, of which the new ones are
// allocated unless the blob is thin, and changes rec accordingly: extent pages
// that change get new pages.
func (s *Store) extend(ctx context.Context, c *change, rec *record, v *view, clusters uint64) (w *view, taken []uint32, err error) {
	w = v.resized(clusters, v.below)
	if !rec.thin() && clusters > v.size {
		if taken, err = s.takeClusters(clusters - v.size); err != nil {
			return nil, nil, err
		}
		for i, cluster := range taken {
			w.set(v.size+uint64(i), cluster)
		}
	}
	if !rec.table {
		return w, taken, nil
	}
	rec.clusters = clusters
	old := rec.extents
	rec.extents = make([]uint32, extentPages(clusters))
	copy(rec.extents, old)
	// The last page of the smaller of both describes more or fewer now.
	first := max(min(len(old), len(rec.extents)), 1) - 1
	for i := first; i < len(rec.extents); i++ {
		if w.extents[i].Load() == nil {
			rec.extents[i] = 0
			continue
		}
		if rec.extents[i], err = c.extent(rec.id, i, w.page(i)); err != nil {
			return nil, taken, err
		}
	}
	return w, taken, ctx.Err()
}

// takeClusters takes free clusters.
func (s *Store) takeClusters(n uint64) ([]uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > uint64(s.clusters.free()) {
		return nil, fmt.Errorf("%w: %d clusters are needed, %d are free", ErrNoSpace, n, s.clusters.free())
	}
	taken := make([]uint32, n)
	for i := range taken {
		taken[i], _ = s.clusters.takeFree()
		s.blank.release(taken[i])
	}
	return taken, nil
}
