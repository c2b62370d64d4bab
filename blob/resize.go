// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"fmt"
	"slices"
)

// begin takes Store.md for a change of the blob's metadata.
func (b *Blob) begin(ctx context.Context) (unlock func(), err error) {
	if unlock, err = b.s.lock(ctx); err != nil {
		return nil, err
	}
	b.s.mu.Lock()
	defer b.s.mu.Unlock()
	switch {
	case b.gone:
		err = fmt.Errorf("%w: %v", ErrNotFound, b.id)
	case b.rec.metadataReadOnly():
		err = fmt.Errorf("%w: %v", ErrReadOnly, b.id)
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// Resize changes the number of clusters. What is beyond a smaller size is
// lost; a thick blob gets all of a larger one at once. It is on the medium
// when Resize returns.
func (b *Blob) Resize(ctx context.Context, clusters uint64) error {
	if clusters >= maxClustersOfBlob {
		return invalidf("%d clusters", clusters)
	}
	unlock, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	s, old := b.s, b.view.Load()
	if clusters == old.size {
		return nil
	}
	c := s.change()
	c.lasting = true
	rec := b.rec.clone()
	v, taken, err := s.extend(ctx, c, rec, old, clusters)
	if err == nil {
		err = s.install(ctx, c, b, rec, v)
	} else {
		c.giveUp()
	}
	if err != nil {
		s.returnClusters(taken)
		return err
	}
	var freed []uint32
	old.each(func(i uint64, at uint32) {
		if i >= clusters {
			freed = append(freed, at)
		}
	})
	return s.giveBack(ctx, b, freed)
}

// install commits a change that gives b another record and view.
func (s *Store) install(ctx context.Context, c *change, b *Blob, rec *record, v *view) error {
	if !rec.table {
		rec.runs = v.runs()
	}
	chain, err := c.root(rec, b.chain)
	rec.runs = nil
	if err != nil {
		c.giveUp()
		return err
	}
	for _, at := range allocatedPages(b.rec.extents) {
		if !slices.Contains(rec.extents, at) {
			c.freed = append(c.freed, at)
		}
	}
	if err := c.commit(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b.rec, b.chain = rec, chain
	b.view.Store(v)
	return nil
}

// giveBack clears clusters that no metadata name any more, and makes them
// free. I/O that had found them before has ended by then. Those that cannot
// be cleared are free nevertheless, and not taken for zeroes.
func (s *Store) giveBack(ctx context.Context, b *Blob, clusters []uint32) error {
	if len(clusters) == 0 {
		return nil
	}
	b.drain()
	slices.Sort(clusters)
	blank, err := s.clearClusters(ctx, b.ClearMethod(), clusters)
	if err == nil {
		err = s.dev.Flush(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range clusters {
		s.clusters.release(c)
		if blank && err == nil {
			s.blank.take(c)
		}
	}
	return err
}

// Delete deletes a blob that nobody has open and nothing stands on. It is on
// the medium when Delete returns.
func (s *Store) Delete(ctx context.Context, id ID) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := s.deletable(id)
	if err != nil {
		return err
	}
	c := s.change()
	c.erased = []uint32{id.page()}
	c.freed = append(allocatedPages(b.rec.extents), b.chain[1:]...)
	if err := c.commit(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.blobs, id)
	b.gone = true
	if p := b.view.Load().below.blob; p != nil {
		p.clones = slices.DeleteFunc(p.clones, func(x *Blob) bool { return x == b })
	}
	s.mu.Unlock()
	var freed []uint32
	b.view.Load().each(func(_ uint64, at uint32) { freed = append(freed, at) })
	return s.giveBack(ctx, b, freed)
}

func (s *Store) deletable(id ID) (*Blob, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.lookup(id)
	switch {
	case err != nil:
		return nil, err
	case b.refs > 0:
		return nil, busy(b)
	case len(b.clones) > 0:
		return nil, fmt.Errorf("%w: snapshot %v has %d clones", ErrBusy, id, len(b.clones))
	}
	return b, nil
}
