// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

const (
	hostA = "nqn.2016-06.io.spdk:hostA"
	hostB = "nqn.2016-06.io.spdk:hostB"
)

// guest is a transport whose hosts can be sent away: what it does then is
// told by leave.
type guest struct {
	*rig
	leave func()
}

func (g guest) Disconnect() { g.leave() }

// connectAs connects a host that has a name.
func (g *rig) connectAs(host string, tr Transport) (*Controller, error) {
	return try(g, func() (*Controller, error) {
		return g.sub.NewController(context.Background(), g.thread, tr, ControllerOptions{
			QueueEntries: 256, IOQueues: 4, MaxDataSize: 128 << 10, SeparateMetadata: true,
			Connection: Connection{HostNQN: host, Listen: nvme.TransportID{Trtype: nvme.TrtypeTCP, Traddr: "10.0.0.1"}},
		})
	})
}

// refused tells whether a host is told that it may not connect.
func refused(err error) bool {
	e, ok := errors.AsType[*ConnectError](err)
	return ok && e.Status == nvme.StatusFabricsInvalidHost.WithDNR()
}

func TestOnlyListedHostsConnect(t *testing.T) {
	g := newRig(t)
	if err := g.sub.AddHost(hostA); err != nil {
		t.Fatal(err)
	}
	if err := g.sub.AddHost(hostA); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("a host that is listed already: %v", err)
	}
	if err := g.sub.AddHost("host"); err == nil || !strings.Contains(err.Error(), `"host"`) {
		t.Errorf("a name that is none: %v", err)
	}
	c, err := g.connectAs(hostB, g)
	if err != nil {
		t.Fatalf("any host is allowed: %v", err)
	}
	g.run(func() error { return c.Close(context.Background()) })
	g.sub.AllowAnyHost(false)
	for host, allowed := range map[string]bool{hostA: true, hostB: false, "": false} {
		c, err := g.connectAs(host, g)
		if allowed != (err == nil) || !allowed && !refused(err) {
			t.Errorf("host %q: %v", host, err)
		}
		if err == nil {
			g.run(func() error { return c.Close(context.Background()) })
		}
	}
	if err := g.sub.RemoveHost(t.Context(), hostB); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("a host that is not listed: %v", err)
	}
}

func TestRemovedHostIsDisconnected(t *testing.T) {
	g := newRig(t)
	if err := g.sub.AddHost(hostA); err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{}, 2)
	tr := guest{g, func() { left <- struct{}{} }}
	var cs []*Controller
	for _, host := range []string{hostA, hostB} {
		c, err := g.connectAs(host, tr)
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	removed := make(chan error, 1)
	go func() { removed <- g.sub.RemoveHost(context.Background(), hostA) }()
	g.eventually("the host is sent away", func() bool { return len(left) > 0 })
	select {
	case err := <-removed:
		t.Fatalf("RemoveHost did not wait for the controller: %v", err)
	default:
	}
	g.run(func() error { return cs[0].Close(context.Background()) })
	g.run(func() error { return <-removed })
	if len(left) != 1 || len(g.sub.Hosts()) != 0 {
		t.Errorf("%d hosts were sent away, %v are listed", len(left), g.sub.Hosts())
	}
	// One that does not go is given up.
	if err := g.sub.AddHost(hostB); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	late := errors.New("too late")
	_, err := try(g, func() (struct{}, error) {
		go func() {
			<-left // the one before
			<-left // it was told, and does not go
			cancel(late)
		}()
		return struct{}{}, g.sub.RemoveHost(ctx, hostB)
	})
	if !errors.Is(err, late) {
		t.Errorf("a host that does not go: %v", err)
	}
	g.run(func() error { return cs[1].Close(context.Background()) })
}

func TestOneConnectionPerListener(t *testing.T) {
	g := newRig(t)
	g.target.SetConfig(TargetConfig{OnePerListener: true})
	c, err := g.connectAs(hostA, g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.connectAs(hostA, g); !refused(err) {
		t.Errorf("a second controller: %v", err)
	}
	for _, host := range []string{hostB, ""} {
		other, err := g.connectAs(host, g)
		if err != nil {
			t.Fatal(err)
		}
		g.run(func() error { return other.Close(context.Background()) })
	}
	g.run(func() error { return c.Close(context.Background()) })
}

// visible are the namespaces that a controller reports.
func visible(c *Controller) (ids []uint32) {
	for _, n := range c.home.ns {
		if n != nil {
			ids = append(ids, n.nsid)
		}
	}
	return ids
}

func TestListedNamespace(t *testing.T) {
	ctx := context.Background()
	g := newRig(t, testdisk.New("all", 10))
	if err := g.reg.Register(ctx, testdisk.New("some", 10)); err != nil {
		t.Fatal(err)
	}
	before, err := g.connectAs(hostA, g)
	if err != nil {
		t.Fatal(err)
	}
	g.run(func() error {
		_, err := g.sub.AddNamespace(ctx, "some", NamespaceOptions{Listed: true})
		return err
	})
	wantVisible := func(what string, c *Controller, want ...uint32) {
		t.Helper()
		if got := visible(c); !slices.Equal(got, want) {
			t.Errorf("%s: namespaces %d, want %d", what, got, want)
		}
	}
	wantVisible("nobody is listed", before, 1)
	for range 2 { // the second time nothing happens
		g.run(func() error { return g.sub.AddNamespaceHost(ctx, 2, hostA) })
	}
	wantVisible("the host was added", before, 1, 2)
	if len(before.logs.changed) == 0 {
		t.Error("the host was not told")
	}
	for host, want := range map[string][]uint32{hostA: {1, 2}, hostB: {1}, "": {1}} {
		c, err := g.connectAs(host, g)
		if err != nil {
			t.Fatal(err)
		}
		wantVisible("connected later as "+host, c, want...)
		g.run(func() error { return c.Close(ctx) })
	}
	g.run(func() error { return g.sub.RemoveNamespaceHost(ctx, 2, hostA) })
	wantVisible("the host was removed", before, 1)
	for nsid, want := range map[uint32]string{1: "visible to all", 7: "no namespace 7"} {
		_, err := try(g, func() (struct{}, error) { return struct{}{}, g.sub.AddNamespaceHost(ctx, nsid, hostA) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("namespace %d: %v, want %q", nsid, err, want)
		}
	}
	g.run(func() error { return before.Close(ctx) })
}

// TestTuning looks at what a transport's settings do to its controllers.
func TestTuning(t *testing.T) {
	g := newRigWith(t, SubsystemOptions{WZSL: 7, DMRSL: 100}, testdisk.New("d", 100))
	g.target.SetConfig(TargetConfig{CRDT: [3]uint16{1, 2, 3}})
	c := g.c
	c.opts.Tuning = Tuning{KAS: 5, MinKATO: 1500, MaskedONCS: nvme.ONCSCompare | nvme.ONCSWriteZeroes, MaskedFUSES: nvme.FUSESCompareWrite}
	page := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSController, 0), page)
	id, _ := nvme.View[nvme.IdentifyController](page)
	if id.KAS != 5 || id.CRDT1 != 1 || id.CRDT2 != 2 || id.CRDT3 != 3 || id.FUSES != 0 {
		t.Errorf("KAS %d, CRDT %d %d %d, FUSES %#x", id.KAS, id.CRDT1, id.CRDT2, id.CRDT3, id.FUSES)
	}
	if id.ONCS&(nvme.ONCSCompare|nvme.ONCSWriteZeroes) != 0 || id.ONCS&nvme.ONCSDatasetManagement == 0 {
		t.Errorf("ONCS %#x", id.ONCS)
	}
	r := g.doIO(nvme.Command{Opcode: nvme.CmdWriteZeroes, NSID: 1}, nil)
	wantStatus(t, "a command that is masked", r.Status, nvme.StatusInvalidOpcode.WithDNR())
	clear(page)
	g.doAdmin(identify(nvme.CNSIOCSController, 0), page)
	if page[1] != 7 || page[4] != 100 {
		t.Errorf("limits: % x", page[:8])
	}
	for ms, want := range map[uint32]uint32{1: 1500, 1501: 2000, 2000: 2000} {
		c.setKeepAlive(ms)
		if c.feat.keepAlive != want {
			t.Errorf("keep alive of %d ms: %d, want %d", ms, c.feat.keepAlive, want)
		}
	}
}

func TestCommandRetryDelay(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	d.Fail[bdev.OpRead] = bdev.StatusErrno(syscall.ENOMEM)
	fail := func(cmd nvme.Command) nvme.Status { return g.doIO(cmd, make([]byte, 512)).Status }
	again := nvme.Command{Opcode: nvme.CmdRead, NSID: 1} // fails without Do Not Retry
	never := nvme.Command{Opcode: nvme.CmdRead, NSID: 1, CDW10: 100}
	if s := fail(again); s.CRD() != 0 || s.DNR() || !s.IsError() {
		t.Errorf("a host that does not know of delays: %v, delay %d", s, s.CRD())
	}
	behavior := make([]byte, 512)
	behavior[hostACRE] = 1
	g.doAdmin(setFeature(nvme.FeatureHostBehaviorSupport, 0), behavior)
	if s := fail(again); s.CRD() != 1 {
		t.Errorf("delay %d, want 1: %v", s.CRD(), s)
	}
	if s := fail(never); s.CRD() != 0 || !s.DNR() {
		t.Errorf("no retry is worth it: %v, delay %d", s, s.CRD())
	}
}

func TestFeaturesOfNoNamespace(t *testing.T) {
	g := newRig(t)
	for _, op := range []nvme.Opcode{nvme.AdminGetFeatures, nvme.AdminSetFeatures} {
		cmd := nvme.Command{Opcode: op, CDW10: uint32(nvme.FeatureErrorRecovery), NSID: DefaultMaxNamespaces + 1}
		wantStatus(t, "behind the last", g.doAdmin(cmd, nil).Status, nvme.StatusInvalidNamespace.WithDNR())
		cmd.NSID, cmd.CDW10 = allNamespaces, uint32(nvme.FeatureArbitration)
		wantStatus(t, "all", g.doAdmin(cmd, nil).Status, nvme.StatusSuccess)
	}
}

func TestHostBehaviorIsChecked(t *testing.T) {
	g := newRig(t)
	set := nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: uint32(nvme.FeatureHostBehaviorSupport)}
	for i, v := range []byte{0, 2} { // ACRE, LBAFEE
		data := make([]byte, 512)
		data[v] = 2
		wantStatus(t, "a value that is reserved", g.doAdmin(set, data).Status, nvme.StatusInvalidField.WithDNR())
		data[v] = 1
		wantStatus(t, "1", g.doAdmin(set, data).Status, nvme.StatusSuccess)
		if g.c.feat.hostBehavior[v] != 1 {
			t.Errorf("field %d was not set", i)
		}
	}
}

func TestControllersAndStats(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	c, err := g.connectAs(hostA, g)
	if err != nil {
		t.Fatal(err)
	}
	for _, qid := range []uint16{0, 2, 1} {
		c.Home().AddQueue(QueueInfo{ID: qid})
	}
	c.Home().RemoveQueue(2)
	c.Home().RemoveQueue(9)
	g.doIO(nvme.Command{Opcode: nvme.CmdRead, NSID: 1}, make([]byte, 512))
	all := must(t, g, func() ([]ControllerInfo, error) { return g.sub.Controllers(context.Background()) })
	if len(all) != 2 || all[1].ID != c.ID() || all[1].Connection.HostNQN != hostA || !slices.Equal(all[1].Queues, []QueueInfo{{ID: 0, Thread: "test"}, {ID: 1, Thread: "test"}}) {
		t.Errorf("%+v", all)
	}
	stats := func() GroupStats {
		return must(t, g, func() ([]GroupStats, error) { return g.target.Stats(context.Background()) })[0]
	}
	want := GroupStats{Name: "test", AdminQueues: 1, IOQueues: 2, CurrentAdminQueues: 1, CurrentIOQueues: 1, CompletedIO: 1}
	if got := stats(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	g.run(func() error { return c.Close(context.Background()) })
	want.CurrentAdminQueues, want.CurrentIOQueues = 0, 0
	if got := stats(); got != want {
		t.Errorf("after the end: %+v, want %+v", got, want)
	}
}

// TestDiscoveryTellsOnlyWhatIsAllowed asks for the page as hosts do who may
// and who may not connect.
func TestDiscoveryTellsOnlyWhatIsAllowed(t *testing.T) {
	g := newRig(t)
	if err := g.sub.AddAddress(Address{Trtype: nvme.TrtypeTCP, Traddr: "10.0.0.1", Trsvcid: "4420"}); err != nil {
		t.Fatal(err)
	}
	if err := g.sub.AddHost(hostA); err != nil {
		t.Fatal(err)
	}
	records := func(host string) uint64 {
		head, _ := nvme.View[nvme.DiscoveryLog](g.target.discoveryPage(asker{host: host}))
		return head.NUMREC
	}
	if n := records(hostB); n != 1 {
		t.Errorf("any host is allowed: %d records", n)
	}
	g.sub.AllowAnyHost(false)
	if a, b := records(hostA), records(hostB); a != 1 || b != 0 {
		t.Errorf("%d records for a host that may connect, %d for one that may not", a, b)
	}
}
