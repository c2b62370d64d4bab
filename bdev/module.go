// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"slices"
)

// Module is what makes block devices: "malloc", "aio", "raid", as SPDK calls
// them. What else it can do it says by implementing [ConfigExaminer],
// [DiskExaminer] and [Closer].
type Module interface {
	Name() string
}

// ConfigExaminer is a module that makes devices on top of others when they
// appear. ExamineConfig is called for each device that is registered and for
// none that is there already when the module is added. It does no I/O to the
// device: it looks at what the module has been told to make.
type ConfigExaminer interface {
	ExamineConfig(ctx context.Context, info Info)
}

// DiskExaminer is a module that finds what is on a device. ExamineDisk is
// called after all modules' ExamineConfig, unless one of them has claimed the
// device for itself. It opens the device itself and may read.
//
// Both kinds of examination run on a goroutine of the registry, one device
// after the other in the order of registration, and may block.
type DiskExaminer interface {
	ExamineDisk(ctx context.Context, info Info)
}

// Closer is a module that has something to release at the registry's Close,
// after all devices are gone.
type Closer interface {
	Close(ctx context.Context) error
}

// AddModule makes a module known. It panics if there is one of that name.
// Modules are asked in the order in which they were added.
func (r *Registry) AddModule(m Module) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.ContainsFunc(r.modules, func(o Module) bool { return o.Name() == m.Name() }) {
		panic(fmt.Sprintf("bdev: module %q is added twice", m.Name()))
	}
	r.modules = append(r.modules, m)
}

// Modules returns the modules in the order in which they were added.
func (r *Registry) Modules() []Module {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.modules)
}
