// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// Flexible data placement as the machine is booted with it: one endurance
// group, eight reclaim unit handles, of which the namespace has handles 1, 3
// and 4 as its placement handles 0 to 2.
const (
	fdpGroup   = 1
	fdpHandles = 8
	fdpUnit    = 16 << 20 // bytes of a reclaim unit
)

func (r *rig) groupLog(id nvme.LogPageID, specific uint8, n int) []byte {
	r.Helper()
	buf := make([]byte, n)
	r.must(r.ctrlr.GetLogPageExt(r.ctx, uint8(id), 0, buf, 0, host.LogPageOptions{Specific: specific, SpecificID: fdpGroup}))
	return buf
}

func TestPlacementLogs(t *testing.T) {
	r := connect(t, "fdp", host.Options{})
	if r.ctrlr.Identify().CTRATT&nvme.CTRATTFDP == 0 || r.namespace(1).Data().ENDGID != fdpGroup {
		t.Fatalf("CTRATT %#x, endurance group %d", r.ctrlr.Identify().CTRATT, r.namespace(1).Data().ENDGID)
	}
	configs, err := nvme.ParseFDPConfigurations(r.groupLog(nvme.LogFDPConfigurations, 0, 512))
	r.must(err)
	if len(configs) != 1 {
		t.Fatalf("%d configurations, want 1", len(configs))
	}
	if c := configs[0]; c.NRG != 1 || len(c.HandleTypes) != fdpHandles || c.ReclaimUnitSize() != fdpUnit || c.FDPA&0x80 == 0 {
		t.Errorf("configuration %+v", c)
	}
	usage := r.groupLog(nvme.LogFDPReclaimUnitHandles, 0, 8+8*fdpHandles)
	if n := le.Uint16(usage); n != fdpHandles {
		t.Errorf("%d handles, want %d", n, fdpHandles)
	}
	for i := range fdpHandles {
		want := byte(0)
		if i == 1 || i == 3 || i == 4 {
			want = 1 // in use, chosen by the host
		}
		if got := usage[8+8*i]; got != want {
			t.Errorf("handle %d: use %d, want %d", i, got, want)
		}
	}
	group, err := nvme.View[nvme.EnduranceGroupLog](r.groupLog(nvme.LogEnduranceGroup, 0, 512))
	r.must(err)
	if group.CriticalWarning != 0 || group.HostReadCommands.Lo() == 0 {
		t.Errorf("warning %#x, %d reads, of which the kernel did some", group.CriticalWarning, group.HostReadCommands.Lo())
	}
	config := nvme.FDPConfig(r.feature(nvme.FeatureFDP, nvme.SelectCurrent, 0, fdpGroup, nil))
	if !config.FDPE() || config.FDPCIDX() != 0 {
		t.Errorf("feature %#x", uint32(config))
	}
	err = r.ctrlr.GetLogPageExt(r.ctx, uint8(nvme.LogFDPStatistics), 0, make([]byte, 64), 0, host.LogPageOptions{SpecificID: 9})
	r.refused("statistics of a group that is not there", err, nvme.StatusInvalidField)
}

// handles returns the blocks that are left in the reclaim unit of each
// placement identifier.
func (q *queue) handles() map[uint16]uint64 {
	q.Helper()
	buf := buffer(q, 4096)
	cmd := nvme.IOManagementReceive{NSID: 1, Operation: 1, Dwords: 1024}.Command()
	q.ok("reclaim unit handle status", func(r *host.Request) error { return q.Raw(r, cmd, buf, nil) })
	left := make(map[uint16]uint64)
	for i := range int(le.Uint16(buf[14:])) {
		d := buf[16+32*i:]
		left[le.Uint16(d)] = le.Uint64(d[8:]) // by placement identifier: RUAMW in blocks
	}
	return left
}

// TestPlacement writes with placement identifiers and finds the bytes counted.
func TestPlacement(t *testing.T) {
	r := connect(t, "fdp", host.Options{})
	ns := r.namespace(1)
	q := r.queue(host.QPairOptions{})
	written := func() uint64 {
		return le.Uint64(r.groupLog(nvme.LogFDPStatistics, 0, 64)) // HBMW, its low half
	}
	before, bytes := q.handles(), written()
	if len(before) != 3 {
		t.Fatalf("placement handles %v, want 3", before)
	}
	buf := buffer(t, 64<<10)
	fill(buf, 0, 1)
	put := func(handle uint16) nvme.Status {
		x := host.Transfer{Buf: buf, LBA: 0, Count: 128, Flags: host.FlagDataPlacement, CDW13: uint32(handle) << 16}
		c := q.run(func(r *host.Request) error { return q.WriteExt(ns, r, &x) })
		return c.Status()
	}
	for range 3 {
		if s := put(2); s.IsError() {
			t.Fatalf("write with placement: %v", s)
		}
	}
	after := q.handles()
	for pid := range before {
		want := uint64(0)
		if pid == 2 {
			want = 3 * 128
		}
		if got := before[pid] - after[pid]; got != want {
			t.Errorf("placement identifier %d: %d blocks less, want %d", pid, got, want)
		}
	}
	if got := written() - bytes; got != 3*64<<10 {
		t.Errorf("the host wrote %d bytes, want %d", got, 3*64<<10)
	}
	clear(buf)
	q.read(ns, buf, 0, 128)
	check(t, "placed data", buf, 0, 1)

	// A handle that is not there stands for the default one.
	if s := put(7); s.IsError() {
		t.Errorf("a placement identifier that is not there: %v", s)
	}
	if got := after[0] - q.handles()[0]; got != 128 {
		t.Errorf("the default handle has %d blocks less, want 128", got)
	}

	// An update gives a handle another reclaim unit. That the old one was not
	// full is an event, if it was asked for.
	_, err := r.ctrlr.SetFeatures(r.ctx, uint8(nvme.FeatureFDPEvents), false, 1, 1<<16|2, 1, []byte{nvme.FDPEventUnitNotFull})
	r.must(err)
	pids := buffer(t, 4)
	le.PutUint16(pids, 2)
	update := nvme.Command{Opcode: nvme.CmdIOManagementSend, NSID: 1, CDW10: 1}
	q.ok("reclaim unit handle update", func(r *host.Request) error { return q.Raw(r, update, pids, nil) })
	if got := q.handles()[2]; got != fdpUnit/512 {
		t.Errorf("%d blocks left in a new reclaim unit, want %d", got, fdpUnit/512)
	}
	events := r.groupLog(nvme.LogFDPEvents, 1, 64+64)
	e, err := nvme.View[nvme.FDPEvent](events[64:])
	r.must(err)
	if n := le.Uint32(events); n != 1 || e.Type != nvme.FDPEventUnitNotFull || e.PID != 2 || e.NSID != 1 || e.RUHID != 4 {
		t.Errorf("%d events, the first of type %d, placement identifier %d, namespace %d, handle %d", n, e.Type, e.PID, e.NSID, e.RUHID)
	}
	le.PutUint16(pids, 7)
	q.want("update of a handle that is not there", nvme.StatusInvalidField, func(r *host.Request) error { return q.Raw(r, update, pids, nil) })
}
