// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"github.com/gospdk/gospdk/nvme"
)

// abortRequest is one Abort command, on behalf of a caller's request.
type abortRequest struct {
	Request
	ctrlr *Controller
	group *abortGroup
}

// abortGroup is what one call of Abort sends: several commands if the target
// was split.
type abortGroup struct {
	user    *Request
	left    int
	aborted bool // at least one was
	cpl     nvme.Completion
}

// Complete implements Completer. It runs outside the lock of the admin queue.
func (a *abortRequest) Complete(*Request) {
	c := a.ctrlr
	c.adminMu.Lock()
	c.aborts--
	g := a.group
	g.left--
	if s := a.Completion.Status(); s.IsError() {
		g.cpl = a.Completion
	} else if a.Completion.CDW0&1 == 0 {
		g.aborted = true
	}
	var next *abortRequest
	if len(c.abortWait) > 0 {
		next = c.abortWait[0]
		c.abortWait = c.abortWait[1:]
		c.aborts++
		if err := c.admin.submit(&next.Request); err != nil {
			c.admin.end(&next.Request, nvme.StatusAbortedSQDeletion)
		}
	}
	last := g.left == 0
	c.adminMu.Unlock()
	if last {
		g.finish()
	}
}

func (g *abortGroup) finish() {
	r := g.user
	r.Completion = g.cpl
	if !g.cpl.Status().IsError() && !g.aborted {
		r.Completion.CDW0 = 1
	}
	r.state = reqIdle
	r.Done.Complete(r)
}

// Abort asks for an early end of target, which is on this queue pair; it
// belongs to the queue pair's thread. target completes in any case: with
// ABORTED - BY REQUEST if the abort came in time. r is told, by whoever polls
// the admin queue, how the Abort command ended; bit 0 of its CDW0 is set if
// nothing was aborted (NVM Express Base 2.0, 5.1). A target that still waits
// inside the driver ends at the next poll, and so does r.
func (qp *QPair) Abort(target, r *Request) error {
	if err := qp.check(nil, r); err != nil {
		return err
	}
	if err := qp.usable(); err != nil {
		return err
	}
	g := &abortGroup{user: r}
	var cids []uint16
	if target.qp == qp && target.state != reqIdle {
		g.aborted = qp.abortWaiting(target)
		cids = qp.abortIDs(target)
	}
	r.state = reqActive
	return qp.ctrlr.sendAborts(qp.id, cids, g)
}

// abortWaiting ends what of target has not reached the controller.
func (qp *QPair) abortWaiting(target *Request) bool {
	target.aborted = true
	s := nvme.StatusAbortedByRequest.WithDNR()
	switch target.state {
	case reqQueued:
		if qp.waiting.remove(target) {
			if second := target.partner; second != nil {
				target.partner = nil
				qp.end(second, nvme.StatusAbortedFailedFused.WithDNR())
			}
			qp.end(target, s)
			return true
		}
	case reqInjected:
		if qp.injected.remove(target) {
			qp.end(target, s)
			return true
		}
	case reqParent:
		c := &target.cursor
		if c.remain == 0 {
			return false
		}
		c.stop(s)
		if c.queued && qp.waiting.remove(target) {
			c.queued = false
		}
		qp.parentDone(target)
		return true
	}
	return false
}

// abortIDs returns the command identifiers that the controller has of target.
func (qp *QPair) abortIDs(target *Request) (cids []uint16) {
	if target.state == reqActive {
		return []uint16{target.slot}
	}
	qp.scratch = qp.q.Outstanding(qp.scratch[:0])
	for i, p := range qp.scratch {
		qp.scratch[i] = nil
		if p.parent == target {
			p.aborted = true
			cids = append(cids, p.slot)
		}
	}
	return cids
}

func (c *Controller) sendAborts(sqid uint16, cids []uint16, g *abortGroup) error {
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	if c.admin == nil {
		g.user.state = reqIdle
		return ErrClosed
	}
	if len(cids) == 0 {
		g.user.Completion = nvme.Completion{}
		if !g.aborted {
			g.user.Completion.CDW0 = 1
		}
		g.user.state = reqEnding
		c.ended.push(g.user)
		return nil
	}
	limit := uint32(c.identify.Load().ACL) + 1
	g.left = len(cids)
	for _, cid := range cids {
		a := &abortRequest{ctrlr: c, group: g}
		a.Done = a
		a.cmd = nvme.Command{Opcode: nvme.AdminAbort, CDW10: uint32(cid)<<16 | uint32(sqid)}
		if c.aborts >= limit {
			c.abortWait = append(c.abortWait, a)
			continue
		}
		c.aborts++
		if err := c.admin.submit(&a.Request); err != nil {
			c.admin.end(&a.Request, nvme.StatusAbortedSQDeletion)
		}
	}
	return nil
}
