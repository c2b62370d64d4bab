// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/gospdk/gospdk/thread"
)

// Lane is what a controller has on one thread: the channels of its namespaces,
// the accounts of the requests there. A request belongs to the lane of its
// queue, and I/O commands touch nothing else that changes, so lanes share
// nothing. Admin commands run on the controller's own lane, [Controller.Home],
// where all other state is.
//
// Its methods are called on its thread unless they say otherwise.
type Lane struct {
	c      *Controller
	thread *thread.Thread
	group  *pollGroup

	ns          []*nsChannel // at nsid - 1
	leaving     []*nsChannel // taken away, but requests use them still
	outstanding int
	drainers    []func()
	queues      []QueueInfo // that the transport has told of
	moved       moved       // since it was added to the controller's life

	// heard is set by commands and cleared by the keep alive timer.
	heard atomic.Bool
}

func newLane(c *Controller, t *thread.Thread) *Lane {
	return &Lane{c: c, thread: t, group: c.sub.target.group(t), ns: make([]*nsChannel, c.sub.opts.MaxNamespaces)}
}

// Home returns the lane on the controller's own thread. Any goroutine may ask.
func (c *Controller) Home() *Lane { return c.home }

// Thread returns the lane's thread. Any goroutine may ask.
func (l *Lane) Thread() *thread.Thread { return l.thread }

// all returns the lanes, the controller's own first. Any goroutine may ask;
// with the subsystem's lock it stays so.
func (c *Controller) all() []*Lane { return *c.lanes.Load() }

// LaneOn returns the controller's lane on t for the queues that a transport
// runs there. It is made if it is not there yet, and stays until Close. Any
// goroutine may call it that is not a reactor's.
func (c *Controller) LaneOn(ctx context.Context, t *thread.Thread) (*Lane, error) {
	on := func(l *Lane) bool { return l.thread == t }
	if i := slices.IndexFunc(c.all(), on); i >= 0 {
		return c.all()[i], nil
	}
	s := c.sub
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.controllers[c.id] != c {
		return nil, fmt.Errorf("nvmf: controller %d: %w", c.id, ErrClosed)
	}
	if i := slices.IndexFunc(c.all(), on); i >= 0 {
		return c.all()[i], nil
	}
	l := newLane(c, t)
	if err := l.open(ctx); err != nil {
		return nil, err
	}
	lanes := append(slices.Clip(c.all()), l)
	c.lanes.Store(&lanes)
	return l, nil
}

// open attaches the namespaces that the host sees. The subsystem's lock is
// held; it is called on any goroutine but a reactor's.
func (l *Lane) open(ctx context.Context) error {
	c := l.c
	err := thread.Do(ctx, l.thread, func() error {
		for _, ns := range c.sub.Namespaces() {
			if !ns.visibleTo(c.opts.Connection.HostNQN) {
				continue
			}
			if err := l.attach(ns); err != nil {
				l.closeChannels()
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("nvmf: subsystem %s: controller %d: %w", c.sub.nqn, c.id, err)
	}
	return nil
}

// close ends the lane, which executes nothing any more. It is called on any
// goroutine but a reactor's.
func (l *Lane) close(ctx context.Context) (m moved, err error) {
	err = thread.Do(ctx, l.thread, func() error {
		if l.outstanding > 0 {
			return fmt.Errorf("nvmf: controller %d still executes %d commands on %s", l.c.id, l.outstanding, l.thread.Name())
		}
		l.closeChannels()
		l.forgetQueues()
		m = l.moved
		return nil
	})
	if errors.Is(err, thread.ErrExited) {
		err = nil // there is nothing left to stop
	}
	return m, err
}

// Outstanding returns how many requests of the lane are in execution;
// asynchronous event requests, which wait and hold no memory, do not count.
func (l *Lane) Outstanding() int { return l.outstanding }

// Drain calls fn once when no request of the lane is in execution, perhaps at
// once. The caller has made sure that no more come.
func (l *Lane) Drain(fn func()) {
	if l.outstanding == 0 {
		fn()
		return
	}
	l.drainers = append(l.drainers, fn)
}

func (l *Lane) drained() {
	for len(l.drainers) > 0 && l.outstanding == 0 {
		fn := l.drainers[0]
		l.drainers = l.drainers[1:]
		fn()
	}
}

// settle adds what all lanes have moved to the life of the device, and then
// calls then. It is called on the controller's thread, and so is then.
func (c *Controller) settle(then func()) {
	c.life.moved.add(c.home.takeMoved())
	others := c.all()[1:]
	left := len(others)
	if left == 0 {
		then()
		return
	}
	back := func(m moved) {
		c.life.moved.add(m)
		if left--; left == 0 {
			then()
		}
	}
	for _, l := range others {
		asked := l.thread.Send(func() {
			m := l.takeMoved()
			c.thread.Send(func() { back(m) })
		})
		if !asked {
			back(moved{})
		}
	}
}

func (l *Lane) takeMoved() (m moved) {
	m, l.moved = l.moved, moved{}
	return m
}
