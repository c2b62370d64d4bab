// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// HostKeys are the names of what a host and the subsystem's controllers prove
// to know. Without Host a host need not prove anything.
type HostKeys struct{ Host, Controller string }

// SetKeyReader sets where keys are found by their names. It is called before
// hosts connect.
func (t *Target) SetKeyReader(read func(name string) ([]byte, error)) { t.readKey = read }

// secret reads the key of a name.
func (t *Target) secret(name string) (*dhchap.Secret, error) {
	if t.readKey == nil {
		return nil, fmt.Errorf("key %q: the target has no keyring: %w", name, syscall.ENOKEY)
	}
	p, err := t.readKey(name)
	if err != nil {
		return nil, err
	}
	defer clear(p)
	s, err := dhchap.ParseSecret(string(p))
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return s, nil
}

// SetHostKeys sets what a host that AddHost has named has to prove from its
// next authentication on. ENOENT means that AddHost has not named it.
func (s *Subsystem) SetHostKeys(nqn string, k HostKeys) error {
	if k.Controller != "" && k.Host == "" {
		return fmt.Errorf("nvmf: subsystem %s: host %s: a key of the controller without one of the host: %w", s.nqn, nqn, syscall.EINVAL)
	}
	for what, name := range map[string]string{"dhchap_key": k.Host, "dhchap_ctrlr_key": k.Controller} {
		if name == "" {
			continue
		}
		key, err := s.target.secret(name)
		if err != nil {
			return fmt.Errorf("nvmf: subsystem %s: host %s: %s: %w", s.nqn, nqn, what, err)
		}
		key.Wipe()
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	if !slices.Contains(s.access.hosts, nqn) {
		return fmt.Errorf("nvmf: subsystem %s does not name host %q: %w", s.nqn, nqn, syscall.ENOENT)
	}
	if s.access.keys == nil {
		s.access.keys = make(map[string]HostKeys)
	}
	s.access.keys[nqn] = k
	return nil
}

// HostKeys returns what SetHostKeys has set.
func (s *Subsystem) HostKeys(nqn string) HostKeys {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return s.access.keys[nqn]
}

// authentication is what a queue has to do, or has done, before its host is
// believed.
type authentication struct {
	passed atomic.Bool // commands are carried out
	failed atomic.Bool // the queue is of no more use
	ctrlr  *dhchap.Controller
	busy   bool // a goroutine works on a message; on the queue's thread
	hash   dhchap.Hash
	group  dhchap.Group
}

// maxAuthData is how much data an authentication command may move, in bytes.
const maxAuthData = 64 << 10

// RequireAuthentication has the host of a queue prove who it is before any
// command but those for that is carried out, if it has a key, and tells
// whether it must. It is called when the queue has been connected.
func (c *Controller) RequireAuthentication(q *Queue) bool {
	if c.sub.HostKeys(c.opts.Connection.HostNQN).Host == "" {
		return false
	}
	q.auth = new(authentication)
	return true
}

// Authenticating tells whether the host of a queue still has to prove who it
// is.
func (q *Queue) Authenticating() bool { return q.auth != nil && !q.auth.passed.Load() }

// Refused tells whether the host has not proved who it is: once it knows, the
// connection is to be closed.
func (q *Queue) Refused() bool { return q.auth != nil && q.auth.failed.Load() }

// authenticates tells whether the command is one that proves who somebody is.
func authenticates(cmd *nvme.Command) bool {
	return cmd.Opcode == nvme.OpcodeFabrics && (cmd.FCTYPE() == nvme.FabricsAuthSend || cmd.FCTYPE() == nvme.FabricsAuthReceive)
}

// prepareAuth takes authentication commands, and all others of a queue whose
// host has not proved who it is. It answers whether it has taken r.
func (c *Controller) prepareAuth(r *Request) bool {
	if !authenticates(&r.Cmd) {
		if !r.queue.Authenticating() {
			return false
		}
		r.fail(nvme.StatusFabricsAuthRequired.WithDNR())
		return true
	}
	x := nvme.ParseAuthSend(&r.Cmd) // the other one has the same fields
	switch {
	case c.opts.Fabrics == nil, r.queue.auth == nil, x.SECP != nvme.SECPNVMe, x.SPSP != authSPSP, x.Length == 0, x.Length > min(maxAuthData, c.opts.MaxDataSize):
		r.fail(nvme.StatusInvalidField.WithDNR())
		return true
	}
	r.flags |= flagAuth
	r.Length = x.Length
	r.Xfer = nvme.TransferHostToController
	if r.Cmd.FCTYPE() == nvme.FabricsAuthReceive {
		r.Xfer = nvme.TransferControllerToHost
	}
	return true
}

// authSPSP is the security protocol specific field of authentication: 1 in
// both bytes.
const authSPSP = 0x0101

// executeAuth carries out an authentication command. Messages take
// milliseconds to work on, so that a goroutine does.
func (l *Lane) executeAuth(r *Request) {
	q := r.queue.auth
	if q.busy || q.failed.Load() && r.Cmd.FCTYPE() == nvme.FabricsAuthSend {
		r.Finish(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	if r.Cmd.FCTYPE() == nvme.FabricsAuthReceive {
		l.sendAuth(r)
		return
	}
	p := make([]byte, r.Length)
	r.gather(p)
	q.busy = true
	go func() {
		status := nvme.StatusSuccess
		if q.ctrlr == nil || q.ctrlr.Done() { // a new exchange
			if err := l.c.beginAuth(q); err != nil {
				log.Errorf("nvmf: subsystem %s: host %s: %v", l.c.sub.nqn, l.c.opts.Connection.HostNQN, err)
				status = nvme.StatusInternalDeviceError
			}
		}
		if status == nvme.StatusSuccess {
			if err := q.ctrlr.Receive(p); err != nil {
				log.Warnf("nvmf: subsystem %s: controller %d: queue %d: host %s is not authenticated: %v", l.c.sub.nqn, l.c.id, r.queue.ID, l.c.opts.Connection.HostNQN, err)
			}
		}
		l.thread.Send(func() {
			q.busy = false
			l.settleAuth(q)
			r.Finish(status)
		})
	}()
}

// beginAuth makes the controller's end of an exchange.
func (c *Controller) beginAuth(q *authentication) error {
	s := c.sub
	nqn := c.opts.Connection.HostNQN
	k := s.HostKeys(nqn)
	o := s.target.Config()
	cfg := dhchap.Config{HostNQN: nqn, SubsysNQN: s.nqn, Hashes: o.Hashes, Groups: o.Groups}
	if k.Host == "" {
		return errors.New("the host has no key any more")
	}
	var err error
	if cfg.Host, err = s.target.secret(k.Host); err != nil {
		return err
	}
	if k.Controller != "" {
		if cfg.Controller, err = s.target.secret(k.Controller); err != nil {
			return err
		}
	}
	q.ctrlr = dhchap.NewController(cfg)
	return nil
}

// sendAuth gives the host the message that is due.
func (l *Lane) sendAuth(r *Request) {
	q := r.queue.auth
	if q.ctrlr == nil {
		r.Finish(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	p, err := q.ctrlr.Send()
	if err != nil || len(p) > int(r.Length) {
		r.Finish(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	r.reply(p)
	if q.ctrlr.Failed() {
		q.failed.Store(true)
	}
	l.settleAuth(q)
	r.Finish(nvme.StatusSuccess)
}

// settleAuth lets commands run when the host has proved who it is.
func (l *Lane) settleAuth(q *authentication) {
	if q.ctrlr != nil && q.ctrlr.Done() {
		q.passed.Store(true)
		q.hash, q.group = q.ctrlr.Hash(), q.ctrlr.Group()
	}
}
