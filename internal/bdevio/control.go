// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

var controlChecks = []Check{
	{
		Name: "reset", About: "reset the device", zones: either,
		run: func(r *rig) error { return r.first().must(bdev.IO{Op: bdev.OpReset}) },
	},
	{
		Name: "reset with I/O outstanding", About: "reset while 32 reads and writes are outstanding, which must end, and write and read then", ops: writing,
		run: resetOutstanding,
	},
	{
		Name: "abort", About: "abort a read that is outstanding, one that is not, and nothing", ops: []bdev.Op{bdev.OpRead}, zones: either,
		run: abort,
	},
	{
		Name: "flush", About: "flush all of the device, and blocks that were written", ops: writing,
		run: flush,
	},
	{
		Name: "seek data and hole", About: "seek data and the next hole from blocks that were written", ops: with(bdev.OpSeekData, bdev.OpSeekHole),
		run: seek,
	},
}

func resetOutstanding(r *rig) error {
	const number, blocks = 32, 4
	if err := r.needs(number * blocks); err != nil {
		return err
	}
	u := r.first()
	data, err := r.fill(0, number*blocks)
	if err != nil {
		return err
	}
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	copy(b.data, data)
	var all []*request
	for i := range uint64(number) {
		io := bdev.IO{Op: bdev.OpWrite, Offset: i * blocks, Blocks: blocks, Iov: [][]byte{b.data[r.bytes(i*blocks):r.bytes((i+1)*blocks)]}}
		if i%2 == 1 {
			io.Op = bdev.OpRead
		}
		all = append(all, u.request(io))
	}
	all = append(all, u.request(bdev.IO{Op: bdev.OpReset}))
	if err := u.submit(all...); err != nil {
		return err
	}
	for _, q := range all {
		if _, err := q.wait(); err != nil {
			return err
		}
		allowed := []bdev.Status{bdev.StatusSuccess, bdev.StatusAborted}
		if q.io.Op == bdev.OpReset {
			allowed = allowed[:1]
		}
		if err := r.wanted(&q.io, "during a reset", allowed...); err != nil {
			return err
		}
	}
	// Old and new data are the same, so they are there in any case.
	if err := u.expect("reset", 0, data, whole); err != nil {
		return err
	}
	return r.roundTrip(0, number*blocks, whole)
}

func abort(r *rig) error {
	u := r.first()
	b, err := newBuffer(r.bytes(1), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	target := u.request(bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: [][]byte{b.data}})
	for _, none := range []*bdev.IO{nil, &target.io} {
		if err := u.want(bdev.IO{Op: bdev.OpAbort, Target: none}, "of nothing that is outstanding", bdev.StatusFailed); err != nil {
			return err
		}
	}
	q := u.request(bdev.IO{Op: bdev.OpAbort, Target: &target.io})
	if err := u.submit(target, q); err != nil {
		return err
	}
	for _, q := range []*request{target, q} {
		if _, err := q.wait(); err != nil {
			return err
		}
	}
	if err := r.wanted(&target.io, "that was to be aborted", bdev.StatusSuccess, bdev.StatusAborted); err != nil {
		return err
	}
	if q.io.Status == bdev.StatusSuccess {
		return r.wanted(&target.io, "that was aborted", bdev.StatusAborted)
	}
	return nil // it was too late, which the device may say in its own words
}

func flush(r *rig) error {
	if !r.desc.Supports(bdev.OpFlush) {
		if r.info.WriteCache {
			return r.failure(&bdev.IO{Op: bdev.OpFlush, Blocks: r.info.NumBlocks}, "", "support, as the device has a write cache", "none")
		}
		return inapplicablef("the device does not support %s, and has no write cache", bdev.OpFlush)
	}
	data, err := r.fill(1, 4)
	if err != nil {
		return err
	}
	for _, io := range []bdev.IO{{Offset: 1, Blocks: 4}, {Blocks: r.info.NumBlocks}, {}} {
		io.Op = bdev.OpFlush
		if err := r.first().must(io); err != nil {
			return err
		}
	}
	return r.first().expect("flush", 1, data, whole)
}

func seek(r *rig) error {
	const first, blocks = 8, 8
	if _, err := r.fill(first, blocks); err != nil {
		return err
	}
	for at := uint64(first); at < first+blocks; at++ {
		io, err := r.first().do(bdev.IO{Op: bdev.OpSeekData, Offset: at})
		if err == nil {
			err = r.wanted(io, "", bdev.StatusSuccess)
		}
		if err == nil && io.Result != at {
			err = r.failure(io, "from a block that was written", fmt.Sprintf("block %d", at), place(io.Result))
		}
		if err != nil {
			return err
		}
		io, err = r.first().do(bdev.IO{Op: bdev.OpSeekHole, Offset: at})
		if err == nil {
			err = r.wanted(io, "", bdev.StatusSuccess)
		}
		if err == nil && io.Result < first+blocks {
			err = r.failure(io, "from a block that was written", fmt.Sprintf("a block from %d on, or none", first+blocks), place(io.Result))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// place is the result of a seek in words.
func place(block uint64) string {
	if block == bdev.NoBlock {
		return "none"
	}
	return fmt.Sprintf("block %d", block)
}
