// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/dnssd"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
)

// MDNSConfig describes what to look for by multicast DNS.
type MDNSConfig struct {
	Name    string // the discovery services are NAME0, NAME1 and so on
	Service string // such as _nvme-disc._tcp
	HostNQN string
}

// mdnsBrowser starts the discovery services that it finds.
type mdnsBrowser struct {
	cfg  MDNSConfig
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex // guards what follows
	found []*discovered
}

// StartMDNS looks for discovery services by multicast DNS (NVMe TP 8009) and
// follows those that it finds, until StopMDNS. One that is not announced any
// more is followed all the same.
func (m *Module) StartMDNS(cfg MDNSConfig) error {
	if cfg.Name == "" || cfg.Service == "" {
		return fmt.Errorf("name %q, svcname %q: both must be given: %w", cfg.Name, cfg.Service, bdev.ErrInvalid)
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &mdnsBrowser{cfg: cfg, stop: stop}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closing.Load():
		stop()
		return bdev.ErrShutdown
	case slices.ContainsFunc(m.browsers, func(o *mdnsBrowser) bool { return o.cfg.Name == cfg.Name || o.cfg.Service == cfg.Service }):
		stop()
		return fmt.Errorf("something named %s, or that looks for %s, is there already: %w", cfg.Name, cfg.Service, syscall.EEXIST)
	}
	m.browsers = append(m.browsers, b)
	b.done.Go(func() {
		err := dnssd.Browse(ctx, cfg.Service, func(s dnssd.Service) { m.mdnsFound(ctx, b, s) })
		if err != nil && !errors.Is(err, context.Canceled) {
			log.Errorf("mDNS discovery %s: %v", cfg.Name, err)
		}
	})
	return nil
}

// mdnsFound follows a discovery service that is new.
func (m *Module) mdnsFound(ctx context.Context, b *mdnsBrowser, s dnssd.Service) {
	trid := spec.TransportID{
		Trtype: spec.TrtypeTCP, Adrfam: spec.AdrfamIPv4, Traddr: s.Addr.Addr().WithZone("").String(), Trsvcid: fmt.Sprint(s.Addr.Port()),
		Subnqn: spec.DiscoveryNQN,
	}
	if s.Addr.Addr().Is6() {
		trid.Adrfam = spec.AdrfamIPv6
	}
	tcp := false
	for _, text := range s.Text {
		key, value, _ := strings.Cut(text, "=")
		switch strings.ToLower(key) {
		case "p":
			tcp = strings.EqualFold(value, "tcp")
		case "nqn":
			trid.Subnqn = value
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !tcp || ctx.Err() != nil || slices.ContainsFunc(b.found, func(d *discovered) bool { return d.trid.Equal(trid) }) {
		return
	}
	d := &discovered{trid: trid, name: fmt.Sprintf("%s%d", b.cfg.Name, len(b.found))}
	err := m.StartDiscovery(ctx, DiscoveryConfig{Name: d.name, Trid: trid, HostNQN: b.cfg.HostNQN, Reconnect: m.Options().Reconnect, mdns: b.cfg.Name})
	if err != nil {
		flag.Infof("mDNS discovery %s: %s at %s: %v", b.cfg.Name, s.Instance, s.Addr, err)
		return
	}
	d.attached = true
	b.found = append(b.found, d)
}

// StopMDNS ends what StartMDNS began, and the discovery services that it has
// started. ENOENT means that there is nothing of that name.
func (m *Module) StopMDNS(ctx context.Context, name string) error {
	m.mu.Lock()
	i := slices.IndexFunc(m.browsers, func(b *mdnsBrowser) bool { return b.cfg.Name == name })
	if i < 0 {
		m.mu.Unlock()
		return fmt.Errorf("there is no mDNS discovery %s; bdev_nvme_get_mdns_discovery_info lists them: %w", name, syscall.ENOENT)
	}
	b := m.browsers[i]
	m.browsers = slices.Delete(m.browsers, i, i+1)
	m.mu.Unlock()
	b.stop()
	b.done.Wait()
	var errs []error
	for _, d := range b.found {
		if err := m.StopDiscovery(ctx, d.name); err != nil && !errors.Is(err, syscall.ENODEV) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// stopBrowsers ends all of them. What they have started goes on.
func (m *Module) stopBrowsers() {
	m.mu.Lock()
	all := m.browsers
	m.browsers = nil
	m.mu.Unlock()
	for _, b := range all {
		b.stop()
		b.done.Wait()
	}
}
