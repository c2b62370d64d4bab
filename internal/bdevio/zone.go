// SPDX-License-Identifier: BSD-3-Clause

package bdevio

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/bdev"
)

var (
	zoneOps   = with(bdev.OpZoneReport, bdev.OpZoneManagement)
	appendOps = append(slices.Clone(zoneOps), bdev.OpZoneAppend)
)

var zoneChecks = []Check{
	{
		Name: "zone report", About: "report all zones, and one alone", ops: []bdev.Op{bdev.OpZoneReport}, zones: zoned,
		run: reportZones,
	},
	{
		Name: "zone write read", About: "reset a zone, write at its write pointer and read", ops: zoneOps, zones: zoned,
		run: writeZone,
	},
	{
		Name: "zone write elsewhere", About: "write before and behind the write pointer, which must fail", ops: zoneOps, zones: zoned,
		run: writeZoneElsewhere,
	},
	{
		Name: "zone write across its end", About: "write more than a zone has room for, which must fail", ops: zoneOps, zones: zoned,
		run: writeAcrossZone,
	},
	{
		Name: "zone filled", About: "write all of a zone, which is full then and must not be written", ops: zoneOps, zones: zoned,
		run: fillZone,
	},
	{
		Name: "zone open, close, finish, reset", About: "do each to a zone, and look at its state", ops: zoneOps, zones: zoned,
		run: manageZone,
	},
	{
		Name: "zone append", About: "append to a zone and read where the data went", ops: appendOps, zones: zoned,
		run: appendZone,
	},
	{
		Name: "zone append on two threads", About: "append to a zone from two threads, which must get different blocks", ops: appendOps, zones: zoned,
		run: appendOnTwoThreads,
	},
}

// report returns up to n zones from that with a block on.
func (u *user) report(first uint64, n int) ([]bdev.Zone, error) {
	zones := make([]bdev.Zone, n)
	io, err := u.do(bdev.IO{Op: bdev.OpZoneReport, Offset: first, Blocks: uint64(n), Zones: zones})
	if err == nil {
		err = u.r.wanted(io, "", bdev.StatusSuccess)
	}
	if err == nil && (io.Result == 0 || io.Result > uint64(n)) {
		err = u.r.failure(io, "", fmt.Sprintf("from 1 to %d zones", n), fmt.Sprint(io.Result))
	}
	if err != nil {
		return nil, err
	}
	return zones[:io.Result], nil
}

func reportZones(r *rig) error {
	size := r.info.ZoneSize
	n := min(r.info.NumBlocks/size, 4096)
	zones, err := r.first().report(0, int(n))
	if err != nil {
		return err
	}
	bad := func(i uint64, expected, got string) error {
		return r.failure(&bdev.IO{Op: bdev.OpZoneReport, Offset: i * size, Blocks: n}, "of zone "+fmt.Sprint(i), expected, got)
	}
	if uint64(len(zones)) != n {
		return bad(0, fmt.Sprintf("%d zones", n), fmt.Sprintf("%d", len(zones)))
	}
	for i, z := range zones {
		i, start := uint64(i), uint64(i)*size
		switch {
		case z.Start != start:
			return bad(i, fmt.Sprintf("block %d as its first", start), fmt.Sprint(z.Start))
		case z.Capacity == 0 || z.Capacity > size:
			return bad(i, fmt.Sprintf("a capacity from 1 to %d blocks", size), fmt.Sprint(z.Capacity))
		case z.Type == bdev.ZoneSequentialWrite && z.State == bdev.ZoneEmpty && z.WritePointer != start:
			return bad(i, fmt.Sprintf("the write pointer %d of an empty zone", start), fmt.Sprint(z.WritePointer))
		}
		one, err := r.first().report(start, 1)
		if err != nil {
			return err
		}
		if len(one) != 1 || one[0] != z {
			return bad(i, fmt.Sprintf("%+v as in the report of all", z), fmt.Sprintf("%+v", one))
		}
		if i >= 16 {
			break // one by one they would take long
		}
	}
	return nil
}

// manage does something to a zone.
func (u *user) manage(z bdev.Zone, a bdev.ZoneAction) error {
	return u.want(bdev.IO{Op: bdev.OpZoneManagement, Offset: z.Start, ZoneAction: a}, a.String(), bdev.StatusSuccess)
}

// emptyZone resets the first zone that is written from its beginning.
func (r *rig) emptyZone() (bdev.Zone, error) {
	n := r.info.NumBlocks / r.info.ZoneSize
	zones, err := r.first().report(0, int(min(n, 4096)))
	if err != nil {
		return bdev.Zone{}, err
	}
	i := slices.IndexFunc(zones, func(z bdev.Zone) bool {
		return z.Type != bdev.ZoneConventional && z.State != bdev.ZoneReadOnly && z.State != bdev.ZoneOffline
	})
	if i < 0 {
		return bdev.Zone{}, inapplicable("the device has no zone that is written from its beginning")
	}
	z := zones[i]
	if err := r.first().manage(z, bdev.ZoneActionReset); err != nil {
		return z, err
	}
	return z, r.zoneIs(z, z.Start, "reset", bdev.ZoneEmpty)
}

// zoneIs checks a zone's write pointer and state. A full zone has no write
// pointer to check.
func (r *rig) zoneIs(z bdev.Zone, pointer uint64, after string, states ...bdev.ZoneState) error {
	now, err := r.first().report(z.Start, 1)
	if err != nil {
		return err
	}
	io := &bdev.IO{Op: bdev.OpZoneReport, Offset: z.Start, Blocks: r.info.ZoneSize}
	if !slices.Contains(states, now[0].State) {
		return r.failure(io, "after "+after, fmt.Sprintf("a zone in state %q", states[0]), fmt.Sprintf("%q", now[0].State))
	}
	if now[0].State != bdev.ZoneFull && now[0].WritePointer != pointer {
		return r.failure(io, "after "+after, fmt.Sprintf("write pointer %d", pointer), fmt.Sprint(now[0].WritePointer))
	}
	return nil
}

// opened are the states of a zone that is being written.
var opened = []bdev.ZoneState{bdev.ZoneImplicitlyOpen, bdev.ZoneExplicitlyOpen, bdev.ZoneClosed}

// writeInZone writes a new pattern at the write pointer.
func (r *rig) writeInZone(z bdev.Zone, at, blocks uint64, l layout) ([]byte, error) {
	if at-z.Start+blocks > z.Capacity {
		return nil, inapplicablef("the zone has %d blocks, and the check needs %d", z.Capacity, at-z.Start+blocks)
	}
	data, err := r.pattern(at, blocks)
	if err != nil {
		return nil, err
	}
	return data, r.first().write(at, data, l)
}

func writeZone(r *rig) error {
	z, err := r.emptyZone()
	if err != nil {
		return err
	}
	at, all := z.Start, []byte(nil)
	for _, blocks := range []uint64{1, 2, 5} {
		data, err := r.writeInZone(z, at, blocks, oddPieces)
		if err != nil {
			return err
		}
		at, all = at+blocks, append(all, data...)
		if at < z.Start+z.Capacity {
			err = r.zoneIs(z, at, "write", opened...)
		}
		if err == nil {
			err = r.first().expect("write in a zone", z.Start, all, oddPieces)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refusedInZone writes where that must fail.
func (r *rig) refusedInZone(at, blocks uint64, what string) error {
	data, err := r.pattern(at, blocks)
	if err != nil {
		return err
	}
	err = r.first().write(at, data, whole)
	if f, ok := errors.AsType[*Failure](err); ok && f.Byte == nil && f.Expected == fmt.Sprintf("%q", bdev.StatusSuccess) {
		return nil // in whatever words
	}
	if err != nil {
		return err
	}
	return r.failure(&bdev.IO{Op: bdev.OpWrite, Offset: at, Blocks: blocks}, what, "a failure", `"success"`)
}

func writeZoneElsewhere(r *rig) error {
	z, err := r.emptyZone()
	if err != nil {
		return err
	}
	if err := r.refusedInZone(z.Start+1, 1, "behind the write pointer"); err != nil {
		return err
	}
	data, err := r.writeInZone(z, z.Start, 2, whole)
	if err == nil {
		err = r.refusedInZone(z.Start, 1, "before the write pointer")
	}
	if err == nil {
		err = r.zoneIs(z, z.Start+2, "what was refused", append(opened, bdev.ZoneFull)...)
	}
	if err == nil {
		err = r.first().expect("what was refused", z.Start, data, whole)
	}
	return err
}

func writeAcrossZone(r *rig) error {
	z, err := r.emptyZone()
	if err != nil {
		return err
	}
	if err := r.splittable(z.Capacity + 1); err != nil {
		return err
	}
	if err := r.needs(z.Start + z.Capacity + 1); err != nil {
		return err
	}
	if err := r.refusedInZone(z.Start, z.Capacity+1, "across the end of a zone"); err != nil {
		return err
	}
	return r.zoneIs(z, z.Start, "what was refused", bdev.ZoneEmpty)
}

func fillZone(r *rig) error {
	z, err := r.emptyZone()
	if err != nil {
		return err
	}
	if err := r.splittable(z.Capacity); err != nil {
		return err
	}
	data, err := r.writeInZone(z, z.Start, z.Capacity, whole)
	if err == nil {
		err = r.zoneIs(z, 0, "write of all of it", bdev.ZoneFull)
	}
	if err == nil {
		err = r.first().expect("write of all of a zone", z.Start, data, whole)
	}
	if err == nil {
		err = r.refusedInZone(z.Start, 1, "in a full zone")
	}
	return err
}

func manageZone(r *rig) error {
	z, err := r.emptyZone()
	if err != nil {
		return err
	}
	u := r.first()
	if err := u.manage(z, bdev.ZoneActionOpen); err != nil {
		return err
	}
	if err := r.zoneIs(z, z.Start, "open", bdev.ZoneExplicitlyOpen, bdev.ZoneImplicitlyOpen); err != nil {
		return err
	}
	if _, err := r.writeInZone(z, z.Start, 1, whole); err != nil {
		return err
	}
	if err := u.manage(z, bdev.ZoneActionClose); err != nil {
		return err
	}
	if err := r.zoneIs(z, z.Start+1, "close", bdev.ZoneClosed); err != nil {
		return err
	}
	if err := u.manage(z, bdev.ZoneActionFinish); err != nil {
		return err
	}
	if err := r.zoneIs(z, 0, "finish", bdev.ZoneFull); err != nil {
		return err
	}
	if err := r.refusedInZone(z.Start+1, 1, "in a zone that was finished"); err != nil {
		return err
	}
	_, err = r.emptyZone()
	return err
}
