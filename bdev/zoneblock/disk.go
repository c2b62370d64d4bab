// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// namespace makes the device's UUID out of its base's, as SPDK does.
var namespace = uuid.MustParse("5f3f485a-d6bb-4443-9de7-023683b77389")

// disk is a zoned device.
type disk struct {
	m        *Module
	base     *vbdev.Base
	info     bdev.Info
	capacity uint64 // blocks of a zone that can be written
	shift    uint   // of the zone size
	zones    []zone
}

// zoneSize returns the size of zones with a capacity: the next power of two.
func zoneSize(capacity uint64) (size uint64, shift uint, err error) {
	if capacity == 0 || capacity > 1<<62 {
		return 0, 0, fmt.Errorf("zone_capacity %d: it must be from 1 to %d blocks: %w", capacity, uint64(1)<<62, bdev.ErrInvalid)
	}
	shift = uint(bits.Len64(capacity - 1))
	return 1 << shift, shift, nil
}

// newDisk opens the base and makes the device, to be registered.
func newDisk(ctx context.Context, m *Module, p *plan) (*disk, error) {
	d := &disk{m: m, capacity: p.Config.capacity}
	size, shift, err := zoneSize(d.capacity)
	if err != nil {
		return nil, err
	}
	d.base, err = vbdev.OpenBase(ctx, m.reg, p.Base, moduleName, vbdev.Events{
		Removed: func() { vbdev.Unregister(m.reg, flag, p.Name) },
	})
	if err != nil {
		return nil, err
	}
	b := &d.base.Info
	n := b.NumBlocks >> shift
	switch {
	case b.Zoned:
		err = fmt.Errorf("base device %q is zoned, another zoned device on it %w", b.Name, bdev.ErrExists)
	case n == 0:
		err = fmt.Errorf("zone_capacity %d: a zone of %d blocks is larger than base device %q with %d: %w",
			d.capacity, size, b.Name, b.NumBlocks, bdev.ErrInvalid)
	}
	if err != nil {
		return nil, errors.Join(err, d.base.Close())
	}
	d.shift, d.zones = shift, make([]zone, n)
	for i := range d.zones {
		d.zones[i].word.Store(pack(bdev.ZoneFull, d.capacity))
	}
	d.info = bdev.Info{
		Name: p.Name, Product: "zone_block", Module: moduleName, UUID: vbdev.UUID(namespace, b.UUID[:]),
		BlockSize: b.BlockSize, NumBlocks: n << shift, WriteUnit: b.WriteUnit, Alignment: b.Alignment,
		OptimalIOBoundary: b.OptimalIOBoundary, WriteCache: b.WriteCache,
		MDSize: b.MDSize, MDInterleaved: b.MDInterleaved,
		DIF: b.DIF, DIFPIFormat: b.DIFPIFormat, DIFHeadOfMD: b.DIFHeadOfMD, DIFCheck: b.DIFCheck,
		NUMA: b.NUMA, HasNUMA: b.HasNUMA,
		Zoned: true, ZoneSize: size, OptimalOpenZones: uint32(p.Config.openZones),
	}
	return d, nil
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpZoneAppend, bdev.OpZoneManagement, bdev.OpZoneReport:
		return true
	}
	return false
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error {
	d.m.forget(d)
	return d.base.Close()
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("zone_block: base device of %s: %w", d.info.Name, err)
	}
	c := &channel{d: d, base: base, unmaps: d.base.Desc.Supports(bdev.OpUnmap)}
	c.children = vbdev.NewPool(func() *child {
		m := &child{c: c}
		m.io.Done = m
		return m
	})
	return c, nil
}

// driverSpecific is what SPDK tells of such a device.
type driverSpecific struct {
	Name      string `json:"name"`
	Base      string `json:"base_bdev"`
	Capacity  uint64 `json:"zone_capacity"`
	OpenZones uint64 `json:"optimal_open_zones"`
}

func (d *disk) specific() driverSpecific {
	return driverSpecific{d.info.Name, d.base.Info.Name, d.capacity, uint64(d.info.OptimalOpenZones)}
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	return struct {
		ZonedBlock driverSpecific `json:"zoned_block"`
	}{d.specific()}
}

// SupportsIOType implements bdev.IOTyper. SPDK shows no get_zone_info here,
// though it works.
func (d *disk) SupportsIOType(name string, native bool) bool {
	return native && name != bdev.OpZoneReport.IOType()
}
