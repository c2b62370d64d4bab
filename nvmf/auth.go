// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
)

// HostKeys are the names of what a host and the subsystem's controllers prove
// to know. Without Host a host need not prove anything. PSK is the key by which
// the host may come to listeners with TLS.
type HostKeys struct{ Host, Controller, PSK string }

// SetKeyReader sets where keys are found by their names. It is called before
// hosts connect.
func (t *Target) SetKeyReader(read func(name string) ([]byte, error)) { t.readKey = read }

// SetKeyHolder sets what is told that a subsystem uses a key, until release is
// called. It is called before hosts are added.
func (t *Target) SetKeyHolder(hold func(name string) (release func(), err error)) { t.holdKey = hold }

// secret reads the key of a name, nil for none.
func (t *Target) secret(name string) (*dhchap.Secret, error) {
	if name == "" {
		return nil, nil
	}
	if t.readKey == nil {
		return nil, fmt.Errorf("key %q: the target has no keyring: %w", name, syscall.ENOKEY)
	}
	p, err := t.readKey(name)
	if err != nil {
		return nil, err
	}
	defer clear(p)
	s, err := dhchap.ParseSecret(p)
	if err != nil {
		return nil, fmt.Errorf("key %q: %w", name, err)
	}
	return s, nil
}

// check tells whether the keys are there and good.
func (k HostKeys) check(t *Target) error {
	if k.Controller != "" && k.Host == "" {
		return fmt.Errorf("a key of the controller without one of the host: %w", syscall.EINVAL)
	}
	for _, key := range []struct{ what, name string }{{"dhchap_key", k.Host}, {"dhchap_ctrlr_key", k.Controller}} {
		s, err := t.secret(key.name)
		if err != nil {
			return fmt.Errorf("%s: %w", key.what, err)
		}
		s.Wipe()
	}
	p, err := t.tlsKey(k.PSK)
	if err != nil {
		return fmt.Errorf("psk: %w", err)
	}
	p.Wipe()
	return nil
}

// heldKeys are a host's keys, which the keyring knows to be in use.
type heldKeys struct {
	HostKeys
	release []func()
}

// hold checks the keys and tells the keyring.
func (k HostKeys) hold(t *Target) (held heldKeys, err error) {
	if err := k.check(t); err != nil {
		return held, err
	}
	held.HostKeys = k
	for _, name := range []string{k.Host, k.Controller, k.PSK} {
		if name == "" || t.holdKey == nil {
			continue
		}
		release, err := t.holdKey(name)
		if err != nil { // removed this moment
			held.letGo()
			return heldKeys{}, err
		}
		held.release = append(held.release, release)
	}
	return held, nil
}

func (h heldKeys) letGo() {
	for _, release := range h.release {
		release()
	}
}

// SetHostKeys sets what a host that AddHost has named has to prove from its
// next authentication on. ENOENT means that AddHost has not named it.
func (s *Subsystem) SetHostKeys(nqn string, k HostKeys) error {
	held, err := k.hold(s.target)
	if err != nil {
		return fmt.Errorf("nvmf: subsystem %s: host %s: %w", s.nqn, nqn, err)
	}
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	if !slices.Contains(s.access.hosts, nqn) {
		held.letGo()
		return fmt.Errorf("nvmf: subsystem %s does not name host %q: %w", s.nqn, nqn, syscall.ENOENT)
	}
	s.access.setKeys(nqn, held)
	return nil
}

// setKeys is called with mu held.
func (a *access) setKeys(nqn string, k heldKeys) {
	if a.keys == nil {
		a.keys = make(map[string]heldKeys)
	}
	a.keys[nqn].letGo()
	a.keys[nqn] = k
}

// letGoKeys tells the keyring that the subsystem uses none of its keys any
// more.
func (a *access) letGoKeys() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.keys {
		k.letGo()
	}
	a.keys = nil
}

// HostKeys returns what SetHostKeys has set.
func (s *Subsystem) HostKeys(nqn string) HostKeys {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return s.access.keys[nqn].HostKeys
}

// authentication is what a queue has to do, or has done, before its host is
// believed. It belongs to the queue's thread; while busy, ctrlr belongs to a
// goroutine.
type authentication struct {
	passed bool // commands are carried out
	failed bool // the queue is of no more use, and the host knows
	ctrlr  *dhchap.Controller
	busy   bool
	began  time.Duration // when ctrlr was made
	info   AuthInfo
}

// AuthInfo tells how far a queue has got with authentication.
type AuthInfo struct {
	State  dhchap.State
	Digest dhchap.Hash // NoHash before one was agreed on
	Group  dhchap.Group
}

const (
	// maxAuthData is how much data an authentication command may move, in
	// bytes: messages have up to 1168 of hosts, 2 KiB with many descriptors.
	maxAuthData = 8 << 10
	// authSPSP is the security protocol specific field of authentication: 1
	// in both bytes.
	authSPSP = 0x0101
	// authComputing is how many messages a target works on at once, so that
	// hosts that have not proved anything cannot take all CPUs.
	authComputing = 2

	// AuthTimeout is how long a host may take to prove who it is.
	AuthTimeout = 120 * time.Second
)

// RequireAuthentication has the host of a queue that AddQueue has told of
// prove who it is before any command but those for that is carried out, if it
// has a key, and tells whether it must.
func (l *Lane) RequireAuthentication(q *Queue) bool {
	if l.c.sub.HostKeys(l.c.opts.Connection.HostNQN).Host == "" {
		return false
	}
	l.setAuth(q, new(authentication))
	return true
}

func (l *Lane) setAuth(q *Queue, a *authentication) {
	q.auth = a
	if i := slices.IndexFunc(l.queues, func(o QueueInfo) bool { return o.ID == q.ID }); i >= 0 {
		l.queues[i].auth = a
	}
}

// Authenticating tells whether the host of a queue still has to prove who it
// is.
func (q *Queue) Authenticating() bool { return q.auth != nil && !q.auth.passed }

// Refused tells whether the host has not proved who it is, and knows: the
// connection is to be closed.
func (q *Queue) Refused() bool { return q.auth != nil && q.auth.failed }

// Authenticates tells whether the request is one that proves who somebody is,
// or that was refused because that is due.
func (r *Request) Authenticates() bool { return r.flags&flagAuth != 0 }

// authenticates is Authenticates before the request is prepared.
func authenticates(cmd *nvme.Command) bool {
	return cmd.Opcode == nvme.OpcodeFabrics && (cmd.FCTYPE() == nvme.FabricsAuthSend || cmd.FCTYPE() == nvme.FabricsAuthReceive)
}

// prepareAuth takes authentication commands, and all others of a queue whose
// host has not proved who it is. It answers whether it has taken r.
func (c *Controller) prepareAuth(r *Request) bool {
	if c.opts.Fabrics == nil {
		return false
	}
	if !authenticates(&r.Cmd) {
		switch {
		case r.queue.Authenticating():
			r.flags |= flagAuth
			r.fail(nvme.StatusFabricsAuthRequired.WithDNR())
		case r.queue.ID != 0 && r.Cmd.Opcode == nvme.OpcodeFabrics:
			r.fail(nvme.StatusInvalidOpcode.WithDNR()) // Connect is over, Disconnect is not offered
		default:
			return false
		}
		return true
	}
	r.flags |= flagAuth
	x := nvme.ParseAuthSend(&r.Cmd) // the other one has the same fields
	if x.SECP != nvme.SECPNVMe || x.SPSP != authSPSP || x.Length == 0 || x.Length > min(maxAuthData, c.opts.MaxDataSize) {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return true
	}
	r.Length = x.Length
	r.Xfer = nvme.TransferHostToController
	if r.Cmd.FCTYPE() == nvme.FabricsAuthReceive {
		r.Xfer = nvme.TransferControllerToHost
	}
	return true
}

// executeAuth carries out what prepareAuth has taken.
func (l *Lane) executeAuth(r *Request) {
	if r.flags&flagFailed != 0 {
		r.finish()
		return
	}
	if r.queue.auth == nil { // the host may always prove who it is
		l.setAuth(r.queue, &authentication{passed: true})
	}
	a := r.queue.auth
	if a.busy || a.failed && r.Cmd.FCTYPE() == nvme.FabricsAuthSend {
		r.Finish(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	now := l.thread.Clock().Now()
	if a.ctrlr == nil || a.ctrlr.Done() || a.passed && now-a.began > AuthTimeout {
		a.ctrlr, a.began = l.c.newAuth(), now
	}
	if r.Cmd.FCTYPE() == nvme.FabricsAuthReceive {
		l.sendAuth(r)
		return
	}
	l.receiveAuth(r)
}

// receiveAuth works on a message of the host. That takes milliseconds, and
// reads keys, so that a goroutine does it.
func (l *Lane) receiveAuth(r *Request) {
	a, computing := r.queue.auth, l.c.sub.target.computing
	p := make([]byte, r.Length)
	r.gather(p)
	a.busy = true
	go func() {
		computing <- struct{}{}
		err := a.ctrlr.Receive(p)
		<-computing
		l.thread.Send(func() {
			a.busy = false
			l.settleAuth(r.queue, err)
			r.Finish(nvme.StatusSuccess) // the host learns the rest when it receives
		})
	}()
}

// newAuth makes the controller's end of an exchange.
func (c *Controller) newAuth() *dhchap.Controller {
	s, nqn := c.sub, c.opts.Connection.HostNQN
	o := s.target.Config()
	return dhchap.NewController(dhchap.Config{
		HostNQN: nqn, SubsysNQN: s.nqn, Hashes: o.Hashes, Groups: o.Groups,
		Secrets: func() (host, controller *dhchap.Secret, err error) {
			k := s.HostKeys(nqn)
			if host, err = s.target.secret(k.Host); err != nil {
				return nil, nil, err
			}
			controller, err = s.target.secret(k.Controller)
			return host, controller, err
		},
	})
}

// sendAuth gives the host the message that is due.
func (l *Lane) sendAuth(r *Request) {
	a := r.queue.auth
	p, err := a.ctrlr.Send(int(r.Length))
	if a.ctrlr.Failed() {
		a.failed = true
	}
	l.settleAuth(r.queue, err)
	if p == nil {
		r.Finish(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.reply(p)
	r.Finish(nvme.StatusSuccess)
}

// settleAuth lets commands run when the host has proved who it is, and notes
// that it cannot.
func (l *Lane) settleAuth(q *Queue, err error) {
	a := q.auth
	if err != nil {
		log.Warnf("nvmf: subsystem %s: controller %d: queue %d: host %s is not authenticated: %v", l.c.sub.nqn, l.c.id, q.ID, l.c.opts.Connection.HostNQN, err)
	}
	switch a.info = (AuthInfo{a.ctrlr.State(), a.ctrlr.Hash(), a.ctrlr.Group()}); a.info.State {
	case dhchap.StateCompleted:
		a.passed = true
	case dhchap.StateError: // the host has said so
		a.failed = true
	}
}
