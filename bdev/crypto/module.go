// SPDX-License-Identifier: BSD-3-Clause

package crypto

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("vbdev_crypto")

const moduleName = "crypto"

// Module makes encrypted devices. Its methods may be called from any
// goroutine that may block.
type Module struct {
	reg   *bdev.Registry
	accel *accel.Framework
	plans *vbdev.Plans[cipher]

	mu    sync.Mutex
	disks []*disk // that are registered
}

type plan = vbdev.Plan[cipher]

// cipher is the key of a plan, which holds it.
type cipher struct {
	key *accel.Key
	own bool // it was made for the device and goes with it
}

var (
	_ bdev.ConfigExaminer = (*Module)(nil)
	_ bdev.Closer         = (*Module)(nil)
)

// NewModule makes the module without devices. It encrypts with f.
func NewModule(r *bdev.Registry, f *accel.Framework) *Module {
	m := &Module{reg: r, accel: f}
	m.plans = vbdev.NewPlans(r, moduleName, m.make)
	return m
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Config describes a device to make.
type Config struct {
	Name string
	Base string // name of the base device
	Key  string // name of a key of the accel framework
	// OwnKey says that the key was made for the device: it is destroyed
	// when the device is deleted, or when it is not made.
	OwnKey bool
}

// Create makes an encrypted device, or sees to it that one is made when the
// base appears. The key cannot be destroyed before the device is deleted. The
// error is ErrExists if there is a crypto device of that name.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	key, err := m.accel.HoldKey(cfg.Key)
	if err != nil {
		return "", err
	}
	p := &plan{Name: cfg.Name, Base: cfg.Base, Config: cipher{key, cfg.OwnKey}}
	if cfg.Name == "" || cfg.Base == "" {
		err := fmt.Errorf("name %q, base_bdev_name %q: neither may be empty: %w", cfg.Name, cfg.Base, bdev.ErrInvalid)
		return "", errors.Join(err, m.release(p))
	}
	deferred, err := m.plans.Add(ctx, p, func(o *plan) error {
		if o.Name == p.Name {
			return fmt.Errorf("crypto bdev %s %w", o.Name, bdev.ErrExists)
		}
		return nil
	})
	if err != nil {
		return "", errors.Join(err, m.release(p))
	}
	if deferred {
		log.Noticef("crypto: %s is made when base bdev %s appears", p.Name, p.Base)
	}
	return cfg.Name, nil
}

// release gives up a plan's key. One that was made for the device stays if
// somebody else has come to use it.
func (m *Module) release(p *plan) error {
	name := p.Config.key.Name()
	p.Config.key.Release()
	if !p.Config.own {
		return nil
	}
	err := m.accel.DestroyKey(name)
	if errors.Is(err, syscall.EBUSY) {
		log.Noticef("crypto: key %s of %s stays: %v", name, p.Name, err)
		return nil
	}
	return err
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	p, err := m.plans.Delete(ctx, name)
	if p == nil {
		return err
	}
	return errors.Join(err, m.release(p))
}

// ExamineConfig implements bdev.ConfigExaminer.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.plans.Arrived(ctx, info.Name, func(p *plan, err error) bool {
		log.Errorf("crypto: %s on base bdev %s: %v", p.Name, p.Base, err)
		return false
	})
}

// Close implements bdev.Closer: keys are let go, so that they can be wiped.
func (m *Module) Close(context.Context) error {
	var errs []error
	for _, p := range m.plans.DropAll() {
		errs = append(errs, m.release(p))
	}
	return errors.Join(errs...)
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
		// SPDK answers with this errno, whatever is wrong.
		return errors.Join(fmt.Errorf("%w: %v", bdev.ErrInvalid, err), d.Close(ctx))
	}
	d.base.Ready()
	return nil
}

func (m *Module) forget(d *disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disks = slices.DeleteFunc(m.disks, func(o *disk) bool { return o == d })
}
