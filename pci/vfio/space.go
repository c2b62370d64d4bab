// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/dma"
)

// span is a range of I/O addresses.
type span struct{ first, last uint64 }

func (s span) String() string { return fmt.Sprintf("%#x-%#x", s.first, s.last) }

// limits is what an IOMMU takes.
type limits struct {
	allowed []span // nil if the kernel does not tell
	page    uint64 // addresses and lengths are multiples of it, in bytes
}

// mappings is a way to map memory: a type 1 container or an IOAS of iommufd.
// The I/O address is the virtual address.
type mappings interface {
	limits() (limits, error)
	mapRange(addr, size uint64) error
	unmapRange(addr, size uint64) error // an error if less was mapped there
}

// space is an I/O address space. All devices of this process that are behind
// an IOMMU share one, so that memory is mapped and locked once.
type space struct {
	k    kernel
	maps mappings

	limits      atomic.Pointer[limits]
	mapped      atomic.Int64 // bytes
	broken      atomic.Bool  // something is not mapped, for all devices had gone
	unsubscribe func()

	mu      sync.Mutex
	devices map[*device]bool
}

func newSpace(k kernel, m mappings) *space {
	return &space{k: k, maps: m, devices: make(map[*device]bool)}
}

// begin maps all memory, and what is added from now on. A device must be in
// the space, for only then it is known what the IOMMU takes.
func (s *space) begin() error {
	if err := s.refresh(); err != nil {
		return err
	}
	var err error
	s.unsubscribe, err = dma.Subscribe(s)
	return err
}

// end stops following memory. What is mapped ends with the space's file.
func (s *space) end() {
	if s.unsubscribe != nil {
		s.unsubscribe()
	}
}

// refresh asks again what the IOMMU takes: each device that joins may take
// less.
func (s *space) refresh() error {
	if s.broken.Load() {
		return errors.New("the devices of this process have just been removed and are being given back: try again")
	}
	l, err := s.maps.limits()
	if err != nil {
		return fmt.Errorf("asking what the IOMMU takes: %w", err)
	}
	s.limits.Store(&l)
	return nil
}

func (s *space) add(d *device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[d] = true
}

func (s *space) remove(d *device) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.devices, d)
}

// deserted tells whether all devices have gone. The kernel may then have
// taken the space apart already.
func (s *space) deserted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.devices {
		if !d.Removed() {
			return false
		}
	}
	return len(s.devices) > 0
}

// MapDMA implements dma.Mapper.
func (s *space) MapDMA(r dma.Region) error {
	addr, size := r.Addr, uint64(len(r.Mem))
	if err := s.limits.Load().check(addr, size); err != nil {
		return err
	}
	err := s.maps.mapRange(addr, size)
	if errors.Is(err, unix.ENOMEM) && s.raiseMemlock() {
		err = s.maps.mapRange(addr, size)
	}
	if err != nil {
		if s.deserted() {
			s.broken.Store(true)
			return nil
		}
		return fmt.Errorf("vfio: mapping %#x bytes at I/O address %#x: %w", size, addr, s.explain(err, size))
	}
	s.mapped.Add(int64(size))
	return nil
}

// UnmapDMA implements dma.Mapper.
func (s *space) UnmapDMA(r dma.Region) error {
	size := uint64(len(r.Mem))
	if err := s.maps.unmapRange(r.Addr, size); err != nil {
		if s.deserted() {
			return nil
		}
		return fmt.Errorf("vfio: unmapping %#x bytes at I/O address %#x: %w", size, r.Addr, err)
	}
	s.mapped.Add(-int64(size))
	return nil
}

func (l *limits) check(addr, size uint64) error {
	if l.page > 1 && (addr%l.page != 0 || size%l.page != 0) {
		return fmt.Errorf("vfio: %#x bytes at address %#x: the IOMMU maps multiples of %#x bytes only", size, addr, l.page)
	}
	if l.allowed == nil {
		return nil
	}
	want := span{addr, addr + size - 1}
	for _, a := range l.allowed {
		if want.first >= a.first && want.last <= a.last && want.first <= want.last {
			return nil
		}
	}
	return fmt.Errorf("vfio: I/O addresses %v are not among those that the IOMMU takes: %s (dma.Alloc prefers low addresses; memory given to dma.Register has to be mapped within)", want, l)
}

func (l *limits) String() string {
	const most = 16 // of a list that a person reads
	var all []string
	for i, a := range l.allowed {
		if i == most {
			all = append(all, "…")
			break
		}
		all = append(all, a.String())
	}
	switch {
	case l.allowed == nil:
		return "the kernel does not tell"
	case all == nil:
		return "none"
	}
	return strings.Join(all, ", ")
}

// explain adds to an error of the kernel what a person can do.
func (s *space) explain(err error, size uint64) error {
	switch {
	case errors.Is(err, unix.ENOMEM):
		return s.explainMemlock(err, size)
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%w (other memory is mapped there)", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w (there are as many mappings as the kernel allows: allocate larger buffers, or raise parameter dma_entry_limit of module vfio_iommu_type1)", err)
	case errors.Is(err, unix.EFAULT):
		return fmt.Errorf("%w (the kernel cannot lock this memory: it belongs to a device, or its file was cut short)", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w (does the IOMMU have that many address bits? it takes: %v)", err, s.limits.Load())
	}
	return err
}
