// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/zoneblock"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvmf"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

const (
	zoneCapacity = 100 // blocks
	zoneSize     = 128
	zoneCount    = 150 // more than are told of at once
)

// zoned is a host of a zoned namespace.
type zoned struct {
	*testing.T
	g  *rig
	c  *host.Controller
	ns *host.Namespace
	qp *host.QPair
}

func newZoned(t *testing.T) *zoned {
	t.Helper()
	g := newRigOf(t, target.Options{}, malloc.Config{Name: "Malloc0", NumBlocks: zoneCount * zoneSize, BlockSize: blockSize}, func(reg *bdev.Registry) string {
		m := zoneblock.NewModule(reg)
		reg.AddModule(m)
		name, err := m.Create(context.Background(), zoneblock.Config{Name: "Zone0", Base: "Malloc0", ZoneCapacity: zoneCapacity, OptimalOpenZones: 1})
		must(t, err)
		return name
	})
	c := g.connect(host.Options{DisableErrorLogging: true})
	z := &zoned{t, g, c, c.Namespace(1), qpair(t, c, host.QPairOptions{})}
	if n, _ := z.report(64, 0, nvme.ZoneListFull, false); n != zoneCount { // nobody knows what is there
		t.Errorf("%d zones are full in the beginning", n)
	}
	if s := z.manage(host.ZoneReset, 0, true); s.IsError() {
		t.Fatal(s)
	}
	return z
}

// run carries a command out.
func (z *zoned) run(send func(*host.Request) error) *request {
	z.Helper()
	r := newRequest()
	must(z, send(&r.Request))
	waitEnded(z, z.qp, r)
	return r
}

func (z *zoned) manage(action host.ZoneAction, zone uint64, all bool) nvme.Status {
	z.Helper()
	return z.run(func(r *host.Request) error {
		return z.qp.ZoneManagementSend(z.ns, r, action, zone*zoneSize, all, nil)
	}).Status()
}

func (z *zoned) append(zone uint64, data []byte) *request {
	z.Helper()
	return z.run(func(r *host.Request) error {
		return z.qp.ZoneAppend(z.ns, r, &host.Transfer{Buf: data, LBA: zone * zoneSize, Count: uint32(len(data) / blockSize)})
	})
}

// report returns what a buffer of so many bytes has room for, and the number
// of zones in the header.
func (z *zoned) report(size int, lba uint64, list uint8, partial bool) (count uint64, zones []nvme.ZoneDescriptor) {
	z.Helper()
	buf := bytes.Repeat([]byte{0xee}, size)
	r := z.run(func(r *host.Request) error { return z.qp.ZoneReport(z.ns, r, buf, lba, list, false, partial) })
	must(z, r.Err())
	var h nvme.ZoneReportHeader
	copy(nvme.Bytes(&h), buf)
	buf = buf[min(len(buf), 64):]
	for ; len(buf) >= 64; buf = buf[64:] {
		var d nvme.ZoneDescriptor
		copy(nvme.Bytes(&d), buf)
		if d.ZT != 0 {
			zones = append(zones, d)
			continue
		}
		if !bytes.Equal(buf, make([]byte, len(buf))) {
			z.Error("what is behind the report was not cleared")
		}
		break
	}
	return h.Zones, zones
}

func TestZonedNamespace(t *testing.T) {
	z := newZoned(t)
	if z.ns.CSI() != nvme.CSIZNS || z.c.ZoneAppendLimit() != z.c.MaxTransfer() {
		t.Fatalf("command set %d, largest append %d", z.ns.CSI(), z.c.ZoneAppendLimit())
	}
	identify := func(cns nvme.CNS, nsid uint32, csi nvme.CSI) []byte {
		p := make([]byte, 4096)
		must(t, z.c.IdentifyData(t.Context(), cns, nsid, z.c.Identify().CNTLID, csi, p))
		return p
	}
	var id nvme.IdentifyNamespaceZNS
	copy(nvme.Bytes(&id), identify(nvme.CNSIOCSNamespace, 1, nvme.CSIZNS))
	if id.LBAFE[0].ZSZE != zoneSize || id.MaxActiveZones() != 0 || id.MaxOpenZones() != 0 || id.LBAFE[0].ZDES != 0 {
		t.Errorf("zones of %d blocks, %d open and %d active at most", id.LBAFE[0].ZSZE, id.MaxOpenZones(), id.MaxActiveZones())
	}
	if p := identify(nvme.CNSIOCSActiveNamespaces, 0, nvme.CSIZNS); p[0] != 1 {
		t.Error("the namespace is not listed as a zoned one")
	}
	if p := identify(nvme.CNSIOCSActiveNamespaces, 0, nvme.CSINVM); p[0] != 0 {
		t.Error("the namespace is listed as an ordinary one")
	}
	if p := identify(nvme.CNSIOCommandSets, 0, 0); p[0] != 5 {
		t.Errorf("command sets %#x", p[0])
	}
	effects := make([]byte, 4096)
	must(t, z.c.GetLogPageExt(t.Context(), uint8(nvme.LogCommandEffects), 0, effects, 0, host.LogPageOptions{CSI: nvme.CSIZNS}))
	for _, op := range []nvme.Opcode{nvme.CmdRead, nvme.CmdWrite, nvme.CmdZoneAppend, nvme.CmdZoneManagementSend, nvme.CmdZoneManagementReceive} {
		if effects[1024+4*int(op)]&1 == 0 {
			t.Errorf("%v is not among the commands", op)
		}
	}
	// With an ordinary namespace beside it.
	reg := malloc.Config{Name: "Malloc1", NumBlocks: 100, BlockSize: blockSize}
	d, err := malloc.New(reg)
	must(t, err)
	must(t, z.g.reg.Register(t.Context(), d))
	_, err = z.g.sub.AddNamespace(t.Context(), "Malloc1", nvmf.NamespaceOptions{})
	must(t, err)
	if p := identify(nvme.CNSIOCSActiveNamespaces, 0, nvme.CSINVM); p[0] != 2 {
		t.Errorf("the first ordinary namespace is %d", p[0])
	}
	err = z.c.IdentifyData(t.Context(), nvme.CNSIOCSNamespace, 2, 0, nvme.CSIZNS, make([]byte, 4096))
	if err == nil {
		t.Error("an ordinary namespace has zones")
	}
}

// TestZoneAppend appends to zones with many commands at once, and reads at the
// places that the controller chose.
func TestZoneAppend(t *testing.T) {
	z := newZoned(t)
	rnd := rand.New(rand.NewPCG(2, 3))
	type block struct {
		*request
		zone uint64
		data []byte
	}
	var all []*block
	sizes := map[uint64]int{} // blocks in each zone
	for range 60 {
		b := &block{newRequest(), 3 + rnd.Uint64N(3), make([]byte, (1+rnd.IntN(6))*blockSize)}
		if n := len(b.data) / blockSize; sizes[b.zone]+n > zoneCapacity {
			continue
		} else {
			sizes[b.zone] += n
		}
		fill(rnd, b.data)
		all = append(all, b)
		must(t, z.qp.ZoneAppend(z.ns, &b.Request, &host.Transfer{Buf: b.data, LBA: b.zone * zoneSize, Count: uint32(len(b.data) / blockSize)}))
	}
	for _, b := range all {
		wait(t, z.qp, b.request)
	}
	taken := map[uint64]bool{}
	for _, b := range all {
		lba := b.Completion.Result64()
		for i := range uint64(len(b.data) / blockSize) {
			if at := lba + i; at < b.zone*zoneSize || at >= b.zone*zoneSize+uint64(sizes[b.zone]) || taken[at] {
				t.Fatalf("block %d of zone %d is outside, or was given twice", at, b.zone)
			}
			taken[lba+i] = true
		}
		in := make([]byte, len(b.data))
		must(t, z.run(func(r *host.Request) error { return z.qp.Read(z.ns, r, in, lba, uint32(len(in)/blockSize), 0) }).Err())
		if !bytes.Equal(in, b.data) {
			t.Fatalf("block %d: read something else than appended", lba)
		}
	}
	for zone, n := range sizes {
		if _, d := z.report(128, zone*zoneSize, nvme.ZoneListAll, true); len(d) != 1 || d[0].WP != zone*zoneSize+uint64(n) {
			t.Errorf("zone %d with %d blocks: %+v", zone, n, d)
		}
	}
}

func TestZoneReports(t *testing.T) {
	z := newZoned(t)
	one := make([]byte, blockSize)
	for _, zone := range []uint64{0, 70, 149} {
		must(t, z.append(zone, one).Err())
	}
	for _, zone := range []uint64{5, 64} {
		must(t, z.append(zone, make([]byte, zoneCapacity*blockSize)).Err())
	}
	for _, tt := range []struct {
		what    string
		size    int
		lba     uint64
		list    uint8
		partial bool
		count   uint64
		first   []uint64 // zones
		told    int
	}{
		{"all", 64 << 10, 0, nvme.ZoneListAll, false, 150, []uint64{0, 1, 2}, 150},
		{"all that there is room for", 64 + 64*70 + 63 - 3, 0, nvme.ZoneListAll, false, 150, []uint64{0, 1, 2}, 70},
		{"so many as there is room for", 64 + 64*70, 0, nvme.ZoneListAll, true, 70, []uint64{0, 1, 2}, 70},
		{"the header alone", 64, 0, nvme.ZoneListAll, false, 150, nil, 0},
		{"a part of the header", 8, 0, nvme.ZoneListAll, false, 150, nil, 0},
		{"from within a zone", 64 << 10, 69*zoneSize + 3, nvme.ZoneListAll, false, 81, []uint64{69, 70}, 81},
		{"open", 64 << 10, 0, nvme.ZoneListImplicitlyOpen, false, 3, []uint64{0, 70, 149}, 3},
		{"open, one of them", 128, 1, nvme.ZoneListImplicitlyOpen, true, 1, []uint64{0}, 1},
		{"full", 64 << 10, 6 * zoneSize, nvme.ZoneListFull, true, 1, []uint64{64}, 1},
		{"empty", 64 << 10, 0, nvme.ZoneListEmpty, false, 145, []uint64{1, 2, 3, 4, 6}, 145},
		{"none", 64 << 10, 0, nvme.ZoneListOffline, false, 0, nil, 0},
	} {
		count, zones := z.report(tt.size, tt.lba, tt.list, tt.partial)
		var first []uint64
		for _, d := range zones[:min(len(zones), len(tt.first))] {
			first = append(first, d.ZSLBA/zoneSize)
		}
		if count != tt.count || len(zones) != tt.told || !slices.Equal(first, tt.first) {
			t.Errorf("%s: %d zones, %d of them told of, first %v; want %d, %d, %v", tt.what, count, len(zones), first, tt.count, tt.told, tt.first)
		}
		for _, d := range zones {
			if d.ZT != nvme.ZoneTypeSequentialWrite || d.ZCAP != zoneCapacity || tt.list == nvme.ZoneListFull && d.State() != nvme.ZoneStateFull {
				t.Errorf("%s: %+v", tt.what, d)
			}
		}
	}
}

func TestZoneManagement(t *testing.T) {
	z := newZoned(t)
	states := func(what string, want map[uint64]nvme.ZoneState) {
		t.Helper()
		_, zones := z.report(64<<10, 0, nvme.ZoneListAll, true)
		for i, d := range zones {
			state, ok := want[uint64(i)]
			if !ok {
				state = nvme.ZoneStateEmpty
			}
			if d.State() != state {
				t.Errorf("%s: zone %d is %v, want %v", what, i, d.State(), state)
			}
		}
	}
	do := func(action host.ZoneAction, zone uint64, all bool) {
		t.Helper()
		if s := z.manage(action, zone, all); s.IsError() {
			t.Errorf("action %d of zone %d: %v", action, zone, s)
		}
	}
	const open, closed, full = nvme.ZoneStateImplicitlyOpen, nvme.ZoneStateClosed, nvme.ZoneStateFull
	for _, zone := range []uint64{1, 66, 140} {
		must(t, z.append(zone, make([]byte, blockSize)).Err())
	}
	do(host.ZoneFinish, 66, false)
	states("one finished", map[uint64]nvme.ZoneState{1: open, 66: full, 140: open})
	do(host.ZoneClose, 0, true)
	states("all closed", map[uint64]nvme.ZoneState{1: closed, 66: full, 140: closed})
	do(host.ZoneOpen, 1<<40, true) // which zone is named does not matter
	states("all opened", map[uint64]nvme.ZoneState{1: open, 66: full, 140: open})
	do(host.ZoneReset, 140, false)
	do(host.ZoneFinish, 0, true)
	states("all finished", map[uint64]nvme.ZoneState{1: full, 66: full})
	do(host.ZoneReset, 0, true)
	states("all reset", nil)
}

func TestZoneErrors(t *testing.T) {
	z := newZoned(t)
	field, lba := nvme.StatusInvalidField, nvme.StatusLBAOutOfRange
	one := make([]byte, blockSize)
	send := func(cmd nvme.Command, data []byte) nvme.Status {
		cmd.NSID = 1
		return z.run(func(r *host.Request) error { return z.qp.Raw(r, cmd, data, nil) }).Status().Code()
	}
	at := func(op nvme.Opcode, lba uint64, cdw12, cdw13 uint32) nvme.Command {
		return nvme.Command{Opcode: op, CDW10: uint32(lba), CDW11: uint32(lba >> 32), CDW12: cdw12, CDW13: cdw13}
	}
	for _, tt := range []struct {
		what string
		cmd  nvme.Command
		data []byte
		want nvme.Status
	}{
		{"append within a zone", at(nvme.CmdZoneAppend, 5, 0, 0), one, field},
		{"append beyond the end", at(nvme.CmdZoneAppend, zoneCount*zoneSize, 0, 0), one, lba},
		{"append of too much", at(nvme.CmdZoneAppend, 0, 256, 0), one, field},
		{"an action that is not there", at(nvme.CmdZoneManagementSend, 0, 0, 0x11), nil, field},
		{"an extension of a descriptor", at(nvme.CmdZoneManagementSend, 0, 0, 0x10), nil, field},
		{"an action within a zone", at(nvme.CmdZoneManagementSend, 3, 0, 4), nil, field},
		{"an action beyond the end", at(nvme.CmdZoneManagementSend, 1<<50, 0, 4), nil, lba},
		{"a report from beyond the end", at(nvme.CmdZoneManagementReceive, zoneCount*zoneSize, 127, 0), one, lba},
		{"a report of an unknown list", at(nvme.CmdZoneManagementReceive, 0, 127, 8<<8), one, field},
		{"a report with extensions", at(nvme.CmdZoneManagementReceive, 0, 127, 1), one, field},
		{"a report that is too large", at(nvme.CmdZoneManagementReceive, 0, 128<<10/4, 0), one, field},
	} {
		if s := send(tt.cmd, tt.data); s != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, s, tt.want)
		}
	}
	must(t, z.append(0, one).Err())
	for what, f := range map[string]func(*host.Request) error{
		"a write behind the write pointer": func(r *host.Request) error { return z.qp.Write(z.ns, r, one, 0, 1, 0) },
		"a write before the write pointer": func(r *host.Request) error { return z.qp.Write(z.ns, r, one, 2, 1, 0) },
		"an append to a full zone": func(r *host.Request) error {
			if s := z.manage(host.ZoneFinish, 9, false); s.IsError() {
				return fmt.Errorf("finish: %v", s)
			}
			return z.qp.ZoneAppend(z.ns, r, &host.Transfer{Buf: one, LBA: 9 * zoneSize, Count: 1})
		},
	} {
		if s := z.run(f).Status(); !s.IsError() {
			t.Errorf("%s succeeds", what)
		}
	}
	must(t, z.run(func(r *host.Request) error { return z.qp.Write(z.ns, r, one, 1, 1, 0) }).Err())
}
