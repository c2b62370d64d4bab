// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gospdk/gospdk/internal/pcibar"
	"github.com/gospdk/gospdk/internal/uapi"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/pci"
)

// region is a part of the device's file.
type region struct {
	size   uint64 // 0: there is none
	offset uint64 // in the file
	// mappable is what of it can be mapped.
	mappable []pcibar.Range
}

// findRegion asks the kernel for a region.
func (d *device) findRegion(index int) (region, error) {
	info, answer, err := query(d.k, d.fd, uapi.VFIODeviceGetRegionInfo, uapi.VFIORegionInfo{Index: uint32(index)})
	if err != nil {
		return region{}, fmt.Errorf("asking VFIO about region %d: %w", index, err)
	}
	r := region{size: info.Size, offset: info.Offset}
	if r.size > math.MaxInt64 || r.offset > math.MaxInt64-r.size {
		return region{}, fmt.Errorf("region %d of %#x bytes at offset %#x of its file goes beyond what a file can have", index, r.size, r.offset)
	}
	if info.Flags&uapi.VFIORegionMmap == 0 {
		return r, nil
	}
	r.mappable = []pcibar.Range{{Size: r.size}}
	if info.Flags&uapi.VFIORegionCaps == 0 {
		return r, d.withoutTable(index, &r)
	}
	caps, err := capabilities(answer, info.CapOffset)
	if err != nil {
		return region{}, fmt.Errorf("region %d: %w", index, err)
	}
	if c, ok := find(caps, uapi.VFIORegionCapSparseMmap); ok {
		areas, err := sparseAreas(c)
		if err != nil {
			return region{}, fmt.Errorf("region %d: %w", index, err)
		}
		r.mappable, err = areasWithin(areas, r.size)
		if err != nil {
			return region{}, fmt.Errorf("region %d: %w", index, err)
		}
		return r, nil
	}
	if _, ok := find(caps, uapi.VFIORegionCapMSIXMappable); ok {
		return r, nil
	}
	return r, d.withoutTable(index, &r)
}

// areasWithin takes what the kernel lists as mappable.
func areasWithin(areas []uapi.VFIOSparseMmapArea, size uint64) ([]pcibar.Range, error) {
	all := make([]pcibar.Range, 0, len(areas))
	for _, a := range areas {
		if a.Offset > size || a.Size > size-a.Offset {
			return nil, fmt.Errorf("an area of %#x bytes at offset %#x is said to be in %#x bytes", a.Size, a.Offset, size)
		}
		if a.Size > 0 {
			all = append(all, pcibar.Range{Off: a.Offset, Size: a.Size})
		}
	}
	return all, nil
}

// withoutTable takes the MSI-X table out of what is mappable: kernels before
// Linux 4.16 refuse a mapping with it.
func (d *device) withoutTable(index int, r *region) error {
	if index > 5 {
		return nil
	}
	cfg := make([]byte, min(d.config.size, pci.ConfigSize))
	if err := d.ConfigRead(0, cfg); err != nil {
		return err
	}
	c, ok := pci.FindCapability(cfg, pci.CapabilityMSIX, false)
	if !ok {
		return nil
	}
	m, err := pci.ParseMSIX(cfg, c)
	if err != nil {
		return err
	}
	if m.Table.BAR == index && m.Table.Offset < r.size {
		r.mappable = complement(r.size, []pcibar.Range{{Off: m.Table.Offset, Size: min(m.Table.Size, r.size-m.Table.Offset)}})
	}
	return nil
}

// complement returns what of size bytes is in none of the ranges, which end
// there at the latest.
func complement(size uint64, ranges []pcibar.Range) []pcibar.Range {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b pcibar.Range) int { return cmp.Compare(a.Off, b.Off) })
	var rest []pcibar.Range
	var at uint64
	for _, r := range ranges {
		if r.Off > at {
			rest = append(rest, pcibar.Range{Off: at, Size: r.Off - at})
		}
		at = max(at, r.Off+r.Size)
	}
	if at < size {
		rest = append(rest, pcibar.Range{Off: at, Size: size - at})
	}
	return rest
}

// MapBAR implements pci.Device. A part that cannot be mapped, such as the
// MSI-X table on old kernels, is accessed through system calls.
func (d *device) MapBAR(i int) (pci.BAR, error) {
	if d.Removed() {
		return nil, d.reason
	}
	if i < 0 || i >= len(d.regions) || d.regions[i].size == 0 {
		return nil, fmt.Errorf("vfio: %s: there is no BAR %d", d.address, i)
	}
	d.barMu.Lock()
	defer d.barMu.Unlock()
	if d.Removed() { // Fail waits for the lock to detach what is there
		return nil, d.reason
	}
	if d.bars[i] == nil {
		r := &d.regions[i]
		b, err := pcibar.Map(d.fd, int64(r.offset), r.size, i, "vfio: "+d.address, d, complement(r.size, r.mappable))
		if err != nil {
			return nil, d.check(err)
		}
		d.bars[i] = b
	}
	return d.bars[i], nil
}

// detachBARs takes the device out of all mappings: the kernel does not get it
// back while there is one.
func (d *device) detachBARs() {
	d.barMu.Lock()
	defer d.barMu.Unlock()
	for _, b := range d.bars {
		if b == nil {
			continue
		}
		if err := b.Detach(); err != nil {
			log.Errorf("%v", err)
		}
	}
}

func (d *device) unmapBARs() {
	d.barMu.Lock()
	defer d.barMu.Unlock()
	for i, b := range d.bars {
		if b != nil {
			_ = b.Unmap() // it is memory of ours by now
			d.bars[i] = nil
		}
	}
}
