// SPDX-License-Identifier: BSD-3-Clause

package bdevio

// mostSplit is the largest I/O in bytes that checks of splitting make.
const mostSplit = 16 << 20

var splitChecks = []Check{
	{
		Name: "split at optimal boundary", About: "write and read across the lines that I/O had better not cross", ops: writing,
		run: splitAtBoundary,
	},
	{
		Name: "split at largest I/O", About: "write and read a block more than the device takes at once, and twice as much", ops: writing,
		run: splitAtLargest,
	},
	{
		Name: "split in segments", About: "write and read in more, and in larger, pieces of memory than the device takes", ops: writing,
		run: splitInSegments,
	},
	{
		Name: "write part of a write unit", About: "write less than the device's write unit, and across two of them", ops: writing,
		run: writePartOfUnit,
	},
}

// splittable returns an error if an I/O of so many blocks is too large to be
// tried.
func (r *rig) splittable(blocks uint64) error {
	if blocks > mostSplit/uint64(r.info.BlockSize) {
		return inapplicablef("an I/O of %d blocks is more than the %d MiB that are tried", blocks, mostSplit>>20)
	}
	return nil
}

func splitAtBoundary(r *rig) error {
	line := uint64(r.info.OptimalIOBoundary)
	if line == 0 {
		return inapplicable("the device has no optimal I/O boundary")
	}
	if err := r.roundTrip(line-1, 2, whole); err != nil {
		return err
	}
	if err := r.splittable(2*line + 2); err != nil || r.needs(3*line+1) != nil {
		return nil // the part that can be tried
	}
	for _, at := range [][2]uint64{{0, line}, {line, line}, {1, line}, {line - 1, line + 2}, {line - 1, 2*line + 2}} {
		if err := r.roundTrip(at[0], at[1], oddPieces); err != nil {
			return err
		}
	}
	return nil
}

func splitAtLargest(r *rig) error {
	most := r.info.MaxRW
	if most == 0 {
		return inapplicable("the device takes I/O of any size")
	}
	if err := r.splittable(most + 1); err != nil {
		return err
	}
	for _, blocks := range []uint64{most, most + 1, 2 * most} {
		if blocks > most+1 && (r.splittable(blocks) != nil || r.needs(blocks+1) != nil) {
			continue
		}
		if err := r.roundTrip(1, blocks, whole); err != nil {
			return err
		}
	}
	return nil
}

func splitInSegments(r *rig) error {
	segments, size := uint64(r.info.MaxSegments), uint64(r.info.MaxSegment)
	if segments == 0 && size == 0 {
		return inapplicable("the device takes any number and size of pieces")
	}
	if segments > 0 {
		if err := r.splittable(segments + 1); err != nil {
			return err
		}
		if err := r.roundTrip(0, segments+1, piecesOf(r.bytes(1))); err != nil {
			return err
		}
	}
	if size > 0 {
		blocks := size/uint64(r.info.BlockSize) + 1
		if err := r.splittable(blocks); err != nil {
			return err
		}
		return r.roundTrip(0, blocks, whole)
	}
	return nil
}

func writePartOfUnit(r *rig) error {
	unit := uint64(r.info.WriteUnit)
	if unit <= 1 {
		return inapplicable("the device writes single blocks")
	}
	model, err := r.fill(0, 3*unit)
	if err != nil {
		return err
	}
	for _, at := range [][2]uint64{{0, 1}, {unit - 1, 1}, {unit - 1, 2}, {1, 2*unit + 1}, {3*unit - 1, 1}} {
		data, err := r.fill(at[0], at[1])
		if err != nil {
			return err
		}
		copy(model[r.bytes(at[0]):], data)
		if err := r.first().expect("write of a part of a write unit", 0, model, whole); err != nil {
			return err
		}
	}
	return nil
}
