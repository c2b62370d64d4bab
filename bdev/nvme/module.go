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
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/opal"
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
	readKey    func(name string) ([]byte, error)
	holdKey    func(name string) (release func(), err error)
	opal       opalDisks
	second     time.Duration // of Reconnect; shorter in tests

	mu          sync.Mutex // guards what follows
	named       []*bdevCtrlr
	groups      []*pollGroup
	discoveries []*discovery
	browsers    []*mdnsBrowser
}

// bdevCtrlr is what a user has given a name to.
type bdevCtrlr struct {
	m      *Module
	name   string
	drive  *opal.Drive      // if it is one
	ctrlrs []*ctrlr         // guarded by the module's mutex
	disks  map[uint32]*Disk // likewise, by namespace identifier
	attach sync.Mutex       // held while a path is attached: one after the other
	change sync.Mutex       // held while a namespace becomes a disk or a path of one
}

// NewModule makes the module without controllers. It reaches them by those
// transports.
func NewModule(r *bdev.Registry, transports map[spec.TransportType]host.Transport) *Module {
	m := &Module{reg: r, transports: transports, second: time.Second}
	m.opal.reg, m.opal.base = r, map[string]*vbdev.Base{}
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
		return nil, fmt.Errorf("controller %s does not exist; bdev_nvme_get_controllers lists them: %w", name, syscall.ENODEV)
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
		users.Go(func() { n.leave(ctx) })
	}
	users.Wait()
	c.stop()
	_, err := c.cuse.close()
	<-c.done
	err = errors.Join(err, c.disconnect(ctx))
	m.drop(c)
	return err
}

// StartClose implements bdev.CloseStarter.
func (m *Module) StartClose(context.Context) {
	m.closing.Store(true)
	m.stopBrowsers()
	m.stopDiscoveries()
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

// diskOf returns the disk of a namespace identifier, nil if there is none.
func (m *Module) diskOf(b *bdevCtrlr, nsid uint32) *Disk {
	m.mu.Lock()
	defer m.mu.Unlock()
	return b.disks[nsid]
}

func (m *Module) addDisk(d *Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d.group.disks[d.nsid] = d
}

func (m *Module) dropDisk(d *Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d.group.disks[d.nsid] == d {
		delete(d.group.disks, d.nsid)
	}
}

// findDisk returns the module's disk of a name or alias.
func (m *Module) findDisk(name string) (*Disk, error) {
	info, err := m.reg.Get(name)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range m.named {
		for _, d := range b.disks {
			if d.info.Name == info.Name {
				return d, nil
			}
		}
	}
	return nil, fmt.Errorf("bdev %s is of module %q, not of %q: %w", name, info.Module, moduleName, syscall.ENODEV)
}

// lookAgain has all paths look for namespaces.
func (b *bdevCtrlr) lookAgain(m *Module) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range b.attached() {
		c.populateLater()
	}
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
