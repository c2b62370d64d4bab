// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"errors"
	"fmt"
)

// A change is what one step of an operation does to the metadata. Of what it
// writes, only roots and extent pages lie where something else was: they go
// last, when all that they refer to is on the medium, and each is whole or
// not there. Pages and clusters that the step gives back are not used again
// before it is on the medium.
//
// A change is for whoever holds Store.md.
type change struct {
	s       *Store
	fresh   []pageWrite // to pages that nothing refers to yet
	over    []pageWrite // to pages that are in use, and roots
	erased  []uint32    // roots of deleted blobs
	taken   []uint32    // pages that were free
	freed   []uint32    // pages that are free afterwards
	lasting bool        // on the medium when commit returns
}

type pageWrite struct {
	at uint32
	p  page
}

func (s *Store) change() *change { return &change{s: s} }

// takeRoot takes a free metadata page for a blob's first.
func (c *change) takeRoot() (uint32, error) { return c.take((*bitmap).takeFree) }

// takePage takes a free metadata page for anything else. It is never page 0,
// which in an extent table says that there is none.
func (c *change) takePage() (uint32, error) { return c.take((*bitmap).takeFreeButFirst) }

func (c *change) take(from func(*bitmap) (uint32, bool)) (uint32, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	at, ok := uint32(0), false
	if n := len(c.s.pool.slots); n >= shadowReserve || c.s.pages.n < shadowStore || c.s.pages.free() > uint32(shadowReserve-n) {
		at, ok = from(c.s.pages)
	}
	if !ok {
		at, ok = c.s.pool.giveUp()
	}
	if !ok {
		return 0, fmt.Errorf("%w: all %d metadata pages are taken", ErrNoSpace, c.s.pages.n)
	}
	c.taken = append(c.taken, at)
	return at, nil
}

// root writes a blob's chain anew, and returns its pages. chain is what the
// blob has had, which may be the root alone, or nothing but a page that was
// just taken for it.
func (c *change) root(rec *record, chain []uint32) ([]uint32, error) {
	pages, err := rec.encode()
	if err != nil {
		return nil, err
	}
	at := []uint32{rec.id.page()}
	for range pages[1:] {
		n, err := c.takePage()
		if err != nil {
			return nil, err
		}
		at = append(at, n)
	}
	for i, p := range pages {
		if i+1 < len(pages) {
			p.setNext(at[i+1])
		}
		p.seal()
		if i > 0 {
			c.fresh = append(c.fresh, pageWrite{at[i], p})
		}
	}
	c.over = append(c.over, pageWrite{at[0], pages[0]})
	if len(chain) > 1 {
		c.freed = append(c.freed, chain[1:]...)
	}
	return at, nil
}

// extent writes an extent page to a page of its own, whose number it returns.
// Whoever calls puts it into the record.
func (c *change) extent(id ID, i int, clusters []uint32) (uint32, error) {
	at, err := c.takePage()
	if err != nil {
		return 0, err
	}
	c.fresh = append(c.fresh, pageWrite{at, encodeExtents(id, uint32(i*extentsPerPage), clusters)})
	return at, nil
}

// giveUp returns what a change took that will not be committed.
func (c *change) giveUp() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for _, p := range c.taken {
		c.s.pages.release(p)
	}
	c.taken = nil
}

// commit writes the change. After an error nothing has changed; if it cannot
// be told what came to the disk, what the change took stays taken until the
// store is recovered.
func (c *change) commit(ctx context.Context) error {
	s := c.s
	if err := c.prepare(ctx); err != nil {
		c.giveUp()
		return err
	}
	err := s.writePages(ctx, c.over)
	for _, at := range c.erased {
		err = errors.Join(err, s.write(ctx, make([]byte, s.super.pageSize), s.mdOffset(at)))
	}
	if err == nil && (c.lasting || len(c.freed) > 0 || len(c.erased) > 0) {
		if err = s.dev.Flush(ctx); err == nil {
			s.pool.flushed()
		}
	}
	if err != nil {
		s.broken = true
		return err
	}
	return c.release(ctx)
}

// prepare writes what must be on the medium before what is in use is written
// over.
func (c *change) prepare(ctx context.Context) error {
	s := c.s
	if err := s.markDirty(ctx); err != nil {
		return err
	}
	if err := s.writePages(ctx, c.fresh); err != nil {
		return err
	}
	shadows, err := c.shadows(ctx)
	if err != nil {
		return err
	}
	if err := s.writePages(ctx, shadows); err != nil {
		return err
	}
	if len(c.fresh)+len(shadows) == 0 && !c.lasting {
		return nil
	}
	if err := s.dev.Flush(ctx); err != nil {
		return err
	}
	// What the pool holds of earlier changes is on the medium, too; what it
	// holds of this one is not needed before the next flush.
	s.pool.flushedBut(shadows)
	return nil
}

// shadows returns copies of what is about to be written over.
func (c *change) shadows(ctx context.Context) ([]pageWrite, error) {
	s := c.s
	if s.opts.Atomic >= PageSize {
		return nil, nil
	}
	var shadows []pageWrite
	for _, w := range c.over {
		// Was the last write of this page torn, its shadow is to be found, not
		// this one, which may tell of fresh pages that are not on the medium.
		if len(c.fresh) > 0 && s.pool.pending(w.at) {
			if err := s.dev.Flush(ctx); err != nil {
				return nil, err
			}
			s.pool.flushedBut(shadows)
		}
		x, ok, err := s.shadow(ctx, w.at, w.p, shadows)
		if err != nil {
			return nil, err
		}
		if ok {
			shadows = append(shadows, x)
		}
	}
	for _, at := range c.erased {
		p := make(page, PageSize)
		if err := s.read(ctx, p, s.mdOffset(at)); err != nil {
			return nil, err
		}
		x, ok, err := s.shadow(ctx, at, p, shadows)
		if err != nil {
			return nil, err
		}
		if ok {
			shadows = append(shadows, x)
		}
	}
	return shadows, nil
}

// shadow returns the shadow of a page, unless the store has no page for it.
// others are to be written with it.
func (s *Store) shadow(ctx context.Context, at uint32, p page, others []pageWrite) (w pageWrite, ok bool, err error) {
	take := func() (slot, generation uint32, ok bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.pool.take(s.pages, at)
	}
	slot, generation, ok := take()
	if !ok && len(s.pool.slots) > 0 {
		if err := s.dev.Flush(ctx); err != nil {
			return w, false, err
		}
		s.pool.flushedBut(others)
		slot, generation, ok = take()
	}
	return pageWrite{slot, p.shadow(at, generation)}, ok, nil
}

// writePages writes pages of the metadata region, neighbours together.
func (s *Store) writePages(ctx context.Context, w []pageWrite) error {
	size := int(s.super.pageSize)
	for len(w) > 0 {
		n := 1
		for n < len(w) && n < 64 && w[n].at == w[n-1].at+1 {
			n++
		}
		buf := make([]byte, n*size)
		for i := range n {
			copy(buf[i*size:], w[i].p)
		}
		if err := s.write(ctx, buf, s.mdOffset(w[0].at)); err != nil {
			return err
		}
		w = w[n:]
	}
	return nil
}

// release makes the pages that were given back free. Shadows of them must not
// outlive them: what is torn next there is something else.
func (c *change) release(ctx context.Context) error {
	s := c.s
	freed := append(c.freed, c.erased...)
	if len(freed) == 0 {
		return nil
	}
	if stale := s.pool.of(freed); len(stale) > 0 {
		if err := s.erase(ctx, stale); err != nil {
			s.broken = true
			return err
		}
		s.pool.erased(stale)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range freed {
		s.pages.release(p)
	}
	return nil
}

// erase writes zeroes to metadata pages and waits until they are on the medium.
func (s *Store) erase(ctx context.Context, pages []uint32) error {
	w := make([]pageWrite, len(pages))
	for i, at := range pages {
		w[i] = pageWrite{at, make(page, PageSize)}
	}
	if err := s.writePages(ctx, w); err != nil {
		return err
	}
	return s.dev.Flush(ctx)
}
