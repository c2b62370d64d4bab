// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

const moduleName = "nvme"

var flag = log.Flag("bdev_nvme")

// Module attaches controllers and registers their namespaces. Its methods may
// be called from any goroutine that may block.
type Module struct {
	reg        *bdev.Registry
	transports map[spec.TransportType]host.Transport
	options    atomic.Pointer[Options]
	closing    atomic.Bool
	running    sync.WaitGroup // of removals
	hotplug    hotplug

	mu     sync.Mutex // guards what follows
	named  []*bdevCtrlr
	groups []*pollGroup
}

// bdevCtrlr is what a user has given a name to.
type bdevCtrlr struct {
	name   string
	ctrlrs []*ctrlr // guarded by the module's mutex
}

// NewModule makes the module without controllers. It reaches them by those
// transports.
func NewModule(r *bdev.Registry, transports map[spec.TransportType]host.Transport) *Module {
	m := &Module{reg: r, transports: transports}
	m.hotplug.period = DefaultHotplugPeriod
	o := DefaultOptions()
	m.options.Store(&o)
	return m
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Options returns the options of all controllers.
func (m *Module) Options() Options { return *m.options.Load() }

// errAttached is the error of options that come too late.
var errAttached = fmt.Errorf("options cannot change while controllers are attached; detach them first: %w", syscall.EPERM)

// SetOptions changes the options. There must be no controllers.
func (m *Module) SetOptions(o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.named) > 0 {
		return errAttached
	}
	m.options.Store(&o)
	return nil
}

// retryCount is how often one IO is tried again; negative is without end.
func (m *Module) retryCount() int { return int(m.options.Load().BdevRetryCount) }

// Attach connects to a controller and registers its namespaces. It returns
// the names of the devices, after modules have examined them.
func (m *Module) Attach(ctx context.Context, cfg CtrlrConfig) (names []string, err error) {
	return m.attach(ctx, cfg, false)
}

// attach is Attach, for the monitor too.
func (m *Module) attach(ctx context.Context, cfg CtrlrConfig, plugged bool) (names []string, err error) {
	if cfg.Name == "" {
		return nil, fmt.Errorf("the controller needs a name: %w", bdev.ErrInvalid)
	}
	if err := cfg.Reconnect.check(); err != nil {
		return nil, err
	}
	t := m.transports[cfg.Trid.Trtype]
	if t == nil {
		return nil, fmt.Errorf("trtype %v: controllers are reached by PCIe, VFIOUSER and TCP: %w", cfg.Trid.Trtype, bdev.ErrInvalid)
	}
	c, err := m.add(cfg, t)
	if err != nil {
		return nil, err
	}
	c.plugged = plugged
	if err := c.connect(ctx); err != nil {
		m.drop(c)
		return nil, err
	}
	names = c.populate(ctx)
	c.setState(stateEnabled)
	go c.keep()
	m.mu.Lock()
	c.attached = true
	closing := m.closing.Load()
	m.mu.Unlock()
	if closing {
		<-m.removeLater(c)
		return nil, bdev.ErrShutdown
	}
	return names, m.reg.WaitForExamine(ctx)
}

// add gives a controller its name.
func (m *Module) add(cfg CtrlrConfig, t host.Transport) (*ctrlr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closing.Load() {
		return nil, bdev.ErrShutdown
	}
	if m.find(cfg.Name) != nil {
		return nil, say(syscall.EALREADY, "A controller named %s already exists; choose another name, or detach it first", cfg.Name)
	}
	b := &bdevCtrlr{name: cfg.Name}
	c := m.newCtrlr(cfg, b, t)
	c.state.Store(uint32(stateResetting))
	b.ctrlrs = append(b.ctrlrs, c)
	m.named = append(m.named, b)
	return c, nil
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
	m.mu.Lock()
	defer m.mu.Unlock()
	b := c.group
	b.ctrlrs = slices.DeleteFunc(b.ctrlrs, func(o *ctrlr) bool { return o == c })
	if len(b.ctrlrs) == 0 {
		m.named = slices.DeleteFunc(m.named, func(o *bdevCtrlr) bool { return o == b })
	}
}

// lookup returns the paths of a controller, in the order in which they were
// attached.
func (m *Module) lookup(name string) ([]*ctrlr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var paths []*ctrlr
	if b := m.find(name); b != nil {
		paths = b.attached()
	}
	if len(paths) == 0 {
		return nil, say(syscall.ENODEV, "Controller %s does not exist; bdev_nvme_get_controllers lists them", name)
	}
	return paths, nil
}

// attached returns the paths but for those that are being connected for the
// first time. The module's mutex is held.
func (b *bdevCtrlr) attached() []*ctrlr {
	return slices.DeleteFunc(slices.Clone(b.ctrlrs), func(c *ctrlr) bool { return !c.attached })
}

// all returns the controllers.
func (m *Module) all() (list []*ctrlr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.named {
		list = append(list, b.attached()...)
	}
	return list
}

// Detach removes the devices of a controller, waits for their users, and
// disconnects. match, if it is not nil, chooses among the paths. If ctx ends
// earlier the rest is done all the same.
func (m *Module) Detach(ctx context.Context, name string, match func(CtrlrConfig) bool) error {
	paths, err := m.lookup(name)
	if err != nil {
		return err
	}
	var ends []<-chan error
	for _, c := range paths {
		if match == nil || match(c.cfg) {
			ends = append(ends, m.removeLater(c))
		}
	}
	if len(ends) == 0 {
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

// removeLater detaches a controller on a goroutine.
func (m *Module) removeLater(c *ctrlr) <-chan error {
	end := make(chan error, 1)
	c.setState(stateDeleting)
	m.running.Go(func() { end <- m.remove(c) })
	return end
}

func (m *Module) remove(c *ctrlr) error {
	c.removal.Lock()
	defer c.removal.Unlock()
	if c.removed {
		return fmt.Errorf("%s: %w", c, errDeleting)
	}
	c.removed = true
	ctx := context.Background() // users take the time that they need
	var users sync.WaitGroup
	for _, n := range c.listed() {
		users.Go(func() {
			err := m.reg.UnregisterFrom(ctx, moduleName, n.disk.info.Name)
			if err != nil && !errors.Is(err, bdev.ErrNotFound) {
				log.Errorf("%s: removing %s: %v", c, n.disk.info.Name, err)
			}
		})
	}
	users.Wait()
	c.stop()
	<-c.done
	err := c.disconnect(ctx)
	m.drop(c)
	return err
}

// StartClose implements bdev.CloseStarter.
func (m *Module) StartClose(context.Context) {
	m.closing.Store(true)
	_ = m.SetHotplug(false, 0) // switching it off does not fail
}

// Close implements bdev.Closer: it detaches all controllers.
func (m *Module) Close(ctx context.Context) error {
	m.StartClose(ctx)
	for _, c := range m.all() {
		m.removeLater(c)
	}
	m.running.Wait()
	return nil
}

func (m *Module) addGroup(g *pollGroup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups = append(m.groups, g)
}

func (m *Module) removeGroup(g *pollGroup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.groups = slices.DeleteFunc(m.groups, func(o *pollGroup) bool { return o == g })
}
