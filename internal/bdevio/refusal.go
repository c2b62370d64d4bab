// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"math"

	"github.com/gospdk/gospdk/bdev"
)

var refusalChecks = []Check{
	{
		Name: "write read invalid size", About: "write and read a byte less than a block, which must fail", ops: writing,
		run: refuseSizes,
	},
	{
		Name: "write read offset + nbytes > size of blockdev", About: "write and read across the end, which must fail", ops: writing,
		run: func(r *rig) error { return r.refuseAt(r.info.NumBlocks-1, 2) },
	},
	{
		Name: "write read max offset", About: "write and read at the largest offset there is, which must fail", ops: writing,
		run: func(r *rig) error { return r.refuseAt(math.MaxUint64, 1) },
	},
	{
		Name: "write read behind the end", About: "write and read the block behind the last, which must fail", ops: writing,
		run: func(r *rig) error { return r.refuseAt(r.info.NumBlocks, 1) },
	},
	{
		Name: "others across the end", About: "unmap, write zeroes, compare, copy, flush and seek beyond the end, which must fail", ops: writing,
		run: refuseOthers,
	},
	{
		Name: "no blocks", About: "do everything to 0 blocks, which must fail", ops: writing, zones: either,
		run: refuseNoBlocks,
	},
	{
		Name: "no data", About: "write and read with less data than blocks, more, and none, which must fail", ops: writing,
		run: refuseData,
	},
	{
		Name: "unsupported operations", About: "do what the device does not support, which must fail", ops: nil, zones: either,
		run: refuseUnsupported,
	},
	{
		Name: "descriptor for reading", About: "change data with a descriptor for reading, which must fail", ops: writing, zones: either,
		run: refuseWriters,
	},
}

// changers change data and need nothing but blocks, or data of their size.
var changers = []bdev.Op{bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes, bdev.OpCompareAndWrite, bdev.OpCopy}

// unchanged has attempt do what must fail, and checks that the blocks at the
// end hold what they held.
func (r *rig) unchanged(attempt func() error) error {
	blocks := min(4, r.info.NumBlocks)
	first := r.info.NumBlocks - blocks
	data, err := r.fill(first, blocks)
	if err == nil {
		err = attempt()
	}
	if err == nil {
		err = r.first().expect("what was refused", first, data, whole)
	}
	return err
}

// refuse has all of ops fail with a status, on blocks that the device has
// not got.
func (r *rig) refuse(want bdev.Status, first, blocks uint64, ops ...bdev.Op) error {
	b, err := newBuffer(r.bytes(blocks), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	for _, op := range ops {
		if !r.desc.Supports(op) {
			continue
		}
		io := bdev.IO{Op: op, Offset: first, Blocks: blocks, Iov: [][]byte{b.data}, WriteIov: [][]byte{b.data}}
		if err := r.first().want(io, "", want); err != nil {
			return err
		}
	}
	return nil
}

func (r *rig) refuseAt(first, blocks uint64) error {
	return r.unchanged(func() error { return r.refuse(bdev.StatusOutOfRange, first, blocks, bdev.OpWrite, bdev.OpRead) })
}

func refuseOthers(r *rig) error {
	return r.unchanged(func() error {
		last := r.info.NumBlocks - 1
		err := r.refuse(bdev.StatusOutOfRange, last, 2, bdev.OpUnmap, bdev.OpWriteZeroes, bdev.OpCompare, bdev.OpCompareAndWrite, bdev.OpCopy, bdev.OpFlush)
		if err == nil {
			err = r.refuse(bdev.StatusOutOfRange, last+1, 1, bdev.OpSeekData, bdev.OpSeekHole)
		}
		if err == nil && r.desc.Supports(bdev.OpCopy) {
			err = r.first().want(bdev.IO{Op: bdev.OpCopy, CopySrc: last, Blocks: 2}, "from across the end", bdev.StatusOutOfRange)
		}
		return err
	})
}

func refuseNoBlocks(r *rig) error {
	for _, op := range append([]bdev.Op{bdev.OpRead, bdev.OpCompare}, changers...) {
		if !r.desc.Supports(op) {
			continue
		}
		if err := r.first().want(bdev.IO{Op: op}, "", bdev.StatusInvalid); err != nil {
			return err
		}
	}
	return nil
}

func refuseSizes(r *rig) error {
	return r.refuseLengths(r.bytes(1) - 1)
}

func refuseData(r *rig) error {
	return r.refuseLengths(0, 1, r.bytes(1)+1, r.bytes(2))
}

// refuseLengths writes and reads the last block with so many bytes of data.
func (r *rig) refuseLengths(lengths ...int) error {
	return r.unchanged(func() error {
		for _, n := range lengths {
			b, err := newBuffer(n, 0)
			if err != nil {
				return err
			}
			io := bdev.IO{Op: bdev.OpWrite, Offset: r.info.NumBlocks - 1, Blocks: 1, Iov: [][]byte{b.data}}
			if err = r.first().want(io, "", bdev.StatusLength); err == nil {
				io.Op = bdev.OpRead
				err = r.first().want(io, "", bdev.StatusLength)
			}
			r.free(b)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func refuseUnsupported(r *rig) error {
	tried := 0
	for _, op := range bdev.Ops() {
		if r.desc.Supports(op) {
			continue
		}
		tried++
		if err := r.first().want(bdev.IO{Op: op, Blocks: 1}, "", bdev.StatusUnsupported); err != nil {
			return err
		}
	}
	if tried == 0 {
		return inapplicable("the device supports all operations")
	}
	return nil
}

func refuseWriters(r *rig) error {
	b, err := newBuffer(r.bytes(1), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	return r.another(bdev.Read, nil, func(u *user) error {
		for _, op := range changers {
			if !r.desc.Supports(op) {
				continue
			}
			io := bdev.IO{Op: op, Blocks: 1, CopySrc: r.info.NumBlocks - 1, Iov: [][]byte{b.data}, WriteIov: [][]byte{b.data}}
			if err := u.want(io, "with a descriptor for reading", bdev.StatusReadOnly); err != nil {
				return err
			}
		}
		return nil
	})
}
