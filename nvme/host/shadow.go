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
// to where the controller looks by itself. They are one buffer, so that they
// are the two PRP entries of its command.
type shadowBuffers struct {
	buf               *dma.Buffer
	doorbells, events []byte
}

func (s *shadowBuffers) free() {
	if s != nil {
		s.buf.Free()
	}
}

// initShadow announces shadow doorbells if the controller, which is emulated
// then, has them.
func (c *Controller) initShadow(ctx context.Context) error {
	c.setState(stateDBBuf, c.opts.AdminTimeout)
	if c.mapped == nil || c.identify.Load().OACS&nvme.OACSDoorbellBufferConfig == 0 || c.opts.DisableShadowDoorbells {
		return nil
	}
	if err := c.allocShadow(); err != nil {
		return err
	}
	c.setState(stateDBBufWait, c.opts.AdminTimeout)
	if err := c.sendShadow(ctx); err != nil {
		log.Warnf("%v Doorbell buffer config failed", c)
		return ignoreStatus(err) // if it answered, it does not use them
	}
	nvmeLog.Infof("%v Doorbell buffer config enabled", c)
	c.mapped.Shadow(c.shadow.doorbells, c.shadow.events)
	return nil
}

// sendShadow keeps the buffer whatever the controller answers: it may use it
// all the same.
func (c *Controller) sendShadow(ctx context.Context) error {
	w := new(waiter)
	w.Done = w
	cmd := nvme.Command{Opcode: nvme.AdminDoorbellBufferConfig}
	if err := c.submitAdmin(&w.Request, cmd, c.shadow.buf.Bytes(), phaseResetting); err != nil {
		return err
	}
	return c.wait(ctx, w, cmd.Opcode)
}

// allocShadow makes the two pages, which stay until the controller is closed.
func (c *Controller) allocShadow() error {
	if c.shadow != nil {
		clear(c.shadow.buf.Bytes())
		return nil
	}
	b, err := dma.Alloc(2*int(c.pageSize), int(c.pageSize))
	if err != nil {
		return err
	}
	c.shadow = &shadowBuffers{b, b.Bytes()[:c.pageSize:c.pageSize], b.Bytes()[c.pageSize:]}
	return nil
}
