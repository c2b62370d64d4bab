// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// disk is the device of a partition.
type disk struct {
	base     *base
	part     *partition
	info     bdev.Info
	readOnly bool
}

func newDisk(b *base, p *partition) *disk {
	d := &disk{base: b, part: p, readOnly: !p.spdk()}
	i := &b.Info
	d.info = bdev.Info{
		Name: fmt.Sprintf("%sp%d", i.Name, p.number), Product: "GPT Disk", Module: moduleName, UUID: p.id,
		BlockSize: i.BlockSize, NumBlocks: b.table.usable(p), PhysicalBlockSize: i.PhysicalBlockSize,
		WriteUnit: i.WriteUnit, Alignment: i.Alignment, WriteCache: i.WriteCache, ZeroesAfterUnmap: i.ZeroesAfterUnmap,
		MDSize: i.MDSize, MDInterleaved: i.MDInterleaved, AtomicCompareWrite: i.AtomicCompareWrite,
		DIF: i.DIF, DIFPIFormat: i.DIFPIFormat, DIFHeadOfMD: i.DIFHeadOfMD, DIFCheck: i.DIFCheck,
		NUMA: i.NUMA, HasNUMA: i.HasNUMA,
	}
	if p.id == uuid.Nil {
		d.info.UUID = vbdev.PartUUID(i.UUID, p.first, d.info.NumBlocks)
	}
	return d
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device: what the base does, the core's help
// included.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpFlush, bdev.OpReset, bdev.OpAbort, bdev.OpCompare, bdev.OpSeekData, bdev.OpSeekHole:
	case bdev.OpWrite, bdev.OpWriteZeroes, bdev.OpUnmap, bdev.OpCompareAndWrite, bdev.OpCopy:
		if d.readOnly {
			return false
		}
	default:
		return false
	}
	return d.base.Desc.Supports(op)
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	ch, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("gpt: base device of %s: %w", d.info.Name, err)
	}
	return &channel{d, vbdev.NewForwarder(ch, &d.info, d.part.first, nil)}, nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error { return d.base.put(d) }

// driverSpecific is what SPDK tells of a partition.
type driverSpecific struct {
	Base   string    `json:"base_bdev"`
	Offset uint64    `json:"offset_blocks"`
	Table  uuid.UUID `json:"partition_table_guid"`
	Type   uuid.UUID `json:"partition_type_guid"`
	ID     uuid.UUID `json:"unique_partition_guid"`
	Name   string    `json:"partition_name"`
}

// DriverSpecific is what bdev_get_bdevs tells of the partition.
func (d *disk) DriverSpecific() any {
	return struct {
		GPT driverSpecific `json:"gpt"`
	}{driverSpecific{d.base.Info.Name, d.part.first, d.base.table.disk, d.part.kind, d.part.id, d.part.name}}
}

// SupportsIOType implements bdev.IOTyper: a partition is shown with what its
// base is shown with, but for commands of NVMe, which name blocks of the
// whole base.
func (d *disk) SupportsIOType(name string, native bool) bool {
	if op, ok := bdev.OpOfIOType(name); ok && op != 0 && !d.Supports(op) {
		return false
	}
	switch name {
	case "nvme_admin", "nvme_io", "nvme_io_md", "get_zone_info", "zone_management", "zone_append":
		return false
	case "zcopy", "write_uncorrectable":
		return !d.readOnly && d.base.Desc.SupportsIOType(name)
	}
	return d.base.Desc.SupportsIOType(name)
}
