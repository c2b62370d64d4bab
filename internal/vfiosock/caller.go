// SPDX-License-Identifier: BSD-3-Clause

package vfiosock

import (
	"context"
	"fmt"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/vfiouser"
)

// RemoteError is the failure that a peer replied with. It unwraps to the
// errno.
type RemoteError struct {
	Command vfiouser.Command
	Errno   syscall.Errno // EIO if the peer gave none
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("vfio-user: %v refused by the peer: %v (errno %d)", e.Command, e.Errno, int(e.Errno))
}

func (e *RemoteError) Unwrap() error { return e.Errno }

// Caller sends commands on a socket and matches the replies, which whoever
// receives on the socket delivers.
type Caller struct {
	sock *Socket

	mu      sync.Mutex
	next    uint16
	pending map[uint16]chan *Message
	failed  error
}

// NewCaller returns a Caller on s.
func NewCaller(s *Socket) *Caller {
	return &Caller{sock: s, pending: make(map[uint16]chan *Message)}
}

// Call sends a command and waits for its reply, which the caller closes. It
// returns early with the context's error, a [RemoteError], or the error
// given to Fail.
func (c *Caller) Call(ctx context.Context, cmd vfiouser.Command, payload []byte, fds []int) (*Message, error) {
	id, ch, err := c.begin()
	if err != nil {
		return nil, err
	}
	if err := c.sock.Send(vfiouser.Header{ID: id, Command: cmd}, payload, fds); err != nil {
		c.abandon(id, ch)
		return nil, fmt.Errorf("vfio-user: sending %v: %w", cmd, err)
	}
	select {
	case m := <-ch:
		if m == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			return nil, c.failed
		}
		return checkReply(cmd, m)
	case <-ctx.Done():
		c.abandon(id, ch)
		return nil, fmt.Errorf("vfio-user: waiting for the reply to %v: %w", cmd, ctx.Err())
	}
}

func (c *Caller) begin() (uint16, chan *Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return 0, nil, c.failed
	}
	if len(c.pending) == 1<<16 {
		return 0, nil, fmt.Errorf("vfio-user: %d commands are waiting for replies", len(c.pending))
	}
	for c.pending[c.next] != nil {
		c.next++
	}
	ch := make(chan *Message, 1)
	c.pending[c.next] = ch
	c.next++
	return c.next - 1, ch, nil
}

// abandon forgets a command; a reply that has come meanwhile is dropped.
func (c *Caller) abandon(id uint16, ch chan *Message) {
	c.mu.Lock()
	if c.pending[id] == ch {
		delete(c.pending, id)
	}
	c.mu.Unlock()
	select {
	case m := <-ch:
		if m != nil {
			m.Close()
		}
	default:
	}
}

// Deliver takes a reply. One that nobody waits for is dropped: the command
// has been given up.
func (c *Caller) Deliver(m *Message) {
	c.mu.Lock()
	ch := c.pending[m.ID]
	delete(c.pending, m.ID)
	if ch != nil {
		ch <- m // has room; under the lock, so that abandon sees it
	}
	c.mu.Unlock()
	if ch == nil {
		m.Close()
	}
}

// Fail ends all calls, now and later, with err. The first call counts.
func (c *Caller) Fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return
	}
	c.failed = err
	for id, ch := range c.pending {
		delete(c.pending, id)
		ch <- nil
	}
}

func checkReply(cmd vfiouser.Command, m *Message) (*Message, error) {
	if m.Flags&vfiouser.FlagError != 0 {
		m.Close()
		errno := syscall.Errno(m.Error)
		if errno == 0 || errno > 4095 {
			errno = syscall.EIO
		}
		return nil, &RemoteError{cmd, errno}
	}
	if m.Command != cmd {
		m.Close()
		return nil, fmt.Errorf("vfio-user: reply to %v says that it answers %v", cmd, m.Command)
	}
	if n := len(m.FDs); n > MaxFDs {
		m.Close()
		return nil, fmt.Errorf("vfio-user: reply to %v with %d file descriptors, want at most %d", cmd, n, MaxFDs)
	}
	return m, nil
}
