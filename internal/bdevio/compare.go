// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"encoding/binary"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

var compareChecks = []Check{
	{
		Name: "comparev", About: "compare blocks with what they hold, and with one bit changed at the beginning, the middle and the end", ops: with(bdev.OpCompare), data: true,
		run: compare,
	},
	{
		Name: "comparev and writev", About: "compare and write, which succeeds once, and leaves the new data when it fails", ops: with(bdev.OpCompareAndWrite), data: true,
		run: compareAndWrite,
	},
	{
		Name: "comparev and writev of too many blocks", About: "compare and write more blocks than the device does atomically, which must fail", ops: with(bdev.OpCompareAndWrite),
		run: compareAndWriteTooMany,
	},
	{
		Name: "comparev and writev on two threads", About: "count in a block from two threads by compare and write", ops: with(bdev.OpCompareAndWrite), data: true,
		run: countOnTwoThreads,
	},
}

func compare(r *rig) error {
	for _, at := range [][2]uint64{{0, 1}, {3, 8}, {1, r.large() + 1}} {
		data, err := r.fill(at[0], at[1])
		if err != nil {
			return err
		}
		io := bdev.IO{Op: bdev.OpCompare, Offset: at[0], Blocks: at[1]}
		for _, l := range []layout{whole, oddPieces} {
			if err := r.first().send(io, data, l); err != nil {
				return err
			}
		}
		for _, i := range []int{0, len(data) / 2, len(data) - 1} {
			if err := r.compareChanged(io, data, i); err != nil {
				return err
			}
		}
		if err := r.first().expect("compare", at[0], data, whole); err != nil {
			return err
		}
	}
	return nil
}

// compareChanged compares with data that differ in byte i.
func (r *rig) compareChanged(io bdev.IO, data []byte, i int) error {
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return err
	}
	defer r.free(b)
	copy(b.data, data)
	b.data[i] ^= 0x80
	io.Iov = [][]byte{b.data}
	return r.first().want(io, fmt.Sprintf("with byte %d changed", i), bdev.StatusMiscompare)
}

// mostCompareWrite is how many blocks a compare and write may have.
func (r *rig) mostCompareWrite() uint64 {
	if n := r.info.AtomicCompareWrite; n > 0 {
		return uint64(n)
	}
	return uint64(max(1, r.info.WriteUnit))
}

// swap compares and writes blocks from first on.
func (u *user) swap(first uint64, old, data []byte, l layout) (*bdev.IO, error) {
	a, err := newBuffer(len(old), l.shift)
	if err != nil {
		return nil, err
	}
	defer u.r.free(a)
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return nil, err
	}
	defer u.r.free(b)
	copy(a.data, old)
	copy(b.data, data)
	return u.do(bdev.IO{Op: bdev.OpCompareAndWrite, Offset: first, Blocks: u.r.count(old), Iov: l.cut(a.data), WriteIov: l.cut(b.data)})
}

func compareAndWrite(r *rig) error {
	blocks := min(r.mostCompareWrite(), r.blocks(mostIO), r.info.NumBlocks)
	for _, l := range []layout{whole, oddPieces} {
		old, err := r.fill(0, blocks)
		if err != nil {
			return err
		}
		data, err := r.pattern(0, blocks)
		if err != nil {
			return err
		}
		other, err := r.pattern(0, blocks)
		if err != nil {
			return err
		}
		if err := r.swapped(old, data, data, bdev.StatusSuccess, l); err != nil {
			return err
		}
		if err := r.swapped(old, other, data, bdev.StatusMiscompare, l); err != nil {
			return err
		}
	}
	return nil
}

// swapped compares the first blocks with old and writes data, which has to
// end with that status and leave left.
func (r *rig) swapped(old, data, left []byte, want bdev.Status, l layout) error {
	io, err := r.first().swap(0, old, data, l)
	if err == nil {
		err = r.wanted(io, "", want)
	}
	if err == nil {
		err = r.first().expect("compare and write", 0, left, whole)
	}
	return err
}

func compareAndWriteTooMany(r *rig) error {
	blocks := r.mostCompareWrite() + 1
	if err := r.splittable(blocks); err != nil {
		return err
	}
	data, err := r.fill(0, blocks)
	if err != nil {
		return err
	}
	io, err := r.first().swap(0, data, make([]byte, len(data)), whole)
	if err == nil {
		err = r.wanted(io, "of too many blocks", bdev.StatusInvalid)
	}
	if err == nil {
		err = r.first().expect("what was refused", 0, data, whole)
	}
	return err
}

// counter is a block that holds a number.
func (r *rig) counter(n uint64) ([]byte, error) {
	p := make([]byte, r.bytes(1))
	binary.LittleEndian.PutUint64(p, n)
	return p, r.protect(p, 0)
}

func countOnTwoThreads(r *rig) error {
	const turns = 25
	zero, err := r.counter(0)
	if err == nil {
		err = r.first().write(0, zero, whole)
	}
	if err != nil {
		return err
	}
	if err := r.parallel(func(_ int, u *user) error { return u.count(turns) }); err != nil {
		return err
	}
	sum, err := r.counter(2 * turns)
	if err != nil {
		return err
	}
	return r.first().expect(fmt.Sprintf("counting to %d on two threads", 2*turns), 0, sum, whole)
}

// count adds 1 so many times. The other thread may be faster, so that the
// number has to be looked for.
func (u *user) count(turns int) error {
	for won, n := 0, uint64(0); won < turns; n++ {
		old, err := u.r.counter(n)
		if err != nil {
			return err
		}
		next, err := u.r.counter(n + 1)
		if err != nil {
			return err
		}
		io, err := u.swap(0, old, next, whole)
		if err == nil {
			err = u.r.wanted(io, "", bdev.StatusSuccess, bdev.StatusMiscompare)
		}
		if err != nil {
			return err
		}
		if io.Status == bdev.StatusSuccess {
			won++
		} else if n > 2*uint64(turns) {
			return u.r.failure(io, fmt.Sprintf("with each number up to %d", n), `one "success"`, `"data differ" each time`)
		}
	}
	return nil
}
