// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// minShutdown is the least time that a controller gets to shut down.
const minShutdown = 10 * time.Second

// Detach shuts the controller down (CC.SHN) and closes it. All queue pairs
// must have been freed. It takes as long as the controller needs, at most
// what it announces as RTD3E or 10 s, whichever is more; the controller is
// closed in any case, and an error then only says what did not go well.
func (c *Controller) Detach(ctx context.Context) error {
	c.control.Lock()
	defer c.control.Unlock()
	if c.getPhase() == phaseClosed {
		return nil
	}
	c.mu.Lock()
	n := len(c.qpairs)
	c.mu.Unlock()
	if n > 0 {
		return fmt.Errorf("host: detaching %s: %d I/O queue pairs are still allocated: free them first: %w", c.trid.Traddr, n, ErrBusy)
	}
	nvmeLog.Debugf("%v Prepare to destruct SSD", c)
	return c.release(ctx, true)
}

// release ends everything that was built on the link.
func (c *Controller) release(ctx context.Context, notify bool) error {
	var err error
	if c.mapped == nil && notify && !c.opts.NoShutdownNotification && c.getPhase() == phaseRunning {
		// By commands, which need the admin queue. If its connection is lost
		// there is nobody to be told.
		if err = c.shutdown(ctx); errors.Is(err, ErrFailed) {
			err = nil
		}
	}
	c.setPhase(phaseClosed)
	c.stopAdmin(nvme.StatusAbortedSQDeletion)
	if c.mapped != nil && !c.link.Removed() && c.admin != nil {
		if notify && !c.opts.NoShutdownNotification {
			err = c.shutdown(ctx)
		} else {
			nvmeLog.Infof("%v Disable SSD without shutdown notification", c)
			err = c.disableNow(ctx)
		}
	}
	for _, ns := range c.namespaces {
		ns.geo.Store(noGeometry)
	}
	if c.mapped != nil {
		c.mapped.Shadow(nil, nil)
	}
	c.adminMu.Lock()
	admin := c.admin
	c.admin = nil
	c.adminMu.Unlock()
	for _, q := range c.zombies {
		err = errors.Join(err, q.Close())
	}
	c.zombies = nil
	if admin != nil {
		err = errors.Join(err, admin.q.Close())
	}
	c.shadow.free()
	c.shadow = nil
	return errors.Join(err, c.link.Close())
}

// shutdown notifies the controller and waits until it is done.
func (c *Controller) shutdown(ctx context.Context) error {
	v, err := c.read32(ctx, nvme.RegCC)
	if err != nil {
		log.Errorf("%v Failed to read the CC register", c)
		return fmt.Errorf("host: reading CC: %w", err)
	}
	if err := c.write32(ctx, nvme.RegCC, uint32(nvme.CC(v).WithSHN(nvme.CCSHNNormal))); err != nil {
		log.Errorf("%v Failed to write CC.SHN", c)
		return fmt.Errorf("host: writing CC.SHN: %w", err)
	}
	var rtd3e uint32
	if id := c.identify.Load(); id != nil {
		rtd3e = id.RTD3E
	}
	limit := max(time.Duration((uint64(rtd3e)+999)/1000)*time.Millisecond, minShutdown)
	nvmeLog.Debugf("%v RTD3E = %d us", c, rtd3e)
	nvmeLog.Debugf("%v shutdown timeout = %d ms", c, limit.Milliseconds())
	start := c.clock.Now()
	for idle := 0; ; idle++ {
		csts, err := c.csts(ctx)
		waited := c.clock.Now() - start
		switch {
		case err != nil:
			log.Errorf("%v Failed to read the CSTS register", c)
			return fmt.Errorf("host: reading CSTS: %w", err)
		case uint32(csts) == allOnes || c.link.Removed():
			return ErrRemoved
		case csts.SHST() == nvme.SHSTComplete:
			nvmeLog.Debugf("%v shutdown complete in %d milliseconds", c, waited.Milliseconds())
			return nil
		case waited >= limit:
			log.Errorf("%v did not shutdown within %d milliseconds", c, limit.Milliseconds())
			if c.quirks&quirkSHSTComplete != 0 {
				log.Errorf("%v likely due to shutdown handling in the VMWare emulated NVMe SSD", c)
			}
			return fmt.Errorf("host: shutdown of %s: %w", c.trid.Traddr, ErrTimeout)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		c.clock.Pause(idle)
	}
}

// disableNow clears CC.EN and waits for CSTS.RDY to follow.
func (c *Controller) disableNow(ctx context.Context) error {
	v, err := c.read32(ctx, nvme.RegCC)
	if err != nil {
		return fmt.Errorf("host: reading CC: %w", err)
	}
	if err := c.write32(ctx, nvme.RegCC, uint32(nvme.CC(v).WithEN(false))); err != nil {
		return fmt.Errorf("host: writing CC: %w", err)
	}
	return c.waitReady(ctx, false, c.clock.Now()+c.readyTimeout())
}
