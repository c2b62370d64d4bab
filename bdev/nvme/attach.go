// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/opal"
)

// origin tells who has a controller attached.
type origin uint8

const (
	byUser origin = iota
	byMonitor
	byDiscovery
)

// Attach connects to a controller and registers its namespaces. It returns
// the names of the devices, after modules have examined them. If there is a
// controller of that name, this is another path to it, or another address.
func (m *Module) Attach(ctx context.Context, cfg CtrlrConfig) (names []string, err error) {
	names, err = m.attach(ctx, cfg, byUser)
	if err != nil {
		return nil, err
	}
	return names, m.reg.WaitForExamine(ctx)
}

func (m *Module) attach(ctx context.Context, cfg CtrlrConfig, from origin) (names []string, err error) {
	if cfg.Name == "" {
		return nil, fmt.Errorf("the controller needs a name: %w", bdev.ErrInvalid)
	}
	if err := cfg.Reconnect.check(); err != nil {
		return nil, err
	}
	if cfg.Policy.MinIO == 0 {
		cfg.Policy = m.Options().Multipath
	}
	t := m.transports[cfg.Trid.Trtype]
	if t == nil {
		return nil, fmt.Errorf("trtype %v: controllers are reached by PCIe, VFIOUSER and TCP: %w", cfg.Trid.Trtype, bdev.ErrInvalid)
	}
	for {
		b, err := m.group(cfg.Name)
		if err != nil {
			return nil, err
		}
		b.attach.Lock()
		names, gone, err := m.attachTo(ctx, b, cfg, t, from)
		b.attach.Unlock()
		if !gone {
			return names, err
		}
	}
}

// attachTo attaches one more path. gone tells that the name has been given up
// meanwhile.
func (m *Module) attachTo(ctx context.Context, b *bdevCtrlr, cfg CtrlrConfig, t host.Transport, from origin) (names []string, gone bool, err error) {
	m.mu.Lock()
	if gone = m.find(cfg.Name) != b; gone {
		m.mu.Unlock()
		return nil, true, nil
	}
	paths := b.attached()
	m.mu.Unlock()
	if len(paths) > 0 {
		if err := checkPath(paths, &cfg); err != nil {
			return nil, false, err
		}
		if cfg.Multipath == failoverMode {
			names, err = m.addAddress(ctx, paths[0], cfg)
			return names, false, err
		}
	}
	names, err = m.addPath(ctx, b, cfg, t, from)
	return names, false, err
}

// checkPath says what is wrong with one more path to a controller.
func checkPath(paths []*ctrlr, cfg *CtrlrConfig) error {
	first, at := paths[0], cfg.address()
	mode := cfg.Multipath
	if mode == noMultipathMode {
		return say(syscall.EALREADY, "A controller named %s already exists and multipath is disabled", cfg.Name)
	}
	for _, c := range paths {
		if slices.ContainsFunc(c.listAddresses(), at.same) {
			return say(syscall.EALREADY, "A controller named %s already exists with the specified network path", cfg.Name)
		}
	}
	switch {
	case cfg.Trid.Subnqn != first.cfg.Trid.Subnqn:
		return say(syscall.EINVAL, "A controller named %s already exists, but uses a different subnqn (%s)", cfg.Name, first.cfg.Trid.Subnqn)
	case cfg.Host.HostNQN != first.cfg.Host.HostNQN:
		return say(syscall.EINVAL, "A controller named %s already exists, but uses a different hostnqn (%s)", cfg.Name, first.cfg.Host.HostNQN)
	case cfg.DIFCheck != 0:
		return say(syscall.EINVAL, "A controller named %s already exists. To add a path, do not specify PI options.", cfg.Name)
	case mode == failoverMode && cfg.Trid.Trtype == spec.TrtypePCIe:
		return fmt.Errorf("PCIe failover is not supported: a function has one address: %w", syscall.ENOTSUP)
	case mode == failoverMode && cfg.Trid.Trtype != first.cfg.Trid.Trtype:
		return fmt.Errorf("failover from trtype %s to another one, %s, is not supported: %w", first.cfg.Trid.Trtype, cfg.Trid.Trtype, syscall.EINVAL)
	}
	cfg.DIFCheck = first.cfg.DIFCheck
	return nil
}

// addPath connects and makes devices of the namespaces, or paths of those
// that there are.
func (m *Module) addPath(ctx context.Context, b *bdevCtrlr, cfg CtrlrConfig, t host.Transport, from origin) (names []string, err error) {
	c := m.newCtrlr(cfg, b, t)
	c.state.Store(uint32(stateResetting))
	c.origin = from
	m.mu.Lock()
	others := b.attached()
	b.ctrlrs = append(b.ctrlrs, c)
	m.mu.Unlock()
	if err := c.connect(ctx); err != nil {
		m.drop(c)
		return nil, err
	}
	if err := errors.Join(checkMultipath(others, c), c.holdKeys(cfg.Keys)); err != nil {
		err = errors.Join(err, c.disconnect(ctx))
		m.drop(c)
		return nil, err
	}
	names, err = c.populate(ctx)
	c.setState(stateEnabled)
	go c.keep()
	m.mu.Lock()
	c.attached = true
	m.mu.Unlock()
	switch {
	case m.closing.Load():
		<-m.removeLater(c)
		return nil, bdev.ErrShutdown
	case len(names) == 0 && err != nil:
		<-m.removeLater(c)
		return nil, err
	}
	return names, nil
}

// checkMultipath says why a controller is no other path beside those that
// there are.
func checkMultipath(others []*ctrlr, c *ctrlr) error {
	id := c.last.Load().Identify()
	for _, o := range others {
		was := o.last.Load().Identify()
		switch {
		case id.CMIC&spec.CMICMultipleControllers == 0 || was.CMIC&spec.CMICMultipleControllers == 0:
			return fmt.Errorf("controller %d does not support multipath: its subsystem has one controller only (CMIC bit 1): %w", id.CNTLID, syscall.EINVAL)
		case text(id.SUBNQN[:]) != text(was.SUBNQN[:]):
			return fmt.Errorf("the new path leads to subsystem %s, the others to %s: %w", text(id.SUBNQN[:]), text(was.SUBNQN[:]), syscall.EINVAL)
		case id.CNTLID == was.CNTLID && o.hc.Load() != nil:
			return fmt.Errorf("cntlid %d is duplicated: both paths lead to the same controller: %w", id.CNTLID, syscall.EINVAL)
		}
	}
	return nil
}

// addAddress gives a controller one more address to fail over to, after a
// look whether the same namespaces are there.
func (m *Module) addAddress(ctx context.Context, c *ctrlr, cfg CtrlrConfig) (names []string, err error) {
	o := c.options
	o.SrcAddr, o.SrcSvcid = cfg.Host.SrcAddr, cfg.Host.SrcSvcid
	if err := c.keys().fill(m, &o); err != nil {
		return nil, err
	}
	hc, err := host.Connect(ctx, c.transport, cfg.Trid, o)
	if err != nil {
		return nil, err
	}
	for _, n := range c.listed() {
		if ns := hc.Namespace(n.id); ns == nil || !n.disk.same(ns) {
			err = errors.Join(err, fmt.Errorf("namespace %d is not the same at %s:%s: %w", n.id, cfg.Trid.Traddr, cfg.Trid.Trsvcid, syscall.EINVAL))
		}
		names = append(names, n.disk.info.Name)
	}
	if err = errors.Join(err, hc.Detach(context.WithoutCancel(ctx))); err != nil {
		return nil, err
	}
	c.addAddress(cfg.address())
	return names, nil
}

// group returns the controllers of a name, which it makes if need be.
func (m *Module) group(name string) (*bdevCtrlr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing.Load() {
		return nil, bdev.ErrShutdown
	}
	b := m.find(name)
	if b == nil {
		b = &bdevCtrlr{m: m, name: name, disks: map[uint32]*Disk{}}
		b.drive = opal.New(security{b})
		m.named = append(m.named, b)
	}
	return b, nil
}

// find returns the controllers of a name, nil if there are none. m.mu is held.
func (m *Module) find(name string) *bdevCtrlr {
	i := slices.IndexFunc(m.named, func(b *bdevCtrlr) bool { return b.name == name })
	if i < 0 {
		return nil
	}
	return m.named[i]
}

// drop takes a controller off its name.
func (m *Module) drop(c *ctrlr) {
	_ = c.holdKeys(Keys{}) // none, which there always are
	m.mu.Lock()
	defer m.mu.Unlock()
	b := c.group
	b.ctrlrs = slices.DeleteFunc(b.ctrlrs, func(o *ctrlr) bool { return o == c })
	m.controllerGone()
	if len(b.ctrlrs) == 0 {
		m.named = slices.DeleteFunc(m.named, func(o *bdevCtrlr) bool { return o == b })
	}
}

// Detach removes the devices of a controller, waits for their users, and
// disconnects. match, if it is not nil, chooses among the paths and their
// addresses; a device stays while it has others. If ctx ends earlier the rest
// is done all the same.
func (m *Module) Detach(ctx context.Context, name string, match func(trid spec.TransportID, srcAddr, srcSvcid string) bool) error {
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	if match == nil {
		match = func(spec.TransportID, string, string) bool { return true }
	}
	var ends []<-chan error
	any := false
	for _, c := range paths {
		found, last, inUse := c.removeAddresses(func(a address) bool { return match(a.trid, a.srcAddr, a.srcSvcid) })
		any = any || found
		switch {
		case last:
			ends = append(ends, m.removeLater(c))
		case inUse:
			c.report(errMoved)
		}
	}
	if !any {
		return fmt.Errorf("controller %s has no such path: %w", name, syscall.ENXIO)
	}
	for _, end := range ends {
		select {
		case e := <-end:
			err = errors.Join(err, e)
		case <-ctx.Done():
			return fmt.Errorf("detach controller %s: %w (it goes when the users of its devices close them)", name, ctx.Err())
		}
	}
	return err
}

// errMoved is why a controller is reset whose address was taken off.
var errMoved = errors.New("its address was detached")
