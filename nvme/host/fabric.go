// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// login connects a fabric's queue pair: the transport's handshake first, then
// the Connect command (NVM Express Base 2.0, 6.3). It is made by steps, so
// that a thread can do it between other work.
type login struct {
	Request
	data       nvme.ConnectData
	deadline   time.Duration
	generation uint32 // of the controller, when it began
	sent       bool
	ended      atomic.Bool
	auth       *authLogin // after Connect, if the controller wants it
}

// Complete implements Completer.
func (l *login) Complete(*Request) { l.ended.Store(true) }

// randomHostID is who the host is if nobody says so: another one in each
// process.
var randomHostID = sync.OnceValue(uuid.New)

// identity returns the host identifier and name that Connect gives.
func (c *Controller) identity() (id [16]byte, nqn string) { return c.opts.Identity(c.trid) }

// Identity returns who the host is to a fabric's controller: its identifier
// and its name.
func (o *Options) Identity(trid nvme.TransportID) (id [16]byte, nqn string) {
	id, nqn = o.ExtendedHostID, o.HostNQN
	if id == [16]byte{} {
		id = randomHostID()
	}
	if nqn == "" {
		nqn = trid.HostNQN
	}
	if nqn == "" {
		nqn = "nqn.2014-08.org.nvmexpress:uuid:" + uuid.UUID(id).String()
	}
	return id, nqn
}

// IsFabric tells whether the controller is reached by messages, and not by
// registers.
func (c *Controller) IsFabric() bool { return c.mapped == nil }

// HostNQN returns the name that a fabric's controller knows the host by.
func (c *Controller) HostNQN() string {
	_, nqn := c.identity()
	return nqn
}

// IsDiscovery tells whether this is a discovery controller, which has a
// discovery log and no namespaces.
func (c *Controller) IsDiscovery() bool {
	if c.trid.Subnqn == nvme.DiscoveryNQN {
		return true
	}
	id := c.identify.Load()
	return id != nil && id.CNTRLTYPE == nvme.ControllerTypeDiscovery
}

// inCapsule returns how many bytes of data the capsule of an I/O command may
// carry.
func (c *Controller) inCapsule() uint32 {
	const unit, sqe = 16, 64
	if id := c.identify.Load(); id != nil && id.IOCCSZ > sqe/unit && id.ICDOFF == 0 {
		return min(id.IOCCSZ, 1<<16)*unit - sqe
	}
	return 0
}

// refusals are what status codes mean to Connect; other commands have other
// meanings for them.
var refusals = map[nvme.Status]string{
	nvme.StatusFabricsIncompatibleFormat: " (incompatible format)",
	nvme.StatusFabricsControllerBusy:     " (no controller is left)",
	nvme.StatusFabricsInvalidParam:       " (invalid parameters, such as an unknown subsystem)",
	nvme.StatusFabricsRestartDiscovery:   " (ask the discovery subsystem again)",
	nvme.StatusFabricsInvalidHost:        " (this host is not allowed)",
	nvme.StatusFabricsInvalidQueueType:   " (invalid queue type)",
	nvme.StatusFabricsAuthRequired:       " (authentication is required)",
}

// dial begins to connect a queue pair on which nothing is outstanding.
func (qp *QPair) dial() error {
	c := qp.ctrlr
	l := &login{deadline: c.clock.Now() + c.opts.ConnectTimeout, generation: c.generation.Load()}
	l.Done = l
	qp.generation = l.generation
	hostID, nqn := c.identity()
	l.data.HOSTID = hostID
	l.data.CNTLID = nvme.ControllerIDDynamic
	if qp.id != 0 {
		l.data.CNTLID = uint16(c.cntlid.Load())
	}
	copy(l.data.SUBNQN[:], c.trid.Subnqn)
	copy(l.data.HOSTNQN[:], nqn)
	qp.q.Reset()
	qp.lostErr = nil
	qp.login = l
	return qp.q.(FabricQueue).Dial()
}

// loginStep goes on connecting. It is called after a poll of the queue.
func (qp *QPair) loginStep() (done bool, err error) {
	l, c := qp.login, qp.ctrlr
	if l.auth != nil {
		return qp.authStep(l)
	}
	switch {
	case l.ended.Load():
		if err := statusErr(nvme.OpcodeFabrics, qp.id != 0, l.Completion); err != nil {
			qp.login = nil
			return false, fmt.Errorf("the controller refused to connect queue %d%s: %w", qp.id, refusals[l.Completion.Status().Code()], err)
		}
		result := nvme.ConnectResult(l.Completion.CDW0)
		if qp.id == 0 {
			c.cntlid.Store(uint32(result.CNTLID()))
		}
		if result.AuthRequired() {
			return false, qp.beginAuth(l)
		}
		qp.login = nil
		qp.q.Connected()
		return true, nil
	case c.clock.Now() > l.deadline:
		return false, fmt.Errorf("queue %d did not connect within %v: %w", qp.id, c.opts.ConnectTimeout, ErrTimeout)
	case !l.sent && qp.q.(FabricQueue).Established():
		l.sent = true
		return false, qp.sendConnect(l)
	}
	return false, nil
}

func (qp *QPair) sendConnect(l *login) error {
	c, r := qp.ctrlr, &l.Request
	x := nvme.Connect{QID: qp.id, SQSize: qp.entries}
	if qp.id == 0 {
		x.KATO = uint32(c.opts.KeepAliveTimeout.Milliseconds())
	}
	if c.opts.DisableSQFlowControl {
		x.Attributes |= nvme.ConnectNoSQFlow
	}
	r.cmd = x.Command()
	b := nvme.Bytes(&l.data)
	r.payload = Payload{Buf: b, Len: uint32(len(b))}
	r.qp = qp
	if err := qp.q.Submit(r, false); err != nil {
		return err
	}
	r.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(r)
	}
	qp.q.Kick()
	return nil
}

// connectAdmin connects the admin queue, again after a reset. It is called
// while the controller is brought up.
func (c *Controller) connectAdmin(ctx context.Context) error {
	if err := c.makeAdmin(); err != nil {
		return err
	}
	c.adminMu.Lock()
	err := c.admin.dial()
	c.adminMu.Unlock()
	for idle := 0; err == nil; idle++ {
		if _, err = c.pollAdmin(); err != nil {
			break
		}
		c.adminMu.Lock()
		done, stepErr := c.admin.loginStep()
		c.adminMu.Unlock()
		if done {
			return nil
		}
		if err = errors.Join(stepErr, ctx.Err()); err == nil {
			c.clock.Pause(idle)
		}
	}
	c.adminMu.Lock()
	c.admin.disconnect()
	c.adminMu.Unlock()
	return err
}

// connectIO connects a new I/O queue pair.
func (qp *QPair) connectIO(ctx context.Context) error {
	if err := qp.dial(); err != nil {
		return err
	}
	for idle := 0; ; idle++ {
		done, err := qp.pollLogin()
		if done {
			return nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			qp.disconnect()
			qp.failOutstanding(nvme.StatusAbortedSQDeletion)
			return err
		}
		qp.ctrlr.clock.Pause(idle)
	}
}

// pollLogin is loginStep with the poll before it.
func (qp *QPair) pollLogin() (done bool, err error) {
	n, err := qp.q.Poll(qp.done)
	for i, r := range qp.done[:n] {
		qp.done[i] = nil
		qp.finish(r)
	}
	if err != nil {
		return false, err
	}
	return qp.loginStep()
}

// reconnectFabric makes one step towards a working connection.
func (qp *QPair) reconnectFabric() {
	c := qp.ctrlr
	if qp.login == nil || qp.login.generation != c.generation.Load() {
		qp.disconnect()
		qp.state = qpConnecting
		qp.failOutstanding(nvme.StatusAbortedSQDeletion)
		if qp.opts.FailQueuedOnReset {
			qp.failWaiting(nvme.StatusAbortedSQDeletion)
		}
		if err := qp.dial(); err != nil {
			qp.lose(err)
		}
		return
	}
	done, err := qp.pollLogin()
	if err != nil {
		qp.lose(err)
	}
	if !done {
		return
	}
	qp.state = qpEnabled
	qp.epoch = c.epoch.Load()
	qp.pump()
	qp.q.Kick()
}

// Reconnect begins to connect an I/O queue pair of a fabric again that
// ProcessCompletions has reported as [ErrDisconnected]. It does not wait: polls
// go on with it, and report it if it fails. Requests may be submitted
// meanwhile.
func (qp *QPair) Reconnect() error {
	if err := qp.usable(); err != nil && !errors.Is(err, ErrDisconnected) {
		return err
	}
	if qp.state != qpLost {
		return fmt.Errorf("host: %v is not disconnected: %w", qp, ErrBusy)
	}
	qp.state = qpConnecting
	if err := qp.dial(); err != nil {
		qp.lose(err)
		return qp.lostErr
	}
	return nil
}

// lose ends a connection that is of no use any more, and with it all requests.
// If the controller is being reset this is no news: after that it comes back.
func (qp *QPair) lose(err error) {
	if c := qp.ctrlr; c.getPhase() != phaseRunning || c.generation.Load() != qp.generation {
		qp.disconnect()
		qp.state = qpResetting // the next call looks at the controller
		return
	}
	log.Errorf("%v connection lost: %v", qp, err)
	qp.disconnect()
	qp.state = qpLost
	qp.lostErr = fmt.Errorf("%w: %w", ErrDisconnected, err)
	qp.failAll(nvme.StatusAbortedSQDeletion)
}

// disconnected is what a poll does when the connection is lost.
func (qp *QPair) disconnected(err error) error {
	qp.lose(err)
	qp.flushEnding()
	return qp.lostErr
}

// disconnect ends the connection of a fabric's queue pair, if it has one.
func (qp *QPair) disconnect() {
	if q, ok := qp.q.(FabricQueue); ok {
		q.Disconnect()
		qp.login = nil
	}
}
