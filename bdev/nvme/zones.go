// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// setZones finds out about the zones of a zoned namespace.
func (d *Disk) setZones(ctx context.Context, hc *host.Controller, ns *host.Namespace) error {
	var z spec.IdentifyNamespaceZNS
	if err := hc.IdentifyData(ctx, spec.CNSIOCSNamespace, ns.ID(), 0, spec.CSIZNS, spec.Bytes(&z)); err != nil {
		return fmt.Errorf("identify the zoned namespace: %w", err)
	}
	i := &d.info
	i.Product, i.Zoned = "NVMe ZNS disk", true
	i.ZoneSize = z.LBAFE[ns.Data().FormatIndex()].ZSZE
	i.MaxOpenZones, i.OptimalOpenZones, i.MaxActiveZones = z.MaxOpenZones(), z.MaxOpenZones(), z.MaxActiveZones()
	i.MaxZoneAppend = hc.ZoneAppendLimit() / i.BlockSize
	d.ops[bdev.OpZoneReport], d.ops[bdev.OpZoneManagement] = true, true
	d.ops[bdev.OpZoneAppend] = i.MaxZoneAppend > 0
	return nil
}

// zoneActions are those of Zone Management Send.
var zoneActions = [...]host.ZoneAction{
	bdev.ZoneActionClose: host.ZoneClose, bdev.ZoneActionFinish: host.ZoneFinish, bdev.ZoneActionOpen: host.ZoneOpen,
	bdev.ZoneActionReset: host.ZoneReset, bdev.ZoneActionOffline: host.ZoneOffline,
}

// reportBytes bounds the buffer of a report; more zones take several commands.
const reportBytes = 64 << 10

const (
	zoneHeader     = 64
	zoneDescriptor = 64
)

// reportZones asks for the next zones of a report, of which io.Result are
// known.
func (r *request) reportZones(ns *host.Namespace) error {
	io, d := r.io, r.ch.d
	if r.bounce == nil {
		io.Result = 0
		n := min(zoneHeader+int(min(io.Blocks, reportBytes))*zoneDescriptor, reportBytes, int(r.q.ctrlrTransfer()))
		mem, err := dma.Alloc(n, 4096)
		if err != nil {
			return err
		}
		r.bounce = &bounce{mem: mem, iov: [][]byte{mem.Bytes()}}
	}
	first := io.Offset - io.Offset%d.info.ZoneSize + io.Result*d.info.ZoneSize
	return r.q.ZoneReport(ns, &r.halves[0], r.bounce.iov[0], first, spec.ZoneListAll, false, true)
}

func (q *qpair) ctrlrTransfer() uint32 { return q.Controller().MaxTransfer() }

// zonesReported takes an answer, and asks for more if there is more.
func (r *request) zonesReported() {
	io, d := r.io, r.ch.d
	b := r.bounce.iov[0]
	var head spec.ZoneReportHeader
	copy(spec.Bytes(&head), b)
	n := min(head.Zones, io.Blocks-io.Result, uint64(len(b)-zoneHeader)/zoneDescriptor)
	for k := range n {
		var z spec.ZoneDescriptor
		copy(spec.Bytes(&z), b[zoneHeader+k*zoneDescriptor:])
		io.Zones[io.Result] = bdev.Zone{
			Start: z.ZSLBA, WritePointer: z.WP, Capacity: z.ZCAP,
			Type: bdev.ZoneType(z.ZT & 0xf), State: zoneState(z.State()),
		}
		io.Result++
	}
	next := io.Offset - io.Offset%d.info.ZoneSize + io.Result*d.info.ZoneSize
	if n > 0 && io.Result < io.Blocks && next < d.blocks.Load() {
		r.start()
		return
	}
	r.finish(bdev.StatusSuccess)
}

var zoneStates = map[spec.ZoneState]bdev.ZoneState{
	spec.ZoneStateEmpty: bdev.ZoneEmpty, spec.ZoneStateImplicitlyOpen: bdev.ZoneImplicitlyOpen,
	spec.ZoneStateExplicitlyOpen: bdev.ZoneExplicitlyOpen, spec.ZoneStateClosed: bdev.ZoneClosed,
	spec.ZoneStateReadOnly: bdev.ZoneReadOnly, spec.ZoneStateFull: bdev.ZoneFull, spec.ZoneStateOffline: bdev.ZoneOffline,
}

// zoneState has zones that say what is unknown as offline.
func zoneState(s spec.ZoneState) bdev.ZoneState {
	if z, ok := zoneStates[s]; ok {
		return z
	}
	return bdev.ZoneOffline
}
