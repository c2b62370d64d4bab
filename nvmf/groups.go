// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// pollGroup is what the controllers of one thread have in common. All but
// the thread belongs to it.
type pollGroup struct {
	thread *thread.Thread
	stats  GroupStats
}

// GroupStats is what the controllers of a thread have done and have.
type GroupStats struct {
	Name                                string // of the thread
	AdminQueues, IOQueues               uint64 // since the start
	CurrentAdminQueues, CurrentIOQueues uint64 // now
	Unassociated                        uint64 // connections that are no queue of a controller yet
	CompletedIO                         uint64 // I/O commands
}

func (g *pollGroup) add(qid uint16) {
	if qid == 0 {
		g.stats.AdminQueues++
		g.stats.CurrentAdminQueues++
		return
	}
	g.stats.IOQueues++
	g.stats.CurrentIOQueues++
}

// ConnectionCame tells that a host has connected to thread th, which calls it.
// When the connection becomes a queue, or ends before, ConnectionLeft is called
// there.
func (t *Target) ConnectionCame(th *thread.Thread) { t.group(th).stats.Unassociated++ }

// ConnectionLeft undoes ConnectionCame.
func (t *Target) ConnectionLeft(th *thread.Thread) { t.group(th).stats.Unassociated-- }

func (g *pollGroup) remove(qid uint16) {
	if qid == 0 {
		g.stats.CurrentAdminQueues--
		return
	}
	g.stats.CurrentIOQueues--
}

// group returns what belongs to a thread.
func (t *Target) group(th *thread.Thread) *pollGroup {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups = slices.DeleteFunc(t.groups, func(g *pollGroup) bool { return g.thread.Exited() })
	for _, g := range t.groups {
		if g.thread == th {
			return g
		}
	}
	g := &pollGroup{thread: th, stats: GroupStats{Name: th.Name()}}
	t.groups = append(t.groups, g)
	return g
}

// Stats returns what the target's threads have done, oldest first.
func (t *Target) Stats(ctx context.Context) ([]GroupStats, error) {
	t.mu.Lock()
	groups := slices.Clone(t.groups)
	t.mu.Unlock()
	var all []GroupStats
	for _, g := range groups {
		err := thread.Do(ctx, g.thread, func() error {
			all = append(all, g.stats)
			return nil
		})
		if err != nil && !errors.Is(err, thread.ErrExited) {
			return nil, fmt.Errorf("nvmf: statistics of %s: %w", g.stats.Name, err)
		}
	}
	return all, nil
}

// Start makes a thread on each CPU of set, or of those in Config.PollGroups,
// for the controllers of transports. Close ends them.
func (t *Target) Start(ctx context.Context, set *reactor.Set) error {
	wide := set.Mask()
	if m := t.Config().PollGroups; !m.Empty() {
		wide = wide.And(m)
	}
	for i, cpu := range wide.CPUs() {
		// It begins on a CPU of its own. The scheduler may move it.
		one, err := reactor.MaskOf(cpu)
		if err != nil {
			return err
		}
		th, err := set.NewThread(ctx, fmt.Sprintf("nvmf_tgt_poll_group_%03d", i), one)
		if err != nil {
			return err
		}
		t.mu.Lock()
		t.threads = append(t.threads, placedThread{th, nodeOf(cpu)})
		t.mu.Unlock()
		t.group(th)
		if err := set.SetMask(ctx, th, wide); err != nil {
			return err
		}
	}
	return nil
}

// placedThread is a thread and the NUMA node that it began on.
type placedThread struct {
	thread *thread.Thread
	node   int32
}

// AnyNode stands for every NUMA node.
const AnyNode = -1

// Threads returns the threads that Start has made, for transports to run
// controllers on.
func (t *Target) Threads() []*thread.Thread { return t.ThreadsOn(AnyNode) }

// ThreadsOn returns those of a NUMA node.
func (t *Target) ThreadsOn(node int32) (on []*thread.Thread) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.threads {
		if node == AnyNode || p.node == node {
			on = append(on, p.thread)
		}
	}
	return on
}

// nodeOf returns the NUMA node of a CPU, 0 if the machine does not tell.
func nodeOf(cpu int) int32 {
	links, err := filepath.Glob(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/node[0-9]*", cpu))
	if err != nil || len(links) == 0 {
		return 0
	}
	node, err := strconv.ParseInt(strings.TrimPrefix(filepath.Base(links[0]), "node"), 10, 32)
	if err != nil {
		return 0
	}
	return int32(node)
}

// exitThreads ends what Start has made.
func (t *Target) exitThreads() {
	if t.borrowed {
		return
	}
	for _, th := range t.Threads() {
		th.Exit()
	}
}
