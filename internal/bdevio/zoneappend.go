// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"fmt"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
)

// appendTo appends data to a zone and returns where they went.
func (u *user) appendTo(z bdev.Zone, data []byte) (uint64, error) {
	b, err := newBuffer(len(data), 0)
	if err != nil {
		return 0, err
	}
	defer u.r.free(b)
	copy(b.data, data)
	io, err := u.do(bdev.IO{Op: bdev.OpZoneAppend, Offset: z.Start, Blocks: u.r.count(data), Iov: [][]byte{b.data}})
	if err == nil {
		err = u.r.wanted(io, "", bdev.StatusSuccess)
	}
	if err != nil {
		return 0, err
	}
	return io.Result, nil
}

// appendable returns an empty zone that so many blocks can be appended to.
func (r *rig) appendable(blocks uint64) (bdev.Zone, error) {
	if r.info.DIF != dif.Disabled {
		return bdev.Zone{}, inapplicable("protection information depends on where the data go, which is not known before")
	}
	z, err := r.emptyZone()
	if err == nil && z.Capacity < blocks {
		err = inapplicablef("the zone has %d blocks, and the check needs %d", z.Capacity, blocks)
	}
	return z, err
}

func appendZone(r *rig) error {
	const most = 4
	if m := r.info.MaxZoneAppend; m > 0 && m < most {
		return inapplicablef("the device appends %d blocks at most, and the check needs %d", m, most)
	}
	z, err := r.appendable(1 + 2 + most)
	if err != nil {
		return err
	}
	at, all := z.Start, []byte(nil)
	for _, blocks := range []uint64{1, 2, most} {
		data, err := r.pattern(at, blocks)
		if err != nil {
			return err
		}
		got, err := r.first().appendTo(z, data)
		if err == nil && got != at {
			err = r.failure(&bdev.IO{Op: bdev.OpZoneAppend, Offset: z.Start, Blocks: blocks}, "", fmt.Sprintf("block %d, the write pointer", at), fmt.Sprint(got))
		}
		at, all = at+blocks, append(all, data...)
		if err == nil {
			err = r.first().expect("zone append", z.Start, all, whole)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func appendOnTwoThreads(r *rig) error {
	const each = 16
	z, err := r.appendable(2 * each)
	if err != nil {
		return err
	}
	var at [2][each]uint64
	var data [2][each][]byte
	err = r.parallel(func(i int, u *user) error {
		for n := range each {
			var err error
			if data[i][n], err = r.pattern(0, 1); err != nil {
				return err
			}
			if at[i][n], err = u.appendTo(z, data[i][n]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	taken := map[uint64]bool{}
	for i := range at {
		for n, block := range at[i] {
			if block-z.Start >= 2*each || taken[block] {
				return r.failure(&bdev.IO{Op: bdev.OpZoneAppend, Offset: z.Start, Blocks: 1}, "on two threads",
					fmt.Sprintf("a block of its own of the zone's first %d", 2*each), fmt.Sprintf("block %d", block))
			}
			taken[block] = true
			if err := r.first().expect("zone append on two threads", block, data[i][n], whole); err != nil {
				return err
			}
		}
	}
	return nil
}
