// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvmf"
	target "github.com/gospdk/gospdk/nvmf/tcp"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	patience  = 20 * time.Second // for what takes microseconds
	subNQN    = "nqn.2016-06.io.spdk:cnode1"
	hostNQN   = "nqn.2016-06.io.spdk:host1"
	blockSize = 512
	diskSize  = 16 << 20
)

// rig is a target of this project with one namespace and one listener.
type rig struct {
	t      testing.TB
	reg    *bdev.Registry
	target *nvmf.Target
	sub    *nvmf.Subsystem
	disk   string
	tr     *target.Transport
	l      *target.Listener
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRig(t testing.TB, o target.Options) *rig {
	t.Helper()
	return newRigOf(t, o, malloc.Config{Name: "Malloc0", NumBlocks: diskSize / blockSize, BlockSize: blockSize}, nil)
}

// newRigOf is newRig with another disk, or with one that over makes of that.
func newRigOf(t testing.TB, o target.Options, disk malloc.Config, over func(*bdev.Registry) string) *rig {
	t.Helper()
	ctx := context.Background()
	reg, pool := bdev.NewRegistry(), iobuf.New(iobuf.Options{})
	g := &rig{t: t, reg: reg, target: nvmf.NewTarget(reg), disk: disk.Name}
	set, err := reactor.Start(reactor.Config{})
	must(t, err)
	th, err := set.NewThread(ctx, "target", reactor.Mask{})
	must(t, err)
	d, err := malloc.New(disk)
	must(t, err)
	must(t, reg.Register(ctx, d))
	if over != nil {
		g.disk = over(reg)
	}
	g.sub, err = g.target.NewSubsystem(subNQN, nvmf.SubsystemOptions{})
	must(t, err)
	_, err = g.sub.AddNamespace(ctx, g.disk, nvmf.NamespaceOptions{})
	must(t, err)
	g.tr, err = target.New(ctx, g.target, []*thread.Thread{th}, pool, o)
	must(t, err)
	g.l, err = g.tr.Listen(ctx, g.sub, "127.0.0.1", "0")
	must(t, err)
	t.Cleanup(func() {
		for _, err := range []error{g.tr.Close(), g.target.Close(ctx), reg.Close(ctx), set.Stop(ctx), pool.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return g
}

// trid is where the target is.
func (g *rig) trid() nvme.TransportID {
	a := g.l.Address()
	return nvme.TransportID{Trtype: nvme.TrtypeTCP, Adrfam: a.Adrfam, Traddr: a.Traddr, Trsvcid: a.Trsvcid, Subnqn: subNQN}
}

// connect connects to the target; the test's end detaches.
func (g *rig) connect(o host.Options) *host.Controller {
	g.t.Helper()
	return connect(g.t, tcp.Transport{}, g.trid(), o)
}

func connect(t testing.TB, tr tcp.Transport, trid nvme.TransportID, o host.Options) *host.Controller {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := host.Connect(ctx, tr, trid, o)
	must(t, err)
	t.Cleanup(func() { must(t, c.Detach(context.Background())) })
	return c
}

func qpair(t testing.TB, c *host.Controller, o host.QPairOptions) *host.QPair {
	t.Helper()
	qp, err := c.AllocIOQPair(o)
	must(t, err)
	t.Cleanup(func() { must(t, qp.Free(context.Background())) })
	return qp
}

// request counts its completions.
type request struct {
	host.Request
	done int
}

func newRequest() *request {
	r := new(request)
	r.Done = r
	return r
}

func (r *request) Complete(*host.Request) { r.done++ }

// wait polls until all requests have ended, each once and well.
func wait(t testing.TB, qp *host.QPair, rs ...*request) {
	t.Helper()
	waitEnded(t, qp, rs...)
	for _, r := range rs {
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func waitEnded(t testing.TB, qp *host.QPair, rs ...*request) {
	t.Helper()
	end := time.Now().Add(patience)
	for _, r := range rs {
		for ; r.done == 0; runtime.Gosched() {
			if _, err := qp.ProcessCompletions(0); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(end) {
				t.Fatalf("no completion within %v", patience)
			}
		}
		if r.done != 1 {
			t.Fatalf("%d completions", r.done)
		}
		r.done = 0
	}
}
