// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// Reset resets the controller and brings it up again; it also revives one
// that has failed. Commands that the controller had complete with ABORTED -
// SQ DELETION, since nobody knows how far they got. Requests that had not
// reached it are sent afterwards, in order, unless their queue pair was made
// with FailQueuedOnReset. Queue pairs come back as their threads poll them.
func (c *Controller) Reset(ctx context.Context) error {
	c.control.Lock()
	defer c.control.Unlock()
	if p := c.getPhase(); p == phaseRemoved || p == phaseClosed {
		return c.deadErr()
	}
	log.Noticef("%v resetting controller", c)
	c.setPhase(phaseResetting)
	c.stopAdmin(nvme.StatusAbortedSQDeletion)
	err := c.bringUp(ctx)
	if err == nil {
		return nil
	}
	log.Errorf("%v controller reinitialization failed: %v", c, err)
	if errors.Is(err, ErrRemoved) {
		c.remove()
	} else {
		c.fail()
	}
	c.stopAdmin(nvme.StatusAbortedSQDeletion)
	return fmt.Errorf("host: resetting %s: %w", c.trid.Traddr, err)
}

// stopAdmin ends every admin command, as the deletion of the queue would.
func (c *Controller) stopAdmin(s nvme.Status) {
	c.adminMu.Lock()
	if c.admin == nil {
		c.adminMu.Unlock()
		return
	}
	c.admin.failAll(s)
	c.admin.flushEnding()
	ended := c.ended
	c.ended = requestList{}
	waiting := c.abortWait
	c.abortWait = nil
	c.aborts += uint32(len(waiting))
	c.adminMu.Unlock()
	for _, a := range waiting {
		a.Completion = nvme.NewCompletion(0, 0, 0, s)
		ended.push(&a.Request)
	}
	for r := ended.pop(); r != nil; r = ended.pop() {
		r.state = reqIdle
		r.Done.Complete(r)
	}
}

// Free deletes the queue pair. What is still outstanding completes, inside
// this call, with ABORTED - SQ DELETION. It belongs to the thread of the
// queue pair. Inside a completion it takes effect when ProcessCompletions
// returns.
func (qp *QPair) Free(ctx context.Context) error {
	if qp.state == qpClosed {
		return nil
	}
	if qp.inPoll {
		qp.freed = true
		return nil
	}
	c := qp.ctrlr
	if qp.epoch != c.epoch.Load() {
		qp.sync()
	}
	var err error
	quiet := true // the controller does not use the memory any more
	if qp.state == qpEnabled && c.mapped != nil {
		err = qp.deleteQueues(ctx)
		quiet = err == nil
	}
	p := c.getPhase()
	quiet = c.mapped == nil || quiet && (qp.state == qpEnabled || p == phaseRemoved || p == phaseClosed) || p == phaseRemoved
	qp.freed = false
	qp.state = qpClosed
	qp.disconnect()
	qp.failAll(nvme.StatusAbortedSQDeletion.WithDNR())
	for qp.ending.head != nil {
		qp.flushEnding()
	}
	return errors.Join(err, c.forget(qp, quiet))
}

// forget takes the queue pair off the controller. Memory that the controller
// may still write to is kept until the controller is disabled.
func (c *Controller) forget(qp *QPair, quiet bool) error {
	c.mu.Lock()
	delete(c.qpairs, qp.id)
	c.freeIDs = append(c.freeIDs, qp.id)
	if !quiet {
		c.zombies = append(c.zombies, qp.q)
	}
	c.mu.Unlock()
	if quiet {
		return qp.q.Close()
	}
	return nil
}

func (qp *QPair) deleteQueues(ctx context.Context) error {
	c := qp.ctrlr
	if _, err := c.execNoData(ctx, nvme.Command{Opcode: nvme.AdminDeleteIOSQ, CDW10: uint32(qp.id)}); err != nil {
		return fmt.Errorf("host: delete I/O submission queue %d: %w", qp.id, err)
	}
	// The controller completes what it had before it deletes the queue.
	n, _ := qp.q.Poll(qp.done)
	for i, r := range qp.done[:n] {
		qp.done[i] = nil
		r.aborted = true // no retry on a queue that is gone
		qp.finish(r)
	}
	if _, err := c.execNoData(ctx, nvme.Command{Opcode: nvme.AdminDeleteIOCQ, CDW10: uint32(qp.id)}); err != nil {
		return fmt.Errorf("host: delete I/O completion queue %d: %w", qp.id, err)
	}
	return nil
}
