// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func TestConnectRefused(t *testing.T) {
	g := newRig(t, Options{QueueEntries: 64, AdminEntries: 64, IOQueues: 4})
	admin := g.login(hostOptions{entries: 64})
	for _, test := range []struct {
		name    string
		sub     string
		qid     uint16
		entries uint32
		cntlid  uint16
		status  nvme.Status
		cdw0    uint32
	}{
		{"subsystem", "nqn.2016-06.io.spdk:none", 0, 32, 0xffff, nvme.StatusFabricsInvalidParam, 1<<16 | 256},
		{"static controller", subNQN, 0, 32, 1, nvme.StatusFabricsInvalidParam, 1<<16 | 16},
		{"queue too large", subNQN, 0, 65, 0xffff, nvme.StatusFabricsInvalidParam, 44},
		{"queue of one entry", subNQN, 0, 1, 0xffff, nvme.StatusFabricsInvalidParam, 44},
		{"unknown controller", subNQN, 1, 32, 0x7777, nvme.StatusFabricsInvalidParam, 1<<16 | 16},
		{"queue identifier", subNQN, 5, 32, admin.cntlid, nvme.StatusFabricsInvalidParam, 42},
	} {
		h := g.dial()
		h.initialize()
		h.sub = test.sub
		cpl := h.connect(test.qid, test.entries, test.cntlid)
		if !cpl.Status().Is(test.status) || cpl.CDW0 != test.cdw0 {
			t.Errorf("%s: got %v, CDW0 %#x, want %v, %#x", test.name, cpl.Status(), cpl.CDW0, test.status, test.cdw0)
		}
		h.sub = subNQN // the connection is good for another try
		h.connectOK(0, 32, nvme.ControllerIDDynamic)
		h.conn.Close()
	}
	one := g.ioQueue(admin, 1)
	h := g.dial()
	h.initialize()
	if cpl := h.connect(1, 32, admin.cntlid); !cpl.Status().Is(nvme.StatusInvalidQueueID) {
		t.Errorf("queue 1 again: %v", cpl.Status())
	}
	one.transfer(512, 1, true)
}

func TestCommandBeforeConnect(t *testing.T) {
	g := newRig(t, Options{})
	h := g.dial()
	h.initialize()
	if cpl := h.do(nvme.PropertyGet{Wide: 1}.Command(), nil); !cpl.Status().Is(nvme.StatusCommandSequenceError) {
		t.Errorf("Property Get: %v", cpl.Status())
	}
	h.connectOK(0, 32, nvme.ControllerIDDynamic)
	if cpl := h.do(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil); !cpl.Status().Is(nvme.StatusCommandSequenceError) {
		t.Errorf("command before CC.EN: %v", cpl.Status())
	}
}

// closed waits for the end of the connection.
func (h *host) closed(what string) {
	h.t.Helper()
	for {
		if _, _, err := h.tryRead(); err != nil {
			if err != io.EOF && !strings.Contains(err.Error(), "reset") {
				h.t.Errorf("%s: %v, want the connection to end", what, err)
			}
			return
		}
	}
}

func TestConnectTimeout(t *testing.T) {
	g := newRig(t, Options{ConnectTimeout: time.Millisecond})
	silent, half := g.dial(), g.dial()
	half.initialize()
	silent.closed("no ICReq")
	half.closed("no Connect")
}

func TestMaxConnections(t *testing.T) {
	g := newRig(t, Options{MaxConnections: 2})
	admin := g.login(hostOptions{})
	q := g.ioQueue(admin, 1)
	g.dial().closed("third connection")
	q.transfer(512, 1, true)
}

// TestQueuesOnThreads has I/O queues arrive on other threads than their
// controller's.
func TestQueuesOnThreads(t *testing.T) {
	g := newRigWith(t, Options{}, 3, iobuf.Options{})
	for range 3 {
		admin := g.login(hostOptions{hdgst: true})
		for id := range uint16(5) {
			g.ioQueue(admin, id+1).transfer(4096, 4, id%2 == 0)
		}
	}
}

// TestReset disables and enables a controller and shuts it down: I/O queues
// and event requests go, the admin queue stays. SPDK's initiator has given the
// identifiers of event requests to other commands by then.
func TestReset(t *testing.T) {
	g := newRig(t, Options{})
	admin := g.login(hostOptions{})
	q := g.ioQueue(admin, 1)
	events := func() {
		for range 4 { // as many as may wait
			admin.capsule(nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil)
		}
	}
	events()
	admin.setCC(0) // and no answer for the event requests
	q.closed("reset")
	eventually(t, "not ready", func() bool { return admin.property(nvme.RegCSTS, 0) == 0 })
	admin.setCC(ccEnable)
	g.ioQueue(admin, 1).transfer(512, 2, true)
	events() // the first four are gone
	admin.setCC(ccEnable | 1<<14)
	eventually(t, "shutdown", func() bool { return admin.property(nvme.RegCSTS, 0)>>2&3 == 2 })
}

// TestKeepAlive has a host connect and then say nothing more: all its
// connections end.
func TestKeepAlive(t *testing.T) {
	g := newRigWith(t, Options{Tuning: nvmf.Tuning{KAS: 1, MinKATO: 100}}, 2, iobuf.Options{})
	silent := g.login(hostOptions{})
	q := g.ioQueue(silent, 1)
	a := g.onlyController()
	g.on(a.g.thread, func() { a.core.SetKeepAlive(100) }) // as a host that asks for it
	other := g.login(hostOptions{})
	q.closed("I/O queue of a silent host")
	silent.closed("admin queue of a silent host")
	g.ioQueue(other, 1).transfer(512, 2, true)
	eventually(t, "its controller has gone", func() bool {
		all, err := g.sub.Controllers(context.Background())
		return err == nil && len(all) == 1
	})
}

// TestListenAddresses reaches a subsystem by IPv4 and IPv6, at addresses of
// this machine and at any, and looks at what discovery tells there.
func TestListenAddresses(t *testing.T) {
	g := newRig(t, Options{})
	ctx := context.Background()
	if err := g.l.Close(); err != nil {
		t.Fatal(err)
	}
	any4, err := g.tr.Listen(ctx, g.sub, "0.0.0.0", "0")
	if err != nil {
		t.Fatal(err)
	}
	any6, err := g.tr.Listen(ctx, g.sub, "::", any4.Address().Trsvcid)
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	if _, err := g.tr.Listen(ctx, g.sub, "::1", any4.Address().Trsvcid); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("an address that is one of any: %v", err)
	}
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		g.l = any4
		if addr == "::1" {
			g.l = any6
		}
		h := g.dialAt(addr, g.l.Address().Trsvcid)
		h.initialize()
		h.cntlid = nvme.ConnectResult(h.connectOK(0, 32, nvme.ControllerIDDynamic).CDW0).CNTLID()
		h.setCC(ccEnable)
		q := g.dialAt(addr, g.l.Address().Trsvcid)
		q.initialize()
		q.connectOK(1, 32, h.cntlid)
		q.transfer(512, 2, true)

		d := g.dialAt(addr, g.l.Address().Trsvcid)
		d.sub = nvme.DiscoveryNQN
		d.initialize()
		d.connectOK(0, 32, nvme.ControllerIDDynamic)
		d.setCC(ccEnable)
		page := make([]byte, 4096)
		d.do(nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(nvme.LogDiscovery) | (4096/4-1)<<16}, page)
		want := g.l.told()
		want.Traddr = addr
		_, entries, err := nvme.ParseDiscoveryLog(page)
		if err != nil || len(entries) != 1 || entries[0].TransportID() != want {
			t.Errorf("at %s: %v, %d entries, want one: %v", addr, err, len(entries), want)
		}
	}
}

// TestControllerFails does what the keep alive timer does when it has run out.
func TestControllerFails(t *testing.T) {
	g := newRig(t, Options{})
	admin := g.login(hostOptions{})
	q := g.ioQueue(admin, 1)
	var a *controller
	g.onThread(func() {
		for _, c := range g.tr.groups[0].conns {
			if c != nil && c.ctrlr != nil {
				a = c.ctrlr
			}
		}
		a.core.Fatal("no command came")
		a.Disable(func() {})
	})
	q.closed("I/O queue")
	admin.closed("admin queue")
}

// TestCloseWithIO closes hosts, listener and transport while commands are in
// execution, wait for data, and wait for buffers.
func TestCloseWithIO(t *testing.T) {
	for name, end := range map[string]func(g *rig, admin, q *host){
		"I/O queue":   func(_ *rig, _, q *host) { q.conn.Close() },
		"admin queue": func(_ *rig, admin, _ *host) { admin.conn.Close() },
		"listener":    func(g *rig, _, _ *host) { go g.l.Close() },
		"transport":   func(g *rig, _, _ *host) { go g.tr.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRigWith(t, Options{MaxDataSize: 1 << 20}, 1, iobuf.Options{SmallCount: iobuf.MinSmallCount, LargeCount: 8})
			admin := g.login(hostOptions{})
			q := g.ioQueue(admin, 1)
			g.onThread(func() { g.disk.Hold = true })
			for range 4 {
				admin.capsule(nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil)
			}
			q.start(rw(nvme.CmdRead, 0, make([]byte, 4096)))
			q.start(rw(nvme.CmdWrite, 0, make([]byte, 1<<20))) // never gets its data
			for range 3 {
				q.start(rw(nvme.CmdRead, 0, make([]byte, 1<<20)))
			}
			io := rw(nvme.CmdWrite, 0, make([]byte, 4096))
			io.inCapsule = true
			q.start(io)
			eventually(t, "commands are held", func() (ok bool) {
				g.onThread(func() { ok = g.disk.Held() > 0 && g.tr.groups[0].waitFirst != nil })
				return ok
			})
			end(g, admin, q)
			eventually(t, "waiting commands are given up", func() (ok bool) {
				g.onThread(func() { ok = g.tr.groups[0].waitFirst == nil })
				return ok
			})
			g.onThread(g.disk.Release)
		})
	}
}

// told is what discovery tells of a listener.
func (l *Listener) told() nvme.TransportID {
	a := l.Address()
	return nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: a.Adrfam, Traddr: a.Traddr, Trsvcid: a.Trsvcid, Subnqn: l.Subsystem().NQN()}
}

func TestDiscovery(t *testing.T) {
	g := newRig(t, Options{})
	ctx := context.Background()
	other, err := g.target.NewSubsystem("nqn.2016-06.io.spdk:cnode2", nvmf.SubsystemOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := []nvme.TransportID{g.l.told()}
	if any6, err := g.tr.Listen(ctx, other, "::1", "0"); err == nil { // there is IPv6
		want = append(want, any6.told())
	}
	if _, err := g.tr.Listen(ctx, other, "127.0.0.1", g.l.Address().Trsvcid); err != nil {
		t.Fatal(err)
	}
	anyone, err := g.tr.Listen(ctx, other, "0.0.0.0", "0")
	if err != nil {
		t.Fatal(err)
	}
	h := g.dial()
	h.sub = nvme.DiscoveryNQN
	h.initialize()
	h.connectOK(0, 32, nvme.ControllerIDDynamic)
	h.setCC(ccEnable)
	page := make([]byte, 8192)
	if cpl := h.do(nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(nvme.LogDiscovery) | (8192/4-1)<<16}, page); cpl.IsError() {
		t.Fatal(cpl.Status())
	}
	same, local := g.l.told(), anyone.told()
	same.Subnqn, local.Traddr = other.NQN(), "127.0.0.1"
	want = append(want, same, local)
	head, entries, err := nvme.ParseDiscoveryLog(page)
	if err != nil || head.NUMREC != uint64(len(want)) || head.GENCTR != head.NUMREC {
		t.Fatalf("%+v, %v, want %d entries", head, err, len(want))
	}
	for i, want := range want {
		if got := entries[i].TransportID(); got != want || entries[i].SUBTYPE != nvme.DiscoverySubtypeNVM {
			t.Errorf("entry %d: %v, want %v", i, got, want)
		}
	}
	var id nvme.IdentifyController
	if cpl := h.do(nvme.Command{Opcode: nvme.AdminIdentify, CDW10: uint32(nvme.CNSController)}, nvme.Bytes(&id)); cpl.IsError() || id.CNTRLTYPE != 2 || nvme.Text(id.SUBNQN[:]) != nvme.DiscoveryNQN {
		t.Errorf("%v, controller type %d of %s", cpl.Status(), id.CNTRLTYPE, nvme.Text(id.SUBNQN[:]))
	}
}

func TestListenErrors(t *testing.T) {
	g := newRig(t, Options{})
	ctx := context.Background()
	for _, test := range []struct{ traddr, trsvcid, want string }{
		{"localhost", "4420", "no IPv4 or IPv6 address"},
		{"127.0.0.1", "nvme", "no port from 0 to 65535"},
		{"127.0.0.1", g.l.Address().Trsvcid, "is there already"},
		{"192.0.2.1", "4420", "cannot assign"},
	} {
		if _, err := g.tr.Listen(ctx, g.sub, test.traddr, test.trsvcid); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s port %s: %v, want %q", test.traddr, test.trsvcid, err, test.want)
		}
	}
	for _, o := range []Options{
		{QueueEntries: 1}, {AdminEntries: 1}, {IOQueues: -1}, {MaxDataSize: 5000}, {MaxDataSize: 4096}, {MaxDataSize: 4 << 20}, {InCapsule: 8208}, {InCapsule: 24}, {CPDA: 32}, {MaxConnections: -1}, {ConnectTimeout: -1},
	} {
		if _, err := New(ctx, g.target, g.threads, g.pool, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
