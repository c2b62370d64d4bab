// SPDX-License-Identifier: BSD-3-Clause

package gpt

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/internal/vbdev"
)

// channel is the partition on one thread: the same to the base, further on.
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
