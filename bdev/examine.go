// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"slices"
)

// examination is what is left to be examined. It is under the registry's
// mutex. Two goroutines work on it, while there is work: one asks each
// ConfigExaminer about a device and passes it on to the other, which asks the
// DiskExaminers. So devices that wait for a base are made at once, however
// long the reading of another disk takes.
type examination struct {
	config, disk         []*disk // queues
	configRuns, diskRuns bool    // the goroutine is there
	idle                 chan struct{}
	allowed              []string // names that Examine was told
}

// busy tells whether anything is being examined, or only whether any
// configuration is.
func (e *examination) busy(configOnly bool) bool {
	return e.configRuns || e.diskRuns && !configOnly
}

// wake lets those look again who wait for the end.
func (e *examination) wake() {
	if e.idle != nil {
		close(e.idle)
		e.idle = nil
	}
}

// examine has d examined, if it is to be. r.mu is held. It returns whether
// there is anything to do.
func (r *Registry) examine(d *disk) bool {
	if !d.native.has(OpRead) || !r.options.AutoExamine && !r.allowed(d) {
		return false
	}
	if !slices.ContainsFunc(r.modules, examines) {
		return false
	}
	r.exam.config = append(r.exam.config, d)
	if !r.exam.configRuns {
		r.exam.configRuns = true
		go r.examineConfigs()
	}
	return true
}

func examines(m Module) bool {
	_, config := m.(ConfigExaminer)
	_, disk := m.(DiskExaminer)
	return config || disk
}

// allowed tells whether one of the device's names was given to Examine. r.mu
// is held.
func (r *Registry) allowed(d *disk) bool {
	return slices.ContainsFunc(d.allNames(), func(n string) bool { return slices.Contains(r.exam.allowed, n) })
}

func (r *Registry) examineConfigs() {
	for {
		r.mu.Lock()
		if len(r.exam.config) == 0 {
			r.exam.config, r.exam.configRuns = nil, false
			r.exam.wake()
			r.mu.Unlock()
			return
		}
		d := r.exam.config[0]
		r.exam.config = r.exam.config[1:]
		modules := slices.Clone(r.modules)
		r.mu.Unlock()
		for _, m := range modules {
			if e, ok := m.(ConfigExaminer); ok && !d.isRemoving() {
				e.ExamineConfig(r.life, d.describe())
			}
		}
		r.mu.Lock()
		r.exam.disk = append(r.exam.disk, d)
		if !r.exam.diskRuns {
			r.exam.diskRuns = true
			go r.examineDisks()
		}
		r.mu.Unlock()
	}
}

func (r *Registry) examineDisks() {
	for {
		r.mu.Lock()
		if len(r.exam.disk) == 0 {
			r.exam.disk, r.exam.diskRuns = nil, false
			r.exam.wake()
			r.mu.Unlock()
			return
		}
		d := r.exam.disk[0]
		r.exam.disk = r.exam.disk[1:]
		modules := slices.Clone(r.modules)
		r.mu.Unlock()
		// A device that a module has claimed is that module's to examine.
		kind, claimants := d.claimants()
		for _, m := range modules {
			e, ok := m.(DiskExaminer)
			if ok && !d.isRemoving() && (kind == claimNone || slices.Contains(claimants, m.Name())) {
				e.ExamineDisk(r.life, d.describe())
			}
		}
		d.announce()
	}
}

// Examine has the device of that name examined by the modules, now if it is
// there, otherwise when it is registered. The error is one if all devices are
// examined anyway, or if the name was given before.
func (r *Registry) Examine(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.options.AutoExamine:
		return fmt.Errorf("examine block device %q: all devices are examined automatically; set bdev_auto_examine to false to choose: %w", name, ErrInvalid)
	case name == "":
		return fmt.Errorf("examine: the name is empty: %w", ErrInvalid)
	case slices.Contains(r.exam.allowed, name):
		return fmt.Errorf("examine block device %q: the request %w", name, ErrExists)
	}
	r.exam.allowed = append(r.exam.allowed, name)
	if d := r.names[name]; d != nil {
		r.examine(d)
	}
	return nil
}

// Examined returns the names that were given to Examine and whose devices
// have not been removed since.
func (r *Registry) Examined() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.exam.allowed)
}

// WaitForExamine waits until all devices that are registered have been
// examined, and those that this has brought about. Not from an examination.
func (r *Registry) WaitForExamine(ctx context.Context) error { return r.waitExamined(ctx, false) }

// WaitForConfig waits until all modules have made the devices that waited for
// those that are registered: until ExamineConfig is through, not ExamineDisk.
// In SPDK that is part of the registration, so what a user has asked for
// before is there when the creation of a base returns; here the registration
// does not wait, since its caller may hold locks that the modules need.
func (r *Registry) WaitForConfig(ctx context.Context) error { return r.waitExamined(ctx, true) }

func (r *Registry) waitExamined(ctx context.Context, configOnly bool) error {
	for {
		r.mu.Lock()
		if !r.exam.busy(configOnly) {
			r.mu.Unlock()
			return nil
		}
		if r.exam.idle == nil {
			r.exam.idle = make(chan struct{})
		}
		idle := r.exam.idle
		r.mu.Unlock()
		select {
		case <-idle:
		case <-ctx.Done():
			return fmt.Errorf("wait for the examination of block devices: %w", ctx.Err())
		}
	}
}
