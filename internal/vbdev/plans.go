// SPDX-License-Identifier: BSD-3-Clause

package vbdev

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
)

// Plans are the devices that a module has been told to make. One whose base
// is missing is made when that appears, and again when it comes back after a
// removal, until the plan is dropped. The methods may be called from any
// goroutine that may block.
type Plans[C any] struct {
	reg    *bdev.Registry
	module string
	make   func(context.Context, *Plan[C]) error

	mu   sync.Mutex
	list []*Plan[C]
}

// Plan is a device to make out of a base with a configuration.
type Plan[C any] struct {
	Name, Base string
	Config     C
}

// NewPlans makes an empty list for a module. make registers the device of a
// plan; it is called for one plan at a time.
func NewPlans[C any](r *bdev.Registry, module string, make func(context.Context, *Plan[C]) error) *Plans[C] {
	return &Plans[C]{reg: r, module: module, make: make}
}

// Add carries a plan out, or keeps it for later if the base is not there.
// check, called before, may refuse it in view of another one. A plan that
// fails is forgotten.
func (p *Plans[C]) Add(ctx context.Context, plan *Plan[C], check func(other *Plan[C]) error) (deferred bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, other := range p.list {
		if err := check(other); err != nil {
			return false, err
		}
	}
	err = p.make(ctx, plan)
	if err != nil && !Missing(err) {
		return false, err
	}
	p.list = append(p.list, plan)
	return err != nil, nil
}

// Arrived carries out the plans for a base that has appeared. failed is told
// of each that cannot be; it returns whether the plan is to be dropped.
func (p *Plans[C]) Arrived(ctx context.Context, base string, failed func(*Plan[C], error) (drop bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = slices.DeleteFunc(p.list, func(plan *Plan[C]) bool {
		if plan.Base != base || p.stands(ctx, plan.Name) {
			return false
		}
		err := p.make(ctx, plan)
		return err != nil && failed(plan, err)
	})
}

// stands tells whether the module's device of that name is there. One that
// is about to go, since its former base has, is waited for.
func (p *Plans[C]) stands(ctx context.Context, name string) bool {
	if info, err := p.reg.Get(name); err != nil || info.Module != p.module {
		return false
	}
	desc, err := p.reg.Open(ctx, name, bdev.Read, nil)
	if err == nil {
		return desc.Close() == nil
	}
	if errors.Is(err, bdev.ErrRemoving) {
		err = p.reg.Unregister(ctx, name)
		return err != nil && !errors.Is(err, bdev.ErrNotFound)
	}
	return false
}

// Drop forgets the plan of a device, and returns it if there is one.
func (p *Plans[C]) Drop(name string) (*Plan[C], bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.list, func(plan *Plan[C]) bool { return plan.Name == name })
	if i < 0 {
		return nil, false
	}
	plan := p.list[i]
	p.list = slices.Delete(p.list, i, i+1)
	return plan, true
}

// Delete removes the module's device of that name, waits for its users, and
// forgets its plan. A plan whose device is not there is forgotten as well,
// but the answer is SPDK's for a device that is missing.
func (p *Plans[C]) Delete(ctx context.Context, name string) (*Plan[C], error) {
	err := p.reg.UnregisterFrom(ctx, p.module, name)
	if err != nil && !errors.Is(err, bdev.ErrNotFound) {
		return nil, err
	}
	plan, ok := p.Drop(name)
	if ok && err != nil {
		err = fmt.Errorf("%w; it was to be made when %q appears, which it is not any more", err, plan.Base)
	}
	return plan, err
}

// Missing tells whether an error says that a device is not there, or about to
// go.
func Missing(err error) bool {
	return errors.Is(err, bdev.ErrNotFound) || errors.Is(err, bdev.ErrRemoving)
}

// DropAll forgets all plans and returns them.
func (p *Plans[C]) DropAll() []*Plan[C] {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.list
	p.list = nil
	return list
}
