// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// authKeys are the secrets of a host and of its controller, either perhaps
// empty.
type authKeys struct{ host, controller string }

// check tells whether the keys are good.
func (k authKeys) check() error {
	if k.host == "" {
		if k.controller != "" {
			return errors.New("a DH-HMAC-CHAP key of the controller needs one of the host, too")
		}
		return nil
	}
	own, controller, err := k.secrets()
	own.Wipe()
	controller.Wipe()
	return err
}

// secrets reads the keys.
func (k authKeys) secrets() (host, controller *dhchap.Secret, err error) {
	if host, err = dhchap.ParseSecret([]byte(k.host)); err != nil {
		return nil, nil, fmt.Errorf("the host's key: %w", err)
	}
	if k.controller != "" {
		if controller, err = dhchap.ParseSecret([]byte(k.controller)); err != nil {
			return nil, nil, fmt.Errorf("the controller's key: %w", err)
		}
	}
	return host, controller, nil
}

// authExchange is an in-band authentication of a queue pair (NVM Express Base
// 2.0, 8.13), made of commands that follow one another. Whoever runs it sends
// what message returns and tells advance when that has ended.
type authExchange struct {
	host    *dhchap.Host
	buf     []byte
	receive bool  // the command under way brings a message
	failed  error // to be told when the controller has been told
}

// authSPSP is the security protocol specific field of authentication: 1 in
// both bytes.
const authSPSP = 0x0101

// newExchange begins an exchange with the keys that there are now.
func (c *Controller) newExchange() (*authExchange, error) {
	cfg := dhchap.Config{SubsysNQN: c.trid.Subnqn, Hashes: c.opts.DHCHAPDigests, Groups: c.opts.DHCHAPGroups}
	_, cfg.HostNQN = c.identity()
	keys := *c.keys.Load()
	if keys.host == "" {
		return nil, fmt.Errorf("host %s cannot prove who it is: give it a DH-HMAC-CHAP key: %w", cfg.HostNQN, ErrNotSupported)
	}
	if err := keys.check(); err != nil {
		return nil, err
	}
	cfg.Secrets = keys.secrets
	// Exchanges of a controller are numbered.
	return &authExchange{host: dhchap.NewHost(cfg, uint16(c.transactions.Add(1))), buf: make([]byte, dhchap.MaxMessage)}, nil
}

// message returns the next command: one that brings a message to the
// controller, or one that asks for the controller's.
func (a *authExchange) message() (cmd nvme.Command, data []byte) {
	data = a.host.Send()
	if a.receive = data == nil; a.receive {
		return nvme.AuthReceive{SPSP: authSPSP, SECP: nvme.SECPNVMe, Length: uint32(len(a.buf))}.Command(), a.buf
	}
	return nvme.AuthSend{SPSP: authSPSP, SECP: nvme.SECPNVMe, Length: uint32(len(data))}.Command(), data
}

// advance takes the end of a command and tells whether another one is due. An
// error is the end; a [*dhchap.Error] is that one side does not believe the
// other.
func (a *authExchange) advance(commandErr error) (more bool, err error) {
	switch {
	case a.failed != nil:
		return false, a.failed
	case commandErr != nil:
		return false, commandErr
	case a.receive:
		if err := a.host.Receive(a.buf); err != nil {
			a.failed = err
			return a.host.Due(), err // nothing is due if it was the controller that has ended it
		}
		clear(a.buf)
		return !a.host.Done() || a.host.Due(), nil
	}
	return !a.host.Done(), nil
}

// authLogin is the authentication that is the last part of a login. It is made
// by steps, too.
type authLogin struct {
	Request
	authExchange
	ended atomic.Bool
}

// Complete implements Completer.
func (a *authLogin) Complete(*Request) { a.ended.Store(true) }

// beginAuth begins to prove who the host is.
func (qp *QPair) beginAuth(l *login) error {
	x, err := qp.ctrlr.newExchange()
	if err != nil {
		return fmt.Errorf("the controller wants to know who the host is: %w", err)
	}
	l.auth = &authLogin{authExchange: *x}
	l.auth.Done = l.auth
	return qp.sendAuth(l.auth)
}

// sendAuth sends what is due.
func (qp *QPair) sendAuth(a *authLogin) error {
	a.prepare(qp, &a.authExchange)
	a.ended.Store(false)
	if err := qp.q.Submit(&a.Request, false); err != nil {
		return err
	}
	a.state = reqActive
	if nvmeLog.Enabled() {
		qp.logCommand(&a.Request)
	}
	qp.q.Kick()
	return nil
}

// prepare makes r the next command of x.
func (r *Request) prepare(qp *QPair, x *authExchange) {
	var p []byte
	r.cmd, p = x.message()
	r.payload = Payload{Buf: p, Len: uint32(len(p))}
	r.qp = qp
}

// authStep goes on with the authentication.
func (qp *QPair) authStep(l *login) (done bool, err error) {
	a, c := l.auth, qp.ctrlr
	if !a.ended.Load() {
		if c.clock.Now() > l.deadline {
			return false, fmt.Errorf("queue %d: the controller did not go on with authentication within %v: %w", qp.id, c.opts.ConnectTimeout, ErrTimeout)
		}
		return false, nil
	}
	more, err := a.advance(statusErr(nvme.OpcodeFabrics, qp.id != 0, a.Completion))
	if more {
		return false, qp.sendAuth(a)
	}
	qp.login = nil
	if err != nil {
		return false, authFailed(qp.id, err)
	}
	qp.q.Connected()
	return true, nil
}

func authFailed(qid uint16, err error) error {
	return fmt.Errorf("authentication of queue %d: %w", qid, err)
}
