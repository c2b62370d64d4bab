// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"context"
	"fmt"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
	"github.com/gospdk/gospdk/thread"
)

// disk is an array as users of the block layer see it, from going online to
// the end of its removal. It does not change; what does is in the array.
type disk struct {
	array *array
	info  bdev.Info
	layout
	descs   []*bdev.Desc
	offsets []uint64 // of the data regions, in blocks
}

// Info implements bdev.Device.
func (d *disk) Info() bdev.Info { return d.info }

// Supports implements bdev.Device. What has no data can be done if all base
// devices can.
func (d *disk) Supports(op bdev.Op) bool {
	switch op {
	case bdev.OpRead, bdev.OpWrite:
		return true
	case bdev.OpUnmap, bdev.OpFlush, bdev.OpReset:
		for _, desc := range d.descs {
			if !desc.Supports(op) {
				return false
			}
		}
		return true
	}
	return false
}

// Close implements bdev.Device: the array has been unregistered.
func (d *disk) Close(context.Context) error { return d.array.unregistered() }

// OpenChannel implements bdev.Device.
func (d *disk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	c := &channel{d: d, tags: vbdev.NewRefTags(&d.info)}
	c.children = vbdev.NewPool(func() *child {
		m := &child{c: c}
		m.io.Done = m
		return m
	})
	c.fans = vbdev.NewPool(func() *fan { return new(fan) })
	for _, desc := range d.descs {
		base, err := desc.Channel(t)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("raid: base device of %s: %w", d.info.Name, err)
		}
		c.bases = append(c.bases, base)
	}
	return c, nil
}

// SupportsIOType implements bdev.IOTyper: what has no data is shown if all
// base devices are shown with it.
func (d *disk) SupportsIOType(name string, native bool) bool {
	switch name {
	case "unmap", "flush", "reset":
		for _, desc := range d.descs {
			if !desc.SupportsIOType(name) {
				return false
			}
		}
	}
	return native
}
