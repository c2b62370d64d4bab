// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"io"
	"slices"
	"time"

	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// pollGroup polls all queue pairs of a thread. It belongs to the thread.
type pollGroup struct {
	t      *thread.Thread
	qpairs []*qpair
	poller *thread.Poller
}

// groupKey is the key of a thread's pollGroup.
type groupKey struct{ m *Module }

// ChannelName names the group among the channels of a thread.
func (groupKey) ChannelName() string { return "nvme_poll_group" }

func (m *Module) openGroup(t *thread.Thread) (*pollGroup, *thread.ChannelRef, error) {
	ref, err := t.Channel(groupKey{m}, func() (io.Closer, error) {
		g := &pollGroup{t: t}
		cfg := thread.PollerConfig{Name: "bdev_nvme_poll", Period: m.Options().IOPollPeriod, Poll: g.poll}
		if cfg.Period == 0 {
			cfg.Arm = g.arm
		}
		g.poller = t.NewPoller(cfg)
		m.addGroup(g)
		return &openGroup{g, m}, nil
	})
	if err != nil {
		return nil, nil, err
	}
	return ref.Value().(*openGroup).pollGroup, ref, nil
}

// openGroup closes a pollGroup.
type openGroup struct {
	*pollGroup
	m *Module
}

// Close implements io.Closer.
func (g *openGroup) Close() error {
	g.poller.Stop()
	g.m.removeGroup(g.pollGroup)
	return nil
}

// qpair is an I/O queue pair. It belongs to the thread of its ctrlrChannel
// until it is leaving.
type qpair struct {
	*host.QPair
	cc          *ctrlrChannel
	fd          int  // becomes readable when something has come; -1 for none
	outstanding int  // commands
	dirty       bool // commands were submitted since the last poll
	lost        bool // the keeper has been told
	// leaving is set before the queue pair is handed to a goroutine that
	// frees it, and on which requests then end.
	leaving bool
}

func (g *pollGroup) add(q *qpair) {
	g.qpairs = append(g.qpairs, q)
	if q.fd >= 0 && g.t.AddFD(q.fd) != nil {
		q.fd = -1 // it is polled
	}
}

func (g *pollGroup) remove(q *qpair) {
	g.qpairs = slices.DeleteFunc(g.qpairs, func(o *qpair) bool { return o == q })
	if q.fd >= 0 {
		g.t.RemoveFD(q.fd)
	}
}

func (g *pollGroup) poll() (n int) {
	for _, q := range g.qpairs {
		n += q.poll()
	}
	return n
}

func (q *qpair) poll() int {
	q.dirty = false
	n, err := q.ProcessCompletions(0)
	if err == nil {
		q.lost = false
	} else if !q.lost {
		q.lost = true
		q.cc.c.report(err)
	}
	return n
}

// patience bounds the sleep of a thread with outstanding commands: it sees to
// timeouts and to queue pairs that connect.
const patience = 10 * time.Millisecond

// arm lets the thread sleep if nothing is outstanding, or if what is will wake
// it.
func (g *pollGroup) arm() time.Duration {
	sleep := thread.Forever
	for _, q := range g.qpairs {
		switch {
		case q.outstanding == 0 && !q.dirty:
		case q.fd < 0 || q.dirty:
			return 0
		default:
			sleep = patience
		}
	}
	return sleep
}
