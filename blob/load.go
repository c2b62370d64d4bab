// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Load loads the store of a device. One that was not unloaded is recovered:
// what is taken follows from the chains of all blobs, and operations that were
// under way are ended or taken back.
func Load(ctx context.Context, dev Device, options Options) (*Store, error) {
	opts := options.with(dev)
	first := make([]byte, PageSize)
	if dev.Size() < PageSize {
		return nil, noStoref("the device has %d bytes", dev.Size())
	}
	if _, err := dev.ReadAtContext(ctx, first, 0); err != nil {
		return nil, err
	}
	super, torn, err := decodeSuper(first, dev.Size())
	if err != nil {
		return nil, err
	}
	if want := opts.Type; want != super.kind && want != [TypeLength]byte{} {
		return nil, fmt.Errorf("%w: type %q, want %q", ErrType, super.kind, want)
	}
	s := newStore(dev, opts, super)
	s.dirty = !super.clean
	l := &loader{s: s, recover: !super.clean || torn || super.idMask.len == 0 || opts.Recover}
	if err := l.run(ctx, torn); err != nil {
		return nil, err
	}
	return s, nil
}

// loader is the state of a Load.
type loader struct {
	s       *Store
	recover bool
	ids     *bitmap // of a clean store
	scan    scan
}

func (l *loader) run(ctx context.Context, torn bool) error {
	s := l.s
	if !l.recover {
		if err := l.readMasks(ctx); err != nil {
			return err
		}
	}
	if err := l.scan.run(ctx, s, l.recover); err != nil {
		return err
	}
	restored := l.scan.restore()
	if err := l.addBlobs(); err != nil {
		return err
	}
	settled, err := l.settle()
	if err != nil {
		return err
	}
	if err := l.claim(settled); err != nil {
		return err
	}
	if err := l.link(ctx); err != nil {
		return err
	}
	return l.write(ctx, torn, restored, settled)
}

// readMasks believes what Unload wrote.
func (l *loader) readMasks(ctx context.Context) error {
	s := l.s
	read := func(sp span, t maskType, n uint32) (*bitmap, error) {
		p := make([]byte, int64(sp.len)*int64(s.super.pageSize))
		if err := s.read(ctx, p, int64(sp.start)*int64(s.super.pageSize)); err != nil {
			return nil, err
		}
		b, err := decodeMask(p, t, n)
		if err != nil {
			return nil, noStoref("page %d: %v", sp.start, err)
		}
		return b, nil
	}
	var err error
	if s.pages, err = read(s.super.pageMask, maskPages, s.super.md.len); err != nil {
		return err
	}
	if s.clusters, err = read(s.super.clusterMask, maskClusters, uint32(s.super.clusters())); err != nil {
		return err
	}
	if l.ids, err = read(s.super.idMask, maskIDs, s.super.md.len); err != nil {
		return err
	}
	return nil
}

// addBlobs makes a Blob of each root that was found.
func (l *loader) addBlobs() error {
	for _, at := range slices.Sorted(maps.Keys(l.scan.pages)) {
		p := l.scan.pages[at]
		if p.sequence() != 0 || p.id() != pageID(at) || l.ids != nil && !l.ids.has(at) {
			continue
		}
		b, err := l.blob(at)
		if err != nil {
			return noStoref("%v", err)
		}
		l.s.blobs[b.id] = b
	}
	if l.ids == nil {
		return nil
	}
	for at, ok := l.ids.next(0); ok; at, ok = l.ids.next(at + 1) {
		if l.s.blobs[pageID(at)] == nil {
			return noStoref("blob %v has no intact page %d", pageID(at), at)
		}
	}
	return nil
}

// blob reads the chain that begins at a page, and its extents.
func (l *loader) blob(at uint32) (*Blob, error) {
	b := &Blob{s: l.s, id: pageID(at)}
	var pages []page
	for n := at; n != noPage; {
		p, ok := l.scan.pages[n]
		if !ok {
			return nil, fmt.Errorf("blob %v: page %d of its chain, number %d, is damaged", b.id, len(pages), n)
		}
		if len(pages) > 0 && p.sequence() != uint32(len(pages)) {
			return nil, fmt.Errorf("blob %v: page %d of its chain, number %d, has sequence %d", b.id, len(pages), n, p.sequence())
		}
		pages = append(pages, p)
		b.chain = append(b.chain, n)
		n = p.next()
	}
	rec, err := decodeRecord(pages)
	if err != nil {
		return nil, err
	}
	b.rec = rec
	if rec.table {
		return b, l.readTable(b)
	}
	v := newView(rec.size(), below{})
	i := uint64(0)
	for _, r := range rec.runs {
		for j := range r.len {
			if r.start != 0 {
				v.set(i, r.start+j)
			}
			i++
		}
	}
	rec.runs = nil
	b.view.Store(v)
	return b, nil
}

// readTable reads the extent pages of a blob.
func (l *loader) readTable(b *Blob) error {
	v := newView(b.rec.clusters, below{})
	for i, at := range b.rec.extents {
		if at == 0 {
			continue
		}
		p, ok := l.scan.pages[at]
		if !ok {
			return fmt.Errorf("blob %v: extent page %d, number %d, is damaged", b.id, i, at)
		}
		first, clusters, err := decodeExtents(p)
		if err != nil {
			return fmt.Errorf("blob %v: page %d: %w", b.id, at, err)
		}
		if want := len(v.page(i)); first != uint32(i*extentsPerPage) || len(clusters) != want {
			return fmt.Errorf("blob %v: extent page %d has %d clusters from cluster %d on, want %d from %d", b.id, at, len(clusters), first, want, i*extentsPerPage)
		}
		for j, c := range clusters {
			if c != 0 {
				v.set(uint64(first)+uint64(j), c)
			} else if !b.rec.thin() {
				return fmt.Errorf("blob %v is thick and lacks cluster %d", b.id, int(first)+j)
			}
		}
	}
	b.view.Store(v)
	return nil
}

// settlement is what becomes of snapshots whose making or removal was under
// way.
type settlement struct {
	remove []*Blob
	keep   []*Blob // without the mark
	// shared are clones that had got clusters of a snapshot that is kept, and
	// which extent pages said so.
	shared map[*Blob][]int
}

// settle decides by the clones (bs_examine_clone): a snapshot that is being
// taken and that the blob stands on already is kept, and so is one that is
// being deleted and that its clone still stands on. The others go; what
// clusters they share with the other blob are that one's.
func (l *loader) settle() (*settlement, error) {
	st := &settlement{shared: make(map[*Blob][]int)}
	for _, id := range slices.Sorted(maps.Keys(l.s.blobs)) {
		b := l.s.blobs[id]
		_, taking := b.rec.internal.get(xattrInProgress)
		_, removing := b.rec.internal.get(xattrRemoval)
		if !taking && !removing {
			continue
		}
		if l.hasClone(id) {
			st.keep = append(st.keep, b)
			l.unshare(st, b)
		} else {
			st.remove = append(st.remove, b)
		}
	}
	for _, b := range st.remove {
		delete(l.s.blobs, b.id)
	}
	return st, nil
}

// unshare takes clusters of a snapshot that is kept from its clones, which the
// removal had given them already: they show them nevertheless. SPDK leaves
// them to both, of which the first to go gives them to others.
func (l *loader) unshare(st *settlement, snapshot *Blob) {
	sv := snapshot.view.Load()
	for _, b := range l.s.blobs {
		if b.rec.parent() != snapshot.id {
			continue
		}
		v := b.view.Load()
		v.each(func(i uint64, c uint32) {
			if i < sv.size && sv.get(i) == c {
				v.set(i, 0)
				if at := int(i / extentsPerPage); !slices.Contains(st.shared[b], at) {
					st.shared[b] = append(st.shared[b], at)
				}
			}
		})
	}
}

func (l *loader) hasClone(id ID) bool {
	for _, b := range l.s.blobs {
		if b.rec.parent() == id {
			return true
		}
	}
	return false
}

// claim takes what the blobs have. Nothing may have two owners.
func (l *loader) claim(st *settlement) error {
	s := l.s
	if !l.recover && len(st.remove) == 0 {
		return nil
	}
	s.pages = newBitmap(s.super.md.len)
	s.clusters = newBitmap(s.clusters.n)
	s.blank = newBitmap(s.clusters.n)
	for c := range s.super.mdClusters() {
		s.clusters.take(c)
	}
	var err error
	for _, id := range slices.Sorted(maps.Keys(s.blobs)) {
		b := s.blobs[id]
		for _, at := range append(slices.Clone(b.chain), allocatedPages(b.rec.extents)...) {
			if !s.pages.take(at) && err == nil {
				err = noStoref("blob %v: metadata page %d has two owners", id, at)
			}
		}
		b.view.Load().each(func(i uint64, c uint32) {
			if !s.clusters.take(c) && err == nil {
				err = noStoref("blob %v: its cluster %d is cluster %d of %d, which is not free", id, i, c, s.clusters.n)
			}
		})
	}
	return err
}

// allocatedPages returns the extent pages of a table that are there.
func allocatedPages(extents []uint32) []uint32 {
	return slices.DeleteFunc(slices.Clone(extents), func(at uint32) bool { return at == 0 })
}

// link sets what each blob stands on.
func (l *loader) link(ctx context.Context) error {
	s := l.s
	for _, id := range slices.Sorted(maps.Keys(s.blobs)) {
		b := s.blobs[id]
		under := below{}
		if parent := b.rec.parent(); parent != NoID {
			p := s.blobs[parent]
			if p == nil || p == b {
				return noStoref("blob %v stands on snapshot %v, which is not there", id, parent)
			}
			p.clones = append(p.clones, b)
			under.blob = p
		} else if external, ok := b.rec.external(); ok {
			under = s.openExternal(ctx, id, external)
		}
		v := b.view.Load()
		v.below = under
	}
	for _, b := range s.blobs {
		n := 0
		for p := b; p != nil; p = p.view.Load().below.blob {
			if n++; n > len(s.blobs) {
				return noStoref("blob %v stands on itself", b.id)
			}
		}
	}
	return nil
}

func (s *Store) openExternal(ctx context.Context, id ID, external []byte) below {
	if s.opts.OpenExternal == nil {
		return below{missing: true}
	}
	e, err := s.opts.OpenExternal(ctx, id, slices.Clone(external))
	if err != nil {
		return below{missing: true}
	}
	return below{external: e}
}

// rewriteExtents writes extent pages of b anew, as its view has them.
func (s *Store) rewriteExtents(ctx context.Context, b *Blob, pages []int) (err error) {
	c, rec, v := s.change(), b.rec.clone(), b.view.Load()
	c.lasting = true
	rec.extents = slices.Clone(rec.extents)
	for _, i := range pages {
		if !rec.table {
			break // they are in the chain
		}
		if rec.extents[i], err = c.extent(b.id, i, v.page(i)); err != nil {
			c.giveUp()
			return err
		}
	}
	return s.install(ctx, c, b, rec, v)
}

// write writes what the recovery has found and decided.
func (l *loader) write(ctx context.Context, torn bool, restored []pageWrite, st *settlement) error {
	s := l.s
	if torn {
		s.dirty = false
		if err := s.markDirty(ctx); err != nil {
			return err
		}
	}
	if len(restored) > 0 {
		if err := errors.Join(s.writePages(ctx, restored), s.dev.Flush(ctx)); err != nil {
			return err
		}
	}
	if len(l.scan.shadows) > 0 {
		if err := s.erase(ctx, l.scan.shadows); err != nil {
			return err
		}
	}
	for _, b := range st.remove {
		c := s.change()
		c.erased = []uint32{b.id.page()}
		s.pages.take(b.id.page())
		if err := c.commit(ctx); err != nil {
			return err
		}
	}
	for b, pages := range st.shared {
		if err := s.rewriteExtents(ctx, b, pages); err != nil {
			return err
		}
	}
	for _, b := range st.keep {
		rec := b.rec.clone()
		rec.internal = rec.internal.without(xattrInProgress).without(xattrRemoval)
		rec.dataRO |= flagReadOnly
		if err := s.rewrite(ctx, b, rec, b.view.Load()); err != nil {
			return err
		}
	}
	return nil
}
