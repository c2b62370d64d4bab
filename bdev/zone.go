// SPDX-License-Identifier: BSD-3-Clause

package bdev

// Zone describes a zone of a zoned device. All numbers are blocks.
type Zone struct {
	Start        uint64 // first block, which names the zone
	WritePointer uint64 // where the next write has to begin
	Capacity     uint64 // blocks that can be written, from Start on
	Type         ZoneType
	State        ZoneState
}

// ZoneType says how a zone may be written. The values are those of the NVMe
// Zoned Namespace command set, and SPDK's.
type ZoneType uint8

// Zone types.
const (
	ZoneConventional           ZoneType = 1 // anywhere
	ZoneSequentialWrite        ZoneType = 2 // at the write pointer only
	ZoneSequentialWritePrefers ZoneType = 3 // had better be at the write pointer
)

// ZoneState is what a zone is ready for. The values are SPDK's.
type ZoneState uint8

// Zone states.
const (
	ZoneEmpty ZoneState = iota
	ZoneImplicitlyOpen
	ZoneFull
	ZoneClosed
	ZoneReadOnly
	ZoneOffline
	ZoneExplicitlyOpen
	ZoneNoWritePointer
)

var zoneStates = [...]string{
	"empty", "implicitly open", "full", "closed", "read only", "offline", "explicitly open", "no write pointer",
}

// String returns the state in words.
func (s ZoneState) String() string {
	if int(s) < len(zoneStates) {
		return zoneStates[s]
	}
	return "unknown"
}

// ZoneAction is what can be done to a zone. The values are SPDK's.
type ZoneAction uint8

// Zone actions.
const (
	ZoneActionClose ZoneAction = iota
	ZoneActionFinish
	ZoneActionOpen
	ZoneActionReset
	ZoneActionOffline
)

var zoneActions = [...]string{"close", "finish", "open", "reset", "offline"}

// String returns the action in words.
func (a ZoneAction) String() string {
	if int(a) < len(zoneActions) {
		return zoneActions[a]
	}
	return "unknown"
}

// NoBlock is the Result of OpSeekData and OpSeekHole if there is no such
// block.
const NoBlock = ^uint64(0)

// zoneOps are the operations on zones.
var zoneOps = setOf(OpZoneReport, OpZoneManagement, OpZoneAppend)

// checkZone checks the zones that io names. Whether a zone's state allows the
// operation is the device's to say.
func (c *UserChannel) checkZone(io *IO, size uint64) Status {
	i := &c.d.info
	switch {
	case !i.Zoned || i.ZoneSize == 0:
		return StatusUnsupported
	case io.Offset >= size:
		return StatusOutOfRange
	case io.Op == OpZoneReport:
		if io.Blocks == 0 || uint64(len(io.Zones)) < io.Blocks {
			return StatusInvalid
		}
	case io.Offset%i.ZoneSize != 0:
		return StatusInvalid
	case io.Op == OpZoneManagement:
		if int(io.ZoneAction) >= len(zoneActions) {
			return StatusInvalid
		}
	case io.Blocks == 0 || i.MaxZoneAppend > 0 && io.Blocks > uint64(i.MaxZoneAppend):
		return StatusInvalid
	case io.Blocks > min(i.ZoneSize, size-io.Offset):
		return StatusOutOfRange
	}
	return StatusSuccess
}
