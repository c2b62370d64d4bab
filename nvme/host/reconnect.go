// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"sync/atomic"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// connecting creates the queues of a queue pair again after a reset. The
// thread of the queue pair drives it, with two admin commands that whoever
// polls the admin queue completes.
type connecting struct {
	Request
	qp     *QPair
	status atomic.Uint32 // a connectState
	sq     bool          // the submission queue's turn
}

const (
	connectPending = iota
	connectDone
	connectFailed
)

// Complete implements Completer.
func (c *connecting) Complete(*Request) {
	if c.Completion.Status().IsError() {
		c.status.Store(connectFailed)
		return
	}
	c.status.Store(connectDone)
}

// sync takes notice of what has become of the controller.
func (qp *QPair) sync() {
	c := qp.ctrlr
	epoch := c.epoch.Load()
	if qp.state == qpClosed {
		return
	}
	qp.timeouts = c.timeouts.Load()
	switch p := c.getPhase(); {
	case p >= phaseFailed:
		qp.state = qpFailed
		qp.connect = nil
		qp.disconnect()
		s := nvme.StatusAbortedSQDeletion
		if p == phaseRemoved {
			s = s.WithDNR()
		}
		qp.failAll(s)
		qp.epoch = epoch
	case qp.id == 0:
		qp.state = qpEnabled
		qp.epoch = epoch
	case p == phaseResetting:
		qp.state = qpResetting // and look again on the next call
		qp.connect = nil
		if c.mapped == nil {
			qp.disconnect()
			qp.failOutstanding(nvme.StatusAbortedSQDeletion)
		}
	case c.mapped == nil && (qp.login != nil || qp.generation != c.generation.Load()):
		qp.reconnectFabric()
	case qp.lostErr != nil:
		qp.state = qpLost
		qp.epoch = epoch
	case qp.generation != c.generation.Load():
		qp.reconnect()
	default:
		qp.state = qpEnabled
		qp.epoch = epoch
	}
	qp.updateSpecial()
}

// pollSync is sync for a poll; stop tells that there is nothing to poll.
func (qp *QPair) pollSync() (stop bool, err error) {
	if qp.state == qpClosed {
		return true, ErrClosed
	}
	qp.sync()
	if qp.connect != nil {
		if _, err := qp.ctrlr.pollAdmin(); err != nil {
			qp.sync()
		}
	}
	if qp.ending.head != nil {
		qp.flushEnding()
	}
	switch qp.state {
	case qpEnabled:
		return false, nil
	case qpFailed:
		return true, qp.ctrlr.deadErr()
	case qpLost:
		return true, qp.lostErr
	}
	if qp.ctrlr.link.Removed() {
		qp.ctrlr.remove()
	}
	return true, nil
}

// reconnect makes one step towards a working queue pair.
func (qp *QPair) reconnect() {
	generation := qp.ctrlr.generation.Load()
	k := qp.connect
	if k == nil { // the first step
		qp.state = qpConnecting
		qp.failOutstanding(nvme.StatusAbortedSQDeletion)
		if qp.opts.FailQueuedOnReset {
			qp.failWaiting(nvme.StatusAbortedSQDeletion)
		}
		qp.q.Reset()
		qp.connect = &connecting{qp: qp}
		qp.connect.Done = qp.connect
		qp.sendCreate(qp.createCQ())
		return
	}
	switch k.status.Load() {
	case connectPending:
	case connectFailed:
		log.Errorf("%v creating the queues after a reset failed: %v", qp, k.Completion.Status())
		qp.connect = nil
		qp.ctrlr.fail()
	case connectDone:
		if !k.sq {
			k.sq = true
			k.status.Store(connectPending)
			qp.sendCreate(qp.createSQ())
			return
		}
		qp.connect = nil
		qp.generation = generation
		qp.q.Connected()
		qp.state = qpEnabled
		qp.epoch = qp.ctrlr.epoch.Load()
		qp.pump()
		qp.q.Kick()
	}
}

func (qp *QPair) sendCreate(cmd nvme.Command) {
	if err := qp.ctrlr.submitAdmin(&qp.connect.Request, cmd, nil, phaseRunning); err != nil {
		if qp.ctrlr.getPhase() == phaseResetting {
			qp.connect = nil // reset once more: begin again after that
			return
		}
		log.Errorf("%v creating the queues after a reset failed: %v", qp, err)
		qp.connect = nil
		qp.ctrlr.fail()
	}
}

// internal tells whether the request is the driver's own, which timeouts do
// not concern.
func (r *Request) internal() bool {
	switch r.Done.(type) {
	case *aer, *keepAlive, *connecting, *login, *authLogin, *reauth:
		return true
	}
	return false
}
