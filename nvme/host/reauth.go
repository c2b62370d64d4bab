// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// SetKeys replaces Options.DHCHAPKey and DHCHAPCtrlrKey for whatever is
// authenticated from now on: queues that connect, or connect again, and
// Authenticate. Queues that are connected stay as they are.
func (c *Controller) SetKeys(host, controller string) error {
	k := &authKeys{host, controller}
	if err := k.check(); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	c.keys.Store(k)
	return nil
}

// Authenticate proves again who the host is, on the admin queue of a fabric's
// controller, while other commands go on. With a key of the controller that
// has to prove it, too. It may be called after [Controller.SetKeys]; I/O queue
// pairs are authenticated by [QPair.Authenticate].
//
// If one side does not believe the other, which is a [*dhchap.Error], the
// controller has failed, and Reset connects anew. If ctx ends, or the
// controller is reset meanwhile, the controller may end the connection, since
// it waits for the rest.
func (c *Controller) Authenticate(ctx context.Context) error {
	if c.mapped != nil {
		return fmt.Errorf("host: authentication: %w", ErrNotSupported)
	}
	if !c.authenticating.TryLock() {
		return fmt.Errorf("host: the admin queue is being authenticated: %w", ErrBusy)
	}
	defer c.authenticating.Unlock()
	if err := c.ready(ctx); err != nil {
		return err
	}
	generation := c.generation.Load()
	a, err := c.newExchange()
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	for more := true; more; {
		cmd, data := a.message()
		if c.generation.Load() != generation {
			return fmt.Errorf("host: the controller was reset during authentication: %w", ErrBusy)
		}
		_, err = c.adminCopy(ctx, cmd, data)
		more, err = a.advance(err)
	}
	if err == nil {
		return nil
	}
	err = authFailed(0, err)
	if disbelief(err) {
		log.Errorf("%v %v", c, err)
		c.fail()
	}
	return fmt.Errorf("host: %w", err)
}

// disbelief tells whether one side does not believe the other.
func disbelief(err error) bool {
	var e *dhchap.Error
	return errors.As(err, &e)
}

// reauth is the authentication of an I/O queue pair that is in use. Polls go on
// with it.
type reauth struct {
	Request
	authExchange
	unsent bool // the command waits for a tracker
	ended  bool // the command has ended
	told   func(error)
}

// Complete implements Completer.
func (a *reauth) Complete(*Request) {
	if qp := a.qp; qp.state != qpEnabled { // nobody polls any more
		qp.endAuth(a.status())
		return
	}
	a.ended = true
}

func (a *reauth) status() error { return statusErr(nvme.OpcodeFabrics, true, a.Completion) }

// fail ends the command that is due, whether it was sent or not.
func (a *reauth) fail(s nvme.Status) {
	if a.state != reqEnding {
		a.unsent = false
		a.qp.end(&a.Request, s)
	}
}

// Authenticate proves again who the host is, on an I/O queue pair of a fabric,
// while other commands go on; see [Controller.Authenticate]. Polls go on with
// it, and one of them, or Free, calls done with the result. An error that is
// returned means that done will not be called; a queue pair that is not
// connected authenticates anyhow when it connects.
//
// If one side does not believe the other, which is a [*dhchap.Error], the
// connection ends, and the next poll returns [ErrDisconnected].
//
// The thread that polls does the mathematics: 2 ms for ffdhe2048, 60 ms for
// ffdhe8192.
func (qp *QPair) Authenticate(done func(error)) error {
	c := qp.ctrlr
	if c.mapped != nil {
		return fmt.Errorf("host: authentication: %w", ErrNotSupported)
	}
	if err := qp.usable(); err != nil {
		return err
	}
	switch {
	case qp.auth != nil:
		return fmt.Errorf("host: %v is being authenticated: %w", qp, ErrBusy)
	case qp.state != qpEnabled:
		return fmt.Errorf("host: %v is being connected, and authenticated if the controller wants that: %w", qp, ErrBusy)
	}
	x, err := c.newExchange()
	if err != nil {
		return fmt.Errorf("host: %w", err)
	}
	qp.auth = &reauth{authExchange: *x, told: done}
	qp.auth.Done = qp.auth
	qp.special = true
	qp.nextAuth()
	return nil
}

// nextAuth sends what is due as soon as it can.
func (qp *QPair) nextAuth() {
	a := qp.auth
	a.prepare(qp, &a.authExchange)
	a.ended, a.unsent = false, true
	qp.submitAuth()
}

func (qp *QPair) submitAuth() {
	a := qp.auth
	if !a.unsent {
		return
	}
	switch err := qp.q.Submit(&a.Request, false); {
	case errors.Is(err, ErrNoTracker):
		return
	case err != nil: // the transport takes no such commands
		a.unsent = false
		qp.endAuth(err)
		return
	}
	a.unsent = false
	a.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(&a.Request)
	}
}

// pollAuth goes on with the authentication.
func (qp *QPair) pollAuth() {
	a := qp.auth
	if qp.submitAuth(); !a.ended {
		return
	}
	more, err := a.advance(a.status())
	if more {
		qp.nextAuth()
		return
	}
	qp.endAuth(err)
}

// endAuth tells the result. A queue of which one side does not believe the
// other is of no more use.
func (qp *QPair) endAuth(err error) {
	a := qp.auth
	qp.auth = nil
	if a.failed != nil {
		err = a.failed
	}
	if err != nil {
		err = authFailed(qp.id, err)
	}
	if disbelief(err) && qp.state == qpEnabled {
		qp.lose(err)
	}
	a.told(err)
}
