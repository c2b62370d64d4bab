// SPDX-License-Identifier: BSD-3-Clause

package host

import "time"

// Timeout is a request that the controller has had for too long.
type Timeout struct {
	Controller *Controller
	QPair      *QPair   // nil for the admin queue
	Request    *Request // not to be touched, but may be given to QPair.Abort
	CID        uint16
	Age        time.Duration
}

type timeoutConfig struct {
	io, admin time.Duration
	fn        func(Timeout)
}

// SetTimeout has fn called, once a request, for requests that are outstanding
// for longer than io, or admin (0 is never). It is called by the thread that
// polls the queue; for an admin command it must not use the controller's
// methods that take a context. fn decides: it may abort the request, or have
// somebody reset the controller. nil ends it.
func (c *Controller) SetTimeout(io, admin time.Duration, fn func(Timeout)) {
	if fn == nil {
		c.timeouts.Store(nil)
	} else {
		c.timeouts.Store(&timeoutConfig{io: io, admin: admin, fn: fn})
	}
	c.epoch.Add(1)
}

func (t *timeoutConfig) limit(qid uint16) time.Duration {
	if qid == 0 {
		return t.admin
	}
	return t.io
}

// updateSpecial decides whether requests go the slow way.
func (qp *QPair) updateSpecial() {
	qp.special = qp.timeouts != nil || len(qp.injections) > 0 || qp.injected.head != nil || qp.auth != nil
}

// pollSpecial does what only some queue pairs need.
func (qp *QPair) pollSpecial() {
	if qp.injected.head != nil {
		qp.pollInjected()
	}
	if qp.timeouts != nil {
		qp.checkTimeouts()
	}
	if qp.auth != nil {
		qp.pollAuth()
	}
	qp.updateSpecial()
}

// checkTimeouts looks at the outstanding requests, at most 16 times in the
// span of a timeout.
func (qp *QPair) checkTimeouts() {
	t := qp.timeouts
	limit := t.limit(qp.id)
	now := qp.ctrlr.clock.Now()
	if limit <= 0 || now < qp.nextCheck {
		return
	}
	qp.nextCheck = now + limit/16
	qp.scratch = qp.q.Outstanding(qp.scratch[:0])
	list := qp.scratch
	for i, r := range list {
		list[i] = nil
		if r.timedOut || r.submitted == 0 || now-r.submitted <= limit || r.internal() {
			continue
		}
		r.timedOut = true
		user := r
		if r.parent != nil {
			user = r.parent
		}
		ev := Timeout{Controller: qp.ctrlr, QPair: qp, Request: user, CID: r.slot, Age: now - r.submitted}
		if qp.id == 0 {
			ev.QPair = nil
		}
		t.fn(ev)
	}
}
