// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"context"
	"slices"
	"sync"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
)

// base is a device with a table, while there are devices of its partitions.
type base struct {
	*vbdev.Base
	table *table

	mu    sync.Mutex
	users []*disk // and nil for whoever makes them
}

// openBase opens a device for its partitions, and claims it if some of them
// are SPDK's. Others are only read.
func openBase(ctx context.Context, m *Module, name string, t *table, claim bool) (b *base, err error) {
	b = &base{table: t}
	events := vbdev.Events{Removed: func() { b.removed(m.reg) }}
	if claim {
		b.Base, err = vbdev.OpenBase(ctx, m.reg, name, moduleName, events)
	} else {
		b.Base, err = vbdev.OpenBaseToRead(ctx, m.reg, name, events)
	}
	return b, err
}

// get adds a user.
func (b *base) get(d *disk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users = append(b.users, d)
}

// put takes a user out; the last one closes the base.
func (b *base) put(d *disk) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.users = slices.DeleteFunc(b.users, func(o *disk) bool { return o == d })
	if len(b.users) > 0 {
		return nil
	}
	return b.Close()
}

// removed takes all partitions away, at once, since the base goes.
func (b *base) removed(r *bdev.Registry) {
	b.mu.Lock()
	disks := slices.Clone(b.users)
	b.mu.Unlock()
	var all sync.WaitGroup
	for _, d := range disks {
		all.Go(func() { vbdev.Unregister(r, flag, d.info.Name) })
	}
	all.Wait()
}
