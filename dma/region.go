// SPDX-License-Identifier: BSD-3-Clause

package dma

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// ErrNotDMA is returned for memory that no device can reach, such as the Go
// heap.
var ErrNotDMA = errors.New("not DMA memory: take it from dma.Alloc or register it with dma.Register")

var errNotPhysical = fmt.Errorf("%w for a device that takes physical addresses: the memory is not in hugepages", ErrNotDMA)

// Region is a range of memory that devices may access.
type Region struct {
	Mem    []byte // the range in this process
	Addr   uint64 // its I/O address for devices with Virtual addressing: its virtual address
	FD     int    // file behind it, shared with a process that emulates a device; -1 if none
	Offset int64  // where in FD the range starts, in bytes

	runs []run // where it is physically, sorted; nil if that is not known
}

func (r *Region) start() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(r.Mem))) }

// Mapper is a device, or what stands for one, that has to know about memory
// before it can access it. Its methods run on the goroutine that allocates
// or registers memory and must not do either themselves. A Mapper whose
// device has gone returns nil.
type Mapper interface {
	MapDMA(Region) error
	UnmapDMA(Region) error
}

// space is the set of regions and those who follow it.
type space struct {
	mu      sync.Mutex
	mappers []*subscription
	regions atomic.Pointer[[]Region] // sorted by address; replaced, never changed
}

type subscription struct{ m Mapper }

var global space

func (s *space) load() []Region {
	if p := s.regions.Load(); p != nil {
		return *p
	}
	return nil
}

// Regions returns all regions, sorted by address.
func Regions() []Region { return slices.Clone(global.load()) }

// Subscribe maps every region, now and later, to m until cancel is called.
// cancel does not unmap: the device is closed, and with it its mappings. If
// one mapping fails, those made are undone and the error is returned.
func Subscribe(m Mapper) (cancel func(), err error) {
	s := &global
	s.mu.Lock()
	defer s.mu.Unlock()
	regions := s.load()
	for i := range regions {
		if err := m.MapDMA(regions[i]); err != nil {
			for j := range i {
				err = errors.Join(err, m.UnmapDMA(regions[j]))
			}
			return nil, fmt.Errorf("dma: mapping %d bytes at %#x: %w", len(regions[i].Mem), regions[i].Addr, err)
		}
	}
	sub := &subscription{m}
	s.mappers = append(s.mappers, sub)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.mappers, sub); i >= 0 {
			s.mappers = slices.Delete(s.mappers, i, i+1)
		}
	}, nil
}

// Register makes memory that the caller mapped reachable by devices. It must
// lie outside the Go heap, be page aligned, overlap no region, and stay
// mapped until Unregister.
func Register(mem []byte, fd int, offset int64) error {
	return global.add(Region{Mem: mem, FD: fd, Offset: offset})
}

// Unregister takes back what Register gave; mem is the same slice. No I/O
// may use it any more.
func Unregister(mem []byte) error { return global.remove(mem) }

func (s *space) add(r Region) error {
	start, size := r.start(), uintptr(len(r.Mem))
	if size == 0 || start%pageSize != 0 || size%pageSize != 0 {
		return fmt.Errorf("dma: region of %d bytes at %#x: address and length must be multiples of %d and the length not 0", size, start, pageSize)
	}
	r.Addr = uint64(start)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.load()
	i, _ := slices.BinarySearchFunc(old, start, func(r Region, a uintptr) int { return cmp(r.start(), a) })
	if i < len(old) && old[i].start() < start+size || i > 0 && old[i-1].start()+uintptr(len(old[i-1].Mem)) > start {
		return fmt.Errorf("dma: region of %d bytes at %#x overlaps a registered one", size, start)
	}
	for j, sub := range s.mappers {
		if err := sub.m.MapDMA(r); err != nil {
			for _, done := range s.mappers[:j] {
				err = errors.Join(err, done.m.UnmapDMA(r))
			}
			return fmt.Errorf("dma: mapping %d bytes at %#x: %w", size, r.Addr, err)
		}
	}
	regions := slices.Insert(slices.Clone(old), i, r)
	s.regions.Store(&regions)
	return nil
}

func (s *space) remove(mem []byte) error {
	r := Region{Mem: mem}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.load()
	i, found := slices.BinarySearchFunc(old, r.start(), func(r Region, a uintptr) int { return cmp(r.start(), a) })
	if !found || len(old[i].Mem) != len(mem) {
		return fmt.Errorf("dma: no region of %d bytes at %#x is registered", len(mem), r.start())
	}
	var err error
	for _, sub := range s.mappers {
		err = errors.Join(err, sub.m.UnmapDMA(old[i]))
	}
	regions := slices.Delete(slices.Clone(old), i, i+1)
	s.regions.Store(&regions)
	return err
}

func cmp(a, b uintptr) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Find returns the region that p begins in.
func Find(p []byte) (r Region, ok bool) {
	if found := find(global.load(), uintptr(unsafe.Pointer(unsafe.SliceData(p)))); found != nil {
		return *found, true
	}
	return Region{}, false
}

// find returns the region with an address, nil if there is none.
func find(regions []Region, a uintptr) *Region {
	i, found := slices.BinarySearchFunc(regions, a, func(r Region, a uintptr) int { return cmp(r.start(), a) })
	if !found {
		i--
	}
	if i < 0 || a-regions[i].start() >= uintptr(len(regions[i].Mem)) {
		return nil
	}
	return &regions[i]
}

// Translate returns the I/O address of p[0], for devices with Virtual
// addressing, and how many bytes of p follow it contiguously. An empty p, or
// one outside every region, gives ErrNotDMA. It takes no lock; a [Translator]
// is faster still.
func Translate(p []byte) (addr uint64, contiguous int, err error) {
	var t Translator
	return t.Translate(p)
}

// Translator is Translate with a memory of the last place hit. Each belongs
// to one thread. The zero value is ready, and for Virtual addressing.
type Translator struct {
	// Addressing of the device; not to be changed after the first use.
	Addressing Addressing

	start, end uintptr // the last contiguous range hit
	delta      uint64  // I/O address minus virtual address there
	version    *[]Region
}

// Translate returns the I/O address of p[0] and how many bytes of p follow it
// contiguously. An empty p, one outside every region or, for Physical
// addressing, one that is not in hugepages gives ErrNotDMA.
func (t *Translator) Translate(p []byte) (addr uint64, contiguous int, err error) {
	a := uintptr(unsafe.Pointer(unsafe.SliceData(p)))
	if t.version == global.regions.Load() && a >= t.start && a < t.end && len(p) > 0 {
		return uint64(a) + t.delta, min(len(p), int(t.end-a)), nil
	}
	return t.lookup(p, a)
}

func (t *Translator) lookup(p []byte, a uintptr) (uint64, int, error) {
	version := global.regions.Load()
	if version == nil || len(p) == 0 {
		return 0, 0, ErrNotDMA
	}
	r := find(*version, a)
	if r == nil {
		return 0, 0, ErrNotDMA
	}
	place := run{r.start(), uintptr(len(r.Mem)), r.Addr}
	if t.Addressing == Physical {
		if len(r.runs) == 0 {
			return 0, 0, errNotPhysical
		}
		i, found := slices.BinarySearchFunc(r.runs, a, func(r run, a uintptr) int { return cmp(r.start, a) })
		if !found {
			i-- // the first one starts where the region does
		}
		place = r.runs[i]
	}
	t.version, t.start, t.end, t.delta = version, place.start, place.start+place.size, place.addr-uint64(place.start)
	return uint64(a) + t.delta, min(len(p), int(t.end-a)), nil
}
