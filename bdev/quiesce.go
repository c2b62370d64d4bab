// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"context"
	"fmt"
	"slices"
	"syscall"
)

// quiesced is a range of blocks that a module has made quiet.
type quiesced struct {
	lock  rangeLock
	quiet chan struct{} // closed when nothing uses the range any more
}

// Quiesce makes a range of blocks of a device quiet for its module: IO that
// is submitted from now on waits, and when Quiesce returns, what was
// submitted before has ended. Zero blocks mean all from offset on. If ctx
// ends earlier, IO goes on.
func (r *Registry) Quiesce(ctx context.Context, name, module string, offset, blocks uint64) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	if blocks, err = d.quietRange(module, offset, blocks); err != nil {
		return err
	}
	q := &quiesced{quiet: make(chan struct{})}
	q.lock = rangeLock{offset: offset, blocks: blocks, all: true, granted: func() { close(q.quiet) }}
	d.mu.Lock()
	d.flow.quiesced = append(d.flow.quiesced, q)
	d.mu.Unlock()
	d.lock(&q.lock)
	select {
	case <-q.quiet:
		return nil
	case <-ctx.Done():
		d.unquiesce(q)
		return fmt.Errorf("quiesce block device %q: its IO has not ended: %w", d.info.Name, ctx.Err())
	}
}

// Unquiesce lets IO go on. The range must be one that Quiesce was called
// with.
func (r *Registry) Unquiesce(_ context.Context, name, module string, offset, blocks uint64) error {
	d, err := r.find(name)
	if err != nil {
		return err
	}
	if blocks, err = d.quietRange(module, offset, blocks); err != nil {
		return err
	}
	d.mu.Lock()
	i := slices.IndexFunc(d.flow.quiesced, func(q *quiesced) bool { return q.lock.offset == offset && q.lock.blocks == blocks })
	if i < 0 {
		d.mu.Unlock()
		return fmt.Errorf("unquiesce block device %q: blocks %d to %d are not quiesced as one range: %w", d.info.Name, offset, offset+blocks-1, syscall.EINVAL)
	}
	q := d.flow.quiesced[i]
	d.mu.Unlock()
	d.unquiesce(q)
	return nil
}

func (d *disk) unquiesce(q *quiesced) {
	d.mu.Lock()
	d.flow.quiesced = slices.DeleteFunc(d.flow.quiesced, func(o *quiesced) bool { return o == q })
	d.mu.Unlock()
	d.unlock(&q.lock)
}

// quietRange checks the arguments of Quiesce and Unquiesce.
func (d *disk) quietRange(module string, offset, blocks uint64) (uint64, error) {
	if d.info.Module != "" && d.info.Module != module {
		return 0, fmt.Errorf("quiesce block device %q: it belongs to module %s, not to %s: %w", d.info.Name, d.info.Module, module, syscall.EINVAL)
	}
	size := d.blocks.Load()
	if blocks == 0 && offset < size {
		blocks = size - offset
	}
	if blocks == 0 || blocks > size || offset > size-blocks {
		return 0, fmt.Errorf("quiesce block device %q: blocks %d and %d more: it has %d: %w", d.info.Name, offset, blocks, size, syscall.EINVAL)
	}
	return blocks, nil
}
