// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/host"
)

// call is something that the keeper does for a goroutine that waits. run may
// answer before it returns.
type call struct {
	run  func(ctx context.Context, answer func(error)) error
	done chan error
}

// answer ends the wait, once.
func (k *call) answer(err error) {
	select {
	case k.done <- err:
	default:
	}
}

// Errors of what is done to a controller.
var (
	errResetting = fmt.Errorf("the controller is being reset; try again: %w", syscall.EBUSY)
	errDeleting  = fmt.Errorf("the controller is being detached: %w", syscall.ENXIO)
)

// keep is the keeper: it polls the admin queue and does what changes the
// controller's state, one thing after the other, until c.ctx ends.
func (c *ctrlr) keep() {
	defer close(c.done)
	tick := time.NewTicker(c.m.Options().AdminPollPeriod)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return
		case k := <-c.calls:
			k.answer(k.run(c.ctx, k.answer))
		case err := <-c.kick:
			c.recover(err)
		case <-c.again:
			if c.getState() == stateEnabled {
				c.populate(c.ctx)
			}
		case <-c.wantANA:
			if c.getState() == stateEnabled {
				c.updateANA(c.ctx)
			}
		case <-tick.C:
			c.pollAdmin()
		}
	}
}

// pollAdmin handles events, keep-alive and timeouts of admin commands.
func (c *ctrlr) pollAdmin() {
	hc := c.hc.Load()
	if hc == nil || c.getState() != stateEnabled {
		return
	}
	if _, err := hc.ProcessAdminCompletions(); err != nil {
		c.recover(err)
	} else if hc.Removed() {
		c.recover(host.ErrRemoved)
	}
}

// report tells the keeper, from any thread, that the controller does not
// work.
func (c *ctrlr) report(err error) {
	select {
	case c.kick <- err:
	default: // it knows
	}
}

// ask has the keeper run fn and waits for the result.
func (c *ctrlr) ask(ctx context.Context, fn func(ctx context.Context, answer func(error)) error) error {
	if c.getState() == stateDeleting {
		return fmt.Errorf("%s: %w", c, errDeleting)
	}
	k := &call{run: fn, done: make(chan error, 1)}
	select {
	case c.calls <- k:
	case <-c.done:
		return fmt.Errorf("%s: %w", c, errDeleting)
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-k.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recover resets a controller that does not work, if that is still so.
func (c *ctrlr) recover(why error) {
	hc := c.hc.Load()
	if s := c.getState(); s != stateEnabled || hc == nil {
		return
	}
	log.Noticef("%s: resetting the controller: %v", c, why)
	if !errors.Is(why, errMoved) {
		c.failover()
	}
	if err := c.reset(c.ctx, func(error) {}); err != nil && c.ctx.Err() == nil {
		log.Errorf("%v", err)
	}
}

// reset resets the controller, and connects again, as often as Reconnect
// allows. first is told how the first attempt went. It is the keeper's.
func (c *ctrlr) reset(ctx context.Context, first func(error)) error {
	r := c.cfg.Reconnect
	begin := time.Now()
	c.failAt.Store(0)
	if r.FastIOFail > 0 {
		c.failAt.Store(int64(begin.Sub(start)) + int64(c.seconds(r.FastIOFail)))
	}
	for {
		c.setState(stateResetting)
		err := c.reviveAnywhere(ctx)
		if err == nil {
			c.failAt.Store(0)
			c.setState(stateEnabled)
			first(nil) // who hears of it may want something else of the controller at once
			return nil
		}
		err = fmt.Errorf("%s: resetting the controller: %w", c, err)
		first(err)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.gone() && (c.local() || r.Delay == 0):
			log.Noticef("%s: the controller has gone; removing its devices", c)
			c.m.removeLater(c)
			return err
		case r.Delay == 0:
			c.setState(stateFailed)
			return err
		case r.LossTimeout > 0 && time.Since(begin) >= c.seconds(uint32(r.LossTimeout)):
			log.Errorf("no connection for %d seconds, removing the devices: %v", r.LossTimeout, err)
			c.m.removeLater(c)
			return err
		}
		flag.Infof("%v; connecting again in %d s", err, r.Delay)
		c.setState(stateDelayed)
		again, err := c.pause(ctx, c.seconds(r.Delay))
		if !again {
			return err
		}
	}
}

func (c *ctrlr) seconds(n uint32) time.Duration { return time.Duration(n) * c.m.second }

// pause waits before the next attempt. A call ends the wait: a reset is the
// next attempt, and what disables the controller is the end of attempts.
func (c *ctrlr) pause(ctx context.Context, d time.Duration) (again bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		case <-c.kick:
		case k := <-c.calls:
			err := k.run(ctx, k.answer)
			k.answer(err)
			if c.getState() != stateDelayed {
				return false, err
			}
		}
	}
}

// gone tells whether the driver's controller cannot be reset any more.
func (c *ctrlr) gone() bool {
	hc := c.last.Load()
	return hc == nil || hc.Removed()
}

// reviveAnywhere tries each address once.
func (c *ctrlr) reviveAnywhere(ctx context.Context) (err error) {
	for range c.listAddresses() {
		if err = c.revive(ctx); err == nil || ctx.Err() != nil || !c.failover() {
			return err
		}
	}
	return err
}

// revive makes one attempt to have a controller that works.
func (c *ctrlr) revive(ctx context.Context) error {
	hc := c.hc.Load()
	if c.takeMoved() {
		if hc != nil {
			hc.Fail()
		}
	} else if hc != nil && !hc.Removed() {
		err := hc.Reset(ctx)
		c.settle(ctx)
		if err == nil {
			c.populate(ctx)
			return nil
		}
		if !errors.Is(err, host.ErrRemoved) {
			return err
		}
	}
	// It has gone. What its commands have come to is known only when its
	// queue pairs are freed.
	if err := c.disconnect(ctx); err != nil && ctx.Err() != nil {
		return err
	} else if err != nil {
		flag.Infof("%s: %v", c, err)
	}
	if c.local() && hc != nil {
		return host.ErrRemoved
	}
	if err := c.connect(ctx); err != nil {
		return err
	}
	c.openAll()
	c.populate(ctx)
	return nil
}
