// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"

	"github.com/gospdk/gospdk/bdev"
)

// Policy says how a disk uses several paths.
type Policy struct {
	ActiveActive bool // all paths of the best access, otherwise one of them
	QueueDepth   bool // the one with the fewest commands; otherwise in turn
	// MinIO is how many IO go one way, at least, before it is the turn of the
	// next.
	MinIO uint32
}

// Names of policies and selectors.
const (
	policyPassive   = "active_passive"
	policyActive    = "active_active"
	selectorRobin   = "round_robin"
	selectorQueue   = "queue_depth"
	keepMinIO       = ^uint32(0) // leaves MinIO as it is
	defaultRRMinIO  = 1
	multipathMode   = "multipath"
	failoverMode    = "failover"
	noMultipathMode = "disable"
)

// newPolicy is of the names that SPDK has for it. An empty selector is the
// default one.
func newPolicy(policy, selector string, minIO uint32) (p Policy, err error) {
	p = Policy{ActiveActive: policy == policyActive, QueueDepth: selector == selectorQueue, MinIO: minIO}
	if minIO == 0 {
		return p, fmt.Errorf("min_io 0: it must be 1 or more: %w", bdev.ErrInvalid)
	}
	return p, nil
}

func (d *Disk) setPolicy(p Policy) {
	d.policy.Store(&p)
	d.chooseAgain()
}

// names returns what SPDK calls the policy.
func (p Policy) names() (policy, selector string) {
	policy, selector = policyPassive, selectorRobin
	if p.ActiveActive {
		policy = policyActive
	}
	if p.QueueDepth {
		selector = selectorQueue
	}
	return policy, selector
}

// path returns the way that the next IO goes, nil if there is none.
func (c *channel) path() *ioPath {
	if e := c.d.epoch.Load(); e != c.epoch {
		c.epoch, c.current = e, nil
		c.policy = *c.d.policy.Load()
	}
	p := c.current
	if !c.policy.ActiveActive || len(c.paths) == 1 {
		if p == nil || !p.usable() {
			p = c.next(nil)
			c.current = p
		}
		return p
	}
	if c.policy.QueueDepth {
		p = c.shallowest()
		c.current = p
		return p
	}
	if p != nil && c.used < c.policy.MinIO && p.usable() {
		c.used++
		return p
	}
	p = c.next(p)
	c.current, c.used = p, 1
	return p
}

// next returns the first path after a given one that has the best access, in
// a circle, which ends with the given one.
func (c *channel) next(after *ioPath) (best *ioPath) {
	begin := 0
	for i, p := range c.paths {
		if p == after {
			begin = i + 1
			break
		}
	}
	for i := range c.paths {
		p := c.paths[(begin+i)%len(c.paths)]
		if !p.usable() {
			continue
		}
		if p.n.access() == accessFirst {
			return p
		}
		if best == nil {
			best = p
		}
	}
	return best
}

// shallowest returns the path with the fewest commands on its queue pair
// among those of the best access.
func (c *channel) shallowest() (best *ioPath) {
	rank := accessNone
	for _, p := range c.paths {
		if !p.usable() {
			continue
		}
		a := p.n.access()
		if a < rank || a == rank && p.cc.q.outstanding < best.cc.q.outstanding {
			best, rank = p, a
		}
	}
	return best
}

func (c *channel) hopeful() bool {
	if c.d.resetting.Load() > 0 {
		return false
	}
	for _, p := range c.paths {
		if p.hopeful() {
			return true
		}
	}
	return false
}
