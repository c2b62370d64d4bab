// SPDX-License-Identifier: BSD-3-Clause

// Package error is a block device that hands everything to another one, but
// for errors that one tells it to make: failures, IO that hangs, data that
// change on their way.
package error

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("vbdev_error")

const moduleName = "error"

// prefix is what a device's name has before that of its base.
const prefix = "EE_"

// Kind is what goes wrong.
type Kind uint8

// Kinds, by SPDK's names.
const (
	Failure     Kind = iota + 1 // the IO fails
	Pending                     // the IO does not end, until Resume or a reset
	CorruptData                 // a byte of reads and writes changes
	NoMemory                    // the IO fails for lack of memory, so that the block layer repeats it
	NVMeFailure                 // the IO fails with an NVMe status
)

var kindNames = []string{"", "failure", "pending", "corrupt_data", "nomem", "nvme_failure"}

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	if i := slices.Index(kindNames, name); i > 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("error_type %q: it must be one of %v: %w", name, kindNames[1:], bdev.ErrInvalid)
}

// Injection says what goes wrong, and how often.
type Injection struct {
	Kind       Kind
	Count      uint32 // IOs
	QueueDepth uint64 // only while at least so many are under way on the thread
	// SCT and SC are the status of NVMeFailure.
	SCT, SC uint8
	// Offset is the byte of an IO's data that CorruptData changes, Value
	// what it is combined with by exclusive or, not 0.
	Offset uint64
	Value  uint8
}

// Module makes error devices. Its methods may be called from any goroutine
// that may block.
type Module struct {
	reg   *bdev.Registry
	plans *vbdev.Plans[uuid.UUID]

	mu    sync.Mutex
	disks []*disk // that are registered
	saved []*plan // in the order of their making
}

type plan = vbdev.Plan[uuid.UUID]

var _ bdev.ConfigExaminer = (*Module)(nil)

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module {
	m := &Module{reg: r}
	m.plans = vbdev.NewPlans(r, moduleName, m.make)
	return m
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Create makes a device on a base, with its name and EE_ before it, or sees to
// it that one is made when the base appears. A base has at most one.
func (m *Module) Create(ctx context.Context, base string, id uuid.UUID) (name string, err error) {
	if base == "" {
		return "", fmt.Errorf("base_name is empty: %w", bdev.ErrInvalid)
	}
	p := &plan{Name: prefix + base, Base: base, Config: id}
	deferred, err := m.plans.Add(ctx, p, func(o *plan) error {
		if o.Base == base {
			return fmt.Errorf("error bdev on base bdev %s %w", base, bdev.ErrExists)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if deferred {
		log.Noticef("error: %s is made when base bdev %s appears", p.Name, base)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = append(m.saved, p)
	return p.Name, nil
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	p, err := m.plans.Delete(ctx, name)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = slices.DeleteFunc(m.saved, func(o *plan) bool { return o == p })
	return err
}

// find returns a device of the module's.
func (m *Module) find(name string) (*disk, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.disks {
		if d.info.Name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("error block device %q: %w", name, bdev.ErrNotFound)
}

// Inject says what goes wrong with operations: OpRead, OpWrite, OpUnmap or
// OpFlush. It replaces what was said of them before.
func (m *Module) Inject(name string, ops []bdev.Op, in Injection) error {
	d, err := m.find(name)
	if err != nil {
		return err
	}
	if in.Kind == CorruptData && in.Value == 0 {
		return fmt.Errorf("corrupt_value 0 changes nothing: it must be from 1 to 255: %w", bdev.ErrInvalid)
	}
	for _, op := range ops {
		w := &wrong{Injection: in}
		w.left.Store(in.Count)
		d.wrong[op].Store(w)
	}
	return nil
}

// Clear ends what Inject began. IO that hangs goes on hanging.
func (m *Module) Clear(name string) error {
	d, err := m.find(name)
	if err != nil {
		return err
	}
	for i := range d.wrong {
		d.wrong[i].Store(nil)
	}
	return nil
}

// Resume sends what hangs to the base.
func (m *Module) Resume(ctx context.Context, name string) error {
	d, err := m.find(name)
	if err != nil {
		return err
	}
	from := d.channels.Any()
	if from == nil {
		return nil // nothing hangs
	}
	done := make(chan struct{})
	d.channels.Each(from, (*channel).resume, func() { close(done) })
	select {
	case <-done:
	case <-from.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// ExamineConfig implements bdev.ConfigExaminer.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.plans.Arrived(ctx, info.Name, func(p *plan, err error) bool {
		log.Errorf("error: %s on base bdev %s: %v", p.Name, p.Base, err)
		return false
	})
}

// newDisk opens the base and makes the device, to be registered.
func newDisk(ctx context.Context, m *Module, p *plan) (*disk, error) {
	base, err := vbdev.OpenBase(ctx, m.reg, p.Base, moduleName, vbdev.Events{
		Removed: func() { vbdev.Unregister(m.reg, flag, p.Name) },
		Resized: func(blocks uint64) {
			if err := m.reg.Resize(p.Name, blocks); err != nil {
				flag.Infof("%s: %v", p.Name, err)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	id := p.Config
	if id == uuid.Nil {
		id = vbdev.PartUUID(base.Info.UUID, 0, base.Info.NumBlocks)
	}
	return &disk{m: m, base: base, info: vbdev.Like(base.Info, p.Name, "Error Injection Disk", moduleName, id)}, nil
}

// make carries out a plan.
func (m *Module) make(ctx context.Context, p *plan) error {
	d, err := newDisk(ctx, m, p)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.disks = append(m.disks, d)
	m.mu.Unlock()
	if err := m.reg.Register(ctx, d); err != nil {
		return errors.Join(err, d.Close(ctx))
	}
	d.base.Ready()
	return nil
}

func (m *Module) forget(d *disk) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.disks = slices.DeleteFunc(m.disks, func(o *disk) bool { return o == d })
}

// wrong is an injection at work, on all threads.
type wrong struct {
	Injection
	left atomic.Uint32
}

// take tells whether an IO is to go wrong, with so many under way.
func (w *wrong) take(depth uint64) bool {
	if depth < w.QueueDepth {
		return false
	}
	for {
		n := w.left.Load()
		if n == 0 {
			return false
		}
		if w.left.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// disk is an error device.
type disk struct {
	m     *Module
	base  *vbdev.Base
	info  bdev.Info
	wrong [bdev.OpFlush + 1]atomic.Pointer[wrong] // by operation

	channels vbdev.Channels[*channel]
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *disk) Supports(op bdev.Op) bool { return d.base.Desc.Supports(op) }

// SupportsIOType implements bdev.IOTyper.
func (d *disk) SupportsIOType(name string, _ bool) bool { return d.base.Desc.SupportsIOType(name) }

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("error: base device of %s: %w", d.info.Name, err)
	}
	return newChannel(d, t, base), nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error {
	d.m.forget(d)
	return d.base.Close()
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	type specific struct {
		Base string `json:"base_bdev"`
	}
	return struct {
		Error specific `json:"error_disk"`
	}{specific{d.base.Info.Name}}
}
