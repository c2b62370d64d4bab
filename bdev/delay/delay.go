// SPDX-License-Identifier: BSD-3-Clause

// Package delay is a block device that hands everything to another one and
// lets reads and writes take longer: most by an average latency, one of a
// hundred by that of the 99th percentile.
package delay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("vbdev_delay")

const moduleName = "delay"

// namespace makes the device's UUID out of its base's, as SPDK does.
var namespace = uuid.MustParse("4009b574-6430-4f1b-bc40-ace811091027")

// Latency is one of a device's four.
type Latency uint8

// Latencies.
const (
	AvgRead Latency = iota
	P99Read
	AvgWrite
	P99Write
	numLatencies
)

// Latencies are added to what the base takes, indexed by Latency.
type Latencies [numLatencies]time.Duration

// maxLatency keeps arithmetic from overflowing.
const maxLatency = 1000 * time.Hour

func (l *Latencies) check() error {
	for i, d := range l {
		if d < 0 || d > maxLatency {
			return fmt.Errorf("%s latency %v: it must be from 0 to %v: %w", Latency(i), d, maxLatency, bdev.ErrInvalid)
		}
	}
	if l[P99Read] < l[AvgRead] || l[P99Write] < l[AvgWrite] {
		return fmt.Errorf("latencies of reads %v and %v, of writes %v and %v: that of the 99th percentile must not be less than the average: %w",
			l[AvgRead], l[P99Read], l[AvgWrite], l[P99Write], bdev.ErrInvalid)
	}
	return nil
}

var latencyNames = []string{"avg_read", "p99_read", "avg_write", "p99_write"}

// String returns the latency as SPDK calls it.
func (l Latency) String() string { return latencyNames[l] }

// Module makes delay devices. Its methods may be called from any goroutine
// that may block.
type Module struct {
	reg   *bdev.Registry
	plans *vbdev.Plans[*settings]

	mu    sync.Mutex
	disks []*disk // that are registered
}

// settings are what a device keeps when its base goes and comes back.
type settings struct {
	id        uuid.UUID
	latencies [numLatencies]atomic.Int64 // ns
}

type plan = vbdev.Plan[*settings]

var _ bdev.ConfigExaminer = (*Module)(nil)

// NewModule makes the module without devices.
func NewModule(r *bdev.Registry) *Module {
	m := &Module{reg: r}
	m.plans = vbdev.NewPlans(r, moduleName, m.make)
	return m
}

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Config describes a device to make.
type Config struct {
	Name      string
	Base      string    // name of the base device
	UUID      uuid.UUID // zero for one that follows from the base's
	Latencies Latencies
}

// Create makes a device, or sees to it that one is made when the base
// appears. The error is ErrExists if the module has one of that name.
func (m *Module) Create(ctx context.Context, cfg Config) (name string, err error) {
	if cfg.Name == "" || cfg.Base == "" {
		return "", fmt.Errorf("name %q, base_bdev_name %q: neither may be empty: %w", cfg.Name, cfg.Base, bdev.ErrInvalid)
	}
	if err := cfg.Latencies.check(); err != nil {
		return "", err
	}
	s := &settings{id: cfg.UUID}
	for i, d := range cfg.Latencies {
		s.latencies[i].Store(int64(d))
	}
	deferred, err := m.plans.Add(ctx, &plan{Name: cfg.Name, Base: cfg.Base, Config: s}, func(o *plan) error {
		if o.Name == cfg.Name {
			return fmt.Errorf("delay bdev %s %w", o.Name, bdev.ErrExists)
		}
		return nil
	})
	if deferred {
		log.Noticef("vbdev creation deferred pending base bdev arrival: %s on %s", cfg.Name, cfg.Base)
	}
	return cfg.Name, err
}

// Update changes one latency of a device, for IO that ends from now on.
func (m *Module) Update(name string, l Latency, d time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.disks, func(o *disk) bool { return o.info.Name == name })
	if i < 0 {
		return fmt.Errorf("delay block device %q: %w", name, bdev.ErrNotFound)
	}
	if l >= numLatencies || d < 0 || d > maxLatency {
		return fmt.Errorf("latency %v: it must be from 0 to %v: %w", d, maxLatency, bdev.ErrInvalid)
	}
	m.disks[i].set.latencies[l].Store(int64(d))
	return nil
}

// Delete removes a device and waits for its users.
func (m *Module) Delete(ctx context.Context, name string) error {
	_, err := m.plans.Delete(ctx, name)
	return err
}

// ExamineConfig implements bdev.ConfigExaminer.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.plans.Arrived(ctx, info.Name, func(p *plan, err error) bool {
		log.Errorf("delay: %s on base bdev %s: %v", p.Name, p.Base, err)
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
	id := p.Config.id
	if id == uuid.Nil {
		id = vbdev.UUID(namespace, base.Info.UUID[:])
	}
	return &disk{m: m, base: base, set: p.Config, info: vbdev.Like(base.Info, p.Name, "delay", moduleName, id)}, nil
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

// disk is a delay device.
type disk struct {
	m    *Module
	base *vbdev.Base
	set  *settings
	info bdev.Info

	channels vbdev.Channels[*channel]
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpWriteZeroes, bdev.OpUnmap, bdev.OpFlush, bdev.OpReset, bdev.OpAbort:
		return d.base.Desc.Supports(op)
	}
	return false
}

// SupportsIOType implements bdev.IOTyper.
func (d *disk) SupportsIOType(name string, native bool) bool {
	return (native || name == "zcopy") && d.base.Desc.SupportsIOType(name)
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("delay: base device of %s: %w", d.info.Name, err)
	}
	return newChannel(d, t, base), nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error {
	d.m.forget(d)
	return d.base.Close()
}

// values are what SPDK tells of a device, and what makes it again.
type values struct {
	Name     string    `json:"name"`
	Base     string    `json:"base_bdev_name"`
	UUID     uuid.UUID `json:"uuid"`
	AvgRead  int64     `json:"avg_read_latency"`
	P99Read  int64     `json:"p99_read_latency"`
	AvgWrite int64     `json:"avg_write_latency"`
	P99Write int64     `json:"p99_write_latency"`
}

func (d *disk) values() values {
	us := func(l Latency) int64 { return time.Duration(d.set.latencies[l].Load()).Microseconds() }
	return values{d.info.Name, d.base.Info.Name, d.info.UUID, us(AvgRead), us(P99Read), us(AvgWrite), us(P99Write)}
}

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	return struct {
		Delay values `json:"delay"`
	}{d.values()}
}
