// SPDX-License-Identifier: BSD-3-Clause

// Package split makes several block devices out of one: equal parts of it, one
// after the other.
package split

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

var flag = log.Flag("vbdev_split")

const moduleName = "split"

// Module splits devices. Its methods may be called from any goroutine that
// may block.
type Module struct {
	reg *bdev.Registry

	mu     sync.Mutex
	splits []*split
}

var _ bdev.ConfigExaminer = (*Module)(nil)

// NewModule makes the module.
func NewModule(r *bdev.Registry) *Module { return &Module{reg: r} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// Config says how to split a device.
type Config struct {
	Base  string // name of the device
	Count uint32 // parts to make; as many as fit if they are fewer
	SizeM uint64 // MiB a part; 0 to divide the device equally
}

// split is a device that is to be split.
type split struct {
	Config
	base  *vbdev.Base // while the parts stand
	parts []*disk     // that are registered
}

// Create splits a device into parts called like it with p0, p1 and so on
// after that, or sees to it that it is split when it appears. It returns the
// parts' names, none in the latter case. The error is ErrExists if the device
// is split already.
func (m *Module) Create(ctx context.Context, cfg Config) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case cfg.Base == "":
		return nil, fmt.Errorf("base_bdev is empty: %w", bdev.ErrInvalid)
	case cfg.Count == 0:
		return nil, fmt.Errorf("split_count 0: it must be at least 1: %w", bdev.ErrInvalid)
	case cfg.SizeM > 1<<42:
		return nil, fmt.Errorf("split_size_mb %d: it must be at most %d: %w", cfg.SizeM, uint64(1)<<42, bdev.ErrInvalid)
	case m.find(cfg.Base) != nil:
		return nil, fmt.Errorf("split of %s %w", cfg.Base, bdev.ErrExists)
	}
	s := &split{Config: cfg}
	err = m.make(ctx, s)
	if err != nil && !vbdev.Missing(err) {
		return nil, err
	}
	m.splits = append(m.splits, s)
	for _, d := range s.parts {
		names = append(names, d.info.Name)
	}
	return names, nil
}

func (m *Module) find(base string) *split {
	i := slices.IndexFunc(m.splits, func(s *split) bool { return s.Base == base })
	if i < 0 {
		return nil
	}
	return m.splits[i]
}

// Delete removes the parts of a device, waits for their users, and forgets
// that it was to be split.
func (m *Module) Delete(ctx context.Context, base string) error {
	m.mu.Lock()
	s := m.find(base)
	if s == nil {
		m.mu.Unlock()
		return fmt.Errorf("split of %q: %w", base, errNotSplit)
	}
	m.splits = slices.DeleteFunc(m.splits, func(o *split) bool { return o == s })
	parts := slices.Clone(s.parts)
	m.mu.Unlock()
	var errs []error
	for _, d := range parts {
		if err := m.reg.UnregisterFrom(ctx, moduleName, d.info.Name); !errors.Is(err, bdev.ErrNotFound) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ExamineConfig implements bdev.ConfigExaminer.
func (m *Module) ExamineConfig(ctx context.Context, info bdev.Info) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.find(info.Name)
	if s == nil || s.base != nil {
		return
	}
	if err := m.make(ctx, s); err != nil {
		log.Errorf("split: %s: %v", s.Base, err)
	}
}

// make opens the base and registers the parts. m.mu is held.
func (m *Module) make(ctx context.Context, s *split) error {
	base, err := vbdev.OpenBase(ctx, m.reg, s.Base, moduleName, vbdev.Events{Removed: func() { m.remove(s) }})
	if err != nil {
		return err
	}
	size, count, err := s.divide(&base.Info)
	if err != nil {
		return errors.Join(err, base.Close())
	}
	s.base = base
	for i := range count {
		d := newDisk(m, s, base, i, size)
		s.parts = append(s.parts, d)
		if err = m.reg.Register(ctx, d); err != nil {
			s.parts = s.parts[:len(s.parts)-1]
			break
		}
	}
	base.Ready()
	if err == nil {
		return nil
	}
	parts := slices.Clone(s.parts)
	if len(parts) == 0 {
		s.base = nil
		return errors.Join(err, base.Close())
	}
	for _, d := range parts {
		go vbdev.Unregister(m.reg, flag, d.info.Name)
	}
	return err
}

// divide returns the size of a part in blocks, and how many there are.
func (s *split) divide(base *bdev.Info) (size, count uint64, err error) {
	bs := uint64(base.BlockSize)
	size = base.NumBlocks / uint64(s.Count)
	if s.SizeM > 0 {
		if s.SizeM<<20%bs != 0 {
			return 0, 0, fmt.Errorf("split_size_mb %d: it is no multiple of the block size %d of %s: %w", s.SizeM, bs, base.Name, bdev.ErrInvalid)
		}
		size = s.SizeM << 20 / bs
	}
	if size == 0 || size > base.NumBlocks {
		return 0, 0, fmt.Errorf("split_count %d, split_size_mb %d: %s has only %d blocks of %d bytes: %w",
			s.Count, s.SizeM, base.Name, base.NumBlocks, bs, bdev.ErrInvalid)
	}
	count = uint64(s.Count)
	if fits := base.NumBlocks / size; count > fits {
		log.Warnf("Split count %d is greater than maximum possible split count %d - clamping", count, fits)
		count = fits
	}
	return size, count, nil
}

// remove removes the parts because the base goes.
func (m *Module) remove(s *split) {
	m.mu.Lock()
	parts := slices.Clone(s.parts)
	m.mu.Unlock()
	for _, d := range parts {
		vbdev.Unregister(m.reg, flag, d.info.Name)
	}
}

// put lets go of the base when the last part has gone.
func (m *Module) put(s *split, d *disk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.parts = slices.DeleteFunc(s.parts, func(o *disk) bool { return o == d })
	if len(s.parts) > 0 || s.base == nil {
		return nil
	}
	base := s.base
	s.base = nil
	return base.Close()
}

// disk is a part.
type disk struct {
	m     *Module
	s     *split
	base  *vbdev.Base
	first uint64
	info  bdev.Info
}

func newDisk(m *Module, s *split, base *vbdev.Base, i, size uint64) *disk {
	d := &disk{m: m, s: s, base: base, first: i * size}
	id := vbdev.PartUUID(base.Info.UUID, d.first, size)
	d.info = vbdev.Like(base.Info, fmt.Sprintf("%sp%d", s.Base, i), "Split Disk", moduleName, id)
	d.info.NumBlocks = size
	// The base's boundary is not at the same blocks of a part.
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 0, false
	return d
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. Zones are the whole base's, and so is what
// commands of NVMe name.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpZoneAppend, bdev.OpZoneManagement, bdev.OpZoneReport, bdev.OpNVMeAdmin, bdev.OpNVMeIO:
		return false
	}
	return d.base.Desc.Supports(op)
}

// SupportsIOType implements bdev.IOTyper: commands of NVMe name blocks of the
// whole base.
func (d *disk) SupportsIOType(name string, _ bool) bool {
	switch name {
	case "nvme_admin", "nvme_io", "nvme_io_md", "get_zone_info", "zone_management", "zone_append":
		return false
	}
	return d.base.Desc.SupportsIOType(name)
}

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	base, err := d.base.Desc.Channel(t)
	if err != nil {
		return nil, fmt.Errorf("split: base device of %s: %w", d.info.Name, err)
	}
	return &channel{d, vbdev.NewForwarder(base, &d.info, d.first, nil)}, nil
}

// Close implements bdev.Device.
func (d *disk) Close(context.Context) error { return d.m.put(d.s, d) }

// DriverSpecific is what bdev_get_bdevs tells of the device.
func (d *disk) DriverSpecific() any {
	type specific struct {
		Base   string `json:"base_bdev"`
		Offset uint64 `json:"offset_blocks"`
	}
	return struct {
		Split specific `json:"split"`
	}{specific{d.base.Info.Name, d.first}}
}

// channel is a part on one thread.
type channel struct {
	d *disk
	f *vbdev.Forwarder
}

// Submit implements bdev.Channel.
func (c *channel) Submit(io *bdev.IO) { c.f.Send(io) }

// Close implements bdev.Channel.
func (c *channel) Close() {
	if err := c.f.Close(); err != nil {
		flag.Infof("%s: %v", c.d.info.Name, err)
	}
}
