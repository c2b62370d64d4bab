// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"fmt"
	"time"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// access is how well a path leads to a namespace: its ANA state by rank (NVM
// Express Base 2.0, 8.1).
type access uint32

const (
	accessFirst  access = iota // optimized, or no ANA
	accessSecond               // non-optimized
	accessLater                // inaccessible or changing, for a time
	accessNone                 // lost for good
)

// anaState is what is known of a path's access. It is replaced as a whole.
type anaState struct {
	state    spec.ANAState // 0 if the controller does not report any
	stale    bool          // a command was refused for another state; the log is to be read
	deadline time.Duration // since start, when waiting for a better state ends; 0 is never
}

func (n *nvmeNS) access() access {
	a := n.ana.Load()
	switch {
	case a == nil || a.state == 0:
		return accessFirst
	case a.stale:
		return accessLater
	}
	switch a.state {
	case spec.ANAOptimized:
		return accessFirst
	case spec.ANANonOptimized:
		return accessSecond
	case spec.ANAPersistentLoss:
		return accessNone
	}
	return accessLater
}

// hopeful tells whether the namespace may be accessible this way soon.
func (n *nvmeNS) hopeful() bool {
	a := n.ana.Load()
	if a == nil {
		return true
	}
	return a.stale || a.state != spec.ANAPersistentLoss && (a.deadline == 0 || time.Since(start) < a.deadline)
}

// newANA is a state after another one. transition is how long the controller
// may take to make a namespace accessible (ANATT).
func newANA(s spec.ANAState, was *anaState, transition time.Duration) *anaState {
	a := &anaState{state: s}
	if s == spec.ANAInaccessible || s == spec.ANAChange {
		a.deadline = time.Since(start) + transition
		if was != nil && was.deadline != 0 {
			a.deadline = was.deadline
		}
	}
	return a
}

// setANA takes over a state.
func (n *nvmeNS) setANA(s spec.ANAState, transition time.Duration) {
	was := n.ana.Load()
	n.ana.Store(newANA(s, was, transition))
	if was == nil || was.state != s || was.stale {
		flag.Infof("%s: namespace %d is %s", n.c, n.id, s)
		n.disk.chooseAgain()
	}
}

// refusedANA is told, on any thread, that a command was refused because of
// the ANA state. It reports whether that can be.
func (n *nvmeNS) refusedANA() bool {
	a := n.ana.Load()
	if a == nil || a.state == 0 {
		return false
	}
	if !a.stale {
		b := *a
		b.stale = true
		if n.ana.CompareAndSwap(a, &b) {
			n.disk.chooseAgain()
		}
	}
	select {
	case n.c.wantANA <- struct{}{}:
	default: // it will be read
	}
	return true
}

// isANA tells whether a status is about the ANA state.
func isANA(s spec.Status) bool {
	return s.Is(spec.StatusANAInaccessible) || s.Is(spec.StatusANAPersistentLoss) || s.Is(spec.StatusANATransition)
}

// maxANALog bounds what a controller can make the host read.
const maxANALog = 4 << 20

// readANA reads the ANA log page: the state of each namespace. It returns nil
// for a controller without one.
func readANA(ctx context.Context, hc *host.Controller) (map[uint32]spec.ANAState, error) {
	id := hc.Identify()
	if id.CMIC&spec.CMICANAReporting == 0 {
		return nil, nil
	}
	const head, group, nsid = 16, 32, 4
	size := head + int64(id.NANAGRPID)*group + int64(id.NN)*nsid
	log := make([]byte, min(size, maxANALog))
	const allNamespaces = 0xffffffff
	if err := hc.GetLogPage(ctx, uint8(spec.LogANA), allNamespaces, log, 0); err != nil {
		return nil, fmt.Errorf("ANA log page: %w", err)
	}
	_, groups, err := spec.ParseANALog(log)
	if err != nil {
		return nil, err
	}
	states := map[uint32]spec.ANAState{}
	for _, g := range groups {
		for _, id := range g.NSIDs {
			states[id] = g.State
		}
	}
	return states, nil
}

// updateANA takes over the states of all namespaces. It is the keeper's.
func (c *ctrlr) updateANA(ctx context.Context) {
	hc := c.hc.Load()
	if hc == nil {
		return
	}
	states, err := readANA(ctx, hc)
	if err != nil {
		flag.Infof("%s: %v", c, err)
	}
	for _, n := range c.listed() {
		s, known := states[n.id]
		if a := n.ana.Load(); !known && a != nil {
			s = a.state // what it was, which the next command tells
		}
		n.setANA(s, transitionTime(hc))
	}
}

func transitionTime(hc *host.Controller) time.Duration {
	return time.Duration(hc.Identify().ANATT) * time.Second
}
