// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"slices"
)

// shadowSlots is how many pages a store keeps for shadows, at most.
const shadowSlots = 32

// shadowReserve is how many of them blobs do not get when pages are short, of
// stores that have shadowStore pages or more. Smaller ones have no shadows.
const (
	shadowReserve = 2
	shadowStore   = 16
)

// shadowPool is the pages that hold shadows. To the masks they are free. A
// page that has a shadow that may be needed is not written over: the one
// whose place it is the shadow of may not be on the medium.
type shadowPool struct {
	slots      []shadowSlot
	generation uint32
}

type shadowSlot struct {
	at     uint32 // the page of the pool
	of     uint32 // whose shadow it holds
	used   bool   // holds one
	needed bool   // until the next flush
}

// take chooses a page for a shadow of page at. It is the one that has the
// last shadow of at, unless that is needed: of two, the newer counts.
func (p *shadowPool) take(pages *bitmap, at uint32) (slot, generation uint32, ok bool) {
	best := -1
	for i, s := range p.slots {
		if s.needed {
			continue
		}
		if s.used && s.of == at {
			best = i
			break
		}
		if best < 0 || !s.used {
			best = i
		}
	}
	if best < 0 || p.slots[best].used && p.slots[best].of != at {
		if page, ok := p.grow(pages); ok {
			p.slots = append(p.slots, shadowSlot{at: page})
			best = len(p.slots) - 1
		}
	}
	if best < 0 {
		return 0, 0, false
	}
	p.generation++
	p.slots[best] = shadowSlot{at: p.slots[best].at, of: at, used: true, needed: true}
	return p.slots[best].at, p.generation, true
}

func (p *shadowPool) grow(pages *bitmap) (uint32, bool) {
	if len(p.slots) >= shadowSlots || pages.n < shadowStore {
		return 0, false
	}
	return pages.takeFreeButFirst()
}

// giveUp returns a page of the pool that is not needed, for something else.
// It stays taken.
func (p *shadowPool) giveUp() (uint32, bool) {
	for i, s := range p.slots {
		if !s.needed && len(p.slots) > shadowReserve {
			p.slots = slices.Delete(p.slots, i, i+1)
			return s.at, true
		}
	}
	return 0, false
}

// flushed says that all that was written over is on the medium.
func (p *shadowPool) flushed() { p.flushedBut(nil) }

func (p *shadowPool) flushedBut(shadows []pageWrite) {
	for i := range p.slots {
		at := p.slots[i].at
		p.slots[i].needed = slices.ContainsFunc(shadows, func(w pageWrite) bool { return w.at == at })
	}
}

// pending tells whether the last write of a page may not be on the medium.
func (p *shadowPool) pending(at uint32) bool {
	return slices.ContainsFunc(p.slots, func(s shadowSlot) bool { return s.needed && s.of == at })
}

// of returns the pages with shadows of any of pages.
func (p *shadowPool) of(pages []uint32) []uint32 {
	var at []uint32
	for _, s := range p.slots {
		if s.used && slices.Contains(pages, s.of) {
			at = append(at, s.at)
		}
	}
	return at
}

// erased says that pages of the pool hold no shadow any more.
func (p *shadowPool) erased(pages []uint32) {
	for i, s := range p.slots {
		if slices.Contains(pages, s.at) {
			p.slots[i] = shadowSlot{at: s.at}
		}
	}
}

// emptyPool erases all shadows and gives their pages back. Who loads the
// store next may write over pages without shadows.
func (s *Store) emptyPool(ctx context.Context) error {
	var used, all []uint32
	for _, x := range s.pool.slots {
		all = append(all, x.at)
		if x.used {
			used = append(used, x.at)
		}
	}
	if len(used) > 0 {
		if err := s.dev.Flush(ctx); err != nil {
			return err
		}
		if err := s.erase(ctx, used); err != nil {
			return err
		}
	}
	s.pool.slots = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, at := range all {
		s.pages.release(at)
	}
	return nil
}
