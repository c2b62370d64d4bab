// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import "github.com/gospdk/gospdk/bdev"

// Sizes of single I/Os in bytes: what most devices split, and the most that
// any check moves.
const (
	largeIO = 128 << 10
	mostIO  = 4 << 20
)

var writeChecks = []Check{
	{
		Name: "write read block", About: "write the first block and read it", ops: writing,
		run: func(r *rig) error { return r.roundTrip(0, 1, whole) },
	},
	{
		Name: "write read 8 blocks", About: "write and read 8 blocks from the eighth on", ops: writing,
		run: func(r *rig) error { return r.roundTrip(8, 8, whole) },
	},
	{
		Name: "write read size > 128k", About: "write and read 128 KiB and a block, from the second block on", ops: writing,
		run: func(r *rig) error { return r.roundTrip(2, r.large()+1, whole) },
	},
	{
		Name: "write read offset + nbytes == size of blockdev", About: "write and read the last block", ops: writing,
		run: func(r *rig) error { return r.roundTrip(r.info.NumBlocks-1, 1, whole) },
	},
	{
		Name: "write read 2 blocks on overlapped address offset", About: "write 2 blocks, then 2 from the second of them on", ops: writing,
		run: writeOverlapping,
	},
	{
		Name: "write read each size and offset", About: "write and read from 1 to 256 blocks, at the beginning, in the middle and at the end", ops: writing,
		run: writeSizes,
	},
	{
		Name: "write leaves neighbours", About: "write blocks between others, which must not change", ops: writing,
		run: func(r *rig) error {
			return r.neighbours("write", func(first, blocks uint64) error {
				data, err := r.fill(first, blocks)
				if err == nil {
					err = r.first().expect("write", first, data, whole)
				}
				return err
			})
		},
	},
	{
		Name: "write read largest I/O", About: "write and read all of the device, or 4 MiB of it, by one I/O each", ops: writing,
		run: func(r *rig) error { return r.roundTrip(0, min(r.info.NumBlocks, r.blocks(mostIO)), whole) },
	},
	{
		Name: "read without a buffer", About: "read blocks into memory that the block layer lends", ops: writing,
		run: readLent,
	},
	{
		Name: "random operations", About: "do 300 operations at random on 1 MiB, and compare with what they should do", ops: writing,
		run: randomOperations,
	},
}

// large returns how many blocks 128 KiB are, rounded down.
func (r *rig) large() uint64 { return largeIO / uint64(r.info.BlockSize) }

func writeOverlapping(r *rig) error {
	before, err := r.fill(0, 2)
	if err == nil {
		err = r.first().expect("write", 0, before, whole)
	}
	if err == nil {
		err = r.roundTrip(1, 2, whole)
	}
	if err == nil {
		err = r.first().expect("write of the next blocks", 0, before[:r.bytes(1)], whole)
	}
	return err
}

func writeSizes(r *rig) error {
	all := r.info.NumBlocks
	for _, blocks := range []uint64{1, 2, 3, 7, 8, 9, 31, 64, 127, 256} {
		if blocks > all || r.bytes(blocks) > mostIO {
			continue
		}
		for _, first := range []uint64{0, 1, 5, all/2 - 1, all - blocks} {
			if first > all-blocks {
				continue
			}
			if err := r.roundTrip(first, blocks, whole); err != nil {
				return err
			}
		}
	}
	return nil
}

// neighbours has change do something to blocks between others, and checks
// that those others are what they were.
func (r *rig) neighbours(what string, change func(first, blocks uint64) error) error {
	const third = 8
	data, err := r.fill(0, 3*third)
	if err != nil {
		return err
	}
	if err := change(third, third); err != nil {
		return err
	}
	if err := r.first().expect(what+" of the next blocks", 0, data[:r.bytes(third)], whole); err != nil {
		return err
	}
	return r.first().expect(what+" of the blocks before", 2*third, data[r.bytes(2*third):], whole)
}

func readLent(r *rig) error {
	data, err := r.fill(7, min(12, r.blocks(largeIO/2)))
	if err != nil {
		return err
	}
	u := r.first()
	q := u.request(bdev.IO{Op: bdev.OpRead, Offset: 7, Blocks: r.count(data)})
	if err := u.submit(q); err != nil {
		return err
	}
	if _, err := q.wait(); err != nil {
		return err
	}
	got := []byte(nil)
	err = u.on(func() error {
		for _, p := range q.io.Iov {
			got = append(got, p...)
		}
		q.io.ReleaseBuffer()
		return nil
	})
	if err == nil {
		err = r.wanted(&q.io, "without a buffer", bdev.StatusSuccess)
	}
	if err == nil {
		err = r.sameRead(&q.io, "without a buffer", data, got)
	}
	return err
}
