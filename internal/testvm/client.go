// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gospdk/gospdk/internal/testvm/wire"
)

// client talks to the agent.
type client struct {
	conn net.Conn
	out  *wire.Writer

	mu    sync.Mutex // guards what follows
	next  uint64
	calls map[uint64]*call
	err   error // why there will be no more replies
}

// call is a request without its last reply.
type call struct {
	id     uint64
	mu     sync.Mutex // guards the output
	more   *sync.Cond // output was added, or done closed
	stdout []byte
	stderr []byte
	code   int
	err    error
	over   bool
	done   chan struct{}
}

func newClient(conn net.Conn) *client {
	c := &client{conn: conn, out: wire.NewWriter(conn), calls: make(map[uint64]*call)}
	go c.receive()
	return c
}

func (c *client) receive() {
	in := wire.NewReader[wire.Reply](c.conn)
	for {
		r, err := in.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("QEMU has ended")
			}
			c.close(err)
			return
		}
		c.mu.Lock()
		x := c.calls[r.ID]
		if r.Done {
			delete(c.calls, r.ID)
		}
		c.mu.Unlock()
		if x != nil {
			x.add(&r)
		}
	}
}

func (x *call) add(r *wire.Reply) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch r.Stream {
	case wire.Stdout:
		x.stdout = append(x.stdout, r.Data...)
	case wire.Stderr:
		x.stderr = append(x.stderr, r.Data...)
	}
	if r.Done {
		x.code = r.Code
		if r.Err != "" {
			x.err = errors.New(r.Err)
		}
		x.end()
	}
	x.more.Broadcast()
}

// end is called with the lock held, once.
func (x *call) end() {
	if !x.over {
		x.over = true
		close(x.done)
	}
}

// start sends a request.
func (c *client) start(r wire.Request) (*call, error) {
	x := &call{done: make(chan struct{})}
	x.more = sync.NewCond(&x.mu)
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	c.next++
	r.ID, x.id = c.next, c.next
	c.calls[r.ID] = x
	c.mu.Unlock()
	if err := c.out.Write(r); err != nil {
		return nil, fmt.Errorf("writing to the agent: %w", err)
	}
	return x, nil
}

// do sends a request and waits for its last reply.
func (c *client) do(r wire.Request, limit time.Duration) (*call, error) {
	x, err := c.start(r)
	if err != nil {
		return nil, err
	}
	return x, x.wait(limit)
}

func (x *call) wait(limit time.Duration) error {
	select {
	case <-x.done:
		return x.err
	case <-time.After(limit):
		return fmt.Errorf("no answer within %v", limit)
	}
}

func (c *client) ping(limit time.Duration) error {
	_, err := c.do(wire.Request{Op: wire.Ping}, limit)
	return err
}

func (c *client) reboot() {
	_, _ = c.start(wire.Request{Op: wire.Reboot})
	c.forget(errors.New("the machine was restarted"))
}

// forget ends all calls, which will not be answered any more.
func (c *client) forget(err error) {
	c.mu.Lock()
	calls := c.calls
	c.calls = make(map[uint64]*call)
	c.mu.Unlock()
	for _, x := range calls {
		x.mu.Lock()
		x.err = err
		x.end()
		x.more.Broadcast()
		x.mu.Unlock()
	}
}

func (c *client) close(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.mu.Unlock()
	_ = c.conn.Close()
	c.forget(err)
}
