// SPDX-License-Identifier: BSD-3-Clause

package blob

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// scanChunk is how many pages are read at a time, by scanReaders at a time.
const (
	scanChunk   = 256
	scanReaders = 4
)

// scan is what the metadata region holds.
type scan struct {
	mu      sync.Mutex
	pages   map[uint32]page // that are intact
	torn    []uint32        // that hold something and are not
	shadows []uint32        // that hold shadows
	newest  map[uint32]page // the newest shadow of each page that has one
}

// run reads the region, of a store that need not be recovered only the pages
// that are taken.
func (c *scan) run(ctx context.Context, s *Store, everything bool) error {
	c.pages, c.newest = make(map[uint32]page), make(map[uint32]page)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := uint32(0)
	take := func() (from, n uint32, ok bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !everything {
			if next, ok = s.pages.next(next); !ok {
				next = s.super.md.len
			}
		}
		if next >= s.super.md.len {
			return 0, 0, false
		}
		from = next
		next = from + min(scanChunk, s.super.md.len-from)
		return from, next - from, true
	}
	var readers sync.WaitGroup
	for range scanReaders {
		readers.Go(func() {
			buf := make([]byte, scanChunk*int(s.super.pageSize))
			for ctx.Err() == nil {
				from, n, ok := take()
				if !ok {
					return
				}
				b := buf[:int(n)*int(s.super.pageSize)]
				if err := s.read(ctx, b, s.mdOffset(from)); err != nil {
					cancel(err)
					return
				}
				c.look(b, from, int(s.super.pageSize))
			}
		})
	}
	readers.Wait()
	return context.Cause(ctx)
}

// look sorts the pages of b, of which the first is page from.
func (c *scan) look(b []byte, from uint32, size int) {
	for i := 0; i*size < len(b); i++ {
		p, at := page(b[i*size:i*size+PageSize]), from+uint32(i)
		if p.empty() {
			continue
		}
		intact := p.intact()
		if intact {
			p = slices.Clone(p)
		}
		c.mu.Lock()
		of, shadow := p.shadowOf()
		switch {
		case !intact:
			c.torn = append(c.torn, at)
		case !shadow:
			c.pages[at] = p
		default:
			c.shadows = append(c.shadows, at)
			if old, ok := c.newest[of]; !ok || old.reserved() < p.reserved() {
				c.newest[of] = p
			}
		}
		c.mu.Unlock()
	}
}

// restore mends torn pages from their shadows, and returns what to write.
func (c *scan) restore() []pageWrite {
	slices.Sort(c.shadows)
	slices.Sort(c.torn)
	var w []pageWrite
	for _, at := range c.torn {
		if p, ok := c.newest[at]; ok {
			c.pages[at] = p.unshadow()
			w = append(w, pageWrite{at, c.pages[at]})
		}
	}
	maps.DeleteFunc(c.newest, func(uint32, page) bool { return true })
	return w
}
