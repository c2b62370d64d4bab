// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"slices"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// zoneWalk goes through the zones of a namespace, some at a time: for a report,
// or to do something to all of them. It stays with the request.
type zoneWalk struct {
	zones    [zonesAtOnce]bdev.Zone
	n, at    int    // zones that are known, and that have been looked at
	next     uint64 // first block of the zones that are not known yet
	matching uint64 // zones that the host wants to know of
	told     uint64 // descriptors that are in its memory
}

// startWalk begins with the zone that starts at a block.
func (l *Lane) startWalk(r *Request, ns *nsChannel, s stage, first uint64) {
	if r.walk == nil {
		r.walk = new(zoneWalk)
	}
	w := r.walk
	w.n, w.at, w.next, w.matching, w.told = 0, 0, first, 0, 0
	r.stage = s
	l.fetchZones(r, ns)
}

// fetchZones asks for the next zones, of which there are some.
func (l *Lane) fetchZones(r *Request, ns *nsChannel) {
	w, size := r.walk, ns.ns.info.ZoneSize
	if ns.removed() {
		r.Finish(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	w.n, w.at = 0, 0
	r.io.Op, r.io.Iov, r.io.Meta = bdev.OpZoneReport, nil, nil
	r.io.Offset, r.io.Blocks = w.next, min(zonesAtOnce, (ns.blocks-w.next+size-1)/size)
	r.io.Zones = w.zones[:r.io.Blocks]
	ns.ch.Submit(&r.io)
}

// fetched takes what fetchZones has asked for.
func (w *zoneWalk) fetched(r *Request, ns *nsChannel) {
	w.n = int(r.io.Result)
	w.next += uint64(w.n) * ns.ns.info.ZoneSize
	if w.n == 0 {
		w.next = ns.blocks
	}
}

// startAllZones does an action to all zones that it is for.
func (l *Lane) startAllZones(r *Request, ns *nsChannel) { l.startWalk(r, ns, stageAllZones, 0) }

// nextZone acts on the next zone, of those that are known or come now.
func (l *Lane) nextZone(r *Request) {
	w, ns := r.walk, r.ns
	if r.Status != nvme.StatusSuccess {
		r.finish()
		return
	}
	if r.io.Op == bdev.OpZoneReport {
		w.fetched(r, ns)
	}
	action := zoneActions[nvme.ZoneSendAction(r.Cmd.CDW13)]
	for w.at < w.n {
		z := &w.zones[w.at]
		w.at++
		if !slices.Contains(action.states, z.State) {
			continue
		}
		if ns.removed() {
			r.Finish(nvme.StatusInvalidNamespace.WithDNR())
			return
		}
		r.io.Op, r.io.Zones = bdev.OpZoneManagement, nil
		r.io.Offset, r.io.Blocks, r.io.ZoneAction = z.Start, 0, action.do
		ns.ch.Submit(&r.io)
		return
	}
	if w.next >= ns.blocks {
		r.finish()
		return
	}
	l.fetchZones(r, ns)
}

// Lengths in a report.
const (
	reportHeader   = 64
	zoneDescriptor = 64
)

// zoneStates are the states as hosts know them. Zones without a write pointer
// are unknown to NVMe, and have none.
var zoneStates = [...]nvme.ZoneState{
	bdev.ZoneEmpty: nvme.ZoneStateEmpty, bdev.ZoneImplicitlyOpen: nvme.ZoneStateImplicitlyOpen,
	bdev.ZoneFull: nvme.ZoneStateFull, bdev.ZoneClosed: nvme.ZoneStateClosed, bdev.ZoneReadOnly: nvme.ZoneStateReadOnly,
	bdev.ZoneOffline: nvme.ZoneStateOffline, bdev.ZoneExplicitlyOpen: nvme.ZoneStateExplicitlyOpen,
	bdev.ZoneNoWritePointer: 0,
}

// zoneLists are the states of zones that a report may be of.
var zoneLists = [...]nvme.ZoneState{
	nvme.ZoneListEmpty: nvme.ZoneStateEmpty, nvme.ZoneListImplicitlyOpen: nvme.ZoneStateImplicitlyOpen,
	nvme.ZoneListExplicitlyOpen: nvme.ZoneStateExplicitlyOpen, nvme.ZoneListClosed: nvme.ZoneStateClosed,
	nvme.ZoneListFull: nvme.ZoneStateFull, nvme.ZoneListReadOnly: nvme.ZoneStateReadOnly, nvme.ZoneListOffline: nvme.ZoneStateOffline,
}

// prepareReport checks Zone Management Receive. There are no extensions of
// descriptors.
func (l *Lane) prepareReport(r *Request) {
	x := nvme.ParseZoneManagementReceive(&r.Cmd)
	if x.Action != nvme.ZoneReport || int(x.Option) >= len(zoneLists) || x.Dwords*4 > uint64(l.c.opts.MaxDataSize) {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.Xfer, r.Length = nvme.TransferControllerToHost, uint32(x.Dwords*4)
}

// startReport begins with the zone that the host names. Its memory is cleared:
// what is left there is of somebody else.
func (l *Lane) startReport(r *Request, ns *nsChannel) {
	r.reply(nil)
	l.startWalk(r, ns, stageReport, r.io.Offset-r.io.Offset%ns.ns.info.ZoneSize)
}

// nextReport takes zones that the block device has told of.
func (l *Lane) nextReport(r *Request) {
	w, ns := r.walk, r.ns
	if r.Status != nvme.StatusSuccess {
		r.finish()
		return
	}
	w.fetched(r, ns)
	x := nvme.ParseZoneManagementReceive(&r.Cmd)
	room := (uint64(r.Length) - min(uint64(r.Length), reportHeader)) / zoneDescriptor
	for i := range w.n {
		z := &w.zones[i]
		d := nvme.ZoneDescriptor{ZT: uint8(z.Type), ZCAP: z.Capacity, ZSLBA: z.Start, WP: z.WritePointer}
		d.SetState(zoneStates[z.State])
		if x.Option != nvme.ZoneListAll && d.State() != zoneLists[x.Option] {
			continue
		}
		if w.matching++; w.told < room {
			r.put(reportHeader+w.told*zoneDescriptor, nvme.Bytes(&d))
			w.told++
		}
	}
	if w.next < ns.blocks && !(x.Partial && w.told == room) {
		l.fetchZones(r, ns)
		return
	}
	h := nvme.ZoneReportHeader{Zones: w.matching}
	if x.Partial {
		h.Zones = w.told
	}
	r.put(0, nvme.Bytes(&h))
	r.finish()
}

// put copies p into the host's memory, from an offset on, as far as there is
// room.
func (r *Request) put(off uint64, p []byte) {
	for _, v := range r.Iov {
		if off >= uint64(len(v)) {
			off -= uint64(len(v))
			continue
		}
		p = p[copy(v[off:], p):]
		off = 0
	}
}
