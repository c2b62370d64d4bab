// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/log"
)

// Unregister removes a device: it cannot be opened any more, everybody who
// has it open gets EventRemove, and when the last one has closed it the
// device is closed. Unregister waits for that; if ctx ends earlier, the
// removal is completed all the same when the last user closes.
func (r *Registry) Unregister(ctx context.Context, name string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("unregister %w", err)
	}
	return d.unregister(ctx)
}

// UnregisterFrom is Unregister of a device that the named module has made; of
// any other it says ErrNotFound, as SPDK's methods of a module do.
func (r *Registry) UnregisterFrom(ctx context.Context, module, name string) error {
	d, err := r.find(name)
	if err != nil {
		return fmt.Errorf("unregister %w", err)
	}
	if d.info.Module != module {
		return fmt.Errorf("unregister block device %q: it is made by module %q, not %q: %w",
			d.info.Name, d.info.Module, module, ErrNotFound)
	}
	return d.unregister(ctx)
}

func (d *disk) unregister(ctx context.Context) error {
	d.remove()
	select {
	case <-d.gone:
		return d.closeErr
	case <-ctx.Done():
		return fmt.Errorf("unregister block device %q: %w (still open by %d users; it goes when they close it)",
			d.info.Name, ctx.Err(), d.users())
	}
}

// forget takes the names of d out.
func (r *Registry) forget(d *disk) {
	d.announce()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range d.allNames() {
		delete(r.names, n)
		r.exam.allowed = slices.DeleteFunc(r.exam.allowed, func(a string) bool { return a == n })
	}
	r.disks = slices.DeleteFunc(r.disks, func(other *disk) bool { return other == d })
	r.notices.Send(noticeUnregister, d.info.Name)
}

// CloseStarter is a module that wants to know that the registry is being
// closed before devices are removed: so that it can tell that from the loss
// of a disk.
type CloseStarter interface {
	StartClose(ctx context.Context)
}

// Close waits for examinations, flushes and unregisters all devices, those on
// top first and of others the youngest, and closes the modules, the last
// first. It waits for users until ctx ends. Nothing can be registered any
// more.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		close(r.shut)
	}
	r.mu.Unlock()
	errs := []error{r.WaitForExamine(ctx)}
	modules := r.Modules()
	slices.Reverse(modules)
	for _, m := range modules {
		if s, ok := m.(CloseStarter); ok {
			s.StartClose(ctx)
		}
	}
	tried := map[*disk]bool{}
	for d := r.nextToClose(tried); d != nil; d = r.nextToClose(tried) {
		tried[d] = true
		errs = append(errs, d.flush(ctx), d.unregister(ctx))
	}
	for _, m := range modules {
		if c, ok := m.(Closer); ok {
			errs = append(errs, c.Close(ctx))
		}
	}
	r.end()
	r.bg.stop()
	return errors.Join(errs...)
}

// nextToClose returns the youngest device that no module claims and that is
// not among those tried. If all are claimed, a module has not let go of one
// whose own device is gone.
func (r *Registry) nextToClose(tried map[*disk]bool) *disk {
	r.mu.Lock()
	disks := slices.DeleteFunc(slices.Clone(r.disks), func(d *disk) bool { return tried[d] })
	r.mu.Unlock()
	for _, d := range slices.Backward(disks) {
		if kind, _ := d.claimants(); kind == claimNone {
			return d
		}
	}
	if len(disks) == 0 {
		return nil
	}
	d := disks[len(disks)-1]
	_, modules := d.claimants()
	log.Warnf("Unregistering claimed bdev '%s' (by %v)!", d.info.Name, modules)
	return d
}

// flush makes what the device has cached persistent.
func (d *disk) flush(ctx context.Context) error {
	if !d.info.WriteCache || !d.native.has(OpFlush) {
		return nil
	}
	desc, err := d.open(Read, nil)
	if err != nil {
		return nil // it is being removed, by somebody who knows
	}
	b := desc.Blocking()
	err = b.Flush(ctx)
	if ctx.Err() != nil {
		// Closing would wait for a device that may be dead.
		return fmt.Errorf("%w; the device may have lost its write cache", err)
	}
	return errors.Join(err, b.Close(), desc.Close())
}
