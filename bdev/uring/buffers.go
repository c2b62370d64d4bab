// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/log"
)

// DMA memory that is used often is registered with the kernel, piece by piece:
// whole regions would be locked in memory even if little of them is in use.
const (
	pieceShift = 21 // a hugepage, which is the least of a region of dma.Alloc
	pieceSize  = 1 << pieceShift
	// pieces is how many a ring registers. The piece with number n has place n
	// modulo pieces; regions follow one another, so few share a place.
	pieces = 1024
	// worthwhile is how many transfers a piece has before it is registered.
	worthwhile = 64
)

// buffers knows what a ring has registered. It belongs to the thread, but for
// UnmapDMA.
type buffers struct {
	table  *uring.Buffers
	full   bool // no more is registered
	uses   [pieces]uses
	cancel func()

	mu    sync.Mutex // held while places change
	known [pieces]atomic.Uint64
}

// locked is how much memory all rings have registered, in bytes. It stays
// below half of what the process may lock: rings that are made later need
// some, too.
var locked atomic.Uint64

// lockLimit is what the process may lock, in bytes; a test sets it.
var lockLimit = sync.OnceValue(uring.LockLimit)

func lock() error {
	if limit := lockLimit(); locked.Add(pieceSize) > limit/2 {
		unlock(1)
		return fmt.Errorf("%d bytes may be locked in memory (ulimit -l), and half of that is not enough", limit)
	}
	return nil
}

// unlock is for pieces that are registered no more.
func unlock(n int) { locked.Add(-uint64(n) * pieceSize) }

// uses counts the transfers of a piece that is not registered.
type uses struct {
	piece uint64
	n     int
}

// unavailable is said once: the reason is the same for all rings.
var unavailable sync.Once

func sayUnavailable(err error) {
	unavailable.Do(func() { log.Infof("uring: transfers go without registered buffers, or with few: %v", err) })
}

func newBuffers(r *uring.Ring) *buffers {
	b := &buffers{full: true, cancel: func() {}}
	var err error
	if b.table, err = r.NewBuffers(pieces); err != nil {
		sayUnavailable(err)
		return b
	}
	cancel, err := dma.Subscribe(b)
	if err != nil {
		sayUnavailable(err)
		return b
	}
	b.cancel, b.full = cancel, false
	return b
}

// place returns where p is registered, if all of it is.
func (b *buffers) place(p []byte) (place int, ok bool) {
	at := uring.Address(p)
	piece := at >> pieceShift
	if (at+uint64(len(p))-1)>>pieceShift != piece {
		return 0, false
	}
	place = int(piece % pieces)
	return place, b.known[place].Load() == piece || b.count(piece, p)
}

// count notes a use of a piece, and registers it if there were enough. It
// tells whether the piece is registered now.
func (b *buffers) count(piece uint64, p []byte) bool {
	u := &b.uses[piece%pieces]
	if u.piece != piece {
		*u = uses{piece: piece}
	}
	if u.n++; u.n < worthwhile || b.full {
		return false
	}
	u.n = 0
	r, ok := dma.Find(p)
	start, end := piece<<pieceShift-r.Addr, (piece+1)<<pieceShift-r.Addr
	if !ok || end > uint64(len(r.Mem)) || start > end {
		return false // it is not DMA memory, or only a part of it is
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	place := &b.known[piece%pieces]
	if place.Load() != 0 {
		return false
	}
	if err := b.set(int(piece%pieces), r.Mem[start:end]); err != nil {
		sayUnavailable(err)
		return false
	}
	place.Store(piece)
	return true
}

func (b *buffers) set(place int, mem []byte) error {
	if err := lock(); err != nil {
		return err
	}
	err := b.table.Set(place, mem)
	if err != nil {
		unlock(1)
		b.full = errors.Is(err, syscall.ENOMEM) // others would fail too, after as long a time
	}
	return err
}

// MapDMA implements dma.Mapper: nothing is registered before it is used.
func (b *buffers) MapDMA(dma.Region) error { return nil }

// UnmapDMA implements dma.Mapper. No transfer uses the region any more.
func (b *buffers) UnmapDMA(r dma.Region) error {
	first := r.Addr >> pieceShift
	last := (r.Addr + uint64(len(r.Mem)) - 1) >> pieceShift
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for piece := first; piece <= last; piece++ {
		if place := &b.known[piece%pieces]; place.Load() == piece {
			place.Store(0)
			unlock(1)
			errs = append(errs, b.table.Clear(int(piece%pieces)))
		}
	}
	return errors.Join(errs...)
}

// close is called before the ring, and with it the table, is closed.
func (b *buffers) close() {
	b.cancel()
	for i := range b.known {
		if b.known[i].Load() != 0 {
			unlock(1)
		}
	}
}
