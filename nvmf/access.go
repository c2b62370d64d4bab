// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

// access is who may connect to a subsystem.
type access struct {
	mu         sync.Mutex
	restricted bool     // to hosts
	hosts      []string // oldest first
	keys       map[string]heldKeys
}

// disconnectTime is how long RemoveHost waits for a host's controllers unless
// its context ends before.
const disconnectTime = 10 * time.Second

// AllowAnyHost sets whether hosts may connect that AddHost has not named.
// Those that are connected stay.
func (s *Subsystem) AllowAnyHost(allow bool) {
	s.access.mu.Lock()
	same := s.access.restricted == !allow
	s.access.restricted = !allow
	s.access.mu.Unlock()
	if !same {
		s.hostsChanged(everyHost)
	}
}

// AnyHostAllowed tells what AllowAnyHost has set.
func (s *Subsystem) AnyHostAllowed() bool {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return !s.access.restricted
}

// HostAllowed tells whether a host may connect.
func (s *Subsystem) HostAllowed(nqn string) bool {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return !s.access.restricted || slices.Contains(s.access.hosts, nqn)
}

// Hosts returns the names of the hosts that may connect, oldest first.
func (s *Subsystem) Hosts() []string {
	s.access.mu.Lock()
	defer s.access.mu.Unlock()
	return slices.Clone(s.access.hosts)
}

// AddHost lets a host connect. EEXIST means that it may already.
func (s *Subsystem) AddHost(nqn string) error { return s.AddHostWithKeys(nqn, HostKeys{}) }

// AddHostWithKeys is AddHost and SetHostKeys in one: the host may at no time
// connect without its keys.
func (s *Subsystem) AddHostWithKeys(nqn string, k HostKeys) error {
	if err := CheckNQN(nqn); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	held, err := k.hold(s.target)
	if err != nil {
		return fmt.Errorf("nvmf: subsystem %s: host %s: %w", s.nqn, nqn, err)
	}
	s.access.mu.Lock()
	known := slices.Contains(s.access.hosts, nqn)
	if !known {
		s.access.setKeys(nqn, held)
		s.access.hosts = append(s.access.hosts, nqn)
	}
	s.access.mu.Unlock()
	if known {
		held.letGo()
		return fmt.Errorf("nvmf: subsystem %s: host %s is allowed already: %w", s.nqn, nqn, syscall.EEXIST)
	}
	s.hostsChanged(func(host string) bool { return host == nqn })
	return nil
}

// RemoveHost takes back what AddHost has given and disconnects the host, also
// if any host is allowed, and waits for that as long as ctx allows, but at
// most 10 seconds. ENOENT means that AddHost has not named it.
func (s *Subsystem) RemoveHost(ctx context.Context, nqn string) error {
	s.access.mu.Lock()
	i := slices.Index(s.access.hosts, nqn)
	if i >= 0 {
		s.access.hosts = slices.Delete(s.access.hosts, i, i+1)
		s.access.keys[nqn].letGo()
		delete(s.access.keys, nqn)
	}
	s.access.mu.Unlock()
	if i < 0 {
		return fmt.Errorf("nvmf: subsystem %s does not name host %q: %w", s.nqn, nqn, syscall.ENOENT)
	}
	s.hostsChanged(func(host string) bool { return host == nqn })
	ctx, cancel := context.WithTimeout(ctx, disconnectTime)
	defer cancel()
	return s.disconnect(ctx, nqn)
}

// disconnect sends a host away and waits until its controllers are closed.
func (s *Subsystem) disconnect(ctx context.Context, nqn string) error {
	var going []*Controller
	s.ctl.Lock()
	for _, c := range s.controllers {
		if d, ok := c.tr.(Disconnecter); ok && c.opts.Connection.HostNQN == nqn {
			if err := onThread(ctx, c.thread, d.Disconnect); err != nil {
				s.ctl.Unlock()
				return err
			}
			going = append(going, c)
		}
	}
	s.ctl.Unlock()
	for _, c := range going {
		select {
		case <-c.gone:
		case <-ctx.Done():
			return fmt.Errorf("nvmf: subsystem %s: controller %d of host %s has not ended: %w", s.nqn, c.id, nqn, context.Cause(ctx))
		}
	}
	return nil
}

// admit tells whether a controller may be made for a connection. s.ctl is
// held.
func (s *Subsystem) admit(x *Connection) error {
	if !s.HostAllowed(x.HostNQN) {
		return notAllowed("subsystem %s does not allow host '%s': add it, or allow any host", s.nqn, x.HostNQN)
	}
	if x.HostNQN == "" || !s.target.Config().OnePerListener {
		return nil
	}
	for _, c := range s.controllers {
		if o := &c.opts.Connection; o.HostNQN == x.HostNQN && o.Listen == x.Listen {
			return notAllowed("host %s is connected to subsystem %s at %s already", x.HostNQN, s.nqn, x.Listen)
		}
	}
	return nil
}

// notAllowed refuses a host.
func notAllowed(format string, args ...any) error {
	return &ConnectError{Status: nvme.StatusFabricsInvalidHost.WithDNR(), What: fmt.Sprintf(format, args...)}
}

// visibleTo tells whether a host sees the namespace. s.ctl is held.
func (ns *Namespace) visibleTo(host string) bool {
	return !ns.listed || slices.Contains(ns.hosts, host)
}

// Listed tells whether only hosts that AddNamespaceHost has named see the
// namespace.
func (ns *Namespace) Listed() bool { return ns.listed }

// Hosts returns the hosts that see a listed namespace, oldest first.
func (ns *Namespace) Hosts() []string {
	ns.sub.ctl.Lock()
	defer ns.sub.ctl.Unlock()
	return slices.Clone(ns.hosts)
}

// listedNamespace returns a namespace whose hosts may be changed. s.ctl is
// held.
func (s *Subsystem) listedNamespace(nsid uint32, host string) (*Namespace, error) {
	if err := CheckNQN(host); err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	ns := s.namespaces[nsid]
	if ns == nil {
		return nil, fmt.Errorf("nvmf: subsystem %s has no namespace %d", s.nqn, nsid)
	}
	if !ns.listed {
		return nil, fmt.Errorf("nvmf: subsystem %s: namespace %d is visible to all hosts: %w", s.nqn, nsid, syscall.EPERM)
	}
	return ns, nil
}

// AddNamespaceHost lets a host see a listed namespace. If it does already,
// nothing happens.
func (s *Subsystem) AddNamespaceHost(ctx context.Context, nsid uint32, host string) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	ns, err := s.listedNamespace(nsid, host)
	if err != nil || slices.Contains(ns.hosts, host) {
		return err
	}
	for _, c := range s.controllers {
		if c.opts.Connection.HostNQN != host {
			continue
		}
		if err := c.show(ctx, ns); err != nil {
			return err
		}
	}
	ns.hosts = append(ns.hosts, host)
	return nil
}

// RemoveNamespaceHost hides a listed namespace from a host, when the commands
// that use it have ended.
func (s *Subsystem) RemoveNamespaceHost(ctx context.Context, nsid uint32, host string) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	ns, err := s.listedNamespace(nsid, host)
	if err != nil {
		return err
	}
	ns.hosts = slices.DeleteFunc(ns.hosts, func(h string) bool { return h == host })
	for _, c := range s.controllers {
		if c.opts.Connection.HostNQN != host {
			continue
		}
		if err := c.hide(ctx, ns); err != nil {
			return fmt.Errorf("nvmf: subsystem %s: hiding namespace %d: %w", s.nqn, nsid, err)
		}
	}
	return nil
}

// onThread calls fn on a thread and waits. A thread that has exited has
// nothing left to do.
func onThread(ctx context.Context, t *thread.Thread, fn func()) error {
	err := thread.Do(ctx, t, func() error { fn(); return nil })
	if errors.Is(err, thread.ErrExited) {
		return nil
	}
	return err
}
