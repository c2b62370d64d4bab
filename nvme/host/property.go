// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"

	"github.com/gospdk/gospdk/nvme"
)

// Controller properties are registers of a mapped controller. A fabric's are
// read and written by commands on the admin queue.

func (c *Controller) read32(ctx context.Context, off uint64) (uint32, error) {
	if c.mapped != nil {
		return c.mapped.Read32(off)
	}
	cpl, err := c.property(ctx, nvme.PropertyGet{Offset: uint32(off)}.Command())
	return cpl.CDW0, err
}

func (c *Controller) read64(ctx context.Context, off uint64) (uint64, error) {
	if c.mapped != nil {
		return c.mapped.Read64(off)
	}
	cpl, err := c.property(ctx, nvme.PropertyGet{Wide: 1, Offset: uint32(off)}.Command())
	return uint64(cpl.CDW0) | uint64(cpl.CDW1)<<32, err
}

func (c *Controller) write32(ctx context.Context, off uint64, v uint32) error {
	if c.mapped != nil {
		return c.mapped.Write32(off, v)
	}
	_, err := c.property(ctx, nvme.PropertySet{Offset: uint32(off), Value: uint64(v)}.Command())
	return err
}

// property sends a command that is good in any phase.
func (c *Controller) property(ctx context.Context, cmd nvme.Command) (nvme.Completion, error) {
	return c.exec(ctx, cmd, nil, c.getPhase())
}

func (c *Controller) csts(ctx context.Context) (nvme.CSTS, error) {
	v, err := c.read32(ctx, nvme.RegCSTS)
	return nvme.CSTS(v), err
}
