// SPDX-License-Identifier: BSD-3-Clause

package zoneblock

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("vbdev_zone_block")

// moduleName is SPDK's.
const moduleName = "bdev_zoned_block"

// Module makes zoned devices. Its methods may be called from any goroutine
// that may block.
type Module struct {
	reg   *bdev.Registry
	plans *vbdev.Plans[geometry]

	mu    sync.Mutex
	disks []*disk // that are registered
}

type (
	plan     = vbdev.Plan[geometry]
	geometry struct{ capacity, openZones uint64 }
)

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
	Name             string
	Base             string // name of the base device
	ZoneCapacity     uint64 // blocks of a zone that can be written; the zone's size is the next power of two
	OptimalOpenZones uint64 // how many zones are best written at once
}

// Create makes a zoned device, or sees to it that one is made when the base
// appears. A base has at most one. The error is ErrExists if the name or the
// base is taken.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	switch {
	case cfg.Name == "" || cfg.Base == "":
		return "", fmt.Errorf("name %q, base_bdev %q: neither may be empty: %w", cfg.Name, cfg.Base, bdev.ErrInvalid)
	case cfg.OptimalOpenZones == 0 || cfg.OptimalOpenZones > math.MaxUint32:
		return "", fmt.Errorf("optimal_open_zones %d: it must be from 1 to %d: %w", cfg.OptimalOpenZones, uint32(math.MaxUint32), bdev.ErrInvalid)
	}
	if _, _, err := zoneSize(cfg.ZoneCapacity); err != nil {
		return "", err
	}
	p := &plan{Name: cfg.Name, Base: cfg.Base, Config: geometry{cfg.ZoneCapacity, cfg.OptimalOpenZones}}
	deferred, err := m.plans.Add(ctx, p, func(o *plan) error {
		switch {
		case o.Name == p.Name:
			return fmt.Errorf("block zoned bdev %s %w", o.Name, bdev.ErrExists)
		case o.Base == p.Base:
			return fmt.Errorf("block zoned bdev %s on base bdev %s %w", o.Name, o.Base, bdev.ErrExists)
		}
		return nil
	})
	if deferred {
		log.Noticef("zone_block: %s is made when base bdev %s appears", p.Name, p.Base)
	}
	return cfg.Name, err
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	_, err := m.plans.Delete(ctx, name)
	return err
}

// ExamineConfig implements bdev.ConfigExaminer. A plan that fails now is
// dropped, as SPDK does.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.plans.Arrived(ctx, info.Name, func(p *plan, err error) bool {
		log.Errorf("zone_block: %s on base bdev %s: %v", p.Name, p.Base, err)
		return !vbdev.Missing(err)
	})
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
