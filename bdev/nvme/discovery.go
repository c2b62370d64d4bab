// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// DiscoveryConfig describes a discovery service to follow.
type DiscoveryConfig struct {
	Name      string
	Trid      spec.TransportID // its Subnqn is that of discovery if it is empty
	HostNQN   string
	Reconnect Reconnect // of the controllers that are attached
	// Wait has StartDiscovery wait until the subsystems that are known first
	// are attached, at most for Timeout (0 is any time).
	Wait    bool
	Timeout time.Duration
	mdns    string // name of the mDNS service that has found it
}

// discovery stays connected to a discovery subsystem, attaches the controllers
// that it knows and detaches those that it does not know any more.
type discovery struct {
	m    *Module
	cfg  DiscoveryConfig
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup

	kick  chan struct{}        // a controller has gone
	logs  chan *host.Discovery // the last one that has come
	first chan error           // how the first attaching has ended

	mu        sync.Mutex // guards what follows
	referrals []spec.TransportID
	entries   []*discovered
	names     int // given so far
}

// discovered is an entry of the log.
type discovered struct {
	trid     spec.TransportID
	name     string // of the controller
	attached bool
}

const (
	// discoveryRetry is how long to wait before what could not be attached is
	// tried again.
	discoveryRetry = time.Second
	// detachTime is how long to wait for the users of devices that go. They
	// may take longer.
	detachTime = time.Second
)

// StartDiscovery follows a discovery service until StopDiscovery. The devices
// are NAME0n1, NAME1n1 and so on: a number for each subsystem.
func (m *Module) StartDiscovery(ctx context.Context, cfg DiscoveryConfig) error {
	if cfg.Name == "" {
		return fmt.Errorf("the discovery service needs a name: %w", bdev.ErrInvalid)
	}
	if err := cfg.Reconnect.check(); err != nil {
		return err
	}
	t := m.transports[cfg.Trid.Trtype]
	if t == nil || cfg.Trid.Trtype == spec.TrtypePCIe {
		return fmt.Errorf("trtype %v: discovery services are reached by TCP and VFIOUSER: %w", cfg.Trid.Trtype, bdev.ErrInvalid)
	}
	if cfg.Trid.Subnqn == "" {
		cfg.Trid.Subnqn = spec.DiscoveryNQN
	}
	d := &discovery{m: m, cfg: cfg, kick: make(chan struct{}, 1), logs: make(chan *host.Discovery, 1), first: make(chan error, 1)}
	d.ctx, d.stop = context.WithCancel(context.Background())
	if err := m.addDiscovery(d); err != nil {
		return err
	}
	d.done.Go(func() { d.follow(t) })
	d.done.Go(d.keep)
	if !cfg.Wait && cfg.Timeout == 0 {
		return nil
	}
	if cfg.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, cfg.Timeout, fmt.Errorf("not everything was attached within %v: %w", cfg.Timeout, syscall.ETIMEDOUT))
		defer cancel()
	}
	var err error
	select {
	case err = <-d.first:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-d.ctx.Done():
		err = bdev.ErrShutdown
	}
	if err != nil {
		return errors.Join(fmt.Errorf("discovery service %s: %w", cfg.Name, err), m.StopDiscovery(context.WithoutCancel(ctx), cfg.Name))
	}
	return nil
}

func (m *Module) addDiscovery(d *discovery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing.Load() {
		return bdev.ErrShutdown
	}
	for _, o := range m.discoveries {
		if o.cfg.Name == d.cfg.Name {
			return fmt.Errorf("there is a discovery service named %s already: %w", d.cfg.Name, syscall.EEXIST)
		}
		if slices.ContainsFunc(o.addresses(), d.cfg.Trid.Equal) {
			return fmt.Errorf("discovery service %s is at that address already: %w", o.cfg.Name, syscall.EEXIST)
		}
	}
	m.discoveries = append(m.discoveries, d)
	return nil
}

// StopDiscovery ends what StartDiscovery began, and detaches what it has
// attached. ENODEV means that there is no such service.
func (m *Module) StopDiscovery(ctx context.Context, name string) error {
	m.mu.Lock()
	i := slices.IndexFunc(m.discoveries, func(d *discovery) bool { return d.cfg.Name == name })
	if i < 0 {
		m.mu.Unlock()
		return fmt.Errorf("there is no discovery service %s; bdev_nvme_get_discovery_info lists them: %w", name, syscall.ENODEV)
	}
	d := m.discoveries[i]
	m.discoveries = slices.Delete(m.discoveries, i, i+1)
	m.mu.Unlock()
	d.stop()
	d.done.Wait()
	for _, e := range d.entries {
		if e.attached {
			d.detach(ctx, e)
		}
	}
	return nil
}

// stopDiscoveries ends all of them, and leaves what they have attached.
func (m *Module) stopDiscoveries() {
	m.mu.Lock()
	all := m.discoveries
	m.discoveries = nil
	m.mu.Unlock()
	for _, d := range all {
		d.stop()
	}
	for _, d := range all {
		d.done.Wait()
	}
}

// addresses are those of the service, and what it has referred to.
func (d *discovery) addresses() []spec.TransportID {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []spec.TransportID{d.cfg.Trid}
	for _, r := range d.referrals {
		if !slices.ContainsFunc(list, r.Equal) {
			list = append(list, r)
		}
	}
	return list
}

// follow stays connected to the service, by one address after the other.
func (d *discovery) follow(t host.Transport) {
	o := host.Options{HostNQN: d.cfg.HostNQN, KeepAliveTimeout: d.m.Options().KeepAlive}
	for i := 0; d.ctx.Err() == nil; i++ {
		list := d.addresses()
		at := list[i%len(list)]
		ctx, lost := context.WithCancel(d.ctx)
		err := host.WatchDiscovery(ctx, t, at, o, func(found *host.Discovery, err error) {
			if err != nil {
				log.Noticef("discovery service %s at %s:%s: %v", d.cfg.Name, at.Traddr, at.Trsvcid, err)
				lost()
				return
			}
			select { // of two that nobody has taken the later counts
			case <-d.logs:
			default:
			}
			d.logs <- found
		})
		lost()
		if d.ctx.Err() != nil {
			return
		}
		flag.Infof("discovery service %s at %s:%s: %v", d.cfg.Name, at.Traddr, at.Trsvcid, err)
		select {
		case <-d.ctx.Done():
		case <-time.After(d.m.second):
		}
	}
}

// keep has what is attached follow the log.
func (d *discovery) keep() {
	begun := false
	var again <-chan time.Time
	for {
		select {
		case <-d.ctx.Done():
			return
		case found := <-d.logs:
			d.merge(found)
		case <-d.kick:
			d.forgetGone()
		case <-again:
		}
		again = nil
		err := d.attachAll()
		if !begun {
			begun = true
			d.first <- err
		}
		if err != nil && d.ctx.Err() == nil {
			again = time.After(discoveryRetry)
		}
	}
}

// merge takes over a log, and detaches what is not in it.
func (d *discovery) merge(found *host.Discovery) {
	var referrals, there []spec.TransportID
	for i := range found.Entries {
		id := found.TransportID(i)
		switch found.Entries[i].SUBTYPE {
		case spec.DiscoverySubtypeNVM:
			there = append(there, id)
		default:
			referrals = append(referrals, id)
		}
	}
	d.mu.Lock()
	d.referrals = referrals
	var gone []*discovered
	d.entries = slices.DeleteFunc(d.entries, func(e *discovered) bool {
		missing := !slices.ContainsFunc(there, e.trid.Equal)
		if missing && e.attached {
			gone = append(gone, e)
		}
		return missing
	})
	for _, id := range there {
		if !slices.ContainsFunc(d.entries, func(e *discovered) bool { return e.trid.Equal(id) }) {
			d.entries = append(d.entries, &discovered{trid: id})
		}
	}
	d.mu.Unlock()
	for _, e := range gone {
		d.detach(d.ctx, e)
	}
}

func (d *discovery) detach(ctx context.Context, e *discovered) {
	flag.Infof("discovery service %s: %s:%s:%s not found", d.cfg.Name, e.trid.Subnqn, e.trid.Traddr, e.trid.Trsvcid)
	ctx, cancel := context.WithTimeout(ctx, detachTime)
	defer cancel()
	err := d.m.Detach(ctx, e.name, func(id spec.TransportID, _, _ string) bool { return id.Equal(e.trid) })
	if err != nil && !errors.Is(err, syscall.ENODEV) && !errors.Is(err, syscall.ENXIO) && ctx.Err() == nil {
		log.Errorf("discovery service %s: %v", d.cfg.Name, err)
	}
}

// attachAll attaches what is not attached yet.
func (d *discovery) attachAll() error {
	d.mu.Lock()
	list := slices.Clone(d.entries)
	d.mu.Unlock()
	var errs []error
	for _, e := range list {
		if e.attached || d.ctx.Err() != nil {
			continue
		}
		d.m.nameEntry(d, e)
		o := d.m.Options()
		_, err := d.m.attach(d.ctx, CtrlrConfig{
			Name: e.name, Trid: e.trid, Reconnect: d.cfg.Reconnect, Policy: o.Multipath, Multipath: multipathMode,
			Host: host.Options{HostNQN: d.cfg.HostNQN},
		}, byDiscovery)
		if errors.Is(err, syscall.EALREADY) {
			continue // by somebody else
		}
		if err != nil {
			if d.ctx.Err() == nil {
				log.Errorf("discovery service %s: attaching %s at %s:%s as %s: %v", d.cfg.Name, e.trid.Subnqn, e.trid.Traddr, e.trid.Trsvcid, e.name, err)
			}
			errs = append(errs, fmt.Errorf("%s at %s:%s: %w", e.trid.Subnqn, e.trid.Traddr, e.trid.Trsvcid, err))
			continue
		}
		e.attached = true
	}
	return errors.Join(errs...)
}

// forgetGone notes which controllers are not there any more.
func (d *discovery) forgetGone() {
	for _, e := range d.entries {
		if !e.attached {
			continue
		}
		paths, err := d.m.lookup(e.name)
		e.attached = err == nil && slices.ContainsFunc(paths, func(c *ctrlr) bool {
			return slices.ContainsFunc(c.listAddresses(), func(a address) bool { return a.trid.Equal(e.trid) })
		})
	}
}

// nameEntry names the controller of an entry: as other paths to its subsystem,
// or anew.
func (m *Module) nameEntry(d *discovery, e *discovered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.name != "" {
		return
	}
	name := ""
	for _, o := range m.discoveries {
		o.mu.Lock()
		for _, other := range o.entries {
			if other.trid.Subnqn == e.trid.Subnqn && other.name != "" {
				name = other.name
			}
		}
		o.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if name == "" {
		name = fmt.Sprintf("%s%d", d.cfg.Name, d.names)
		d.names++
	}
	e.name = name
}

// controllerGone tells discovery services. m.mu is held.
func (m *Module) controllerGone() {
	for _, d := range m.discoveries {
		select {
		case d.kick <- struct{}{}:
		default:
		}
	}
}
