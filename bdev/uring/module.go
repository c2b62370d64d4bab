// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

const moduleName = "uring"

// Module makes uring devices and registers them. Its methods may be called from
// any goroutine that may block.
type Module struct {
	reg *bdev.Registry

	mu    sync.Mutex
	disks map[string]*Disk // by name
}

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module {
	return &Module{reg: r, disks: map[string]*Disk{}}
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create opens a file and registers it as a device.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	d, err := New(cfg)
	if err != nil {
		return "", err
	}
	d.mod = m
	if err := m.register(ctx, d); err != nil {
		return "", errors.Join(err, d.Close(ctx))
	}
	return cfg.Name, nil
}

func (m *Module) register(ctx context.Context, d *Disk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.reg.Register(ctx, d); err != nil {
		return err
	}
	m.disks[d.cfg.Name] = d
	return nil
}

// Delete removes a device of the module's and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	return m.reg.UnregisterFrom(ctx, moduleName, name)
}

// Rescan looks how large the file is now and tells users if that has changed.
// If the block device below has gone, the device is removed.
func (m *Module) Rescan(name string) error {
	info, err := m.reg.Get(name)
	if err != nil {
		return fmt.Errorf("rescan %w", err)
	}
	m.mu.Lock()
	d := m.disks[info.Name]
	m.mu.Unlock()
	if d == nil || info.Module != moduleName {
		return fmt.Errorf("rescan block device %q: it is made by module %q, not %q: %w", name, info.Module, moduleName, bdev.ErrNotFound)
	}
	if d.lost() {
		return nil
	}
	return m.reg.Resize(info.Name, d.file.Size()>>d.shift)
}

// remove unregisters a device that has gone, without waiting.
func (m *Module) remove(name string) {
	go func() {
		if err := m.Delete(context.Background(), name); err != nil && !errors.Is(err, bdev.ErrNotFound) {
			log.Errorf("uring: removing %s: %v", name, err)
		}
	}()
}

// forget is told that a device has been closed.
func (m *Module) forget(d *Disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.disks[d.cfg.Name] == d {
		delete(m.disks, d.cfg.Name)
	}
}
