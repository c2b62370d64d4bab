// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "slices"

type ioType struct {
	name string
	op   Op
}

// ioTypes are the names of SPDK's I/O types, in its order. Those without an
// Op stand for what this block layer carries out in another way or not at
// all.
var ioTypes = []ioType{
	{"read", OpRead}, {"write", OpWrite}, {"unmap", OpUnmap}, {"flush", OpFlush}, {"reset", OpReset},
	{"nvme_admin", OpNVMeAdmin}, {"nvme_io", OpNVMeIO}, {"nvme_io_md", OpNVMeIO},
	{"write_zeroes", OpWriteZeroes}, {"zcopy", 0},
	{"get_zone_info", OpZoneReport}, {"zone_management", OpZoneManagement}, {"zone_append", OpZoneAppend},
	{"compare", OpCompare}, {"compare_and_write", OpCompareAndWrite}, {"abort", OpAbort},
	{"seek_hole", OpSeekHole}, {"seek_data", OpSeekData}, {"copy", OpCopy},
	{"nvme_iov_md", OpNVMeIO}, {"nvme_nssr", 0}, {"write_uncorrectable", 0},
}

// IOTypes returns the names of SPDK's I/O types, in its order.
func IOTypes() []string {
	names := make([]string, len(ioTypes))
	for i, t := range ioTypes {
		names[i] = t.name
	}
	return names
}

// OpOfIOType returns the operation that SPDK calls name: "read",
// "write_zeroes". It is 0 for an I/O type that has no Op; ok is false for
// what is no I/O type.
func OpOfIOType(name string) (op Op, ok bool) {
	i := slices.IndexFunc(ioTypes, func(t ioType) bool { return t.name == name })
	if i < 0 {
		return 0, false
	}
	return ioTypes[i].op, true
}

// IOType returns what SPDK calls the operation.
func (op Op) IOType() string {
	for _, t := range ioTypes {
		if t.op == op && op != 0 {
			return t.name
		}
	}
	return ""
}

// IOTyper is a Device that is shown to users with other I/O types than those
// of its operations: because SPDK's device has "abort" or "zcopy", because
// its own Supports includes what the core of its base emulates. native is
// what would be shown otherwise.
type IOTyper interface {
	SupportsIOType(name string, native bool) bool
}

// SupportsIOType tells whether the device is shown as one that has an I/O
// type of SPDK's, as in supported_io_types of bdev_get_bdevs: those of the
// device itself, and write zeroes, which the core emulates. It is for show
// and for devices that are shown like their base; [Desc.Supports] tells what
// works.
func (desc *Desc) SupportsIOType(name string) bool { return desc.d.supportsIOType(name) }

func (d *disk) supportsIOType(name string) bool {
	op, ok := OpOfIOType(name)
	if !ok {
		return false
	}
	has := func(name string, op Op) bool {
		native := op != 0 && d.native.has(op) && (name != "nvme_io_md" || d.info.MDSize > 0)
		if t, ok := d.dev.(IOTyper); ok {
			return t.SupportsIOType(name, native)
		}
		return native
	}
	return has(name, op) || op == OpWriteZeroes && has("write", OpWrite)
}
