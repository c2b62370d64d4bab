// SPDX-License-Identifier: BSD-3-Clause

package bdevio

var vectorChecks = []Check{
	{
		Name: "writev readv 8 blocks", About: "write and read 8 blocks in one piece of memory", ops: writing,
		run: func(r *rig) error { return r.roundTrip(8, 8, piecesOf(r.bytes(8))) },
	},
	{
		Name: "writev readv 30 x 1block", About: "write and read 30 blocks in a piece of memory each", ops: writing,
		run: func(r *rig) error { return r.roundTrip(0, 30, piecesOf(r.bytes(1))) },
	},
	{
		Name: "writev readv block", About: "write and read a block in one piece of memory", ops: writing,
		run: func(r *rig) error { return r.roundTrip(0, 1, piecesOf(r.bytes(1))) },
	},
	{
		Name: "writev readv size > 128k", About: "write and read 128 KiB and a block in one piece of memory", ops: writing,
		run: func(r *rig) error { return r.roundTrip(2, r.large()+1, piecesOf(r.bytes(r.large()+1))) },
	},
	{
		Name: "writev readv size > 128k in two iovs", About: "write and read 128 KiB and a block in two pieces of memory", ops: writing,
		run: func(r *rig) error { return r.roundTrip(2, r.large()+1, piecesOf(max(r.bytes(r.large()), r.bytes(1)))) },
	},
	{
		Name: "writev readv odd pieces", About: "write and read in pieces of odd sizes, at odd addresses, some of them empty", ops: writing,
		run: writeOddPieces,
	},
	{
		Name: "writev readv byte by byte", About: "write and read a block in pieces of one byte", ops: writing,
		run: func(r *rig) error { return r.roundTrip(3, 1, piecesOf(1)) },
	},
	{
		Name: "write read odd address", About: "write and read 8 blocks at an odd address of memory", ops: writing,
		run: func(r *rig) error { return r.roundTrip(4, 8, layout{shift: 1}) },
	},
}

func writeOddPieces(r *rig) error {
	for _, blocks := range []uint64{1, 2, 9, 33} {
		if err := r.roundTrip(1, blocks, oddPieces); err != nil {
			return err
		}
		// What was cut in writing, and what was not.
		data, err := r.fill(1, blocks)
		if err == nil {
			err = r.first().expect("write", 1, data, oddPieces)
		}
		if err == nil {
			err = r.first().write(1, data, oddPieces)
		}
		if err == nil {
			err = r.first().expect("write", 1, data, whole)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
