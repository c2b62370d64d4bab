// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctls of linux/blkzoned.h, as amd64, arm64 and riscv64 number them.
const (
	blkReportZone = 3<<30 | 16<<16 | 0x12<<8 | 130
	blkZoneSize   = 2<<30 | 4<<16 | 0x12<<8 | 132
)

// ZoneAction is what is done to a zone.
type ZoneAction uintptr

// Actions, which are ioctls too.
const (
	ZoneReset  ZoneAction = 1<<30 | 16<<16 | 0x12<<8 | 131
	ZoneOpen   ZoneAction = 1<<30 | 16<<16 | 0x12<<8 | 134
	ZoneClose  ZoneAction = 1<<30 | 16<<16 | 0x12<<8 | 135
	ZoneFinish ZoneAction = 1<<30 | 16<<16 | 0x12<<8 | 136
)

// Zone is what the disk says of a zone, in bytes.
type Zone struct {
	Start, Size  uint64
	WritePointer uint64 // meaningless in some conditions
	Capacity     uint64 // that can be written, from Start on
	Type         ZoneType
	Condition    ZoneCondition
}

// ZoneType says how a zone may be written (enum blk_zone_type).
type ZoneType uint8

// Types of zones.
const (
	ZoneConventional       ZoneType = 1
	ZoneSequentialRequired ZoneType = 2
	ZoneSequentialPrefers  ZoneType = 3
)

// ZoneCondition is what a zone is ready for (enum blk_zone_cond).
type ZoneCondition uint8

// Conditions of zones.
const (
	ZoneNoWritePointer   ZoneCondition = 0x0
	ZoneEmpty            ZoneCondition = 0x1
	ZoneImplicitlyOpened ZoneCondition = 0x2
	ZoneExplicitlyOpened ZoneCondition = 0x3
	ZoneClosed           ZoneCondition = 0x4
	ZoneReadOnly         ZoneCondition = 0xd
	ZoneFull             ZoneCondition = 0xe
	ZoneOffline          ZoneCondition = 0xf
)

const (
	sectorShift = 9
	zonesAtOnce = 256
	// hasCapacity is a flag of a report, since Linux 5.9.
	hasCapacity = 1
)

// zoneReport is struct blk_zone_report with room for zones.
type zoneReport struct {
	sector       uint64
	count, flags uint32
	zones        [zonesAtOnce]blkZone
}

// blkZone is struct blk_zone; numbers are sectors of 512 bytes.
type blkZone struct {
	start, size, pointer uint64
	kind                 ZoneType
	condition            ZoneCondition
	_                    [6]byte
	capacity             uint64
	_                    [24]byte
}

// zoneRange is struct blk_zone_range, of sectors.
type zoneRange struct{ start, size uint64 }

// The kernel's structures have these sizes.
var (
	_ [64]byte = [unsafe.Sizeof(blkZone{})]byte{}
	_ [16]byte = [unsafe.Offsetof(zoneReport{}.zones)]byte{}
)

// Zoned describes a disk that has zones.
type Zoned struct {
	ZoneSize           uint64 // bytes
	MaxOpen, MaxActive uint32 // zones; 0 for no limit
}

// Zoned tells whether the file is a block device with zones, and of which
// kind.
func (f *File) Zoned() (z Zoned, ok bool, err error) {
	folder, part := f.disk()
	if !f.Block || folder == "" || part {
		return z, false, nil
	}
	model, err := queue(folder, "zoned")
	if err != nil || model != "host-managed" && model != "host-aware" {
		return z, false, err
	}
	if z.MaxOpen, err = queueNumber(folder, "max_open_zones"); err != nil {
		return z, false, err
	}
	if z.MaxActive, err = queueNumber(folder, "max_active_zones"); err != nil {
		return z, false, err
	}
	var sectors uint32
	if e := f.ioctl(blkZoneSize, unsafe.Pointer(&sectors)); e != 0 {
		return z, false, fmt.Errorf("zone size of %s: %w", f.Path, e)
	}
	z.ZoneSize = uint64(sectors) << sectorShift
	return z, true, nil
}

// ReportZones describes up to len(dst) zones, from the one with a byte of the
// disk on, and returns how many there are. It may wait for the disk.
func (f *File) ReportZones(from uint64, dst []Zone) (n int, e syscall.Errno) {
	r := new(zoneReport)
	for n < len(dst) {
		r.sector, r.flags, r.count = from>>sectorShift, 0, uint32(min(len(dst)-n, zonesAtOnce))
		if e := f.ioctl(blkReportZone, unsafe.Pointer(r)); e != 0 {
			return n, e
		}
		if r.count == 0 {
			break // no zones are left
		}
		for i := range r.zones[:min(int(r.count), zonesAtOnce, len(dst)-n)] {
			dst[n] = r.zones[i].inBytes(r.flags)
			from = dst[n].Start + dst[n].Size
			n++
		}
	}
	return n, 0
}

func (z *blkZone) inBytes(flags uint32) Zone {
	if flags&hasCapacity == 0 {
		z.capacity = z.size
	}
	return Zone{
		Start: z.start << sectorShift, Size: z.size << sectorShift,
		WritePointer: z.pointer << sectorShift, Capacity: z.capacity << sectorShift,
		Type: z.kind, Condition: z.condition,
	}
}

// ManageZone does something to the zone of size bytes that begins at start.
// It may wait for the disk.
func (f *File) ManageZone(a ZoneAction, start, size uint64) syscall.Errno {
	return f.ioctl(uintptr(a), unsafe.Pointer(&zoneRange{start >> sectorShift, size >> sectorShift}))
}

func (f *File) ioctl(request uintptr, arg unsafe.Pointer) syscall.Errno {
	for {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(f.FD), request, uintptr(arg)); e != unix.EINTR {
			return e
		}
	}
}
