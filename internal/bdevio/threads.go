// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"math/rand/v2"

	"github.com/gospdk/gospdk/bdev"
)

var threadChecks = []Check{
	{
		Name: "many I/Os outstanding", About: "write 64 times at once, then read all of it at once", ops: writing,
		run: manyOutstanding,
	},
	{
		Name: "write on one thread, read on the other", About: "read on each thread what the other one has written", ops: writing,
		run: writeHereReadThere,
	},
	{
		Name: "two threads", About: "write and read at random on two threads at once, each in a half of its own", ops: writing,
		run: twoThreads,
	},
}

func manyOutstanding(r *rig) error {
	const number, blocks = 64, 3
	data, err := r.fill(0, number*blocks)
	if err != nil {
		return err
	}
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	if data, err = r.pattern(0, number*blocks); err != nil {
		return err
	}
	copy(b.data, data)
	if err := r.atOnce(bdev.OpWrite, number, b.data); err != nil {
		return err
	}
	set(b.data, poison)
	if err := r.atOnce(bdev.OpRead, number, b.data); err != nil {
		return err
	}
	return r.sameRead(&bdev.IO{Op: bdev.OpRead, Blocks: number * blocks}, "at once after write at once", data, b.data)
}

// atOnce does op to the blocks of p, in so many parts that are outstanding
// together.
func (r *rig) atOnce(op bdev.Op, number int, p []byte) error {
	size := len(p) / number
	all := make([]*request, number)
	for i := range all {
		all[i] = r.first().request(bdev.IO{
			Op: op, Offset: uint64(i*size) / uint64(r.info.BlockSize), Blocks: r.count(p[:size]), Iov: [][]byte{p[i*size:][:size]},
		})
	}
	if err := r.first().submit(all...); err != nil {
		return err
	}
	for _, q := range all {
		if _, err := q.wait(); err != nil {
			return err
		}
	}
	for _, q := range all {
		if err := r.wanted(&q.io, "", bdev.StatusSuccess); err != nil {
			return err
		}
	}
	return nil
}

func writeHereReadThere(r *rig) error {
	const blocks = 5
	if err := r.needs(blocks); err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(r.seed, 2))
	for i := range 32 {
		first := rng.Uint64N(r.info.NumBlocks - blocks + 1)
		data, err := r.pattern(first, blocks)
		if err == nil {
			err = r.users[i%2].write(first, data, whole)
		}
		if err == nil {
			err = r.users[1-i%2].expect("write on the other thread", first, data, whole)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func twoThreads(r *rig) error {
	const most = 16
	half := min(r.info.NumBlocks/2, r.blocks(mostIO))
	if err := r.needs(2 * most); err != nil {
		return err
	}
	return r.parallel(func(i int, u *user) error {
		rng := rand.New(rand.NewPCG(r.seed, uint64(3+i)))
		for range 64 {
			blocks := 1 + rng.Uint64N(min(most, half))
			first := uint64(i)*half + rng.Uint64N(half-blocks+1)
			data, err := r.pattern(first, blocks)
			if err == nil {
				err = u.write(first, data, whole)
			}
			if err == nil {
				err = u.expect("write on this thread, while another one writes elsewhere", first, data, whole)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
