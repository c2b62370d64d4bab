// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"fmt"

	"github.com/gospdk/gospdk/nvme"
)

// ZoneAction is an action of Zone Management Send (ZNS Command Set 1.1, 3.4.3).
type ZoneAction uint8

// Zone send actions.
const (
	ZoneClose         ZoneAction = 0x01
	ZoneFinish        ZoneAction = 0x02
	ZoneOpen          ZoneAction = 0x03
	ZoneReset         ZoneAction = 0x04
	ZoneOffline       ZoneAction = 0x05
	ZoneSetDescriptor ZoneAction = 0x10
)

// ZoneAppend writes count blocks to the zone that starts at zslba; the
// completion's CDW0 and CDW1 hold the LBA that the controller chose. It
// cannot be split.
func (qp *QPair) ZoneAppend(ns *Namespace, r *Request, x *Transfer) error {
	limit := qp.ctrlr.zoneAppendLimit.Load()
	if limit == 0 {
		return fmt.Errorf("host: zone append: %w", ErrNotSupported)
	}
	if size := uint64(x.Count) * uint64(ns.geo.Load().bufferBlock(x.Flags)); size > uint64(limit) {
		return fmt.Errorf("host: zone append of %d bytes: the controller takes at most %d", size, limit)
	}
	return qp.transfer(ns, r, nvme.CmdZoneAppend, x)
}

// ZoneManagementSend applies action to the zone that starts at zslba, or to
// all zones. data is the descriptor extension for ZoneSetDescriptor.
func (qp *QPair) ZoneManagementSend(ns *Namespace, r *Request, action ZoneAction, zslba uint64, all bool, data []byte) error {
	cmd := nvme.Command{
		Opcode: nvme.CmdZoneManagementSend,
		CDW10:  uint32(zslba), CDW11: uint32(zslba >> 32),
		CDW13: uint32(action),
	}
	if all {
		cmd.CDW13 |= 1 << 8
	}
	return qp.plain(ns, r, cmd, data)
}

// ZoneReport receives zone descriptors from zslba on; state selects zones (0
// is all), extended adds the descriptor extensions, partial makes the number
// of zones in the header count only those returned.
func (qp *QPair) ZoneReport(ns *Namespace, r *Request, buf []byte, zslba uint64, state uint8, extended, partial bool) error {
	if len(buf) == 0 || len(buf)%4 != 0 {
		return fmt.Errorf("host: zone report buffer of %d bytes: it must be a multiple of 4 and not empty", len(buf))
	}
	cmd := nvme.Command{
		Opcode: nvme.CmdZoneManagementReceive,
		CDW10:  uint32(zslba), CDW11: uint32(zslba >> 32),
		CDW12: uint32(len(buf)/4 - 1),
		CDW13: uint32(state) << 8,
	}
	if extended {
		cmd.CDW13 |= 1
	}
	if partial {
		cmd.CDW13 |= 1 << 16
	}
	return qp.plain(ns, r, cmd, buf)
}
