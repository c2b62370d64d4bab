// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

// Transport is what a controller needs of the transport that carries it. All
// methods are called on the controller's thread.
type Transport interface {
	// Enable starts the service of commands: CC.EN became 1. If it fails
	// the controller goes into the state of a fatal error.
	Enable(cc nvme.CC) error
	// Disable stops it: CC.EN became 0 or the host shuts the controller
	// down. No command may be fetched from then on. When those in
	// execution are done (Lane.Drain) the transport forgets its
	// queues and calls done, perhaps before Disable returns.
	Disable(done func())
	// AdminCommand is asked about admin commands that are not every
	// transport's: queues, doorbell buffers. If it takes one it answers
	// true and calls Finish now or later.
	AdminCommand(r *Request) bool
	// HasIOQueues tells whether the host has made I/O queues since the
	// controller was enabled.
	HasIOQueues() bool
	// Abort tries to end the command with identifier cid of I/O queue sqid,
	// which there may not be. It calls done once with whether that has been
	// done, on the controller's thread, perhaps before Abort returns.
	Abort(sqid, cid uint16, done func(aborted bool))
}

// ControllerOptions are set by the transport.
type ControllerOptions struct {
	// QueueEntries is the size of the largest queue, 2 to 65536.
	QueueEntries int
	// IOQueues is how many I/O queues of each kind a host may make.
	IOQueues int
	// MaxDataSize is the most data a command may move, in bytes: a power
	// of two and at least MinDataSize.
	MaxDataSize uint32
	// VendorID and SubsystemVendorID are PCI's; OUI is the vendor's IEEE
	// identifier, most significant byte first.
	VendorID, SubsystemVendorID uint16
	OUI                         [3]byte
	// SGLS is the SGL support field of Identify Controller.
	SGLS uint32
	// QueueCommands tells that AdminCommand takes those that create and
	// delete queues; DoorbellBuffers that it takes Doorbell Buffer Config.
	QueueCommands, DoorbellBuffers bool
	// Vectors is the number of interrupt vectors, 0 if there are none.
	Vectors int
	// SeparateMetadata tells that the transport brings metadata in
	// Request.Meta.
	SeparateMetadata bool
	// Fabrics is set by transports that carry messages.
	Fabrics *FabricsOptions
	// Connection is who uses the controller.
	Connection Connection
	Tuning
	// Life is the life of the device that the controller is; nil for one
	// that begins and ends with the controller.
	Life *Life
}

// readyTimeout is CAP.TO, in units of 500 ms.
const readyTimeout = 40

// Controller executes a host's commands. Its methods are called on its
// thread unless they say otherwise.
type Controller struct {
	sub    *Subsystem
	id     uint16
	thread *thread.Thread
	tr     Transport
	opts   ControllerOptions

	cap  nvme.CAP
	cc   atomic.Uint32 // read from any goroutine
	csts atomic.Uint32

	home      *Lane                   // on thread
	lanes     atomic.Pointer[[]*Lane] // home and others; changed with sub.ctl held
	io        ioFeatures
	disabling bool
	aborts    int // Abort commands in execution

	feat   features
	events events
	logs   logs
	admin  adminBuffers
	alive  *thread.Poller // keep alive timer
	// persistent is set for discovery controllers whose hosts stay.
	persistent bool
	// resetOccurred is set while a reset of the subsystem disables it.
	resetOccurred bool
	life          *Life

	gone chan struct{} // closed by Close
}

// newController checks the options; the namespaces are attached later.
func newController(s *Subsystem, id uint16, t *thread.Thread, tr Transport, o ControllerOptions) (*Controller, error) {
	if o.QueueEntries < 2 || o.QueueEntries > 65536 {
		return nil, fmt.Errorf("nvmf: queues of %d entries, allowed are 2 to 65536", o.QueueEntries)
	}
	if o.IOQueues < 1 || o.IOQueues > 65535 {
		return nil, fmt.Errorf("nvmf: %d I/O queues, allowed are 1 to 65535", o.IOQueues)
	}
	if o.MaxDataSize < MinDataSize || bits.OnesCount32(o.MaxDataSize) != 1 {
		return nil, fmt.Errorf("nvmf: largest transfer of %d bytes, want a power of two from %d", o.MaxDataSize, MinDataSize)
	}
	c := &Controller{sub: s, id: id, thread: t, tr: tr, opts: o, gone: make(chan struct{})}
	c.home = newLane(c, t)
	c.lanes.Store(&[]*Lane{c.home})
	c.cap = nvme.CAP(0).WithMQES(uint16(o.QueueEntries - 1)).WithCQR(true).WithTO(readyTimeout).WithCSS(1 | 1<<cssAll).WithCRWMS(true).WithNSSRS(s.opts.SubsystemReset)
	c.resetState()
	c.powerOn()
	return c, nil
}

// Close ends the controller. No request may be in execution: the transport
// has drained it. It may be called from any goroutine that is not a
// reactor's.
func (c *Controller) Close(ctx context.Context) error {
	s := c.sub
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.controllers[c.id] != c {
		return nil
	}
	err := thread.Do(ctx, c.thread, func() error {
		c.stopKeepAlive()
		c.powerOff()
		return nil
	})
	if err != nil && !errors.Is(err, thread.ErrExited) {
		return err // after its thread's end there is nothing left to stop
	}
	for _, l := range c.all() {
		m, err := l.close(ctx)
		if err != nil {
			return err
		}
		c.life.moved.add(m)
	}
	delete(s.controllers, c.id)
	if s.discovery {
		s.target.discovery.unwatch(c)
	}
	close(c.gone)
	s.publishControllers()
	return nil
}

// ID returns the controller identifier. Any goroutine may ask.
func (c *Controller) ID() uint16 { return c.id }

// Subsystem returns the subsystem. Any goroutine may ask.
func (c *Controller) Subsystem() *Subsystem { return c.sub }

// resetState is what a controller level reset does to the controller (NVMe
// Base 2.0, 3.7.2).
func (c *Controller) resetState() {
	feat := c.defaultFeatures()
	if c.opts.Fabrics != nil {
		// It watches the connection, which outlives the reset.
		feat.keepAlive = c.feat.keepAlive
	} else {
		c.stopKeepAlive()
	}
	c.feat = feat
	c.io.publish(&feat)
	c.events.reset()
	c.logs.reset()
}
