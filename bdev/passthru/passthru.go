// SPDX-License-Identifier: BSD-3-Clause

// Package passthru is a block device that hands everything to another one: to
// learn from, and to have a second name, with claims, limits and statistics of
// its own.
package passthru

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("vbdev_passthru")

const moduleName = "passthru"

// namespace makes the device's UUID out of its base's, as SPDK does.
var namespace = uuid.MustParse("7e25812e-c8c0-4d3f-8599-16d790555b85")

// Module makes passthru devices. Its methods may be called from any goroutine
// that may block.
type Module struct {
	reg   *bdev.Registry
	plans *vbdev.Plans[uuid.UUID]

	mu    sync.Mutex
	disks []*disk // that are registered
}

type plan = vbdev.Plan[uuid.UUID]

var _ bdev.ConfigExaminer = (*Module)(nil)

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module {
	m := &Module{reg: r}
	m.plans = vbdev.NewPlans(r, moduleName, m.make)
	return m
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Config describes a device to make.
type Config struct {
	Name string
	Base string    // name of the base device
	UUID uuid.UUID // zero for one that follows from the base's
}

// Create makes a device, or sees to it that one is made when the base
// appears. The error is ErrExists if the module has one of that name, and
// ErrClaimed if somebody else has the base.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	if cfg.Name == "" || cfg.Base == "" {
		return "", fmt.Errorf("name %q, base_bdev_name %q: neither may be empty: %w", cfg.Name, cfg.Base, bdev.ErrInvalid)
	}
	deferred, err := m.plans.Add(ctx, &plan{Name: cfg.Name, Base: cfg.Base, Config: cfg.UUID}, func(o *plan) error {
		if o.Name == cfg.Name {
			return fmt.Errorf("passthru bdev %s %w", o.Name, bdev.ErrExists)
		}
		return nil
	})
	if deferred {
		log.Noticef("vbdev creation deferred pending base bdev arrival: %s on %s", cfg.Name, cfg.Base)
	}
	return cfg.Name, err
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	_, err := m.plans.Delete(ctx, name)
	return err
}

// ExamineConfig implements bdev.ConfigExaminer.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.plans.Arrived(ctx, info.Name, func(p *plan, err error) bool {
		log.Errorf("passthru: %s on base bdev %s: %v", p.Name, p.Base, err)
		return false
	})
}

// newDisk opens the base and makes the device, to be registered.
func newDisk(ctx context.Context, m *Module, p *plan) (*disk, error) {
	base, err := vbdev.OpenBase(ctx, m.reg, p.Base, moduleName, vbdev.Events{
		Removed: func() { vbdev.Unregister(m.reg, flag, p.Name) },
		Resized: func(blocks uint64) {
			if err := m.reg.Resize(p.Name, blocks); err != nil {
				flag.Infof("%s: %v", p.Name, err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	id := p.Config
	if id == uuid.Nil {
		id = vbdev.UUID(namespace, base.Info.UUID[:])
	}
	return &disk{m: m, base: base, info: vbdev.Like(base.Info, p.Name, "passthru", moduleName, id)}, nil
}

// make carries out a plan.
func (m *Module) make(ctx context.Context, p *plan) error {
	d, err := newDisk(ctx, m, p)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.disks = append(m.disks, d)
	m.mu.Unlock()
	if err := m.reg.Register(ctx, d); err != nil {
		return errors.Join(err, d.Close(ctx))
	}
	d.base.Ready()
	return nil
}

func (m *Module) forget(d *disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disks = slices.DeleteFunc(m.disks, func(o *disk) bool { return o == d })
}

// disk is a passthru device.
type disk struct {
	m    *Module
	base *vbdev.Base
	info bdev.Info
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *disk) Supports(op bdev.Op) bool { return d.base.Desc.Supports(op) }

// SupportsIOType implements bdev.IOTyper.
func (d *disk) SupportsIOType(name string, _ bool) bool { return d.base.Desc.SupportsIOType(name) }

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("passthru: base device of %s: %w", d.info.Name, err)
	}
	return &channel{d, vbdev.NewForwarder(base, &d.info, 0, nil)}, nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error {
	d.m.forget(d)
	return d.base.Close()
}

type driverSpecific struct {
	Name string `json:"name"`
	Base string `json:"base_bdev_name"`
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	return struct {
		Passthru driverSpecific `json:"passthru"`
	}{driverSpecific{d.info.Name, d.base.Info.Name}}
}

// channel is the device on one thread.
type channel struct {
	d *disk
	f *vbdev.Forwarder
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) { c.f.Send(io) }

// Close implements bdev.Channel.
func (c *channel) Close() {
	if err := c.f.Close(); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}
