// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("vbdev_gpt")

const moduleName = "gpt"

// Options are choices about devices that appear afterwards.
type Options struct {
	// ShowOthers makes devices of partitions that are not SPDK's, too. They
	// can only be read.
	ShowOthers bool
}

// Module finds partitions. Its methods may be called from any goroutine that
// may block.
type Module struct {
	reg *bdev.Registry

	mu      sync.Mutex
	options Options
}

var _ bdev.DiskExaminer = (*Module)(nil)

// NewModule makes the module.
func NewModule(r *bdev.Registry) *Module { return &Module{reg: r} }

// Name implements bdev.Module.
func (m *Module) Name() string { return moduleName }

// SetOptions replaces the options.
func (m *Module) SetOptions(o Options) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.options = o
}

// Options returns the options.
func (m *Module) Options() Options {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.options
}

// ExamineDisk implements bdev.DiskExaminer.
func (m *Module) ExamineDisk(ctx context.Context, info bdev.Info) {
	g := geometry{info.BlockSize, info.NumBlocks}
	if info.BlockSize%512 != 0 || info.NumBlocks < 2 || info.NumBlocks < g.bufferBlocks() {
		return // no place for a table
	}
	t, err := m.read(ctx, info.Name, g)
	switch {
	case errors.Is(err, errNoTable) || vbdev.Missing(err):
		flag.Debugf("%s: %v", info.Name, err)
		return
	case err != nil:
		log.Errorf("gpt: %s: %v", info.Name, err)
		return
	}
	if err := m.show(ctx, info.Name, t); err != nil {
		log.Errorf("gpt: %s: %v", info.Name, err)
	}
}

// read reads the table of a device: the primary one, or the one at the
// device's end if that is broken.
func (m *Module) read(ctx context.Context, name string, g geometry) (t *table, err error) {
	desc, err := m.reg.Open(ctx, name, bdev.Read, nil)
	if err != nil {
		return nil, err
	}
	io := desc.Blocking()
	defer func() { err = errors.Join(err, io.Close(), desc.Close()) }()
	p := make([]byte, g.bufferBlocks()*uint64(g.blockSize))
	if _, err := io.ReadAtContext(ctx, p, 0); err != nil {
		return nil, err
	}
	if err := g.checkMBR(p); err != nil {
		return nil, err
	}
	t, broken := g.primary(p)
	if broken == nil {
		return t, nil
	}
	if _, err := io.ReadAtContext(ctx, p, io.Size()-int64(len(p))); err != nil {
		return nil, err
	}
	if t, err = g.backup(p); err != nil {
		return nil, fmt.Errorf("neither partition table can be used: the first: %w; the one at the end: %w", broken, err)
	}
	log.Warnf("Gpt: bdev=%s primary partition table broken, use the secondary: %v", name, broken)
	return t, nil
}

// show makes devices of the partitions. The base is claimed if there is one
// of SPDK's among them.
func (m *Module) show(ctx context.Context, name string, t *table) error {
	others := m.Options().ShowOthers
	var wanted []*partition
	owned := false
	for i := range t.partitions {
		p := &t.partitions[i]
		if t.usable(p) > 0 && (p.spdk() || others) {
			wanted = append(wanted, p)
			owned = owned || p.spdk()
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	b, err := openBase(ctx, m, name, t, owned)
	if err != nil {
		return err
	}
	b.get(nil) // until all are made
	var errs []error
	for _, p := range wanted {
		d := newDisk(b, p)
		b.get(d)
		if err := m.reg.Register(ctx, d); err != nil {
			errs = append(errs, err, d.Close(ctx))
		}
	}
	b.Ready()
	return errors.Join(append(errs, b.put(nil))...)
}
