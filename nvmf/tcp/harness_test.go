// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience = 10 * time.Second // for what takes microseconds
	subNQN   = "nqn.2016-06.io.spdk:cnode1"
	hostNQN  = "nqn.2016-06.io.spdk:host1"
)

// rig is a target with one listener, whose threads run on a reactor that
// sleeps when it has nothing to do.
type rig struct {
	t       testing.TB
	threads []*thread.Thread
	reg     *bdev.Registry
	target  *nvmf.Target
	sub     *nvmf.Subsystem
	tr      *Transport
	l       *Listener
	disk    *testdisk.Disk
	pool    *iobuf.Pool
}

func newRig(t testing.TB, opts Options) *rig { return newRigWith(t, opts, 1, iobuf.Options{}) }

func newRigWith(t testing.TB, opts Options, threads int, pool iobuf.Options) *rig {
	t.Helper()
	ctx := context.Background()
	set, err := reactor.Start(reactor.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	var all []*thread.Thread
	for i := range threads {
		th, err := set.NewThread(ctx, fmt.Sprint("target", i), reactor.Mask{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, th)
	}
	return newRigOn(t, opts, all, pool)
}

// newRigOn is newRigWith on threads that somebody else polls.
func newRigOn(t testing.TB, opts Options, threads []*thread.Thread, pool iobuf.Options) *rig {
	t.Helper()
	ctx := context.Background()
	g := &rig{t: t, threads: threads, reg: bdev.NewRegistry(), disk: testdisk.New("d", 8192), pool: iobuf.New(pool)}
	g.target = nvmf.NewTarget(g.reg)
	var err error
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	g.sub, err = g.target.NewSubsystem(subNQN, nvmf.SubsystemOptions{})
	must(err)
	must(g.reg.Register(ctx, g.disk))
	_, err = g.sub.AddNamespace(ctx, "d", nvmf.NamespaceOptions{})
	must(err)
	g.tr, err = New(ctx, g.target, g.threads, g.pool, opts)
	must(err)
	g.l, err = g.tr.Listen(ctx, g.sub, "127.0.0.1", "0")
	must(err)
	t.Cleanup(func() {
		for _, err := range []error{g.tr.Close(), g.target.Close(ctx), g.reg.Close(ctx)} {
			if err != nil {
				t.Error(err)
			}
		}
		if n := g.tr.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if err := g.pool.Close(); err != nil {
			t.Error(err) // a buffer was not given back
		}
	})
	return g
}

// onThread calls fn on the target's first thread.
func (g *rig) onThread(fn func()) {
	g.t.Helper()
	if err := thread.Do(context.Background(), g.threads[0], func() error { fn(); return nil }); err != nil {
		g.t.Fatal(err)
	}
}

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// dial connects without ICReq.
func (g *rig) dial() *host {
	g.t.Helper()
	a := g.l.Address()
	return g.dialAt(a.Traddr, a.Trsvcid)
}

func (g *rig) dialAt(traddr, trsvcid string) *host {
	g.t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort(traddr, trsvcid))
	if err != nil {
		g.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	h := &host{t: g.t, conn: conn, sub: subNQN}
	h.rules.MaxData = 1 << 30
	g.t.Cleanup(func() { conn.Close() })
	return h
}

// hostOptions are what a host asks for.
type hostOptions struct {
	hdgst, ddgst bool
	hpda         uint8
	noFlow       bool
	entries      uint32 // of I/O queues, 128 if 0
}

// login connects an admin queue and enables the controller.
func (g *rig) login(o hostOptions) *host {
	g.t.Helper()
	h := g.dial()
	h.opts = o
	h.initialize()
	h.cntlid = nvme.ConnectResult(h.connectOK(0, 32, nvme.ControllerIDDynamic).CDW0).CNTLID()
	h.setCC(ccEnable)
	if csts := h.property(nvme.RegCSTS, 0); csts != 1 {
		g.t.Fatalf("CSTS is %#x after CC.EN = 1", csts)
	}
	return h
}

// ioQueue connects an I/O queue of admin's controller.
func (g *rig) ioQueue(admin *host, id uint16) *host {
	g.t.Helper()
	h := g.dial()
	h.opts = admin.opts
	h.initialize()
	entries := h.opts.entries
	if entries == 0 {
		entries = 128
	}
	h.connectOK(id, entries, admin.cntlid)
	return h
}
