// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// fabricsRig has a controller of a message based transport, not enabled.
func fabricsRig(t *testing.T, sub func(g *rig) *Subsystem) *rig {
	g := newRig(t, testdisk.New("d", 100))
	first := g.c
	g.c = must(t, g, func() (*Controller, error) {
		return sub(g).NewController(context.Background(), g.thread, g, ControllerOptions{
			QueueEntries: 128, IOQueues: 4, MaxDataSize: 128 << 10, SeparateMetadata: true,
			Fabrics: &FabricsOptions{InCapsule: 4096, LocalAddr: "192.0.2.7"},
		})
	})
	t.Cleanup(func() {
		g.run(func() error { return first.Close(context.Background()) })
	})
	return g
}

func property(off uint32, wide uint8) nvme.Command {
	return nvme.PropertyGet{Offset: off, Wide: wide}.Command()
}

func TestProperties(t *testing.T) {
	g := fabricsRig(t, func(g *rig) *Subsystem { return g.sub })
	set := nvme.PropertySet{Offset: nvme.RegCC, Value: 1 | 6<<16 | 4<<20}.Command()
	if r := g.doAdmin(set, nil); r.Status.IsError() || !g.c.CSTS().RDY() {
		t.Fatalf("CC.EN: %v, CSTS %#x", r.Status, uint32(g.c.CSTS()))
	}
	full := uint64(g.c.CAP())
	for _, test := range []struct {
		name string
		cmd  nvme.Command
		want uint64
		ok   bool
	}{
		{"CAP", property(0, 1), full, true},
		{"CAP, lower half", property(0, 0), full & 0xffffffff, true},
		{"CAP, upper half", property(4, 0), full >> 32, true},
		{"CAP in the middle", property(4, 1), 0, false},
		{"VS", property(8, 0), 0x20000, true},
		{"VS of 8 bytes", property(8, 1), 0, false},
		{"CC", property(0x14, 0), 1 | 6<<16 | 4<<20, true},
		{"CSTS", property(0x1c, 0), 1, true},
		{"NSSR", property(0x20, 0), 0, true},
		{"CRTO", property(0x68, 0), 40, true},
		{"AQA", property(0x24, 0), 0, false},
		{"odd", property(0x15, 0), 0, false},
		{"size 2", property(8, 2), 0, false},
		{"set CAP", nvme.PropertySet{Offset: 0}.Command(), 0, false},
		{"set 8 bytes", nvme.PropertySet{Offset: 0x14, Wide: 1}.Command(), 0, false},
	} {
		r := g.doAdmin(test.cmd, nil)
		if !test.ok {
			wantStatus(t, test.name, r.Status, nvme.StatusFabricsInvalidParam.WithDNR())
			continue
		}
		if got := uint64(r.CDW1)<<32 | uint64(r.CDW0); r.Status.IsError() || got != test.want {
			t.Errorf("%s: %v, %#x, want %#x", test.name, r.Status, got, test.want)
		}
	}
	wantStatus(t, "second Connect", g.doAdmin(nvme.Connect{SQSize: 2}.Command(), nil).Status, nvme.StatusCommandSequenceError.WithDNR())
	var id nvme.IdentifyController
	g.doAdmin(nvme.Command{Opcode: nvme.AdminIdentify, CDW10: 1}, nvme.Bytes(&id))
	if id.IOCCSZ != 260 || id.IORCSZ != 1 || id.MSDBD != 1 || id.ICDOFF != 0 || id.SGLS != 0x300001 {
		t.Errorf("IOCCSZ %d, IORCSZ %d, MSDBD %d, ICDOFF %d, SGLS %#x", id.IOCCSZ, id.IORCSZ, id.MSDBD, id.ICDOFF, id.SGLS)
	}
}

// TestKeepAliveOutlivesReset: the timer watches the connection.
func TestKeepAliveOutlivesReset(t *testing.T) {
	g := fabricsRig(t, func(g *rig) *Subsystem { return g.sub })
	g.c.SetKeepAlive(15000)
	wantStatus(t, "before CC.EN", g.doAdmin(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil).Status, nvme.StatusCommandSequenceError.WithDNR())
	g.c.WriteCC(1 | 6<<16 | 4<<20)
	g.c.WriteCC(0)
	g.c.WriteCC(1 | 6<<16 | 4<<20)
	if g.c.alive == nil || g.c.feat.keepAlive != 20000 {
		t.Errorf("timer %v, %d ms", g.c.alive, g.c.feat.keepAlive)
	}
	wantStatus(t, "Keep Alive", g.doAdmin(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil).Status, nvme.StatusSuccess)
}

func TestAbortEvents(t *testing.T) {
	g := newRig(t)
	q := &Queue{}
	a, b := g.start(q, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil), g.start(q, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil)
	g.c.AbortEvents()
	for _, r := range []*Request{a, b} {
		if !g.completed(r) {
			t.Fatal("an event request still waits")
		}
		wantStatus(t, "event request", r.Status, nvme.StatusAbortedSQDeletion)
	}
	if n := g.c.Home().Outstanding(); n != 0 {
		t.Errorf("%d requests in execution", n)
	}
}

func TestCheckConnect(t *testing.T) {
	g := newRig(t)
	good := func() (nvme.Connect, nvme.ConnectData) {
		d := nvme.ConnectData{CNTLID: 0xffff}
		copy(d.SUBNQN[:], testNQN)
		copy(d.HOSTNQN[:], "nqn.2016-06.io.spdk:host1")
		return nvme.Connect{SQSize: 32}, d
	}
	x, d := good()
	if sub, err := g.target.CheckConnect(&x, &d, 32); sub != g.sub || err != nil {
		t.Fatalf("%v, %v", sub, err)
	}
	for _, test := range []struct {
		name   string
		change func(x *nvme.Connect, d *nvme.ConnectData)
		status nvme.Status
		cdw0   uint32
	}{
		{"record format", func(x *nvme.Connect, _ *nvme.ConnectData) { x.RecordFormat = 1 }, nvme.StatusFabricsIncompatibleFormat, 0},
		{"queue size", func(x *nvme.Connect, _ *nvme.ConnectData) { x.SQSize = 33 }, nvme.StatusFabricsInvalidParam, 44},
		{"host NQN without end", func(_ *nvme.Connect, d *nvme.ConnectData) { copy(d.HOSTNQN[:], bytes.Repeat([]byte{'n'}, 256)) }, nvme.StatusFabricsInvalidParam, 1<<16 | 512},
		{"subsystem NQN without end", func(_ *nvme.Connect, d *nvme.ConnectData) { copy(d.SUBNQN[:], bytes.Repeat([]byte{'n'}, 256)) }, nvme.StatusFabricsInvalidParam, 1<<16 | 256},
		{"no such subsystem", func(_ *nvme.Connect, d *nvme.ConnectData) { d.SUBNQN[4]++ }, nvme.StatusFabricsInvalidParam, 1<<16 | 256},
		{"static controller", func(_ *nvme.Connect, d *nvme.ConnectData) { d.CNTLID = 1 }, nvme.StatusFabricsInvalidParam, 1<<16 | 16},
		{"I/O queue of discovery", func(x *nvme.Connect, d *nvme.ConnectData) {
			x.QID = 1
			copy(d.SUBNQN[:], nvme.DiscoveryNQN)
		}, nvme.StatusFabricsInvalidParam, 42},
	} {
		x, d := good()
		test.change(&x, &d)
		_, err := g.target.CheckConnect(&x, &d, 32)
		var why *ConnectError
		if !errors.As(err, &why) || !why.Status.Is(test.status) || why.CDW0 != test.cdw0 {
			t.Errorf("%s: %+v, want %v, CDW0 %#x", test.name, err, test.status, test.cdw0)
		}
	}
}

func TestDiscoveryLog(t *testing.T) {
	g := fabricsRig(t, func(g *rig) *Subsystem { return g.target.Discovery() })
	g.c.WriteCC(1 | 6<<16 | 4<<20)
	a := Address{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "0.0.0.0", Trsvcid: "4420", AdminEntries: 128, NoSQFlow: true}
	b := Address{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv6, Traddr: "2001:db8::1", Trsvcid: "8009", AdminEntries: 32}
	if err := errors.Join(g.sub.AddAddress(a), g.target.Discovery().AddAddress(b)); err != nil {
		t.Fatal(err)
	}
	if err := g.sub.AddAddress(a); err == nil {
		t.Error("the same address twice: no error")
	}
	read := func() (nvme.DiscoveryLog, []nvme.DiscoveryEntry) {
		page := make([]byte, 4096)
		r := g.doAdmin(nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(nvme.LogDiscovery) | 1023<<16}, page)
		wantStatus(t, "discovery log", r.Status, nvme.StatusSuccess)
		head, entries, err := nvme.ParseDiscoveryLog(page)
		if err != nil {
			t.Fatal(err)
		}
		return head, entries
	}
	head, entries := read()
	if head.NUMREC != 2 || head.GENCTR != 2 {
		t.Fatalf("%+v", head)
	}
	one := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "192.0.2.7", Trsvcid: "4420", Subnqn: testNQN}
	if e := &entries[0]; e.TransportID() != one || e.SUBTYPE != nvme.DiscoverySubtypeNVM || e.TREQ != 6 || e.ASQSZ != 128 || e.CNTLID != 0xffff {
		t.Errorf("%v, %+v", e.TransportID(), e)
	}
	two := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv6, Traddr: "2001:db8::1", Trsvcid: "8009", Subnqn: nvme.DiscoveryNQN}
	if e := &entries[1]; e.TransportID() != two || e.SUBTYPE != nvme.DiscoverySubtypeCurrent || e.TREQ != 2 || e.EFLAGS != 3 {
		t.Errorf("%v, %+v", e.TransportID(), e)
	}
	g.sub.RemoveAddress(a)
	if head, _ := read(); head.NUMREC != 1 || head.GENCTR != 3 || len(g.sub.Addresses()) != 0 {
		t.Errorf("after removal: %+v", head)
	}
}
