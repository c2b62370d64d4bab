// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// newThreads is a rig with threads that have names of their own.
func newThreads(t *testing.T, n int) *rig {
	return newRigWith(t, Options{}, n, iobuf.Options{})
}

// queues returns how many I/O queues the subsystem's controllers have on each
// thread.
func (g *rig) queues() map[string]int {
	g.t.Helper()
	all, err := g.sub.Controllers(context.Background())
	if err != nil {
		g.t.Fatal(err)
	}
	on := map[string]int{}
	for _, c := range all {
		for _, q := range c.Queues {
			if q.ID != 0 {
				on[q.Thread]++
			}
		}
	}
	return on
}

// TestPlacement has threads get as many I/O queues as others, of one host and
// of hosts with one queue each, also when queues have gone.
func TestPlacement(t *testing.T) {
	g := newThreads(t, 2)
	var hosts []*host
	for range 4 { // as threads take turns, all these arrive on one
		hosts = append(hosts, g.ioQueue(g.login(hostOptions{}), 1))
	}
	admin := g.login(hostOptions{hdgst: true})
	for id := range uint16(4) {
		hosts = append(hosts, g.ioQueue(admin, id+1))
	}
	want := map[string]int{}
	for _, th := range g.threads {
		want[th.Name()] = 4
	}
	if got := g.queues(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("queues are on %v, want %v", got, want)
	}
	for _, h := range hosts {
		h.transfer(4096, 4, true)
	}
	for _, h := range hosts[:4] {
		h.conn.Close()
	}
	eventually(t, "queues have gone", func() bool {
		n := int32(0)
		for _, g := range g.tr.groups {
			n += g.queues.Load()
		}
		return n == 4
	})
	for id := range uint16(4) {
		g.ioQueue(admin, id+5).transfer(512, 2, false)
	}
	if got := g.queues(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("queues are on %v, want %v", got, want)
	}
}

// TestUnassociated counts connections that are no queue yet.
func TestUnassociated(t *testing.T) {
	g := newThreads(t, 2)
	want := func(what string, unassociated, queues uint64) {
		t.Helper()
		eventually(t, what, func() bool {
			all, err := g.target.Stats(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			var sum nvmf.GroupStats
			for _, s := range all {
				sum.Unassociated += s.Unassociated
				sum.CurrentIOQueues += s.CurrentIOQueues
			}
			return sum.Unassociated == unassociated && sum.CurrentIOQueues == queues
		})
	}
	silent := g.dial()
	want("a connection", 1, 0)
	admin := g.login(hostOptions{})
	var queues []*host
	for id := range uint16(3) {
		queues = append(queues, g.ioQueue(admin, id+1))
	}
	refused := g.dial()
	refused.initialize()
	refused.connect(1, 32, admin.cntlid)
	want("three queues, and two that are none", 2, 3)
	silent.conn.Close()
	refused.conn.Close()
	for _, q := range queues {
		q.conn.Close()
	}
	want("all have gone", 0, 0)
}

// apart is a host whose I/O queue is on another thread than its controller.
func (g *rig) apart() (admin, q *host, on *thread.Thread) {
	g.t.Helper()
	admin = g.login(hostOptions{})
	q = g.ioQueue(admin, 1)
	i := slices.IndexFunc(g.threads, func(th *thread.Thread) bool { return g.queues()[th.Name()] == 1 })
	if g.tr.groups[i].thread == g.onlyController().g.thread {
		g.t.Fatal("controller and queue are on one thread")
	}
	return admin, q, g.threads[i]
}

func (g *rig) onlyController() *controller {
	g.tr.mu.Lock()
	defer g.tr.mu.Unlock()
	for _, a := range g.tr.controllers {
		return a
	}
	return nil
}

func (g *rig) on(th *thread.Thread, fn func()) {
	g.t.Helper()
	if err := thread.Do(context.Background(), th, func() error { fn(); return nil }); err != nil {
		g.t.Fatal(err)
	}
}

// TestResetWaits disables a controller with a command in execution on another
// thread: CSTS.RDY says 1 until it has ended, and its queue cannot be
// connected again before.
func TestResetWaits(t *testing.T) {
	g := newThreads(t, 2)
	admin, q, on := g.apart()
	g.on(on, func() { g.disk.Hold = true })
	q.start(rw(nvme.CmdRead, 0, make([]byte, 4096)))
	eventually(t, "held", func() bool { return g.disk.Held() == 1 })
	admin.setCC(ccEnable &^ 1)
	q.closed("reset")
	if csts := admin.property(nvme.RegCSTS, 0); csts != 1 {
		t.Errorf("CSTS %#x with a command in execution, want 1", csts)
	}
	h := g.dial()
	h.initialize()
	if cpl := h.connect(2, 32, admin.cntlid); !cpl.Status().Is(nvme.StatusFabricsInvalidParam) {
		t.Errorf("I/O queue while the controller is disabled: %v", cpl.Status())
	}
	g.on(on, g.disk.Release)
	eventually(t, "not ready", func() bool { return admin.property(nvme.RegCSTS, 0) == 0 })
	admin.setCC(ccEnable)
	g.ioQueue(admin, 1).transfer(512, 2, true)
}

// TestQueueGoesWhileItJoins closes the connection of an I/O queue while its
// controller is asked to take it, which has not the time to answer.
func TestQueueGoesWhileItJoins(t *testing.T) {
	home, other := thread.New("home"), thread.New("other")
	var busy atomic.Bool // the first
	stop := make(chan struct{})
	var polls sync.WaitGroup
	polls.Go(func() {
		for !home.Exited() || !other.Exited() {
			if !busy.Load() {
				home.Poll()
			}
			other.Poll()
			runtime.Gosched()
			select {
			case <-stop:
				home.Exit()
				other.Exit()
			default:
			}
		}
	})
	t.Cleanup(func() { close(stop); polls.Wait() })
	g := newRigOn(t, Options{}, []*thread.Thread{home, other}, iobuf.Options{})
	admin := g.login(hostOptions{})
	a := g.onlyController()
	if a.g.thread != home {
		t.Fatal("the controller is on the other thread")
	}
	busy.Store(true)
	q := g.dial()
	q.initialize()
	q.startConnect(1, 32, admin.cntlid)
	var c *conn
	eventually(t, "the controller is asked", func() (ok bool) {
		g.on(other, func() {
			for _, c = range g.tr.groups[1].conns {
				ok = ok || c != nil && c.connect != nil && c.counted != nil
			}
		})
		return ok
	})
	q.conn.Close()
	eventually(t, "it is closed", func() (ok bool) {
		g.on(other, func() { ok = c.state == stateClosed })
		return ok
	})
	busy.Store(false)
	eventually(t, "its place is free", func() bool { return g.tr.Connections() == 1 && g.tr.groups[1].queues.Load() == 0 })
	g.ioQueue(admin, 1).transfer(512, 2, true)
}

// TestNamespaceGoesWhileDataAreDue removes a namespace while a host has been
// asked for the data of a write, which it may keep as long as it likes.
func TestNamespaceGoesWhileDataAreDue(t *testing.T) {
	g := newThreads(t, 2)
	_, q, _ := g.apart()
	data := make([]byte, 4096)
	io := rw(nvme.CmdWrite, 0, data)
	cid := q.start(io)
	if l, _ := q.read(); l.Type != pdu.TypeR2T {
		t.Fatalf("got %v, want R2T", l.Type)
	}
	r, err := pdu.ParseR2T(q.head[:])
	if err != nil {
		t.Fatal(err)
	}
	if err := g.sub.RemoveNamespace(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	q.answer(&r, data)
	if cpl := q.completion(cid); !cpl.Status().Is(nvme.StatusInvalidNamespace) {
		t.Errorf("write to a namespace that has gone: %v", cpl.Status())
	}
}

// TestLogsOfThreads reads logs that tell of what other threads do.
func TestLogsOfThreads(t *testing.T) {
	g := newThreads(t, 2)
	admin, q, _ := g.apart()
	q.transfer(512, 1, true) // two writes, two reads
	bad := rw(nvme.CmdRead, 1<<40, make([]byte, 512))
	if q.run(1, bad); !bad.cpl.Status().Is(nvme.StatusLBAOutOfRange) {
		t.Fatal(bad.cpl.Status())
	}
	page := make([]byte, 512)
	log := func(id nvme.LogPageID) []byte {
		if cpl := admin.do(nvme.Command{Opcode: nvme.AdminGetLogPage, CDW10: uint32(id) | 127<<16}, page); cpl.IsError() {
			t.Fatal(cpl.Status())
		}
		return page
	}
	if p := log(nvme.LogSMART); p[64] != 2 || p[80] != 2 {
		t.Errorf("SMART log: %d reads, %d writes, want 2 of each", p[64], p[80])
	}
	if p := log(nvme.LogError); p[8] != 1 {
		t.Errorf("error log: queue %d, want 1", p[8])
	}
}

// TestChurn has hosts connect, work, reset and leave at the same time, on
// several threads, while namespaces come and go.
func TestChurn(t *testing.T) {
	g := newThreads(t, 3)
	g.lender()
	var hosts sync.WaitGroup
	for n := range 4 {
		hosts.Go(func() {
			for i := range 8 {
				g.visit(n+i, func(h *host) { h.transfer(512, 4, i%2 == 0) })
			}
		})
	}
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		ctx := context.Background()
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := g.sub.RemoveNamespace(ctx, 2); err != nil {
				t.Error(err)
				return
			}
			if _, err := g.sub.AddNamespace(ctx, "lender", nvmf.NamespaceOptions{NSID: 2}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	hosts.Wait()
	close(stop)
	changes.Wait()
	eventually(t, "all connections end", func() bool { return g.tr.Connections() == 0 })
}

// visit connects a host, which ends in a way that depends on seed.
func (g *rig) visit(seed int, work func(h *host)) {
	admin := g.login(hostOptions{})
	defer admin.conn.Close()
	for id := range uint16(3) {
		q := g.ioQueue(admin, id+1)
		defer q.conn.Close()
		q.start(readOf(0, 4096)) // of a namespace that may be there
	}
	switch seed % 4 {
	case 0:
		admin.setCC(0)
	case 1: // the connections come and go with the controller
		h := g.dial()
		h.initialize()
		h.startConnect(9, 32, admin.cntlid)
		if seed%8 == 1 {
			h.conn.(*net.TCPConn).SetLinger(0)
		}
		h.conn.Close()
	case 2:
		work(g.ioQueue(admin, 4))
	}
}
