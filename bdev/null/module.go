// SPDX-License-Identifier: BSD-3-Clause

package null

import (
	"context"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/bdev"
)

const moduleName = "null"

// Module makes null devices and registers them. Its methods may be called from
// any goroutine that may block.
type Module struct {
	reg *bdev.Registry

	mu    sync.Mutex
	disks map[string]*Disk // by name
}

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module { return &Module{reg: r, disks: map[string]*Disk{}} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create makes a device and registers it.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	d, err := New(cfg)
	if err != nil {
		return "", err
	}
	d.closed = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.disks, cfg.Name)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.reg.Register(ctx, d); err != nil {
		return "", err
	}
	m.disks[cfg.Name] = d
	return cfg.Name, nil
}

// Resize changes the size of a device of the module's, to so many MiB.
func (m *Module) Resize(name string, mib uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.disks[name]
	if d == nil {
		return fmt.Errorf("null block device %q: %w", name, bdev.ErrNotFound)
	}
	info := d.Info()
	size := uint64(info.BlockSize)
	if mib > 1<<42 || mib<<20 < info.NumBlocks*size {
		return fmt.Errorf("new_size %d MiB of %s: it must not be less than the %d bytes that it has, nor more than 4 EiB: %w",
			mib, name, info.NumBlocks*size, bdev.ErrInvalid)
	}
	if err := m.reg.Resize(name, mib<<20/size); err != nil {
		return err
	}
	d.blocks.Store(mib << 20 / size)
	return nil
}

// Delete removes a device of the module's and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	return m.reg.UnregisterFrom(ctx, moduleName, name)
}
