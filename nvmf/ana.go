// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
)

// Asymmetric namespace access (NVMe Base 2.0, 8.1): how well the namespaces of
// a group are reached by an address. Groups are numbered from 1 to the number
// of namespaces that a subsystem may have.

// anaTransitionTime is ANATT, how long a host should wait for the end of the
// change state, in seconds.
const anaTransitionTime = 10

// anaAccess is the state of all groups by one listener. Any thread reads it.
type anaAccess struct {
	states  []atomic.Uint32 // nvme.ANAState, of group i + 1
	changes atomic.Uint64
}

func newANAAccess(groups uint32, s nvme.ANAState) *anaAccess {
	a := &anaAccess{states: make([]atomic.Uint32, groups)}
	for i := range a.states {
		a.states[i].Store(uint32(s))
	}
	return a
}

// state returns that of a group. Without states all is optimized.
func (a *anaAccess) state(group uint32) nvme.ANAState {
	if a == nil {
		return nvme.ANAOptimized
	}
	return nvme.ANAState(a.states[group-1].Load())
}

// anaStatus is how I/O commands end in a state; success lets them run.
func anaStatus(s nvme.ANAState) nvme.Status {
	switch s {
	case nvme.ANAOptimized, nvme.ANANonOptimized:
		return nvme.StatusSuccess
	case nvme.ANAInaccessible:
		return nvme.StatusANAInaccessible
	case nvme.ANAPersistentLoss:
		return nvme.StatusANAPersistentLoss
	}
	return nvme.StatusANATransition
}

// access returns the states of the groups for the controller's host, nil if
// the subsystem does not report them. Any goroutine may ask.
func (c *Controller) access() *anaAccess {
	if !c.sub.opts.ANAReporting {
		return nil
	}
	if l := c.sub.listened.find(c.opts.Connection.Listen); l != nil {
		return l.ana
	}
	return nil
}

// ANAGroup returns the namespace's group. Any goroutine may ask.
func (ns *Namespace) ANAGroup() uint32 { return ns.anaGroup.Load() }

// checkANAGroup checks the number of a group.
func (s *Subsystem) checkANAGroup(group uint32) error {
	if group < 1 || group > s.opts.MaxNamespaces {
		return fmt.Errorf("ANA group %d: it must be 1 to %d, which is max_namespaces of the subsystem", group, s.opts.MaxNamespaces)
	}
	return nil
}

// SetANAGroup moves a namespace to another group. Hosts are told.
func (s *Subsystem) SetANAGroup(ctx context.Context, nsid, group uint32) error {
	if err := s.checkANAGroup(group); err != nil {
		return fmt.Errorf("nvmf: subsystem %s: %w", s.nqn, err)
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	ns := s.namespaces[nsid]
	if ns == nil {
		return fmt.Errorf("nvmf: subsystem %s has no namespace %d: %w", s.nqn, nsid, syscall.ENOENT)
	}
	if !s.opts.ANAReporting {
		return fmt.Errorf("nvmf: subsystem %s was made without ANA reporting: %w", s.nqn, syscall.EINVAL)
	}
	if ns.anaGroup.Swap(group) == group {
		return nil
	}
	return s.tellControllers(ctx, func(c *Controller) {
		c.namespaceChanged(nsid)
		c.anaChanged()
	}, func(*Controller) bool { return true })
}

// SetANAState sets how the namespaces of a group, or of all with group 0, are
// reached by a listener. Hosts that have come by it are told.
func (s *Subsystem) SetANAState(ctx context.Context, addr nvme.TransportID, state nvme.ANAState, group uint32) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("nvmf: subsystem %s: "+format, append([]any{s.nqn}, args...)...)
	}
	if !s.opts.ANAReporting {
		return fail("it was made without ANA reporting: %w", syscall.EINVAL)
	}
	if group != 0 {
		if err := s.checkANAGroup(group); err != nil {
			return fail("%w", err)
		}
	}
	if state != nvme.ANAOptimized && state != nvme.ANANonOptimized && state != nvme.ANAInaccessible {
		return fail("ANA state %s: it must be optimized, non_optimized or inaccessible", state)
	}
	l := s.listened.find(addr)
	if l == nil {
		return fail("it does not listen at %s: %w", addr, syscall.ENOENT)
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	changed := false
	for i := range l.ana.states {
		if group == 0 || uint32(i) == group-1 {
			changed = l.ana.states[i].Swap(uint32(state)) != uint32(state) || changed
		}
	}
	if !changed {
		return nil
	}
	l.ana.changes.Add(1)
	return s.tellControllers(ctx, (*Controller).anaChanged, func(c *Controller) bool { return c.access() == l.ana })
}

// tellControllers runs fn on the threads of those controllers that match. s.ctl
// is held.
func (s *Subsystem) tellControllers(ctx context.Context, fn func(*Controller), match func(*Controller) bool) error {
	for _, c := range s.controllers {
		if !match(c) {
			continue
		}
		if err := onThread(ctx, c.thread, func() { fn(c) }); err != nil {
			return fmt.Errorf("nvmf: subsystem %s: controller %d: %w", s.nqn, c.id, err)
		}
	}
	return nil
}

// anaChanged tells the host that the log has changed.
func (c *Controller) anaChanged() {
	if c.feat.asyncEvents&configANA != 0 {
		c.raise(eventNotice, nvme.NoticeANAChange, uint8(nvme.LogANA))
	}
}

// anaPage is the log: the groups that have namespaces which the host sees.
func (c *Controller) anaPage(groupsOnly bool) []byte {
	a := c.access()
	byGroup := map[uint32]*nvme.ANAGroup{}
	var groups []*nvme.ANAGroup
	for _, n := range c.home.ns {
		if n == nil {
			continue
		}
		id := n.ns.ANAGroup()
		g := byGroup[id]
		if g == nil {
			g = &nvme.ANAGroup{ID: id, State: a.state(id)}
			if a != nil {
				g.ChangeCount = a.changes.Load()
			}
			byGroup[id] = g
			groups = append(groups, g)
		}
		if !groupsOnly {
			g.NSIDs = append(g.NSIDs, n.nsid)
		}
	}
	slices.SortFunc(groups, func(x, y *nvme.ANAGroup) int { return int(x.ID) - int(y.ID) })
	all := make([]nvme.ANAGroup, len(groups))
	for i, g := range groups {
		all[i] = *g
	}
	count := uint64(0)
	if a != nil {
		count = a.changes.Load()
	}
	return nvme.AppendANALog(nil, count, all)
}

// identifyANA fills in what Identify Controller tells of groups.
func (c *Controller) identifyANA(id *nvme.IdentifyController) {
	if !c.sub.opts.ANAReporting {
		return
	}
	id.CMIC |= nvme.CMICANAReporting
	id.OAES |= nvme.OAESANAChange
	id.ANATT = anaTransitionTime
	id.ANACAP = nvme.ANACAPOptimized | nvme.ANACAPNonOptimized | nvme.ANACAPInaccessible
	id.ANAGRPMAX, id.NANAGRPID = c.sub.opts.MaxNamespaces, c.sub.opts.MaxNamespaces
}

// ANAStates returns the states of the groups by the listener, that of group 1
// first, nil if the subsystem does not report them.
func (l *Listener) ANAStates() []nvme.ANAState {
	if l.ana == nil {
		return nil
	}
	all := make([]nvme.ANAState, len(l.ana.states))
	for i := range all {
		all[i] = l.ana.state(uint32(i) + 1)
	}
	return all
}
