// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/app"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	hosttcp "github.com/gospdk/gospdk/nvme/host/tcp"
)

// connectTCP connects to the first subsystem as a host of its own.
func (g *nvmfRig) connectTCP(port string, id byte) *initiator {
	g.Helper()
	trid := nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: port, Subnqn: node1}
	o := host.Options{HostNQN: fmt.Sprintf("nqn.2016-06.io.spdk:host%d", id), ExtendedHostID: [16]byte{id}}
	c, err := host.Connect(g.Context(), hosttcp.Transport{}, trid, o)
	if err != nil {
		g.Fatal(err)
	}
	qp, err := c.AllocIOQPair(host.QPairOptions{})
	if err != nil {
		g.Fatal(err)
	}
	buf, err := dma.Alloc(8192, 4096)
	if err != nil {
		g.Fatal(err)
	}
	i := &initiator{t: g.T, c: c, qp: qp, buf: buf, rng: rand.New(rand.NewPCG(1, 2))}
	i.req.Done = i
	return i
}

// reserve runs a reservation command with two keys.
func (i *initiator) reserve(current, other uint64, submit func(ns *host.Namespace, keys []byte) error) error {
	i.t.Helper()
	keys := i.buf.Bytes()[:host.ReservationKeySize]
	host.PutReservationKeys(keys, current, other)
	return i.wait(submit(i.c.Namespace(1), keys))
}

func (i *initiator) register(key uint64, persist uint8) {
	i.t.Helper()
	err := i.reserve(0, key, func(ns *host.Namespace, keys []byte) error {
		return i.qp.ReservationRegister(ns, &i.req, keys, host.RegisterKey, false, persist)
	})
	if err != nil {
		i.t.Fatal(err)
	}
}

func (i *initiator) acquire(current, other uint64, action uint8) error {
	i.t.Helper()
	return i.reserve(current, other, func(ns *host.Namespace, keys []byte) error {
		return i.qp.ReservationAcquire(ns, &i.req, keys, action, false, host.WriteExclusive)
	})
}

// report returns the registrants.
func (i *initiator) report() (nvme.ReservationStatus, []nvme.Registrant) {
	i.t.Helper()
	p := i.buf.Bytes()[:4096]
	if err := i.wait(i.qp.ReservationReport(i.c.Namespace(1), &i.req, p, true)); err != nil {
		i.t.Fatal(err)
	}
	s, all, err := nvme.ParseReservationStatus(p, true)
	if err != nil {
		i.t.Fatal(err)
	}
	return s, all
}

// conflicts checks that the host may not write.
func (i *initiator) conflicts() {
	i.t.Helper()
	if err := i.check(1); err == nil || !i.req.Status().Is(nvme.StatusReservationConflict) {
		i.t.Errorf("writing in spite of a reservation: %v", err)
	}
}

// TestNVMfReservations has two hosts compete for a namespace, and the daemon
// keep what they have reserved.
func TestNVMfReservations(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reservations.json")
	const port = "24219"
	setUp := func() *nvmfRig {
		g := newNVMfRig(t, app.Config{})
		g.must("nvmf_create_transport", `{"trtype":"TCP"}`)
		g.must("bdev_malloc_create", `{"name":"Disk0","num_blocks":4096,"block_size":512,"uuid":"`+uuid1+`"}`)
		g.must("nvmf_create_subsystem", `{@1@,"allow_any_host":true}`)
		g.must("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","ptpl_file":"`+file+`"}}`)
		g.must("nvmf_subsystem_add_listener", `{@1@,"listen_address":{"trtype":"TCP","adrfam":"IPv4","traddr":"127.0.0.1","trsvcid":"`+port+`"}}`)
		return g
	}
	g := setUp()
	first, second := g.connectTCP(port, 1), g.connectTCP(port, 2)
	if id := first.c.Identify(); id.ONCS&nvme.ONCSReservations == 0 {
		t.Errorf("ONCS %#x", id.ONCS)
	}
	if d := first.c.Namespace(1).Data(); d.RESCAP&0x7f != 0x7f {
		t.Errorf("RESCAP %#x", d.RESCAP)
	}
	first.register(0x11, nvme.ReservationPersistSet)
	second.register(0x22, nvme.ReservationPersistNoChange)
	if err := first.acquire(0x11, 0, host.AcquireReservation); err != nil {
		t.Fatal(err)
	}
	second.conflicts()
	if err := first.check(1); err != nil {
		t.Errorf("the holder: %v", err)
	}
	if err := second.acquire(0x22, 0, host.AcquireReservation); err == nil {
		t.Error("two hosts hold the reservation")
	}
	s, all := second.report()
	if s.RTYPE != nvme.ReservationWriteExclusive || s.PTPLS != 1 || len(all) != 2 || !all[0].Holder || all[0].Key != 0x11 || all[0].HostID != [16]byte{1} || all[1].Holder {
		t.Errorf("%+v, %+v", s, all)
	}

	events := 0
	first.c.OnEvent(func(host.Event) { events++ })
	stop := first.background(1)
	n := first.loops.Load()
	g.eventually("I/O of the holder", func() bool { return first.loops.Load() > n+2 || t.Failed() })
	stop()
	if err := second.acquire(0x22, 0x11, host.PreemptAndAbort); err != nil {
		t.Fatal(err)
	}
	first.conflicts()
	if err := second.check(1); err != nil {
		t.Errorf("the new holder: %v", err)
	}
	g.eventually("the host is told", func() bool { _, _ = first.c.ProcessAdminCompletions(); return events > 0 })
	page := new(nvme.ReservationNotificationLog)
	if err := first.c.GetLogPage(t.Context(), uint8(nvme.LogReservationNotification), nvme.NSIDBroadcast, nvme.Bytes(page), 0); err != nil {
		t.Fatal(err)
	}
	if page.LPC != 1 || page.Type != nvme.ReservationNotificationPreempted || page.NSID != 1 || page.NALP != 0 {
		t.Errorf("the notice is %+v", page)
	}
	first.detach()
	second.detach()
	g.stop()

	// What persists is there when the target starts again.
	g = setUp()
	first, second = g.connectTCP(port, 1), g.connectTCP(port, 2)
	first.conflicts()
	if err := second.check(1); err != nil {
		t.Errorf("the holder after a restart: %v", err)
	}
	if s := g.must("framework_get_config", `{"name":"nvmf"}`); !strings.Contains(s, `"ptpl_file":"`+file+`"`) {
		t.Errorf("the configuration forgets the file: %s", s)
	}
	first.detach()
	second.detach()
	if err := os.WriteFile(file, []byte(`{"bdev_uuid":"`+uuid1+`","rtype":9}`), 0o600); err != nil {
		t.Fatal(err)
	}
	g.must("nvmf_subsystem_remove_ns", `{@1@,"nsid":1}`)
	g.refused("nvmf_subsystem_add_ns", `{@1@,"namespace":{"bdev_name":"Disk0","ptpl_file":"`+file+`"}}`, -32602, "rtype is 9")
}
