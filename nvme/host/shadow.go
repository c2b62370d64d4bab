// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// shadowBuffers are the two pages of Doorbell Buffer Config (NVM Express Base
// 2.0, 5.8): the host stores doorbells into one, and reads from the other up
// to where the controller looks by itself.
type shadowBuffers struct{ doorbells, events *dma.Buffer }

func (s *shadowBuffers) free() {
	if s != nil {
		s.doorbells.Free()
		s.events.Free()
	}
}

// initShadow announces shadow doorbells if the controller, which is emulated
// then, has them.
func (c *Controller) initShadow(ctx context.Context) error {
	c.setState(stateDBBuf, c.opts.AdminTimeout)
	if c.identify.Load().OACS&nvme.OACSDoorbellBufferConfig == 0 || c.opts.DisableShadowDoorbells {
		return nil
	}
	if err := c.allocShadow(); err != nil {
		return err
	}
	d, e := c.shadow.doorbells, c.shadow.events
	c.setState(stateDBBufWait, c.opts.AdminTimeout)
	_, err := c.initCommand(ctx, nvme.Command{Opcode: nvme.AdminDoorbellBufferConfig, PRP1: d.Addr(), PRP2: e.Addr()})
	if err != nil {
		log.Warnf("%v Doorbell buffer config failed", c)
		return ignoreStatus(err) // if it answered, it does not use them
	}
	nvmeLog.Infof("%v Doorbell buffer config enabled", c)
	c.link.Shadow(d.Bytes(), e.Bytes())
	return nil
}

// allocShadow makes the two pages, which stay until the controller is closed.
func (c *Controller) allocShadow() error {
	if c.shadow != nil {
		clear(c.shadow.doorbells.Bytes())
		clear(c.shadow.events.Bytes())
		return nil
	}
	d, err := dma.Alloc(int(c.pageSize), int(c.pageSize))
	if err != nil {
		return err
	}
	e, err := dma.Alloc(int(c.pageSize), int(c.pageSize))
	if err != nil {
		d.Free()
		return err
	}
	c.shadow = &shadowBuffers{d, e}
	return nil
}
