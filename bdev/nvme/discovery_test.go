// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev/malloc"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/tcp"
)

// at is an address of the machine.
func at(port string) spec.TransportID {
	return spec.TransportID{Trtype: spec.TrtypeTCP, Adrfam: spec.AdrfamIPv4, Traddr: "127.0.0.1", Trsvcid: port}
}

// newDiscoverable makes a target with a disk, a subsystem and a discovery
// service at a port that it returns.
func newDiscoverable(t *testing.T) (g *rig, m *Module, port string) {
	t.Helper()
	ctx := context.Background()
	g = newTarget(t, spec.TrtypeTCP, nvmf.SubsystemOptions{})
	g.addDisk(malloc.Config{Name: "d", NumBlocks: 4096, BlockSize: blockSize})
	must(t, g.target.Start(ctx, g.set))
	g.target.AddModule(tcp.Module{Iobuf: g.pool})
	must(t, g.target.OpenTransport(ctx, spec.TrtypeTCP, func(*nvmf.TransportOptions) {}))
	port = freePort(t)
	must(t, g.target.Discovery().AddListener(ctx, at(port), nvmf.ListenOptions{}))
	m = newModule(t)
	m.second = 5 * time.Millisecond
	return g, m, port
}

// names are those of the module's devices, without aliases.
func (m *Module) names() (names []string) {
	for _, i := range m.reg.List() {
		names = append(names, i.Name)
	}
	slices.Sort(names)
	return names
}

func awaitNames(t *testing.T, m *Module, want ...string) {
	t.Helper()
	eventually(t, "the devices "+strings.Join(want, ", "), func() bool { return slices.Equal(m.names(), want) })
}

// ways returns the number of paths of a device.
func (m *Module) ways(name string) int {
	d, err := m.findDisk(name)
	if err != nil {
		return 0
	}
	return len(d.listPaths())
}

func TestDiscovery(t *testing.T) {
	ctx := context.Background()
	g, m, port := newDiscoverable(t)
	first, second := at(freePort(t)), at(freePort(t))
	must(t, g.sub.AddListener(ctx, first, nvmf.ListenOptions{}))
	cfg := DiscoveryConfig{Name: "D", Trid: at(port), Wait: true, Timeout: limit, Reconnect: patient().Reconnect}
	must(t, m.StartDiscovery(ctx, cfg))
	awaitNames(t, m, "D0n1")
	if err := m.StartDiscovery(ctx, cfg); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the same service once more: %v", err)
	}
	must(t, g.sub.AddListener(ctx, second, nvmf.ListenOptions{}))
	eventually(t, "a second path", func() bool { return m.ways("D0n1") == 2 })
	must(t, g.sub.RemoveListener(first))
	eventually(t, "one path less", func() bool { return m.ways("D0n1") == 1 })
	// A subsystem more, and one less.
	const other = "nqn.2016-06.io.spdk:cnode2"
	sub, err := g.target.NewSubsystem(other, nvmf.SubsystemOptions{})
	must(t, err)
	disk, err := malloc.New(malloc.Config{Name: "e", NumBlocks: 2048})
	must(t, err)
	must(t, g.reg.Register(ctx, disk))
	_, err = sub.AddNamespace(ctx, "e", nvmf.NamespaceOptions{})
	must(t, err)
	must(t, sub.AddListener(ctx, first, nvmf.ListenOptions{}))
	awaitNames(t, m, "D0n1", "D1n1")
	must(t, g.sub.RemoveListener(second))
	awaitNames(t, m, "D1n1")
	// A controller that somebody else detaches comes back.
	must(t, m.Detach(ctx, "D1", nil))
	awaitNames(t, m, "D1n1")
	// The service goes away and comes back; devices stay.
	must(t, g.target.Discovery().RemoveListener(at(port)))
	must(t, g.sub.AddListener(ctx, second, nvmf.ListenOptions{}))
	if got := m.names(); !slices.Equal(got, []string{"D1n1"}) {
		t.Errorf("without the service there are %q", got)
	}
	must(t, g.target.Discovery().AddListener(ctx, at(port), nvmf.ListenOptions{}))
	awaitNames(t, m, "D1n1", "D2n1")
	must(t, m.StopDiscovery(ctx, "D"))
	awaitNames(t, m)
	if err := m.StopDiscovery(ctx, "D"); !errors.Is(err, syscall.ENODEV) {
		t.Errorf("a service that is not there: %v", err)
	}
}

// TestDiscoveryTimeout has nobody answer.
func TestDiscoveryTimeout(t *testing.T) {
	m := newModule(t)
	m.second = time.Millisecond
	err := m.StartDiscovery(context.Background(), DiscoveryConfig{Name: "D", Trid: at(freePort(t)), Timeout: 50 * time.Millisecond})
	if !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("error %v", err)
	}
	if len(m.listDiscoveries()) > 0 {
		t.Error("the service is still there")
	}
}
