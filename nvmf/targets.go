// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
)

// TargetName is what the target of a daemon is called.
const TargetName = "nvmf_tgt"

// MaxTargetName is the length in bytes of the longest name of a target.
const MaxTargetName = 255

// family is the targets of a program. The first was made by NewTarget and has
// the threads, on which the others run controllers too.
type family struct {
	mu  sync.Mutex
	all []*Target // oldest first
}

// Name returns the name of the target: TargetName of the first one.
func (t *Target) Name() string { return t.name }

// AddTarget makes another target beside t, with the same block devices, types
// of transports and threads, and with subsystems, transports and listeners of
// its own. Closing the first target closes it. EEXIST means that the name is
// taken.
func (t *Target) AddTarget(name string, c TargetConfig) (*Target, error) {
	f := t.family
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case name == "" || len(name) > MaxTargetName:
		return nil, fmt.Errorf("nvmf: target name %q is %d bytes long, it must have 1 to %d", name, len(name), MaxTargetName)
	case slices.ContainsFunc(f.all, func(o *Target) bool { return o.name == name }):
		return nil, fmt.Errorf("nvmf: there is a target named %s: %w", name, syscall.EEXIST)
	}
	first := f.all[0]
	o := NewTarget(t.registry)
	o.name, o.family, o.computing = name, f, first.computing
	o.readKey, o.holdKey = first.readKey, first.holdKey
	o.SetConfig(c)
	first.mu.Lock()
	o.modules = slices.Clone(first.modules)
	o.threads, o.borrowed = slices.Clone(first.threads), true
	closed := first.closed
	first.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("nvmf: target %s: %w", name, ErrClosed)
	}
	first.announcing.mu.Lock()
	o.announcing.by = first.announcing.by
	first.announcing.mu.Unlock()
	for _, th := range o.Threads() {
		o.group(th)
	}
	f.all = append(f.all, o)
	return o, nil
}

// RemoveTarget closes a target that AddTarget has made. EBUSY means that it is
// the first one, which its program closes.
func (t *Target) RemoveTarget(ctx context.Context) error {
	f := t.family
	if !t.borrowed {
		return fmt.Errorf("nvmf: target %s is the program's own: %w", t.name, syscall.EBUSY)
	}
	if err := t.Close(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = slices.DeleteFunc(f.all, func(o *Target) bool { return o == t })
	return nil
}

// Targets returns t and those beside it, newest first.
func (t *Target) Targets() []*Target {
	f := t.family
	f.mu.Lock()
	defer f.mu.Unlock()
	all := slices.Clone(f.all)
	slices.Reverse(all)
	return all
}

// closeOthers closes the targets beside the first one, which is t.
func (t *Target) closeOthers(ctx context.Context) error {
	var errs []error
	if t.borrowed {
		return nil
	}
	for _, o := range t.Targets() {
		if o != t {
			errs = append(errs, o.RemoveTarget(ctx))
		}
	}
	return errors.Join(errs...)
}
