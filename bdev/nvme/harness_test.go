// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/pcie"
	hosttcp "github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/tcp"
	"github.com/gospdk/gospdk/nvmf/vfiouser"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	limit  = 20 * time.Second // for what takes much less
	subNQN = "nqn.2016-06.io.spdk:cnode1"
)

var transports = map[spec.TransportType]host.Transport{
	spec.TrtypeVFIOUser: pcie.Transport{}, spec.TrtypePCIe: pcie.Transport{}, spec.TrtypeTCP: hosttcp.Transport{},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rig is a target with one namespace that can be taken off its address, and
// put back.
type rig struct {
	t      testing.TB
	kind   spec.TransportType
	set    *reactor.Set
	thread *thread.Thread
	reg    *bdev.Registry
	pool   *iobuf.Pool
	target *nvmf.Target
	sub    *nvmf.Subsystem
	dir    string
	port   string
	stop   func() // takes it off
}

func newRig(t testing.TB, kind spec.TransportType, disk malloc.Config) *rig {
	t.Helper()
	g := newTarget(t, kind, nvmf.SubsystemOptions{})
	g.addDisk(disk)
	g.start()
	return g
}

// newTarget makes a target that is not at its address yet, without namespaces.
func newTarget(t testing.TB, kind spec.TransportType, o nvmf.SubsystemOptions) *rig {
	t.Helper()
	ctx := context.Background()
	g := &rig{t: t, kind: kind, reg: bdev.NewRegistry(), pool: iobuf.New(iobuf.Options{}), port: "0"}
	if kind == spec.TrtypeVFIOUser {
		g.dir = t.TempDir()
	}
	g.target = nvmf.NewTarget(g.reg)
	set, err := reactor.Start(reactor.Config{})
	must(t, err)
	g.set = set
	g.thread, err = set.NewThread(ctx, "target", reactor.Mask{})
	must(t, err)
	g.sub, err = g.target.NewSubsystem(subNQN, o)
	must(t, err)
	t.Cleanup(func() {
		if g.stop != nil {
			g.stop()
		}
		for _, err := range []error{g.target.Close(ctx), g.reg.Close(ctx), set.Stop(ctx), g.pool.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

func (g *rig) addDisk(c malloc.Config) {
	g.t.Helper()
	ctx := context.Background()
	d, err := malloc.New(c)
	must(g.t, err)
	must(g.t, g.reg.Register(ctx, d))
	_, err = g.sub.AddNamespace(ctx, c.Name, nvmf.NamespaceOptions{})
	must(g.t, err)
}

// start puts the target on its address.
func (g *rig) start() {
	g.t.Helper()
	ctx := context.Background()
	threads := []*thread.Thread{g.thread}
	if g.kind == spec.TrtypeVFIOUser {
		l, err := vfiouser.Listen(ctx, g.target, g.sub, g.dir, threads, vfiouser.Options{})
		must(g.t, err)
		g.stop = func() { must(g.t, l.Close()); g.stop = nil }
		return
	}
	tr, err := tcp.New(ctx, g.target, threads, g.pool, tcp.Options{})
	must(g.t, err)
	l, err := tr.Listen(ctx, g.sub, "127.0.0.1", g.port)
	must(g.t, err)
	g.port = l.Address().Trsvcid
	g.stop = func() { must(g.t, tr.Close()); g.stop = nil }
}

func (g *rig) trid() spec.TransportID {
	if g.kind == spec.TrtypeVFIOUser {
		return spec.TransportID{Trtype: g.kind, Traddr: g.dir}
	}
	return spec.TransportID{Trtype: g.kind, Adrfam: spec.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: g.port, Subnqn: subNQN}
}

// newModule makes a module with a registry of its own.
func newModule(t testing.TB) *Module {
	reg := bdev.NewRegistry()
	m := NewModule(reg, transports)
	reg.AddModule(m)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		must(t, reg.Close(ctx))
	})
	return m
}

// eventually waits until ok, polling threads.
func eventually(t testing.TB, what string, ok func() bool, threads ...*thread.Thread) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); breathe() {
		for _, th := range threads {
			th.Poll()
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for %s", limit, what)
		}
	}
}

var kinds = []spec.TransportType{spec.TrtypeVFIOUser, spec.TrtypeTCP}

func eachKind(t *testing.T, fn func(*testing.T, spec.TransportType)) {
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) { fn(t, kind) })
	}
}
