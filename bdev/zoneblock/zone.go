// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"sync/atomic"

	"github.com/gospdk/gospdk/bdev"
)

// zone is the state of a zone and how many of its blocks are written, in one
// word, since all threads change it.
type zone struct{ word atomic.Uint64 }

const stateBits = 4

func pack(s bdev.ZoneState, written uint64) uint64 { return written<<stateBits | uint64(s) }

func (z *zone) load() (s bdev.ZoneState, written uint64) { return unpack(z.word.Load()) }

func unpack(w uint64) (s bdev.ZoneState, written uint64) {
	return bdev.ZoneState(w & (1<<stateBits - 1)), w >> stateBits
}

// change replaces the zone's state by what next makes of it, unless next
// refuses. Another thread may be faster; then next is asked again.
func (z *zone) change(next func(s bdev.ZoneState, written uint64) (bdev.ZoneState, uint64, bool)) bool {
	for {
		old := z.word.Load()
		s, written, ok := next(unpack(old))
		if !ok {
			return false
		}
		if z.word.CompareAndSwap(old, pack(s, written)) {
			return true
		}
	}
}

// writable tells whether a zone in the state takes writes.
func writable(s bdev.ZoneState) bool {
	return s == bdev.ZoneEmpty || s == bdev.ZoneImplicitlyOpen || s == bdev.ZoneClosed
}

// noBlock says that a write goes to wherever the write pointer is.
const noBlock = bdev.NoBlock

// advance takes n blocks for a write that begins at a block of the zone, or
// at the write pointer. It returns the first of them.
func (z *zone) advance(at, n, capacity uint64) (first uint64, ok bool) {
	for {
		old := z.word.Load()
		s, written := unpack(old)
		if !writable(s) || at != noBlock && at != written || n > capacity-written {
			return 0, false
		}
		s = bdev.ZoneImplicitlyOpen
		if written+n == capacity {
			s = bdev.ZoneFull
		}
		if z.word.CompareAndSwap(old, pack(s, written+n)) {
			return written, true
		}
	}
}

// act does a zone's action but for what it means to the base device. was is
// the state before.
func (z *zone) act(a bdev.ZoneAction, capacity uint64) (was bdev.ZoneState, ok bool) {
	ok = z.change(func(s bdev.ZoneState, written uint64) (bdev.ZoneState, uint64, bool) {
		was = s
		switch a {
		case bdev.ZoneActionOpen:
			return bdev.ZoneImplicitlyOpen, written, writable(s)
		case bdev.ZoneActionClose:
			return bdev.ZoneClosed, written, s == bdev.ZoneImplicitlyOpen || s == bdev.ZoneClosed
		case bdev.ZoneActionFinish:
			return bdev.ZoneFull, capacity, true
		case bdev.ZoneActionReset:
			return bdev.ZoneEmpty, 0, true
		}
		return 0, 0, false
	})
	return was, ok
}
