// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/gospdk/gospdk/log"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// ctrlrChannel is a controller on a thread, to which it belongs.
type ctrlrChannel struct {
	c     *ctrlr
	t     *thread.Thread
	group *pollGroup
	ref   *thread.ChannelRef // of the group

	q        *qpair // nil while there is none
	opening  bool
	closed   bool
	openErr  error // why there is none, and IO had better not wait for one
	failures int   // in a row
	again    time.Time
}

const (
	// retryDelay is how long a channel waits before it asks once more for a
	// queue pair: a controller that refuses may not know yet that the
	// connection of the one before was lost. If it is the connection that
	// failed the controller is reset. After maxFailures in a row IO does not
	// wait any more, and the channel asks every reopenDelay.
	retryDelay  = 5 * time.Millisecond
	maxFailures = 20
	reopenDelay = time.Second
)

// ChannelName names the controller among the channels of a thread.
func (c *ctrlr) ChannelName() string { return c.cfg.Name }

// openChannel returns the thread's channel of the controller. Its queue pair
// comes later.
func (c *ctrlr) openChannel(t *thread.Thread) (*ctrlrChannel, *thread.ChannelRef, error) {
	ref, err := t.Channel(c, func() (io.Closer, error) {
		cc := &ctrlrChannel{c: c, t: t}
		var err error
		if cc.group, cc.ref, err = c.m.openGroup(t); err != nil {
			return nil, err
		}
		c.addChannel(cc)
		cc.open()
		return cc, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ref.Value().(*ctrlrChannel), ref, nil
}

// Close implements io.Closer.
func (cc *ctrlrChannel) Close() error {
	cc.closed = true
	cc.drop()
	cc.c.removeChannel(cc)
	cc.ref.Put()
	return nil
}

// open asks for a queue pair. That takes answers of the controller, for which
// a goroutine waits.
func (cc *ctrlrChannel) open() {
	if cc.q != nil || cc.opening || cc.closed {
		return
	}
	hc := cc.c.borrow()
	if hc == nil {
		return // the keeper has channels open theirs when there is one
	}
	cc.opening = true
	o := host.QPairOptions{DelayCmdSubmit: cc.c.m.Options().DelayCmdSubmit, FailQueuedOnReset: true}
	go func() {
		qp, err := hc.AllocIOQPairContext(cc.c.ctx, o)
		if !cc.t.Send(func() { cc.attach(hc, qp, err) }) {
			cc.c.free(qp)
		}
	}()
}

// attach takes the queue pair that open has asked for.
func (cc *ctrlrChannel) attach(hc *host.Controller, qp *host.QPair, err error) {
	cc.opening = false
	cc.openErr = nil
	switch {
	case err != nil:
		cc.failed(err)
		cc.c.giveBack()
	case cc.closed || hc != cc.c.hc.Load():
		go cc.c.free(qp)
		cc.open()
	default:
		cc.failures = 0
		cc.q = &qpair{QPair: qp, cc: cc, fd: -1}
		if fd, err := qp.InterruptFD(); err == nil {
			cc.q.fd = fd
		}
		cc.group.add(cc.q)
	}
}

// failed deals with a queue pair that could not be had.
func (cc *ctrlrChannel) failed(err error) {
	c := cc.c
	cc.failures++
	switch {
	case errors.Is(err, host.ErrBusy), c.ctx.Err() != nil, !c.available.Load(): // a reset came between
		cc.again = time.Now()
	case cc.failures > maxFailures:
		log.Errorf("%s: thread %s has no I/O queue pair: %v", c, cc.t.Name(), err)
		cc.openErr, cc.again = err, time.Now().Add(reopenDelay)
	default:
		flag.Infof("%s: thread %s has no I/O queue pair: %v", c, cc.t.Name(), err)
		cc.again = time.Now().Add(retryDelay)
		if !refused(err) {
			c.report(err)
		}
	}
}

// refused tells whether the controller has no queue pair for us, rather than
// that the connection failed.
func refused(err error) bool {
	if s, ok := errors.AsType[*host.StatusError](err); ok {
		return s.Status.SCT() != spec.SCTPath && !s.Status.Is(spec.StatusAbortedSQDeletion)
	}
	return errors.Is(err, host.ErrNoQueue) || errors.Is(err, host.ErrNotSupported)
}

// drop gives the queue pair up. What is outstanding on it ends soon.
func (cc *ctrlrChannel) drop() {
	q := cc.q
	if q == nil {
		return
	}
	cc.q = nil
	cc.group.remove(q)
	q.leaving = true
	go cc.c.free(q.QPair)
}

// free deletes a queue pair, which may take answers of the controller.
func (c *ctrlr) free(qp *host.QPair) {
	if qp != nil {
		if err := qp.Free(context.Background()); err != nil {
			flag.Debugf("%s: %v", c, err)
		}
	}
	c.giveBack()
}

// usable tells whether IO can be sent.
func (cc *ctrlrChannel) usable() bool { return cc.q != nil && cc.c.available.Load() }

// hopeful tells whether IO had better wait, because it may be possible to
// send it soon.
func (cc *ctrlrChannel) hopeful() bool {
	if cc.q == nil && !cc.opening && time.Now().After(cc.again) {
		cc.open()
	}
	return (cc.openErr == nil || cc.opening) && cc.c.hopeful()
}
