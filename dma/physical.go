// SPDX-License-Identifier: BSD-3-Clause

package dma

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNoPhysical is returned where memory with a physical address that stays
// is needed and cannot be had.
var ErrNoPhysical = errors.New("no memory with a fixed physical address")

// run is a part of a region that is contiguous on the bus.
type run struct {
	start uintptr // virtual
	size  uintptr
	addr  uint64 // physical
}

// RequirePhysical makes every later Alloc return memory whose physical
// address is known and stays: hugepages. It is what a maker of devices with
// Physical addressing calls when it opens one. It fails with ErrNoPhysical if
// this machine has no free hugepages or hides physical addresses from this
// process.
func RequirePhysical() error {
	heap.grow.Lock()
	defer heap.grow.Unlock()
	if heap.physical.Load() {
		return nil
	}
	if heap.noHuge.Load() {
		return fmt.Errorf("%w: hugepages are turned off (GOSPDK_NO_HUGE=1 or dma.UseHugepages)", ErrNoPhysical)
	}
	if err := global.findRuns(heap.arenas); err != nil {
		return err
	}
	// One arena tells whether there can be any.
	if !heap.hasPhysical() {
		a, err := heap.newShared(true)
		if err != nil {
			return err
		}
		heap.mu.Lock()
		heap.arenas = append(heap.arenas, a)
		heap.mu.Unlock()
	}
	heap.physical.Store(true)
	return nil
}

// hasPhysical tells whether any arena may serve devices with physical
// addressing.
func (p *pool) hasPhysical() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.arenas {
		if a.huge != 0 {
			return true
		}
	}
	return false
}

// findRuns gives the arenas that were made before anybody asked for physical
// addresses theirs.
func (s *space) findRuns(arenas []*arena) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	regions := append([]Region(nil), s.load()...)
	for _, a := range arenas {
		if a.huge == 0 {
			continue
		}
		for i := range regions {
			if unsafe.SliceData(regions[i].Mem) != unsafe.SliceData(a.mem) {
				continue
			}
			runs, err := physicalRuns(a.mem, a.huge)
			if err != nil {
				return err
			}
			regions[i].runs = runs
		}
	}
	s.regions.Store(&regions)
	return nil
}

// physicalRuns looks up where mem, which is made of pages of that size, is
// (Linux, Documentation/admin-guide/mm/pagemap.rst).
func physicalRuns(mem []byte, page int) ([]run, error) {
	if err := populate(mem, page); err != nil {
		return nil, fmt.Errorf("%w: taking %d bytes of hugepages: %w", ErrNoPhysical, len(mem), err)
	}
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoPhysical, err)
	}
	defer f.Close()
	var runs []run
	base := uintptr(unsafe.Pointer(unsafe.SliceData(mem)))
	for off := 0; off < len(mem); off += page {
		var b [8]byte
		at := base + uintptr(off)
		if _, err := f.ReadAt(b[:], int64(at/pageSize*8)); err != nil {
			return nil, fmt.Errorf("%w: reading /proc/self/pagemap: %w", ErrNoPhysical, err)
		}
		addr, err := frame(binary.NativeEndian.Uint64(b[:]))
		if err != nil {
			return nil, err
		}
		if n := len(runs); n > 0 && runs[n-1].addr+uint64(runs[n-1].size) == addr {
			runs[n-1].size += uintptr(page)
			continue
		}
		runs = append(runs, run{at, uintptr(page), addr})
	}
	return runs, nil
}

// frame returns the physical address in an entry of pagemap.
func frame(entry uint64) (uint64, error) {
	const (
		present = 1 << 63
		frames  = 1<<55 - 1
	)
	switch {
	case entry&present == 0:
		return 0, fmt.Errorf("%w: pagemap entry %#x: the page is not in memory", ErrNoPhysical, entry)
	case entry&frames == 0:
		return 0, fmt.Errorf("%w: the kernel hides physical addresses from this process: run it as root or with CAP_SYS_ADMIN (setcap cap_sys_admin,cap_ipc_lock,cap_sys_rawio=ep), or use vfio-pci with an IOMMU", ErrNoPhysical)
	}
	return (entry & frames) * pageSize, nil
}

// populate takes the pages now: a hugepage that a control group does not
// grant would otherwise be a bus error at its first use.
func populate(mem []byte, page int) error {
	err := unix.Madvise(mem, unix.MADV_POPULATE_WRITE)
	if !errors.Is(err, unix.EINVAL) { // before Linux 5.14
		return err
	}
	for i := 0; i < len(mem); i += page {
		mem[i] = 0
	}
	return nil
}
