// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"math/bits"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/nvme"
)

// Zoned namespaces (Zoned Namespace Command Set 1.1). A controller has that
// command set while it has such a namespace.

// pageSize is that of the smallest memory pages, in which limits are told.
const pageSize = 4096

// zonesAtOnce is how many zones a block device is asked about at a time.
const zonesAtOnce = 64

// hasZones tells whether there is a zoned namespace.
func (c *Controller) hasZones() bool {
	for _, n := range c.home.ns {
		if n != nil && n.zoned {
			return true
		}
	}
	return false
}

// csi is the command set of the namespace.
func (n *nsChannel) csi() uint8 {
	if n.zoned {
		return csiZNS
	}
	return csiNVM
}

// has tells whether the controller has a command set.
func (c *Controller) has(csi uint8) bool { return csi == csiNVM || csi == csiZNS && c.hasZones() }

// appends tells whether the namespace takes Zone Append. Where reference tags
// are addresses, the host would have to know what it cannot.
func (n *nsChannel) appends() bool {
	i := &n.ns.info
	limit := i.MaxZoneAppend
	return n.zoned && n.can(bdev.OpZoneAppend) && (i.DIF == dif.Disabled || i.DIF == dif.Type3) && (limit == 0 || limit*i.BlockSize >= pageSize)
}

// appendLimit is the largest Zone Append in blocks.
func (n *nsChannel) appendLimit() uint32 {
	if limit := n.ns.info.MaxZoneAppend; limit > 0 {
		return min(n.maxBlocks, limit)
	}
	return n.maxBlocks
}

// zasl is the largest Zone Append of all namespaces, as Identify tells it.
func (c *Controller) zasl() uint8 {
	least := c.opts.MaxDataSize
	for _, n := range c.home.ns {
		if n != nil && n.appends() && n.ns.info.MaxZoneAppend > 0 {
			least = min(least, n.ns.info.MaxZoneAppend*n.ns.info.BlockSize)
		}
	}
	if least == c.opts.MaxDataSize {
		return 0 // MDTS
	}
	return uint8(bits.Len32(least/pageSize) - 1)
}

// identifyZoned is CNS 05h of the zoned command set.
func (c *Controller) identifyZoned(p []byte, nsid uint32) nvme.Status {
	ns := c.namespace(nsid)
	switch {
	case nsid == 0 || nsid > uint32(len(c.home.ns)):
		return nvme.StatusInvalidNamespace
	case ns == nil:
		return nvme.StatusSuccess
	case !ns.zoned:
		return nvme.StatusInvalidIOCS
	}
	id, _ := nvme.View[nvme.IdentifyNamespaceZNS](p)
	i := &ns.ns.info
	id.MAR, id.MOR = i.MaxActiveZones-1, i.MaxOpenZones-1 // 0, no limit, becomes FFFFFFFFh
	id.LBAFE[0].ZSZE = i.ZoneSize
	return nvme.StatusSuccess
}

// prepareZoned checks the commands of the zoned command set.
func (l *Lane) prepareZoned(r *Request, ns *nsChannel) {
	lba := r.Cmd.SLBA()
	r.io.Offset = lba
	switch {
	case lba >= ns.blocks && !(r.Cmd.Opcode == nvme.CmdZoneManagementSend && r.Cmd.CDW13&selectAllZones != 0):
		r.fail(nvme.StatusLBAOutOfRange.WithDNR())
	case r.Cmd.Opcode == nvme.CmdZoneManagementReceive:
		l.prepareReport(r)
	case r.Cmd.Opcode == nvme.CmdZoneManagementSend:
		prepareManagement(r, ns)
	case lba%ns.ns.info.ZoneSize != 0 || r.Cmd.NLB() > ns.appendLimit() || r.Cmd.CDW12&directiveType != 0:
		r.fail(nvme.StatusInvalidField.WithDNR())
	default:
		l.prepareBlocks(r, ns, bdev.OpZoneAppend, nvme.TransferHostToController)
		if ns.writeCache && (r.Cmd.CDW12&forceUnitAccess != 0 || l.c.io.writeThrough.Load()) {
			r.flags |= flagFlush
		}
	}
}

const selectAllZones = 1 << 8 // in CDW13 of Zone Management Send

// zoneActions are those of Zone Management Send that there are, and the states
// of zones that each is for if it is for all zones.
var zoneActions = map[nvme.ZoneSendAction]struct {
	do     bdev.ZoneAction
	states []bdev.ZoneState
}{
	nvme.ZoneClose:   {bdev.ZoneActionClose, []bdev.ZoneState{bdev.ZoneImplicitlyOpen, bdev.ZoneExplicitlyOpen}},
	nvme.ZoneFinish:  {bdev.ZoneActionFinish, []bdev.ZoneState{bdev.ZoneImplicitlyOpen, bdev.ZoneExplicitlyOpen, bdev.ZoneClosed}},
	nvme.ZoneOpen:    {bdev.ZoneActionOpen, []bdev.ZoneState{bdev.ZoneClosed}},
	nvme.ZoneReset:   {bdev.ZoneActionReset, []bdev.ZoneState{bdev.ZoneImplicitlyOpen, bdev.ZoneExplicitlyOpen, bdev.ZoneClosed, bdev.ZoneFull}},
	nvme.ZoneOffline: {bdev.ZoneActionOffline, []bdev.ZoneState{bdev.ZoneReadOnly}},
}

func prepareManagement(r *Request, ns *nsChannel) {
	x := nvme.ParseZoneManagementSend(&r.Cmd)
	action, ok := zoneActions[x.Action]
	if !ok || x.Option || !x.SelectAll && x.SLBA%ns.ns.info.ZoneSize != 0 {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.io.Op, r.io.Blocks, r.io.ZoneAction = bdev.OpZoneManagement, 0, action.do
}

// executeZoned carries out what prepareZoned has checked, but for what is left
// to the caller to submit: then it answers false.
func (l *Lane) executeZoned(r *Request, ns *nsChannel) bool {
	switch r.Cmd.Opcode {
	case nvme.CmdZoneAppend:
		l.moved.writes++
		l.moved.writeBlocks += uint64(r.Length / smartBlock)
		r.stage = stageAppend
		return false
	case nvme.CmdZoneManagementReceive:
		l.startReport(r, ns)
		return true
	}
	r.io.Iov, r.io.Meta = nil, nil
	if r.Cmd.CDW13&selectAllZones == 0 {
		return false
	}
	l.startAllZones(r, ns)
	return true
}

// appended tells the host where its blocks are.
func (l *Lane) appended(r *Request) {
	r.CDW0, r.CDW1 = uint32(r.io.Result), uint32(r.io.Result>>32)
	if r.Status == nvme.StatusSuccess && r.flags&flagFlush != 0 {
		l.submitFlush(r)
		return
	}
	r.finish()
}
