// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"github.com/gospdk/gospdk/internal/tsc"
)

// Ring keeps the last records of one thread, which alone uses it.
type Ring struct {
	f    *file
	mem  []byte
	next uint64 // entry
	mask uint64 // of an entry's index
}

func (r *Ring) init(number, entries int) {
	binary.NativeEndian.PutUint32(r.mem, uint32(number))
	binary.NativeEndian.PutUint64(r.mem[offRingEntries:], uint64(entries))
	binary.NativeEndian.PutUint64(r.mem[offRingPoints:], maxPoints)
	r.mask = uint64(entries - 1)
}

func (r *Ring) name(thread string) {
	clear(r.mem[offRingName:][:ringNameSize])
	copy(r.mem[offRingName:][:ringNameSize-1], thread)
}

// Live tells whether the ring is one of the trace that there is. It is not
// after Stop.
func (r *Ring) Live() bool { return r != nil && r.f == current.Load() }

// Release gives the ring to a thread that is made later. What it holds stays
// until it is overwritten.
func (r *Ring) Release() {
	if !r.Live() || r.mem == nil {
		return
	}
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.f.free = append(r.f.free, r)
}

// Record records that p has happened to an object (0 for none; see ID) of an
// owner. size and args are what the point is defined to have.
func (r *Ring) Record(p Point, owner Owner, size uint32, object uint64, args ...uint64) {
	d := definitions[p]
	if !r.Live() || r.mem == nil || d == nil || len(args) != len(d.args) {
		return
	}
	put := binary.NativeEndian
	now := tsc.Now()
	put.PutUint64(r.mem[offRingCounts+8*int(p):], put.Uint64(r.mem[offRingCounts+8*int(p):])+1)
	e := r.entry(0)
	put.PutUint64(e[offEntryTSC:], now)
	put.PutUint16(e[offEntryPoint:], uint16(p))
	put.PutUint16(e[offEntryOwner:], owner.id)
	put.PutUint32(e[offEntrySize:], size)
	put.PutUint64(e[offEntryObject:], object)
	used := uint64(1)
	room := e[offEntryArgs:]
	var value [8]byte
	for i, a := range d.args {
		put.PutUint64(value[:], args[i])
		if a.size == 4 {
			put.PutUint32(value[:], uint32(args[i]))
		}
		for left := value[:a.size]; len(left) > 0; {
			if len(room) == 0 {
				e = r.entry(used)
				put.PutUint64(e[offEntryTSC:], now)
				put.PutUint16(e[offEntryPoint:], continued)
				room = e[offMoreArgs:]
				used++
			}
			n := copy(room, left)
			room, left = room[n:], left[n:]
		}
	}
	r.next += used
	// Whoever reads the number of entries finds them whole.
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&r.mem[offRingNext])), r.next)
}

// entry returns the i-th that is to be filled.
func (r *Ring) entry(i uint64) []byte {
	at := ringHead + int((r.next+i)&r.mask)*entrySize
	return r.mem[at:][:entrySize:entrySize]
}

// ID is a number by which records tell an object from others that exist at
// the same time.
func ID[T any](object *T) uint64 { return uint64(uintptr(unsafe.Pointer(object))) }

// IDOf is ID of the object that an interface holds a pointer to.
func IDOf(object any) uint64 {
	return uint64(uintptr((*[2]unsafe.Pointer)(unsafe.Pointer(&object))[1]))
}
