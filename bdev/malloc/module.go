// SPDX-License-Identifier: BSD-3-Clause

package malloc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/bdev"
)

const moduleName = "malloc"

// Module makes malloc devices and registers them. Its methods may be called
// from any goroutine that may block.
type Module struct {
	reg *bdev.Registry

	mu    sync.Mutex
	named int // devices that were given a name here
}

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module { return &Module{reg: r} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create makes a device and registers it. Without a name it is called
// Malloc0, Malloc1 and so on.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	if cfg.Name == "" {
		m.mu.Lock()
		cfg.Name = fmt.Sprintf("Malloc%d", m.named)
		m.named++
		m.mu.Unlock()
	}
	d, err := New(cfg)
	if err != nil {
		return "", err
	}
	if err := m.reg.Register(ctx, d); err != nil {
		return "", errors.Join(err, d.Close(ctx))
	}
	return cfg.Name, nil
}

// Delete removes a device of the module's and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	return m.reg.UnregisterFrom(ctx, moduleName, name)
}
