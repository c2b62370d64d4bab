// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	"github.com/gospdk/gospdk/nvmf"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// discoveryID is the target's discovery subsystem.
func (g *rig) discoveryID() nvme.TransportID {
	trid := g.trid()
	trid.Subnqn = ""
	return trid
}

// addSubsystems adds subsystems that hosts may see.
func (g *rig) addSubsystems(from, to int) {
	g.t.Helper()
	for i := from; i < to; i++ {
		sub, err := g.target.NewSubsystem(fmt.Sprintf("nqn.2016-06.io.spdk:more%d", i), nvmf.SubsystemOptions{})
		must(g.t, err)
		a := g.l.Address()
		_, err = g.tr.Listen(context.Background(), sub, a.Traddr, a.Trsvcid)
		must(g.t, err)
	}
}

func names(d *host.Discovery) map[string]bool {
	m := map[string]bool{}
	for _, id := range d.Subsystems() {
		m[id.Subnqn] = true
	}
	return m
}

// TestDiscover reads a log that takes several commands.
func TestDiscover(t *testing.T) {
	g := newRig(t, target.Options{})
	const more = 150
	g.addSubsystems(0, more)
	found, err := host.Discover(context.Background(), tcp.Transport{}, g.discoveryID(), host.Options{HostNQN: hostNQN}, true)
	must(t, err)
	if len(found) != 1 || len(found[0].Subsystems()) != more+1 || len(names(found[0])) != more+1 || !names(found[0])[subNQN] {
		t.Fatalf("%d logs, the first with %v", len(found), found[0].Subsystems())
	}
	for _, id := range found[0].Subsystems() {
		if want := g.trid(); id.Subnqn == subNQN && !id.Equal(want) {
			t.Errorf("%v, want %v", id, want)
		}
	}
}

// changing is a transport that calls a function before each Get Log Page of
// entries goes out.
type changing struct {
	tcp.Transport
	change func()
}

type changingLink struct {
	host.Link
	change func()
}

type changingQueue struct {
	host.FabricQueue
	change func()
}

func (c changing) Open(ctx context.Context, trid nvme.TransportID, o *host.Options) (host.Link, error) {
	l, err := c.Transport.Open(ctx, trid, o)
	return changingLink{l, c.change}, err
}

func (l changingLink) NewQueue(c host.QueueConfig) (host.Queue, error) {
	q, err := l.Link.NewQueue(c)
	if err != nil {
		return nil, err
	}
	return changingQueue{q.(host.FabricQueue), l.change}, nil
}

func (q changingQueue) Submit(r *host.Request, more bool) error {
	if cmd := r.Command(); cmd.Opcode == nvme.AdminGetLogPage && cmd.CDW12 != 0 {
		q.change()
	}
	return q.FabricQueue.Submit(r, more)
}

// TestDiscoveryChanges changes the log while it is read.
func TestDiscoveryChanges(t *testing.T) {
	g := newRig(t, target.Options{})
	changes := 0
	c := changing{change: func() {
		if changes < 3 {
			g.addSubsystems(changes, changes+1)
		}
		changes++
	}}
	found, err := host.Discover(context.Background(), c, g.discoveryID(), host.Options{}, false)
	must(t, err)
	if n := len(found[0].Subsystems()); n != 4 || len(names(found[0])) != 4 || changes != 4 {
		t.Errorf("%d subsystems after %d reads", n, changes)
	}
	c.change = func() { g.addSubsystems(changes, changes+1); changes++ }
	if _, err := host.Discover(context.Background(), c, g.discoveryID(), host.Options{}, false); err == nil || !strings.Contains(err.Error(), "changed 10 times") {
		t.Errorf("a log that changes all the time: %v", err)
	}
}

// TestReferrals follows discovery subsystems that refer to one another, each
// once, and reports one that is not there.
func TestReferrals(t *testing.T) {
	a, b := newRig(t, target.Options{}), newRig(t, target.Options{})
	refer := func(from, to *rig) {
		id := to.discoveryID()
		id.Subnqn = nvme.DiscoveryNQN
		must(t, from.target.AddReferral(nvmf.Referral{Address: id}))
	}
	refer(a, b)
	refer(b, a)
	ask := a.discoveryID()
	ask.HostNQN = hostNQN
	found, err := host.Discover(context.Background(), tcp.Transport{}, ask, host.Options{}, true)
	must(t, err)
	if len(found) != 2 || found[1].From.Trsvcid != b.trid().Trsvcid || found[1].From.HostNQN != hostNQN {
		t.Fatalf("%d logs: %+v", len(found), found)
	}
	if found, err = host.Discover(context.Background(), tcp.Transport{}, ask, host.Options{}, false); err != nil || len(found) != 1 {
		t.Errorf("without following: %d logs, %v", len(found), err)
	}
	must(t, b.target.AddReferral(nvmf.Referral{Address: nvme.TransportID{
		Trtype: nvme.TrtypeTCP, Adrfam: nvme.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: "1", Subnqn: nvme.DiscoveryNQN,
	}}))
	if found, err = host.Discover(context.Background(), tcp.Transport{}, ask, host.Options{}, true); len(found) != 2 || err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("with one that is not there: %d logs, %v", len(found), err)
	}
}

// TestWatchDiscovery is told of changes, and of the loss of the connection.
func TestWatchDiscovery(t *testing.T) {
	g := newRig(t, target.Options{})
	r, trid := newRelay(t, g.discoveryID())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	told := 0
	err := host.WatchDiscovery(ctx, tcp.Transport{}, trid, host.Options{DisableErrorLogging: true}, func(d *host.Discovery, err error) {
		switch told++; told {
		case 1, 2:
			if err != nil || len(d.Subsystems()) != told {
				t.Errorf("call %d: %v, %v", told, d, err)
			}
			if g.addSubsystems(told-1, told); told == 2 {
				r.cut(0)
			}
		case 3:
			if err == nil { // the change came first
				told--
				return
			}
		case 4:
			if err != nil || len(d.Subsystems()) != 3 {
				t.Errorf("after the connection was lost: %v, %v", d, err)
			}
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || told != 4 {
		t.Errorf("%d calls, %v", told, err)
	}
	r.ln.Close()
	if err := host.WatchDiscovery(context.Background(), tcp.Transport{}, trid, host.Options{}, nil); err == nil {
		t.Error("watching what is not there")
	}
}
