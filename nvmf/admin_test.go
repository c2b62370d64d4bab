// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func getLog(id nvme.LogPageID, bytes uint32) nvme.Command {
	numd := bytes/4 - 1
	return nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(id) | numd<<16, CDW11: numd >> 16}
}

func getFeature(id nvme.FeatureID, sel uint32) nvme.Command {
	return nvme.Command{Opcode: nvme.AdminGetFeatures, CDW10: uint32(id) | sel<<8}
}

func setFeature(id nvme.FeatureID, v uint32) nvme.Command {
	return nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: uint32(id), CDW11: v}
}

func TestAdminOpcodes(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	effects := make([]byte, 4096)
	g.doAdmin(getLog(nvme.LogCommandEffects, 4096), effects)
	for op := range 256 {
		if op == int(nvme.AdminAsyncEventRequest) {
			continue // does not end
		}
		r := g.doAdmin(nvme.Command{Opcode: nvme.Opcode(op), NSID: 1, CDW10: 1}, make([]byte, 8192))
		listed := binary.LittleEndian.Uint32(effects[4*op:])&effectSupported != 0
		if known := !r.Status.Is(nvme.StatusInvalidOpcode); known != listed {
			t.Errorf("admin opcode %#x: status %v, in the effects log: %v", op, r.Status, listed)
		}
	}
	for op := range 256 {
		r := g.doIO(nvme.Command{Opcode: nvme.Opcode(op), NSID: 1}, make([]byte, 8192))
		listed := binary.LittleEndian.Uint32(effects[1024+4*op:])&effectSupported != 0
		if known := !r.Status.Is(nvme.StatusInvalidOpcode); known != listed {
			t.Errorf("I/O opcode %#x: status %v, in the effects log: %v", op, r.Status, listed)
		}
	}
}

func TestLogPageStatus(t *testing.T) {
	field, log := nvme.StatusInvalidField.WithDNR(), nvme.StatusInvalidLogPage.WithDNR()
	edit := func(cmd nvme.Command, f func(*nvme.Command)) nvme.Command { f(&cmd); return cmd }
	for _, tt := range []struct {
		what string
		cmd  nvme.Command
		want nvme.Status
	}{
		{"supported pages", getLog(nvme.LogSupportedPages, 1024), 0},
		{"errors", getLog(nvme.LogError, 64), 0},
		{"SMART", getLog(nvme.LogSMART, 512), 0},
		{"SMART of all", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.NSID = 0xffffffff }), 0},
		{"SMART of one", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.NSID = 1 }), field},
		{"firmware", getLog(nvme.LogFirmwareSlot, 512), 0},
		{"changed", getLog(nvme.LogChangedNamespaces, 4096), 0},
		{"effects", getLog(nvme.LogCommandEffects, 4096), 0},
		{"feature effects", getLog(nvme.LogFeatureEffects, 1024), 0},
		{"MI effects", getLog(nvme.LogMIEffects, 4096), 0},
		{"self-test", getLog(nvme.LogDeviceSelfTest, 512), log},
		{"ANA", getLog(nvme.LogANA, 512), log},
		{"vendor", getLog(0xc0, 512), log},
		{"odd offset", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW12 = 2 }), field},
		{"offset at the end", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW12 = 512 }), 0},
		{"offset behind the end", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW12 = 516 }), field},
		{"huge offset", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW13 = 1 }), field},
		{"index offset", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW14 = 1 << 23 }), field},
		{"UUID index", edit(getLog(nvme.LogSMART, 512), func(c *nvme.Command) { c.CDW14 = 1 }), field},
		{"more than the page", getLog(nvme.LogSMART, 4096), 0},
		{"more than MDTS", getLog(nvme.LogSMART, 256<<10), field},
	} {
		g := newRig(t, testdisk.New("d", 100))
		wantStatus(t, tt.what, g.doAdmin(tt.cmd, make([]byte, 128<<10)).Status, tt.want)
	}
}

func TestErrorLog(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	bad := nvme.Command{Opcode: nvme.AdminIdentify, CDW10: 0xff, CID: 9}
	if r := g.doAdmin(bad, make([]byte, 4096)); !r.Status.More() {
		t.Error("the status does not tell that the log has more")
	}
	g.doAdmin(nvme.Command{Opcode: 0xff, CID: 10}, nil)
	p := make([]byte, 256)
	g.doAdmin(getLog(nvme.LogError, 256), p)
	le := binary.LittleEndian
	if le.Uint64(p) != 2 || le.Uint16(p[10:]) != 10 || le.Uint64(p[64:]) != 1 || le.Uint16(p[74:]) != 9 || le.Uint64(p[128:]) != 0 {
		t.Errorf("% x", p[:160])
	}
	if nvme.Status(le.Uint16(p[12:])>>1).Code() != nvme.StatusInvalidOpcode {
		t.Errorf("status %#x", le.Uint16(p[12:]))
	}
	cmd := getLog(nvme.LogError, 64)
	cmd.CDW12 = 64
	g.doAdmin(cmd, p)
	if le.Uint64(p) != 1 {
		t.Errorf("at offset 64: entry %d", le.Uint64(p))
	}
	for range 100 {
		g.doAdmin(bad, make([]byte, 4096))
	}
	p = make([]byte, 4096)
	g.doAdmin(getLog(nvme.LogError, 4096), p)
	if le.Uint64(p) != 102 || le.Uint64(p[4032:]) != 39 {
		t.Errorf("after 102 errors: first %d last %d", le.Uint64(p), le.Uint64(p[4032:]))
	}
}

func TestErrorLogOfIO(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	data := make([]byte, 512)
	if r := g.doIO(read(1, 12345, 1), data); !r.Status.Is(nvme.StatusLBAOutOfRange) || !r.Status.More() {
		t.Errorf("status %v, want LBA OUT OF RANGE with more in the log", r.Status)
	}
	data[0] = 1
	if r := g.doIO(ioCmd(nvme.CmdCompare, 1, 0, 1), data); !r.Status.Is(nvme.StatusCompareFailure) || r.Status.More() {
		t.Errorf("status %v, want COMPARE FAILURE and nothing in the log", r.Status)
	}
	p := make([]byte, 128)
	g.doAdmin(getLog(nvme.LogError, 128), p)
	le := binary.LittleEndian
	if le.Uint64(p) != 1 || le.Uint16(p[8:]) == 0 || le.Uint64(p[16:]) != 12345 || le.Uint32(p[24:]) != 1 || le.Uint64(p[64:]) != 0 {
		t.Errorf("% x", p)
	}
}

func TestSMART(t *testing.T) {
	g := newRig(t, testdisk.New("d", 1000))
	for range 5 {
		g.doIO(read(1, 0, 250), make([]byte, 128<<10))
	}
	g.doIO(writeCmd(1, 0, 1), make([]byte, 512))
	p := make([]byte, 512)
	g.doAdmin(getLog(nvme.LogSMART, 512), p)
	le := binary.LittleEndian
	if le.Uint64(p[32:]) != 2 || le.Uint64(p[48:]) != 1 || le.Uint64(p[64:]) != 5 || le.Uint64(p[80:]) != 1 || p[0] != 0 {
		t.Errorf("% x", p[:96])
	}
}

func TestFeatures(t *testing.T) {
	field := nvme.StatusInvalidField.WithDNR()
	for _, tt := range []struct {
		what   string
		id     nvme.FeatureID
		v      uint32
		want   nvme.Status
		result uint32 // of Get Features afterwards
	}{
		{"arbitration", nvme.FeatureArbitration, 0x01020304, 0, 0x01020304},
		{"power state 0", nvme.FeaturePowerManagement, 0, 0, 0},
		{"power state 1", nvme.FeaturePowerManagement, 1, field, 0},
		{"temperature", nvme.FeatureTemperatureThreshold, 350, 0, 350},
		{"temperature of a missing sensor", nvme.FeatureTemperatureThreshold, 350 | 1<<16, field, defaultTemperature},
		{"reserved threshold", nvme.FeatureTemperatureThreshold, 350 | 2<<20, field, defaultTemperature},
		{"no write cache", nvme.FeatureVolatileWriteCache, 1, field, 0},
		{"number of queues", nvme.FeatureNumberOfQueues, 7 | 7<<16, 0, 3 | 3<<16},
		{"too many submission queues", nvme.FeatureNumberOfQueues, 0xffff, field, 3 | 3<<16},
		{"too many completion queues", nvme.FeatureNumberOfQueues, 0xffff0000, field, 3 | 3<<16},
		{"coalescing", nvme.FeatureInterruptCoalescing, 0x1234, 0, 0x1234},
		{"vector 15", nvme.FeatureInterruptVectorConfiguration, 15 | 1<<16, 0, 0},
		{"vector 16", nvme.FeatureInterruptVectorConfiguration, 16, field, 0},
		{"atomicity", nvme.FeatureWriteAtomicity, 1, 0, 1},
		{"events", nvme.FeatureAsyncEventConfiguration, 0xffffffff, 0, 0x1ff},
		{"keep alive", nvme.FeatureKeepAliveTimer, 15000, 0, 20000},
		{"I/O command set 0", nvme.FeatureIOCommandSetProfile, 0, 0, 0},
		{"I/O command set 1", nvme.FeatureIOCommandSetProfile, 1, nvme.StatusIOCSCombinationRejected.WithDNR(), 0},
		{"LBA range type", nvme.FeatureLBARangeType, 0, field, 0},
		{"reservation", nvme.FeatureReservationPersistence, 0, nvme.StatusInvalidNamespace.WithDNR(), 0},
		{"vendor", 0xc0, 0, field, 0},
	} {
		g := newRig(t, testdisk.New("d", 100))
		wantStatus(t, tt.what, g.doAdmin(setFeature(tt.id, tt.v), nil).Status, tt.want)
		if r := g.doAdmin(getFeature(tt.id, selectCurrent), nil); r.Status == 0 && r.CDW0 != tt.result {
			t.Errorf("%s: reads %#x, want %#x", tt.what, r.CDW0, tt.result)
		}
	}
}

func TestFeatureSelect(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	g.doAdmin(setFeature(nvme.FeatureArbitration, 2), nil)
	for sel, want := range []uint32{2, defaultArbitration, defaultArbitration, featureChangeable} {
		if r := g.doAdmin(getFeature(nvme.FeatureArbitration, uint32(sel)), nil); r.CDW0 != want || r.Status != 0 {
			t.Errorf("select %d: %#x, want %#x", sel, r.CDW0, want)
		}
	}
	wantStatus(t, "select 4", g.doAdmin(getFeature(nvme.FeatureArbitration, 4), nil).Status, nvme.StatusInvalidField.WithDNR())
	save := setFeature(nvme.FeatureArbitration, 1)
	save.CDW10 |= featureSave
	wantStatus(t, "save", g.doAdmin(save, nil).Status, nvme.StatusFeatureNotSaveable.WithDNR())
	ns := setFeature(nvme.FeatureArbitration, 1)
	ns.NSID = 1
	wantStatus(t, "of a namespace", g.doAdmin(ns, nil).Status, nvme.StatusFeatureNotNamespaceSpecific.WithDNR())
	recovery := setFeature(nvme.FeatureErrorRecovery, 5)
	recovery.NSID = 9
	wantStatus(t, "of a missing namespace", g.doAdmin(recovery, nil).Status, nvme.StatusInvalidNamespace.WithDNR())
	recovery.NSID = 0xffffffff
	wantStatus(t, "of all namespaces", g.doAdmin(recovery, nil).Status, 0)
	get := getFeature(nvme.FeatureErrorRecovery, 0)
	get.NSID = 1
	if r := g.doAdmin(get, nil); r.CDW0 != 5 {
		t.Errorf("error recovery %d, want 5", r.CDW0)
	}
}

func TestFeatureData(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	id := pattern(16, 1)
	set := setFeature(nvme.FeatureHostIdentifier, 1)
	wantStatus(t, "set host identifier", g.doAdmin(set, id).Status, 0)
	got := make([]byte, 16)
	get := getFeature(nvme.FeatureHostIdentifier, 0)
	get.CDW11 = 1
	g.doAdmin(get, got)
	if !bytes.Equal(got, id) {
		t.Errorf("host identifier % x", got)
	}
	stamp := binary.LittleEndian.AppendUint64(nil, 1_700_000_000_000)
	wantStatus(t, "set timestamp", g.doAdmin(setFeature(nvme.FeatureTimestamp, 0), stamp).Status, 0)
	g.doAdmin(getFeature(nvme.FeatureTimestamp, 0), stamp)
	v := binary.LittleEndian.Uint64(stamp)
	if ms := v & (1<<48 - 1); ms < 1_700_000_000_000 || ms > 1_700_000_000_000+uint64(time.Hour.Milliseconds()) || v>>49&7 != 1 {
		t.Errorf("timestamp %#x", v)
	}
	wantStatus(t, "unmapped data", g.doAdmin(set, nil).Status, nvme.StatusDataTransferError)
}

func TestWriteCacheFeature(t *testing.T) {
	g := newRig(t, testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 512, NumBlocks: 8, WriteCache: true}))
	if r := g.doAdmin(getFeature(nvme.FeatureVolatileWriteCache, 0), nil); r.Status != 0 || r.CDW0 != 1 {
		t.Errorf("%v %d", r.Status, r.CDW0)
	}
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSController, 0), p)
	if id, _ := nvme.Read[nvme.IdentifyController](p); id.VWC&nvme.VWCPresent == 0 {
		t.Error("VWC says that there is none")
	}
}

func (g *rig) aer(cid uint16) *Request {
	return g.start(&g.admin, nvme.Command{Opcode: nvme.AdminAsyncEventRequest, CID: cid}, nil)
}

func TestAsyncEventLimit(t *testing.T) {
	g := newRig(t)
	for i := range uint16(maxAER) {
		if r := g.aer(i); g.completed(r) {
			t.Fatal("a request ended without an event")
		}
	}
	if g.c.Home().Outstanding() != 0 {
		t.Errorf("%d outstanding: event requests must not count", g.c.Home().Outstanding())
	}
	r := g.aer(9)
	wantStatus(t, "one too many", r.Status, nvme.StatusAERLimitExceeded.WithDNR())
}

func TestAbort(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	event := g.aer(5)
	abort := func(cid uint32) *Request {
		return g.doAdmin(nvme.Command{Opcode: nvme.AdminAbort, CDW10: cid << 16}, nil)
	}
	if r := abort(77); r.Status != 0 || r.CDW0 != 1 {
		t.Errorf("unknown command: %v %d, want success and 1 (not aborted)", r.Status, r.CDW0)
	}
	if r := abort(5); r.Status != 0 || r.CDW0 != 0 {
		t.Errorf("event request: %v %d", r.Status, r.CDW0)
	}
	if !g.completed(event) || !event.Status.Is(nvme.StatusAbortedByRequest) {
		t.Errorf("aborted request: %v", event.Status)
	}
}

// TestAbortLimit has the transport take its time with more Abort commands than
// Identify Controller allows.
func TestAbortLimit(t *testing.T) {
	g := newRig(t)
	abort := nvme.Command{Opcode: nvme.AdminAbort, CDW10: 1 | 9<<16}
	g.holdAborts = true
	var aborts []*Request
	for range abortLimit {
		aborts = append(aborts, g.start(&g.admin, abort, nil))
	}
	wantStatus(t, "one too many", g.doAdmin(abort, nil).Status, nvme.StatusAbortLimitExceeded)
	for i, done := range g.aborts {
		done(i == 0)
	}
	for i, r := range aborts {
		if want := uint32(min(i, 1)); !g.completed(r) || r.Status != 0 || r.CDW0 != want {
			t.Errorf("abort %d: %v, CDW0 %d, want %d", i, r.Status, r.CDW0, want)
		}
	}
	g.start(&g.admin, abort, nil)
	g.aborts[len(g.aborts)-1](false)
}

// TestLaneAbort has the block device end commands early.
func TestLaneAbort(t *testing.T) {
	for _, can := range []bool{true, false} {
		d := testdisk.New("d", 100)
		d.Lacks[bdev.OpAbort] = !can
		g := newRig(t, d)
		d.Hold = true
		r := g.start(&g.io, read(1, 0, 1), make([]byte, 512))
		answers := 0
		g.c.Home().Abort(r, func(aborted bool) {
			if answers++; aborted != can {
				t.Errorf("aborted: %v, want %v", aborted, can)
			}
		})
		g.eventually("answer", func() bool { return answers == 1 })
		if g.completed(r) != can {
			t.Errorf("ended: %v, want %v", g.completed(r), can)
		}
		d.Release()
		g.eventually("end", func() bool { return g.completed(r) })
		if can {
			wantStatus(t, "aborted", r.Status, nvme.StatusAbortedByRequest)
		}
		g.c.Home().Abort(r, func(aborted bool) {
			if answers++; aborted {
				t.Error("a command that has ended was aborted")
			}
		})
		if n := g.c.Home().Outstanding(); n != 0 || answers != 2 {
			t.Errorf("%d outstanding, %d answers", n, answers)
		}
	}
}

func TestNamespaceEvents(t *testing.T) {
	g := newRig(t, testdisk.New("a", 100))
	g.doAdmin(setFeature(nvme.FeatureAsyncEventConfiguration, configNamespace), nil)
	changed := func(rae uint32) (ids []uint32) {
		p := make([]byte, 4096)
		cmd := getLog(nvme.LogChangedNamespaces, 4096)
		cmd.CDW10 |= rae
		g.doAdmin(cmd, p)
		for ; binary.LittleEndian.Uint32(p) != 0; p = p[4:] {
			ids = append(ids, binary.LittleEndian.Uint32(p))
		}
		return ids
	}
	const notice = 2 | 0<<8 | 4<<16
	r := g.aer(1)
	g.add(testdisk.New("b", 50))
	if !g.completed(r) || r.CDW0 != notice {
		t.Fatalf("added: %v %#x, want %#x", g.completed(r), r.CDW0, notice)
	}
	r = g.aer(2)
	g.add(testdisk.New("c", 50))
	if g.completed(r) {
		t.Error("a second event before the log was read")
	}
	if ids := changed(retainEvent); !slices.Equal(ids, []uint32{2, 3}) {
		t.Errorf("changed %v", ids)
	}
	if g.completed(r) {
		t.Error("reading with RAE let the next event through")
	}
	if ids := changed(0); !slices.Equal(ids, []uint32{2, 3}) {
		t.Errorf("changed %v", ids)
	}
	if !g.completed(r) {
		t.Error("reading the log did not let the next event through")
	}
	if ids := changed(0); len(ids) != 0 {
		t.Errorf("after it was read: %v", ids)
	}
	r = g.aer(3)
	if err := g.reg.Resize("b", 60); err != nil {
		t.Fatal(err)
	}
	g.eventually("resize event", func() bool { return g.completed(r) })
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSNamespace, 2), p)
	if binary.LittleEndian.Uint64(p) != 60 {
		t.Errorf("NSZE %d after the resize to 60", binary.LittleEndian.Uint64(p))
	}
	if ids := changed(0); !slices.Equal(ids, []uint32{2}) {
		t.Errorf("changed %v", ids)
	}
	r = g.aer(4)
	g.run(func() error { return g.reg.Unregister(t.Context(), "c") })
	g.eventually("removal event", func() bool { return g.completed(r) })
	wantStatus(t, "read of the removed", g.doIO(read(3, 0, 1), make([]byte, 512)).Status, nvme.StatusInvalidNamespace.WithDNR())
}

func TestRemoveWaitsForIO(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	d.Hold = true
	r := g.start(&g.io, read(1, 0, 1), make([]byte, 512))
	removed := make(chan error, 1)
	go func() { removed <- g.sub.RemoveNamespace(t.Context(), 1) }()
	g.eventually("namespace gone", func() bool { return g.c.namespace(1) == nil })
	wantStatus(t, "new command", g.doIO(read(1, 0, 1), make([]byte, 512)).Status, nvme.StatusInvalidNamespace.WithDNR())
	select {
	case err := <-removed:
		t.Fatalf("removed while a command uses it: %v", err)
	default:
	}
	d.Release()
	g.eventually("removed", func() bool { return len(removed) == 1 })
	if err := <-removed; err != nil {
		t.Error(err)
	}
	wantStatus(t, "command in execution", r.Status, 0)
}

func TestKeepAlive(t *testing.T) {
	g := newRig(t)
	wantStatus(t, "keep alive", g.doAdmin(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil).Status, 0)
	g.doAdmin(setFeature(nvme.FeatureKeepAliveTimer, 1), nil)
	period := keepAliveUnits * time.Millisecond
	now := g.thread.Clock().Now()
	g.thread.PollAt(now + period + time.Second)
	if g.c.CSTS().CFS() {
		t.Fatal("expired although a command came in the period")
	}
	g.thread.PollAt(now + 3*period)
	if !g.c.CSTS().CFS() || g.enabled {
		t.Error("no command for a period, and the controller goes on")
	}
}

func TestTemperatureEvent(t *testing.T) {
	g := newRig(t)
	r := g.aer(1)
	g.doAdmin(setFeature(nvme.FeatureTemperatureThreshold, 300), nil)
	if g.completed(r) {
		t.Fatal("an event that was not asked for")
	}
	g.doAdmin(setFeature(nvme.FeatureAsyncEventConfiguration, tempWarningBit), nil)
	if !g.completed(r) || r.CDW0 != 1|1<<8|2<<16 {
		t.Errorf("%v %#x", g.completed(r), r.CDW0)
	}
}
