// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"context"
	"errors"
)

var errNotYet = errors.New("vfio-user: not connected")

// Options adjust a Listener. The zero value is good.
type Options struct{}

// Listener owns the socket of a device.
type Listener struct{}

// Listen creates the socket at path, for the owner of the process alone.
func Listen(path string, opts Options) (*Listener, error) { return nil, errNotYet }

// Serve attaches clients to d, one after another, until Close is called; it
// then returns nil.
func (l *Listener) Serve(d Device) error { return errNotYet }

// Close disconnects the client, waits until the device has let it go and
// removes the socket.
func (l *Listener) Close() error { return nil }

// Conn is the connection to one client.
type Conn struct{}

// Memory returns the client's memory as last given to MemoryChanged.
func (c *Conn) Memory() *Memory { return emptyMemory }

// TriggerIRQ signals a vector: one write to its eventfd, no allocation, from
// any thread. It does nothing if the client has given no eventfd.
func (c *Conn) TriggerIRQ(index, vector int) {}

// DMARead fills p from the client's memory at addr by messages. It may block
// for as long as the client takes, so it is not for a reactor's thread.
func (c *Conn) DMARead(ctx context.Context, addr uint64, p []byte) error { return errNotYet }

// DMAWrite is DMARead in the other direction.
func (c *Conn) DMAWrite(ctx context.Context, addr uint64, p []byte) error { return errNotYet }

// UsesIOEventFDs tells whether the client has fetched the eventfds of a
// region and so writes them after each store to their ranges.
func (c *Conn) UsesIOEventFDs(region int) bool { return false }

// Close hangs up. It may be called from any goroutine and does not wait.
func (c *Conn) Close() error { return nil }
