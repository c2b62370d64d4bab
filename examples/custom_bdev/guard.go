// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

const moduleName = "guard"

// Config describes a device to make.
type Config struct {
	Name   string // of the device
	Base   string // the device below it
	First  uint64 // first protected block
	Blocks uint64 // number of protected blocks
}

func (c *Config) check() error {
	switch {
	case c.Name == "" || c.Base == "":
		return fmt.Errorf("name %q, base_bdev_name %q: neither may be empty: %w", c.Name, c.Base, bdev.ErrInvalid)
	case c.First > math.MaxUint64-c.Blocks:
		return fmt.Errorf("first_block %d, num_blocks %d: their sum is too large: %w", c.First, c.Blocks, bdev.ErrInvalid)
	}
	return nil
}

// Module makes guard devices. Its methods may be called from any goroutine
// that may block.
type Module struct{ reg *bdev.Registry }

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module { return &Module{r} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create makes a device.
func (m *Module) Create(ctx context.Context, cfg Config) error {
	d, err := m.newDisk(ctx, cfg)
	if err != nil {
		return err
	}
	defer close(d.decided)
	if err := m.reg.Register(ctx, d); err != nil {
		return errors.Join(err, d.Close(ctx))
	}
	d.registered = true
	return nil
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	return m.reg.UnregisterFrom(ctx, moduleName, name)
}

// baseEvent follows the base. It is called on a goroutine that may block.
func (m *Module) baseEvent(d *disk, e bdev.Event) {
	<-d.decided
	if !d.registered {
		return
	}
	var err error
	switch e.Kind {
	case bdev.EventRemove:
		err = m.reg.UnregisterFrom(context.Background(), moduleName, d.info.Name) // users take the time that they need
	case bdev.EventResize:
		err = m.reg.Resize(d.info.Name, e.Blocks)
	}
	if err != nil && !errors.Is(err, bdev.ErrNotFound) { // somebody may have deleted it
		log.Warnf("guard: %s: %v", d.info.Name, err)
	}
}
