// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"errors"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// QPair is a pair of submission and completion queue. It belongs to one
// thread at a time; none of its methods may run while another one does, and
// only Free may be called from within a completion (it then takes effect when
// ProcessCompletions returns).
type QPair struct {
	q       Queue
	ctrlr   *Controller
	id      uint16
	state   qpState
	inPoll  bool
	special bool   // timeouts or error injection want to see requests
	freed   bool   // Free was called inside a completion
	epoch   uint32 // of the controller, when this queue pair last looked

	waiting requestList // for trackers, in order of submission
	ending  requestList // ended by the driver itself; told at the next poll
	done    []*Request  // filled by Queue.Poll

	parts []*Request // free requests for the parts of split ones

	generation uint32 // of the controller, in which the queues were created
	opts       QPairOptions
	entries    uint32
	timeouts   *timeoutConfig
	nextCheck  time.Duration
	injections []*injection
	injected   requestList
	connect    *connecting
	login      *login     // while a fabric's queue pair connects
	lostErr    error      // why a fabric's queue pair has no connection
	auth       *reauth    // while the host proves again who it is
	scratch    []*Request // room to look at outstanding requests
	waits      uint64
}

type qpState uint8

const (
	qpEnabled    qpState = iota
	qpResetting          // the controller is being reset
	qpConnecting         // the queues are being created again
	qpLost               // a fabric's connection was lost
	qpFailed
	qpClosed
)

func (s qpState) String() string {
	switch s {
	case qpEnabled:
		return "ENABLED"
	case qpResetting:
		return "DISCONNECTED"
	case qpConnecting:
		return "CONNECTING"
	case qpFailed:
		return "DESTROYING"
	}
	return "DISCONNECTED"
}

const (
	minCompletions = 1
	maxCompletions = 128
)

// MaxCompletions returns how many completions a poll may take, for a queue of
// so many entries. The rest of the entries are trackers: a completion queue
// of which at most that many are outstanding cannot overflow even though its
// doorbell is rung only once a poll.
func MaxCompletions(entries uint32) uint32 {
	return min(max(entries/4, minCompletions), maxCompletions)
}

func newQPair(c *Controller, id uint16, entries uint32, o QPairOptions) (*QPair, error) {
	qp := &QPair{ctrlr: c, id: id, opts: o, entries: entries}
	if nvmeLog.Enabled() {
		limit := MaxCompletions(entries)
		nvmeLog.Infof("%v max_completions_cap = %d num_trackers = %d", qp, limit, entries-limit)
	}
	q, err := c.link.NewQueue(QueueConfig{
		ID:              id,
		Entries:         entries,
		DelayDoorbell:   o.DelayCmdSubmit,
		SQInCMB:         c.opts.UseCMBSQs,
		DisableSGLMerge: o.DisableSGLMerge,
		Name:            qp.String(),
	})
	if err != nil {
		return nil, err
	}
	qp.q = q
	n := q.Trackers()
	qp.done = make([]*Request, MaxCompletions(entries))
	qp.scratch = make([]*Request, 0, n)
	if id != 0 {
		qp.makeParts(n)
	}
	return qp, nil
}

// makeParts makes as many requests for parts as there are trackers: a part
// exists only while the controller has it.
func (qp *QPair) makeParts(n int) {
	slab := make([]Request, n)
	qp.parts = make([]*Request, n)
	for i := range slab {
		slab[i].qp = qp
		qp.parts[i] = &slab[i]
	}
}

// String names the queue pair as log lines do.
func (qp *QPair) String() string {
	return fmt.Sprintf("[%s,cntlid:%d,qid:%d,qpair:%p,%v]", qp.ctrlr.trid.Traddr, qp.ctrlr.cntlid.Load(), qp.id, qp, qp.state)
}

// ID returns the queue identifier; 0 is the admin queue.
func (qp *QPair) ID() uint16 { return qp.id }

// Controller returns the controller that the queue pair belongs to.
func (qp *QPair) Controller() *Controller { return qp.ctrlr }

// Stats returns counters. It belongs to the thread of the queue pair.
func (qp *QPair) Stats() QueueStats { return qp.q.Stats() }

// Depth returns how many commands may be outstanding at the controller at a
// time; more wait inside the driver.
func (qp *QPair) Depth() int { return qp.q.Trackers() }

// submit accepts a request whose command and payload are complete.
func (qp *QPair) submit(r *Request) error {
	r.qp = qp
	r.retries = 0
	r.aborted = false
	if qp.special || qp.waiting.head != nil || qp.state != qpEnabled || qp.epoch != qp.ctrlr.epoch.Load() {
		return qp.submitSlow(r)
	}
	if err := qp.q.Submit(r, false); err != nil {
		return qp.submitFailed(r, err)
	}
	r.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(r)
	}
	return nil
}

func (qp *QPair) submitFailed(r *Request, err error) error {
	if errors.Is(err, ErrNoTracker) {
		r.state = reqQueued
		qp.waits++
		qp.waiting.push(r)
		return nil
	}
	return fmt.Errorf("host: data buffer of the command: %w", err)
}

// submitSlow is submit with everything that is unusual.
func (qp *QPair) submitSlow(r *Request) error {
	if err := qp.usable(); err != nil {
		return err
	}
	r.stamp(qp)
	if qp.state != qpEnabled || qp.waiting.head != nil {
		r.state = reqQueued
		qp.waits++
		qp.waiting.push(r)
		return nil
	}
	if qp.injectSubmit(r) {
		return nil
	}
	if err := qp.q.Submit(r, false); err != nil {
		return qp.submitFailed(r, err)
	}
	r.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(r)
	}
	return nil
}

func (r *Request) stamp(qp *QPair) {
	if qp.timeouts != nil {
		r.submitted = qp.ctrlr.clock.Now()
		r.timedOut = false
	}
}

// usable brings the queue pair's view of the controller up to date and tells
// why nothing can be submitted, if so.
func (qp *QPair) usable() error {
	if qp.state == qpClosed || qp.freed {
		return ErrClosed
	}
	if qp.epoch != qp.ctrlr.epoch.Load() {
		qp.sync()
	}
	switch qp.state {
	case qpFailed:
		return qp.ctrlr.deadErr()
	case qpLost:
		return qp.lostErr
	}
	return nil
}

// start gives a waiting request to the controller, or part of it. It returns
// false if there was no room, and leaves the request to the caller then.
func (qp *QPair) start(r *Request) bool {
	switch {
	case r.state == reqParent:
		return qp.advance(r)
	case r.partner != nil:
		return qp.startFused(r)
	case qp.special && qp.injectSubmit(r):
		return true
	}
	switch err := qp.q.Submit(r, false); {
	case err == nil:
		r.state = reqActive
		if nvmeLog.Enabled() {
			qp.logCommand(r)
		}
	case errors.Is(err, ErrNoTracker):
		return false
	default:
		qp.end(r, nvme.StatusInvalidField.WithDNR())
	}
	return true
}

// pump starts waiting requests, in order, until there is no room.
func (qp *QPair) pump() {
	if qp.auth != nil {
		qp.submitAuth() // before what has waited no longer
	}
	for qp.state == qpEnabled {
		r := qp.waiting.pop()
		if r == nil {
			return
		}
		if !qp.start(r) {
			qp.waiting.pushFront(r)
			return
		}
	}
}

// end ends a request without the controller. Done is called by the next poll,
// or by the one that is going on.
func (qp *QPair) end(r *Request, s nvme.Status) {
	r.Completion = nvme.NewCompletion(0, qp.id, r.slot, s)
	qp.logManual(r)
	if r.parent != nil {
		qp.partDone(r, s)
		return
	}
	r.state = reqEnding
	qp.ending.push(r)
}

// ProcessCompletions takes up to limit completions (0 and less: as many as
// there are, within a bound that keeps a poll short) and calls Done of each
// request that has ended. It returns how many completions there were. After
// an error ([ErrRemoved], [ErrFailed], [ErrClosed]) every request that was
// accepted has been completed, and Free is all that remains, unless the
// controller is reset. The same goes for [ErrDisconnected], the loss of a
// fabric's connection, after which Reconnect is possible too.
func (qp *QPair) ProcessCompletions(limit int) (int, error) {
	if qp.id == 0 {
		return 0, fmt.Errorf("host: the admin queue is polled with Controller.ProcessAdminCompletions: %w", ErrBusy)
	}
	if qp.inPoll {
		return 0, ErrBusy
	}
	qp.inPoll = true
	n, err := qp.poll(limit)
	qp.inPoll = false
	if qp.freed {
		qp.freed = false
		return n, errors.Join(err, qp.Free(contextBackground))
	}
	return n, err
}

func (qp *QPair) poll(limit int) (int, error) {
	if qp.state != qpEnabled || qp.epoch != qp.ctrlr.epoch.Load() {
		if stop, err := qp.pollSync(); stop {
			return 0, err
		}
	}
	if limit <= 0 || limit > len(qp.done) {
		limit = len(qp.done)
	}
	n, err := qp.q.Poll(qp.done[:limit])
	for i, r := range qp.done[:n] {
		qp.done[i] = nil
		qp.finish(r)
	}
	if err != nil || n == 0 && qp.ctrlr.link.Removed() {
		return n, qp.lost(err)
	}
	if qp.waiting.head != nil {
		qp.pump()
	}
	if qp.special {
		qp.pollSpecial()
	}
	if qp.ending.head != nil {
		qp.flushEnding()
	}
	qp.q.Kick()
	return n, nil
}

// lost gives the controller up: it has gone, or err tells what it did.
func (qp *QPair) lost(err error) error {
	if qp.ctrlr.mapped == nil && qp.id != 0 {
		return qp.disconnected(err)
	}
	if err == nil {
		qp.ctrlr.remove()
	} else {
		if qp.ctrlr.getPhase() == phaseRunning { // otherwise who connects is told
			log.Errorf("%v CQ transport error: %v", qp, err)
		}
		qp.ctrlr.fail()
	}
	qp.sync()
	qp.flushEnding()
	if dead := qp.ctrlr.deadErr(); dead != nil && err != nil {
		return fmt.Errorf("%w: %w", dead, err)
	}
	return errors.Join(qp.ctrlr.deadErr(), err)
}

// finish takes a request that the controller has completed.
func (qp *QPair) finish(r *Request) {
	if r.Completion.Status().IsError() || qp.special || r.parent != nil || qp.id == 0 || nvmeLog.Enabled() {
		qp.finishSlow(r)
		return
	}
	r.state = reqIdle
	r.Done.Complete(r)
}

func (qp *QPair) finishSlow(r *Request) {
	if qp.special {
		qp.injectCompletion(r)
	}
	s := r.Completion.Status()
	failed := s.IsError()
	quiet := qp.ctrlr.opts.DisableErrorLogging || r.cmd.Opcode == nvme.AdminAsyncEventRequest && qp.id == 0
	if failed && !quiet {
		qp.logFailure(r)
	} else if nvmeLog.Enabled() {
		qp.logCompletion(r)
	}
	if failed && qp.retry(r, s) {
		return
	}
	if r.parent != nil {
		qp.partDone(r, s)
		return
	}
	qp.deliver(r)
}

// deliver tells the owner. Requests of the admin queue are told by the
// controller, outside its lock.
func (qp *QPair) deliver(r *Request) {
	if qp.id == 0 {
		r.state = reqEnding
		qp.ctrlr.ended.push(r)
		return
	}
	r.state = reqIdle
	r.Done.Complete(r)
}

// retryable tells whether sending the command again may help.
func retryable(s nvme.Status) bool {
	if s.DNR() {
		return false
	}
	switch s.Code() {
	case nvme.StatusNamespaceNotReady, nvme.StatusFormatInProgress, nvme.StatusInternalPathError:
		return true
	}
	return false
}

func (qp *QPair) retry(r *Request, s nvme.Status) bool {
	const fused = 3
	if !retryable(s) || r.aborted || int(r.retries) >= qp.ctrlr.opts.RetryCount || r.cmd.Flags&fused != 0 {
		return false
	}
	r.retries++
	if qp.q.Submit(r, false) != nil {
		return false
	}
	r.state = reqActive
	return true
}

func (qp *QPair) flushEnding() {
	// What is added meanwhile is told by the next poll, so that a request
	// submitted again and again from Done cannot keep this one for ever.
	for r, last := qp.ending.head, qp.ending.tail; r != nil; r = qp.ending.head {
		qp.ending.pop()
		qp.deliver(r)
		if r == last {
			return
		}
	}
}

// failAll ends every request that the queue pair has.
func (qp *QPair) failAll(s nvme.Status) {
	qp.failOutstanding(s)
	qp.failWaiting(s)
	for r := qp.injected.pop(); r != nil; r = qp.injected.pop() {
		qp.end(r, s)
	}
}

func (qp *QPair) failOutstanding(s nvme.Status) {
	qp.scratch = qp.q.Outstanding(qp.scratch[:0])
	for i, r := range qp.scratch {
		qp.scratch[i] = nil
		qp.q.Forget(r)
		if r.parent != nil {
			r.parent.cursor.stop(s)
		}
		qp.end(r, s)
	}
	if qp.auth != nil {
		qp.auth.fail(s)
	}
}

func (qp *QPair) failWaiting(s nvme.Status) {
	for r := qp.waiting.pop(); r != nil; r = qp.waiting.pop() {
		switch {
		case r.state == reqParent:
			r.cursor.stop(s)
			r.cursor.queued = false
			qp.parentDone(r)
		case r.partner != nil:
			second := r.partner
			r.partner = nil
			qp.end(r, s)
			qp.end(second, s)
		default:
			qp.end(r, s)
		}
	}
}
