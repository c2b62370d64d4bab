// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"context"
	"errors"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser/server"
)

// controller is the half of a connection that lives on a thread: queues in
// the client's memory, and what moves between them and the core. Its methods
// are called on the thread unless they say otherwise.
type controller struct {
	ep        *endpoint
	conn      *server.Conn
	thread    *thread.Thread
	core      *nvmf.Controller
	doorbells *doorbellPages
	poller    *thread.Poller

	running bool // commands are fetched and completions posted
	paused  bool // nothing is fetched: memory is about to change
	polling bool // within poll
	needIRQ bool // a queue with interrupts has new completions
	stalled int  // completion queues with completions that found no room

	vectors, irq int // how many interrupt vectors, of which type

	mem    *server.Memory
	region *server.MemoryRegion // the one that data were in last

	active []*sq // those that are polled; replaced as a whole
	sqs    []*sq // by queue identifier, nil where there is none
	cqs    []*cq
	regs   registers
	shadow shadow

	segments []segment // of the command being mapped

	current *slot // being executed, to be given up if the memory faults

	bouncing     int // goroutines that move data by messages
	bounceCtx    context.Context
	cancelBounce context.CancelFunc
	idle         []func()

	backoff time.Duration
}

// newController makes the controller of a connection. It is called on the
// connection's goroutine.
func newController(e *endpoint, conn *server.Conn) (*controller, error) {
	c := &controller{
		ep: e, conn: conn, thread: e.l.pickThread(), doorbells: e.doorbells,
		mem: conn.Memory(),
		sqs: make([]*sq, e.l.opts.IOQueues+1),
		cqs: make([]*cq, e.l.opts.IOQueues+1),
	}
	c.bounceCtx, c.cancelBounce = context.WithCancel(context.Background())
	o := &e.l.opts
	c.vectors, c.irq = o.vectors()
	var err error
	c.core, err = e.l.sub.NewController(context.Background(), c.thread, c, nvmf.ControllerOptions{
		QueueEntries:      o.QueueEntries,
		IOQueues:          o.IOQueues,
		MaxDataSize:       o.MaxDataSize,
		VendorID:          PCIVendor,
		SubsystemVendorID: PCIVendor,
		OUI:               [3]byte{0x50, 0x6b, 0x8d},
		SGLS:              sglSupport,
		QueueCommands:     true,
		DoorbellBuffers:   !o.NoShadowDoorbells,
		Vectors:           c.vectors,
		SeparateMetadata:  true,
		Connection:        nvmf.Connection{Listen: e.l.addr},
		Tuning:            o.Tuning,
		Life:              &e.life,
	})
	if err != nil {
		return nil, err
	}
	err = thread.Do(context.Background(), c.thread, func() error {
		if err := c.thread.AddFD(c.doorbells.eventfd); err != nil {
			return err
		}
		c.poller = c.thread.NewPoller(thread.PollerConfig{
			Name:    "nvmf vfio-user " + e.l.dir,
			Poll:    c.poll,
			Arm:     c.arm,
			Disarm:  c.doorbells.drain,
			OnPanic: func(any) { c.fail() },
		})
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, c.core.Close(context.Background()))
	}
	return c, nil
}

// close stops the controller and waits until nothing of it uses the client's
// memory. It is called on the connection's goroutine.
func (c *controller) close() {
	c.stop(func() {
		c.poller.Stop()
		c.thread.RemoveFD(c.doorbells.eventfd)
	})
	if err := c.core.Close(context.Background()); err != nil && !errors.Is(err, thread.ErrExited) {
		log.Errorf("%s: %v", c.ep.l.dir, err)
	}
}

// reset is a reset of the function. It is called on the connection's
// goroutine.
func (c *controller) reset() error {
	return c.stop(func() {
		c.core.Reset()
		c.regs = registers{}
		clear(c.doorbells.mem)
	})
}

// stop ends all I/O and then calls fn on the thread. It waits for both. It
// is called on the connection's goroutine.
func (c *controller) stop(fn func()) error {
	done := make(chan struct{})
	err := thread.Do(context.Background(), c.thread, func() error {
		c.Disable(func() {
			fn()
			close(done)
		})
		return nil
	})
	if err != nil {
		return err // the thread has exited, so nothing runs any more
	}
	<-done
	return nil
}

// fail gives the client up: its memory faulted. The connection is closed,
// which brings close from the connection's goroutine.
func (c *controller) fail() {
	c.running = false
	c.polling = false
	if s := c.current; s != nil {
		c.current = nil
		s.req.Abandon()
	}
	c.conn.Close()
}

// whenIdle calls fn once when no command is in execution and no data are on
// the way. Nothing is fetched any more.
func (c *controller) whenIdle(fn func()) {
	c.core.Home().Drain(func() {
		if c.bouncing == 0 {
			fn()
			return
		}
		c.idle = append(c.idle, func() { c.whenIdle(fn) })
	})
}

// Enable implements nvmf.Transport: it makes the admin queues.
func (c *controller) Enable(cc nvme.CC) error {
	clear(c.doorbells.mem)
	acq, err := c.newCQ(0, c.regs.acq, c.regs.aqa.CQEntries())
	if err != nil {
		return err
	}
	acq.ien = true
	asq, err := c.newSQ(0, c.regs.asq, c.regs.aqa.SQEntries(), acq)
	if err != nil {
		acq.release()
		return err
	}
	c.cqs[0] = acq
	c.addSQ(asq)
	c.bounceCtx, c.cancelBounce = context.WithCancel(context.Background())
	c.running = true
	return nil
}

// Disable implements nvmf.Transport.
func (c *controller) Disable(done func()) {
	c.running = false
	c.cancelBounce()
	for _, q := range c.cqs {
		if q != nil {
			q.discard()
		}
	}
	for _, q := range c.sqs {
		if q != nil && q.deleting != nil {
			r := q.deleting
			q.deleting = nil
			r.Finish(nvme.StatusSuccess) // nobody sees it
		}
	}
	c.whenIdle(func() {
		c.dropQueues()
		done()
	})
}

// HasIOQueues implements nvmf.Transport.
func (c *controller) HasIOQueues() bool {
	for id := 1; id < len(c.sqs); id++ {
		if c.sqs[id] != nil || c.cqs[id] != nil {
			return true
		}
	}
	return false
}

// Abort implements nvmf.Transport.
func (c *controller) Abort(sqid, cid uint16, done func(aborted bool)) {
	if int(sqid) < len(c.sqs) && c.sqs[sqid] != nil {
		slots := c.sqs[sqid].slots
		for i := range slots {
			if r := &slots[i].req; r.Executing() && r.Cmd.CID == cid {
				c.core.Home().Abort(r, done)
				return
			}
		}
	}
	done(false)
}

// dropQueues forgets all queues and shadow doorbells.
func (c *controller) dropQueues() {
	for _, q := range c.sqs {
		if q != nil {
			q.release()
			c.core.Home().RemoveQueue(q.ID)
		}
	}
	for _, q := range c.cqs {
		if q != nil {
			q.release()
		}
	}
	clear(c.sqs)
	clear(c.cqs)
	c.active = nil
	c.shadow = shadow{}
	c.stalled = 0
	c.needIRQ = false
}
