// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"errors"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
)

// controller is a host's association with a subsystem: the admin queue's
// connection and those of I/O queues, all on one thread, where its methods are
// called.
type controller struct {
	t        *Transport
	g        *group
	core     *nvmf.Controller
	listener *Listener // by which the host has come; nil for discovery without one
	hostNQN  string
	hostID   [16]byte

	admin  *conn
	io     []*conn // by queue identifier, from 1
	ending bool    // the admin queue has gone
	count  int     // I/O connections
	mute   bool    // commands end without an answer
}

var _ nvmf.Transport = (*controller)(nil)

// Enable implements nvmf.Transport.
func (a *controller) Enable(nvme.CC) error { return nil }

// Disable implements nvmf.Transport: the I/O queues are disconnected. The
// admin queue stays, unless the controller has failed: then the host has not
// been heard of for too long.
func (a *controller) Disable(done func()) {
	a.disconnect()
	// Hosts have forgotten their event requests by now, and may have given
	// their identifiers to other commands: they get no answer.
	a.mute = true
	a.core.AbortEvents()
	a.mute = false
	a.core.Home().Drain(done)
	if a.core.CSTS().CFS() && a.admin != nil {
		a.admin.close()
	}
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
			c.close()
		}
	}
}

// end begins the end: the connection of the admin queue has been closed.
func (a *controller) end() {
	a.ending = true
	a.disconnect()
	a.core.AbortEvents()
}

// gone is told when nothing of a connection is in execution any more.
func (a *controller) gone(c *conn) {
	a.core.Home().RemoveQueue(c.ID)
	if c == a.admin {
		a.admin = nil
	} else {
		a.io[c.ID] = nil
		a.count--
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
