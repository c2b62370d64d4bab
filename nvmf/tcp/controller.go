// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
)

// controller is a host's association with a subsystem: the admin queue's
// connection, on whose thread its methods are called, and those of I/O queues,
// which may be on others.
type controller struct {
	t        *Transport
	g        *group
	core     *nvmf.Controller
	listener *Listener // by which the host has come; nil for discovery without one
	hostNQN  string
	hostID   [16]byte

	admin   *conn
	io      []*conn // by queue identifier, from 1
	count   int     // of those that are there
	alone   []func()
	enabled bool // I/O queues may come
	ending  bool // the admin queue has gone
}

var _ nvmf.Transport = (*controller)(nil)

// Enable implements nvmf.Transport.
func (a *controller) Enable(nvme.CC) error {
	a.enabled = true
	return nil
}

// Disable implements nvmf.Transport: the I/O queues are disconnected. The
// admin queue stays, unless the controller has failed: then the host has not
// been heard of for too long.
func (a *controller) Disable(done func()) {
	a.enabled = false
	a.disconnect()
	a.dropEvents()
	a.whenAlone(func() { a.core.Home().Drain(done) })
	if a.core.CSTS().CFS() && a.admin != nil {
		a.admin.close()
	}
}

// dropEvents ends event requests without an answer: hosts have forgotten them
// by now, and may have given their identifiers to other commands.
func (a *controller) dropEvents() {
	if a.admin == nil {
		return
	}
	a.admin.mute = true
	a.core.AbortEvents()
	a.admin.mute = false
}

// whenAlone calls fn once when there is no I/O queue, perhaps at once.
func (a *controller) whenAlone(fn func()) {
	if a.count == 0 {
		fn()
		return
	}
	a.alone = append(a.alone, fn)
}

// AdminCommand implements nvmf.Transport.
func (a *controller) AdminCommand(*nvmf.Request) bool { return false }

// HasIOQueues implements nvmf.Transport.
func (a *controller) HasIOQueues() bool { return a.count > 0 }

// Disconnect implements nvmf.Disconnecter.
func (a *controller) Disconnect() {
	if a.admin != nil {
		a.admin.close()
	}
}

// disconnect closes the I/O queues.
func (a *controller) disconnect() {
	for _, c := range a.io {
		if c != nil {
			c.g.thread.Send(c.close)
		}
	}
}

// admit takes c as I/O queue id, or says why not.
func (a *controller) admit(c *conn, id uint16) error {
	cc := a.core.CC()
	switch {
	case a.ending || !a.enabled:
		return nvmf.BadQueueID("controller %#x is not enabled", a.core.ID())
	case int(id) >= len(a.io):
		return nvmf.BadQueueID("I/O queue %d, allowed are 1 to %d", id, len(a.io)-1)
	case a.io[id] != nil:
		return &nvmf.ConnectError{Status: nvme.StatusInvalidQueueID.WithDNR(), What: fmt.Sprintf("I/O queue %d is connected already", id)}
	case cc.IOSQES() != 6 || cc.IOCQES() != 4:
		return nvmf.BadQueueID("CC.IOSQES %d and CC.IOCQES %d, want 6 and 4", cc.IOSQES(), cc.IOCQES())
	}
	a.io[id] = c
	a.count++
	return nil
}

// end begins the end: the connection of the admin queue has been closed.
func (a *controller) end() {
	a.ending = true
	a.disconnect()
	a.core.AbortEvents()
}

// gone is told when nothing of a connection is in execution any more.
func (a *controller) gone(c *conn) {
	if c == a.admin {
		a.admin = nil
	} else {
		a.io[c.ID] = nil
		a.count--
	}
	for a.count == 0 && len(a.alone) > 0 {
		fn := a.alone[0]
		a.alone = a.alone[1:]
		fn()
	}
	if a.ending && a.admin == nil && a.count == 0 {
		go a.finish()
	}
}

// finish closes the controller, which has no connection. It is called on a
// goroutine.
func (a *controller) finish() {
	if err := a.core.Close(context.Background()); err != nil && !errors.Is(err, thread.ErrExited) {
		log.Errorf("%v", err)
	}
	a.t.mu.Lock()
	delete(a.t.controllers, ctrlrKey{a.core.Subsystem(), a.core.ID()})
	a.t.mu.Unlock()
	if a.listener != nil {
		a.listener.live.Done()
	}
	a.t.live.Done()
}
