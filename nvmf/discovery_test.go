// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/nvme"
)

// tcpAt is an address of a portal.
func tcpAt(traddr, trsvcid string) Address {
	return Address{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: traddr, Trsvcid: trsvcid, AdminEntries: 32}
}

// discoveryRig has a discovery controller, enabled, of a host that has asked
// for a keep alive time of kato milliseconds.
func discoveryRig(t *testing.T, host string, kato uint32) *rig {
	g := newRig(t)
	first := g.c
	g.c = must(t, g, func() (*Controller, error) {
		return g.target.Discovery().NewController(context.Background(), g.thread, g, ControllerOptions{
			QueueEntries: 128, IOQueues: 4, MaxDataSize: 128 << 10, Fabrics: &FabricsOptions{},
			Connection: Connection{HostNQN: host, Listen: nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "192.0.2.1", Trsvcid: "8009"}},
		})
	})
	t.Cleanup(func() { g.run(func() error { return first.Close(context.Background()) }) })
	g.c.SetKeepAlive(kato)
	g.c.WriteCC(nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4))
	return g
}

var readDiscovery = nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(nvme.LogDiscovery) | 2047<<16}

// log reads the discovery log page, as changes ask for.
func (g *rig) discoveryLog() (nvme.DiscoveryLog, []nvme.DiscoveryEntry) {
	g.t.Helper()
	page := make([]byte, 8192)
	wantStatus(g.t, "discovery log", g.doAdmin(readDiscovery, page).Status, nvme.StatusSuccess)
	head, entries, err := nvme.ParseDiscoveryLog(page)
	if err != nil || uint64(len(entries)) < head.NUMREC {
		g.t.Fatalf("%d entries, %+v, %v", len(entries), head, err)
	}
	return head, entries[:head.NUMREC]
}

// TestDiscoveryTellsOfChanges goes through what a host hears of that may
// connect to the subsystem, and of what it must not hear.
func TestDiscoveryTellsOfChanges(t *testing.T) {
	g := discoveryRig(t, hostA, 10000)
	g.sub.AllowAnyHost(false)
	g.doAdmin(nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil) // told of that
	a := tcpAt("192.0.2.1", "4420")
	r := Referral{Address: nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "192.0.2.9", Trsvcid: "8009"}}
	drop := func() error {
		_, err := try(g, func() (struct{}, error) { return struct{}{}, g.sub.RemoveHost(context.Background(), hostA) })
		return err
	}
	for _, step := range []struct {
		what  string
		do    func() error
		heard bool
	}{
		{"an address of what it may not use", func() error { return g.sub.AddAddress(a) }, false},
		{"another host is allowed", func() error { return g.sub.AddHost(hostB) }, false},
		{"it is allowed", func() error { return g.sub.AddHost(hostA) }, true},
		{"an address goes", func() error { g.sub.RemoveAddress(a); return nil }, true},
		{"an address comes", func() error { return g.sub.AddAddress(a) }, true},
		{"a referral", func() error { return g.target.AddReferral(r) }, true},
		{"the same", func() error { return g.target.AddReferral(r) }, false},
		{"no referral", func() error { return g.target.RemoveReferral(r.Address) }, true},
		{"it is not allowed any more", drop, true},
		{"any host is", func() error { g.sub.AllowAnyHost(true); return nil }, true},
		{"once more", func() error { g.sub.AllowAnyHost(true); return nil }, false},
	} {
		g.discoveryLog() // clears what came before
		event := g.start(&g.admin, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil)
		before, _ := g.discoveryLog()
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		g.thread.Poll()
		if heard := g.completed(event); heard != step.heard {
			t.Errorf("%s: heard %v, want %v", step.what, heard, step.heard)
		}
		after, _ := g.discoveryLog()
		if step.heard && (event.CDW0 != 0x70f002 || after.GENCTR == before.GENCTR) {
			t.Errorf("%s: event %#x, generations %d and %d", step.what, event.CDW0, before.GENCTR, after.GENCTR)
		}
		g.c.AbortEvents()
	}
}

// TestDiscoveryEventsWaitForTheLog: one event until the page has been read.
func TestDiscoveryEventsWaitForTheLog(t *testing.T) {
	g := discoveryRig(t, hostA, 10000)
	events := []*Request{}
	for range 2 {
		events = append(events, g.start(&g.admin, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil))
	}
	ended := func() (n int) {
		g.thread.Poll()
		for _, r := range events {
			if g.completed(r) {
				n++
			}
		}
		return n
	}
	for _, port := range []string{"1", "2"} {
		if err := g.sub.AddAddress(tcpAt("192.0.2.1", port)); err != nil {
			t.Fatal(err)
		}
	}
	if n := ended(); n != 1 {
		t.Fatalf("%d events, want 1 until the log has been read", n)
	}
	retain := readDiscovery
	retain.CDW10 |= retainEvent
	g.doAdmin(retain, make([]byte, 8192))
	if n := ended(); n != 1 {
		t.Errorf("%d events after a read that retains it", n)
	}
	g.discoveryLog()
	if n := ended(); n != 2 {
		t.Errorf("%d events after the read, want 2", n)
	}
}

func TestDiscoveryControllerIsOne(t *testing.T) {
	g := discoveryRig(t, hostA, 0)
	if g.c.feat.keepAlive != 120000 || g.c.feat.asyncEvents != 0 {
		t.Errorf("without keep alive: %d ms, events %#x", g.c.feat.keepAlive, g.c.feat.asyncEvents)
	}
	feature := func(id nvme.FeatureID, v uint32, op nvme.Opcode) *Request {
		return g.doAdmin(nvme.Command{Opcode: op, CDW10: uint32(id), CDW11: v}, make([]byte, 512))
	}
	wantStatus(t, "ask for events", feature(nvme.FeatureAsyncEventConfiguration, 0xffffffff, nvme.AdminSetFeatures).Status, nvme.StatusSuccess)
	if v := feature(nvme.FeatureAsyncEventConfiguration, 0, nvme.AdminGetFeatures).CDW0; v != 1<<31 {
		t.Errorf("events %#x, want those for discovery alone", v)
	}
	bad := nvme.StatusInvalidField.WithDNR()
	wantStatus(t, "another feature", feature(nvme.FeatureArbitration, 0, nvme.AdminGetFeatures).Status, bad)
	wantStatus(t, "keep alive of 0", feature(nvme.FeatureKeepAliveTimer, 0, nvme.AdminSetFeatures).Status, nvme.StatusKeepAliveInvalid.WithDNR())
	wantStatus(t, "another CNS", g.doAdmin(identify(nvme.CNSActiveNamespaces, 0), make([]byte, 4096)).Status, bad)
	wantStatus(t, "Abort", g.doAdmin(nvme.Command{Opcode: nvme.AdminAbort}, nil).Status, nvme.StatusInvalidOpcode.WithDNR())
	page := make([]byte, 4096)
	log := func(id nvme.LogPageID) nvme.Status {
		return g.doAdmin(nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(id) | 255<<16}, page).Status
	}
	wantStatus(t, "SMART", log(nvme.LogSMART), nvme.StatusInvalidLogPage.WithDNR())
	wantStatus(t, "supported logs", log(nvme.LogSupportedPages), nvme.StatusSuccess)
	for id := range 256 {
		want := map[int]uint32{0: 1, 0x12: 1, 0x70: 0x10001}[id]
		if v := binary.LittleEndian.Uint32(page[4*id:]); v != want {
			t.Errorf("log page %#x: %#x, want %#x", id, v, want)
		}
	}
	var id nvme.IdentifyController
	g.doAdmin(identify(nvme.CNSController, 0), nvme.Bytes(&id))
	if id.OAES != 1<<31 || id.CNTRLTYPE != 2 || id.NN != 0 || id.ONCS != 0 || nvme.Text(id.SUBNQN[:]) != nvme.DiscoveryNQN || id.LPA != 4 {
		t.Errorf("%+v", id)
	}
}

func TestDiscoveryFilter(t *testing.T) {
	g := discoveryRig(t, hostA, 0)
	rdma := tcpAt("192.0.2.1", "8009")
	rdma.Trtype = nvme.TrtypeRDMA
	for _, a := range []Address{tcpAt("192.0.2.1", "8009"), tcpAt("192.0.2.1", "4420"), tcpAt("192.0.2.2", "8009"), rdma} {
		if err := g.sub.AddAddress(a); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		filter DiscoveryFilter
		ports  []uint16
	}{
		{0, []uint16{0, 1, 2, 3}},
		{FilterTransport, []uint16{0, 1, 2}},
		{FilterAddress, []uint16{0, 1, 3}},
		{FilterService, []uint16{0, 2, 3}},
		{FilterTransport | FilterAddress | FilterService, []uint16{0}},
	} {
		g.target.SetConfig(TargetConfig{DiscoveryFilter: test.filter})
		var ports []uint16
		_, entries := g.discoveryLog()
		for i := range entries {
			ports = append(ports, entries[i].PORTID)
		}
		if !slices.Equal(ports, test.ports) {
			t.Errorf("filter %b: ports %d, want %d", test.filter, ports, test.ports)
		}
	}
	if f := filterOf([]string{"svcid", "transport"}); f != FilterTransport|FilterService {
		t.Errorf("filter %b", f)
	}
}

func TestReferrals(t *testing.T) {
	g := discoveryRig(t, hostA, 0)
	id := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv6, Traddr: "2001:DB8::9", Trsvcid: "8009"}
	other := id
	other.Subnqn = "nqn.2016-06.io.spdk:cnode9"
	if err := errors.Join(g.target.AddReferral(Referral{Address: id}), g.target.AddReferral(Referral{other, true})); err != nil {
		t.Fatal(err)
	}
	_, entries := g.discoveryLog()
	if len(entries) != 2 {
		t.Fatalf("%d entries", len(entries))
	}
	if e := &entries[0]; e.TransportID() != other || e.SUBTYPE != 2 || e.TREQ != 1 || e.CNTLID != 0xffff {
		t.Errorf("%v %+v", e.TransportID(), e)
	}
	id.Subnqn = nvme.DiscoveryNQN
	if e := &entries[1]; e.TransportID() != id || e.SUBTYPE != 1 || e.TREQ != 2 {
		t.Errorf("%v %+v", e.TransportID(), e)
	}
	id.Traddr, id.Subnqn = "2001:db8::9", ""
	if err := g.target.RemoveReferral(id); err != nil {
		t.Error(err)
	}
	if err := g.target.RemoveReferral(id); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("removed twice: %v", err)
	}
	id.Subnqn = "nqn"
	if err := g.target.AddReferral(Referral{Address: id}); err == nil {
		t.Error("a subsystem without a proper name: no error")
	}
}

// TestExtendedDiscoveryLog compares the bytes after entries with the figure of
// the specification.
func TestExtendedDiscoveryLog(t *testing.T) {
	g := discoveryRig(t, hostA, 0)
	g.sub.opts.AdminLabel = "rack 7"
	id := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "192.0.2.9", Trsvcid: "8009"}
	if err := errors.Join(g.sub.AddAddress(tcpAt("192.0.2.1", "4420")), g.target.AddReferral(Referral{Address: id})); err != nil {
		t.Fatal(err)
	}
	cmd, page := readDiscovery, make([]byte, 8192)
	cmd.CDW10 |= 1 << 8
	wantStatus(t, "extended", g.doAdmin(cmd, page).Status, nvme.StatusSuccess)
	head, _ := nvme.View[nvme.DiscoveryLog](page)
	if head.NUMREC != 2 || head.DLPF != 1 || head.TDLPL != 1024+1044+1032 {
		t.Errorf("%+v", head)
	}
	if got, want := page[2048:2068], []byte("\x14\x04\x00\x00\x01\x00\x00\x00\x02\x00\x08\x00rack 7\x00\x00"); !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	if got, want := page[2068+1024:2068+1032], []byte{8, 4, 0, 0, 0, 0, 0, 0}; page[2068] != 3 || !bytes.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
	cmd.CDW12 = 2048 // the rest alone
	rest := make([]byte, 8192)
	wantStatus(t, "from an offset", g.doAdmin(cmd, rest).Status, nvme.StatusSuccess)
	if !bytes.Equal(rest[:1052], page[2048:3100]) || !bytes.Equal(rest[1052:], make([]byte, 8192-1052)) {
		t.Error("the page from an offset differs")
	}
	cmd.CDW12 = 4096
	wantStatus(t, "behind the end", g.doAdmin(cmd, page).Status, nvme.StatusInvalidField.WithDNR())
}
