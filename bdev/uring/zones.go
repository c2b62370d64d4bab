// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"fmt"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/diskfile"
	"github.com/gospdk/gospdk/thread"
)

// prepareZones finds out whether the disk has zones.
func (d *Disk) prepareZones() error {
	z, ok, err := d.file.Zoned()
	if err != nil || !ok {
		return err
	}
	block := uint64(d.info.BlockSize)
	switch {
	case !d.file.Direct:
		return fmt.Errorf("%s has zones, and is used through the page cache: zones need direct transfers: %w", d.cfg.Filename, bdev.ErrInvalid)
	case z.ZoneSize == 0 || z.ZoneSize%block != 0:
		return fmt.Errorf("%s has zones of %d bytes: they must be one or more blocks of %d: %w", d.cfg.Filename, z.ZoneSize, block, bdev.ErrInvalid)
	}
	d.info.Zoned, d.info.ZoneSize = true, z.ZoneSize/block
	d.info.MaxOpenZones, d.info.OptimalOpenZones, d.info.MaxActiveZones = z.MaxOpen, z.MaxOpen, z.MaxActive
	return nil
}

// runCall runs on a goroutine.
func runCall(arg any) {
	r := arg.(*request)
	if r.io.Op == bdev.OpZoneReport {
		r.errno = r.c.reportZones(r.io)
	} else {
		r.errno = r.c.manageZone(r.io)
	}
	r.q.t.SendMsg(&r.called)
}

func callMade(m *thread.Msg) {
	r := m.Arg.(*request)
	r.end(-int32(r.errno))
}

var zoneActions = map[bdev.ZoneAction]diskfile.ZoneAction{
	bdev.ZoneActionClose: diskfile.ZoneClose, bdev.ZoneActionFinish: diskfile.ZoneFinish,
	bdev.ZoneActionOpen: diskfile.ZoneOpen, bdev.ZoneActionReset: diskfile.ZoneReset,
}

func (d *Disk) manageZone(io *bdev.IO) syscall.Errno {
	action, ok := zoneActions[io.ZoneAction]
	if !ok {
		return syscall.EINVAL // Linux takes no zones offline
	}
	return d.file.ManageZone(action, io.Offset<<d.shift, d.info.ZoneSize<<d.shift)
}

var zoneTypes = map[diskfile.ZoneType]bdev.ZoneType{
	diskfile.ZoneConventional:       bdev.ZoneConventional,
	diskfile.ZoneSequentialRequired: bdev.ZoneSequentialWrite,
	diskfile.ZoneSequentialPrefers:  bdev.ZoneSequentialWritePrefers,
}

var zoneStates = map[diskfile.ZoneCondition]bdev.ZoneState{
	diskfile.ZoneNoWritePointer:   bdev.ZoneNoWritePointer,
	diskfile.ZoneEmpty:            bdev.ZoneEmpty,
	diskfile.ZoneImplicitlyOpened: bdev.ZoneImplicitlyOpen,
	diskfile.ZoneExplicitlyOpened: bdev.ZoneExplicitlyOpen,
	diskfile.ZoneClosed:           bdev.ZoneClosed,
	diskfile.ZoneReadOnly:         bdev.ZoneReadOnly,
	diskfile.ZoneFull:             bdev.ZoneFull,
	diskfile.ZoneOffline:          bdev.ZoneOffline,
}

// reportZones fills io.Zones from the zone with block io.Offset on.
func (d *Disk) reportZones(io *bdev.IO) syscall.Errno {
	first := io.Offset - io.Offset%d.info.ZoneSize
	zones := make([]diskfile.Zone, min(io.Blocks, (d.info.NumBlocks-first+d.info.ZoneSize-1)/d.info.ZoneSize))
	n, e := d.file.ReportZones(first<<d.shift, zones)
	if e != 0 {
		return e
	}
	for i, z := range zones[:n] {
		kind, known := zoneTypes[z.Type]
		state, ready := zoneStates[z.Condition]
		if !known || !ready {
			flag.Infof("%s: the zone at byte %d has type %d and condition %d, which are unknown", d.cfg.Name, z.Start, z.Type, z.Condition)
			return syscall.EIO
		}
		io.Zones[i] = bdev.Zone{
			Start: z.Start >> d.shift, WritePointer: z.WritePointer >> d.shift, Capacity: z.Capacity >> d.shift,
			Type: kind, State: state,
		}
	}
	io.Result = uint64(n)
	return 0
}
