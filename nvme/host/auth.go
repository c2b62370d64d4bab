// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// authLogin is the in-band authentication of a queue pair, the last part of
// its login (NVM Express Base 2.0, 8.13). It is made by steps, too.
type authLogin struct {
	Request
	host    *dhchap.Host
	buf     []byte
	receive bool // the command under way brings a message
	ended   atomic.Bool
	failed  error // to be told when the controller has been told
}

// Complete implements Completer.
func (a *authLogin) Complete(*Request) { a.ended.Store(true) }

// authSPSP is the security protocol specific field of authentication: 1 in
// both bytes.
const authSPSP = 0x0101

// beginAuth begins to prove who the host is.
func (qp *QPair) beginAuth(l *login) error {
	c := qp.ctrlr
	cfg := dhchap.Config{SubsysNQN: c.trid.Subnqn, Hashes: c.opts.DHCHAPDigests, Groups: c.opts.DHCHAPGroups}
	_, cfg.HostNQN = c.identity()
	cfg.Secrets = c.opts.secrets
	if c.opts.DHCHAPKey == "" {
		return fmt.Errorf("the controller wants host %s to prove who it is: give it a DH-HMAC-CHAP key: %w", cfg.HostNQN, ErrNotSupported)
	}
	own, controller, err := c.opts.secrets()
	own.Wipe()
	controller.Wipe()
	if err != nil {
		return err
	}
	l.auth = &authLogin{host: dhchap.NewHost(cfg, c.authTransaction()), buf: make([]byte, dhchap.MaxMessage)}
	l.auth.Done = l.auth
	return qp.sendAuth(l.auth)
}

// secrets reads the keys.
func (o *Options) secrets() (host, controller *dhchap.Secret, err error) {
	if host, err = dhchap.ParseSecret([]byte(o.DHCHAPKey)); err != nil {
		return nil, nil, fmt.Errorf("the host's key: %w", err)
	}
	if o.DHCHAPCtrlrKey != "" {
		if controller, err = dhchap.ParseSecret([]byte(o.DHCHAPCtrlrKey)); err != nil {
			return nil, nil, fmt.Errorf("the controller's key: %w", err)
		}
	}
	return host, controller, nil
}

// authTransaction numbers the exchanges of a controller.
func (c *Controller) authTransaction() uint16 { return uint16(c.transactions.Add(1)) }

// sendAuth sends the message that is due, or asks for the controller's.
func (qp *QPair) sendAuth(a *authLogin) error {
	p := a.host.Send()
	if a.receive = p == nil; a.receive {
		p = a.buf
		a.cmd = nvme.AuthReceive{SPSP: authSPSP, SECP: nvme.SECPNVMe, Length: uint32(len(p))}.Command()
	} else {
		a.cmd = nvme.AuthSend{SPSP: authSPSP, SECP: nvme.SECPNVMe, Length: uint32(len(p))}.Command()
	}
	a.payload = Payload{Buf: p, Len: uint32(len(p))}
	a.qp = qp
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

// authStep goes on with the authentication.
func (qp *QPair) authStep(l *login) (done bool, err error) {
	a, c := l.auth, qp.ctrlr
	if !a.ended.Load() {
		if c.clock.Now() > l.deadline {
			return false, fmt.Errorf("queue %d: the controller did not go on with authentication within %v: %w", qp.id, c.opts.ConnectTimeout, ErrTimeout)
		}
		return false, nil
	}
	fail := func(err error) (bool, error) {
		qp.login = nil
		return false, fmt.Errorf("authentication of queue %d: %w", qp.id, err)
	}
	if a.failed != nil {
		return fail(a.failed)
	}
	if err := statusErr(nvme.OpcodeFabrics, qp.id != 0, a.Completion); err != nil {
		return fail(err)
	}
	if a.receive {
		if a.failed = a.host.Receive(a.buf); a.failed != nil {
			if !a.host.Due() { // it was the controller that has ended it
				return fail(a.failed)
			}
			if err := qp.sendAuth(a); err != nil { // the controller is to know
				return fail(errors.Join(a.failed, err))
			}
			return false, nil
		}
		clear(a.buf)
	} else if a.host.Done() {
		return qp.authDone()
	}
	if a.receive && a.host.Done() && !a.host.Due() {
		return qp.authDone()
	}
	return false, qp.sendAuth(a)
}

// authDone ends the login.
func (qp *QPair) authDone() (bool, error) {
	qp.login = nil
	qp.q.Connected()
	return true, nil
}
