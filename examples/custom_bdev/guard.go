// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

const moduleName = "guard"

// Config describes a device to make.
type Config struct {
	Name  string // of the device
	Base  string // the device below it
	Range Range  // protected
}

// Range is some blocks of a device.
type Range struct{ First, Blocks uint64 }

func (r Range) check() error {
	if r.First > math.MaxUint64-r.Blocks {
		return fmt.Errorf("first_block %d, num_blocks %d: their sum is too large: %w", r.First, r.Blocks, bdev.ErrInvalid)
	}
	return nil
}

// Overlaps tells whether some of the blocks from first on are in r.
func (r Range) Overlaps(first, blocks uint64) bool {
	return first < r.First+r.Blocks && r.First < first+blocks
}

// Module makes guard devices. Its methods may be called from any goroutine
// that may block.
type Module struct {
	reg *bdev.Registry

	mu     sync.Mutex
	wanted []*wanted
}

// wanted is a device that the user has asked for. It outlives the device: when
// the base goes and comes back, so does the device.
type wanted struct {
	Config
	disk *disk // nil while there is no base
}

var _ bdev.ConfigExaminer = (*Module)(nil)

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module { return &Module{reg: r} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create makes a device, now or as soon as its base appears.
func (m *Module) Create(ctx context.Context, cfg Config) error {
	if cfg.Name == "" || cfg.Base == "" {
		return fmt.Errorf("name %q, base_bdev_name %q: neither may be empty: %w", cfg.Name, cfg.Base, bdev.ErrInvalid)
	}
	if err := cfg.Range.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.find(cfg.Name) != nil {
		return fmt.Errorf("guard bdev %s %w", cfg.Name, bdev.ErrExists)
	}
	w := &wanted{Config: cfg}
	if err := m.make(ctx, w); err != nil && !missing(err) {
		return err
	}
	m.wanted = append(m.wanted, w)
	return nil
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	m.mu.Lock()
	w := m.find(name)
	m.wanted = slices.DeleteFunc(m.wanted, func(o *wanted) bool { return o == w })
	m.mu.Unlock()
	if w == nil {
		return fmt.Errorf("guard bdev %q: %w", name, bdev.ErrNotFound)
	}
	if err := m.reg.UnregisterFrom(ctx, moduleName, name); err != nil && !missing(err) {
		return err
	}
	return nil
}

// SetRange changes what a device protects.
func (m *Module) SetRange(name string, r Range) error {
	if err := r.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.find(name)
	if w == nil {
		return fmt.Errorf("guard bdev %q: %w", name, bdev.ErrNotFound)
	}
	w.Range = r
	if w.disk != nil {
		w.disk.protected.Store(&r)
	}
	return nil
}

// ExamineConfig implements bdev.ConfigExaminer: the base of a device may have
// appeared.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.wanted {
		if w.Base != info.Name || w.disk != nil {
			continue
		}
		if err := m.make(ctx, w); err != nil {
			log.Errorf("guard: %s on %s: %v", w.Name, w.Base, err)
		}
	}
}

func (m *Module) find(name string) *wanted {
	i := slices.IndexFunc(m.wanted, func(w *wanted) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return m.wanted[i]
}

// missing tells whether an error says that a device is not there, or going.
func missing(err error) bool {
	return errors.Is(err, bdev.ErrNotFound) || errors.Is(err, bdev.ErrRemoving)
}

// make makes the device that is wanted. m.mu is held, which keeps events of
// the base waiting until the device is registered.
func (m *Module) make(ctx context.Context, w *wanted) error {
	d, err := newDisk(ctx, m, w)
	if err != nil {
		return err
	}
	if err := m.reg.Register(ctx, d); err != nil {
		return errors.Join(err, d.Close(ctx))
	}
	w.disk = d
	return nil
}

// baseEvent follows the base. It is called on a goroutine that may block.
func (m *Module) baseEvent(w *wanted, d *disk, e bdev.Event) {
	m.mu.Lock()
	registered := w.disk == d
	m.mu.Unlock()
	if !registered {
		return
	}
	switch e.Kind {
	case bdev.EventResize:
		if err := m.reg.Resize(w.Name, e.Blocks); err != nil {
			log.Warnf("guard: %s: %v", w.Name, err)
		}
	case bdev.EventRemove:
		ctx := context.Background() // users take the time that they need
		if err := m.reg.UnregisterFrom(ctx, moduleName, w.Name); err != nil && !missing(err) {
			log.Warnf("guard: %s: %v", w.Name, err)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		w.disk = nil
		if m.find(w.Name) != w { // deleted meanwhile
			return
		}
		if err := m.make(ctx, w); err != nil && !missing(err) { // if the base is back already
			log.Errorf("guard: %s on %s: %v", w.Name, w.Base, err)
		}
	}
}
