// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"slices"

	"github.com/gospdk/gospdk/bdev"
)

var copyChecks = []Check{
	{
		Name: "copy", About: "copy the first block to the second", ops: with(bdev.OpCopy), data: true,
		run: func(r *rig) error { return r.copyBlocks(0, 1, 1) },
	},
	{
		Name: "copy of many blocks", About: "copy 1 MiB, and a block more than the device copies at once", ops: with(bdev.OpCopy), data: true,
		run: copyMany,
	},
	{
		Name: "copy to overlapping blocks", About: "copy 16 blocks to 4 blocks further, and back", ops: with(bdev.OpCopy), data: true,
		run: func(r *rig) error {
			if err := r.copyBlocks(0, 4, 16); err != nil {
				return err
			}
			return r.copyBlocks(4, 0, 16)
		},
	},
}

// copyBlocks copies a new pattern, and reads what is where it went and what
// is left where it came from.
func (r *rig) copyBlocks(from, to, blocks uint64) error {
	if err := r.needs(to + blocks); err != nil {
		return err
	}
	data, err := r.fill(from, blocks)
	if err != nil {
		return err
	}
	if err := r.first().must(bdev.IO{Op: bdev.OpCopy, CopySrc: from, Offset: to, Blocks: blocks}); err != nil {
		return err
	}
	got, io, err := r.first().read(to, blocks, whole) // which checks protection information
	if err != nil {
		return err
	}
	moved := slices.Clone(data)
	r.forgetProtection(moved) // a reference tag may be that of the new place
	r.forgetProtection(got)
	if err := r.sameRead(io, "after copy", moved, got); err != nil {
		return err
	}
	// What the copy has not overwritten itself.
	first, last := from, from+blocks
	if to > from {
		last = min(last, to)
	} else {
		first = max(first, to+blocks)
	}
	if first >= last {
		return nil
	}
	return r.first().expect("copy of the blocks elsewhere", first, data[r.bytes(first-from):r.bytes(last-from)], whole)
}

func copyMany(r *rig) error {
	blocks := r.blocks(1 << 20)
	if err := r.copyBlocks(1, blocks+3, blocks); err != nil {
		return err
	}
	if most := r.info.MaxCopy; most > 0 && r.splittable(most+1) == nil && 2*most+2 <= r.info.NumBlocks {
		return r.copyBlocks(0, most+1, most+1)
	}
	return nil
}
