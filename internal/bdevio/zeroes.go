// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import "github.com/gospdk/gospdk/bdev"

// zeroBytes is how much SPDK writes at once where a device has no write
// zeroes.
const zeroBytes = 1 << 20

var zeroChecks = []Check{
	{
		Name: "write zeroes read block", About: "write zeroes to the first block", ops: with(bdev.OpWriteZeroes),
		run: func(r *rig) error { return r.zeroes(0, 1) },
	},
	{
		Name: "write zeroes read no split", About: "write zeroes to 1 MiB", ops: with(bdev.OpWriteZeroes),
		run: func(r *rig) error { return r.zeroes(0, r.blocks(zeroBytes)) },
	},
	{
		Name: "write zeroes read split", About: "write zeroes to 3 MiB", ops: with(bdev.OpWriteZeroes),
		run: func(r *rig) error { return r.zeroes(0, r.blocks(3*zeroBytes)) },
	},
	{
		Name: "write zeroes read split partial", About: "write zeroes to 3.5 MiB", ops: with(bdev.OpWriteZeroes),
		run: func(r *rig) error { return r.zeroes(0, r.blocks(zeroBytes*7/2)) },
	},
	{
		Name: "write zeroes leaves neighbours", About: "write zeroes between blocks that must not change", ops: with(bdev.OpWriteZeroes),
		run: func(r *rig) error { return r.neighbours("write zeroes", r.zeroes) },
	},
	{
		Name: "unmap", About: "unmap blocks between others that must not change, and write there again", ops: with(bdev.OpUnmap),
		run: unmap,
	},
	{
		Name: "unmap of all", About: "unmap all of the device, or 64 MiB of it, by one I/O", ops: with(bdev.OpUnmap),
		run: unmapAll,
	},
}

// zeroes writes a pattern, then zeroes, and reads them.
func (r *rig) zeroes(first, blocks uint64) error {
	if _, err := r.fill(first, blocks); err != nil {
		return err
	}
	if err := r.first().must(bdev.IO{Op: bdev.OpWriteZeroes, Offset: first, Blocks: blocks}); err != nil {
		return err
	}
	return r.first().expectZeroes("write zeroes", first, blocks)
}

func unmap(r *rig) error {
	return r.neighbours("unmap", func(first, blocks uint64) error {
		if err := r.unmapped(first, blocks); err != nil {
			return err
		}
		return r.roundTrip(first+1, 3, whole)
	})
}

// unmapped unmaps blocks. They can be read afterwards, and are zeroes if the
// device promises that.
func (r *rig) unmapped(first, blocks uint64) error {
	if err := r.first().must(bdev.IO{Op: bdev.OpUnmap, Offset: first, Blocks: blocks}); err != nil {
		return err
	}
	some := min(blocks, r.blocks(mostIO))
	if r.info.ZeroesAfterUnmap {
		return r.first().expectZeroes("unmap", first, some)
	}
	_, _, err := r.first().read(first, some, whole)
	return err
}

func unmapAll(r *rig) error {
	if err := r.unmapped(0, min(r.info.NumBlocks, r.blocks(64<<20))); err != nil {
		return err
	}
	return r.roundTrip(0, min(8, r.info.NumBlocks), whole)
}
