// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

// pipelined is how many requests of a connection wait at once, and how many
// run. Those behind them wait in the socket.
const pipelined = 64

// conn is one connection.
type conn struct {
	net.Conn
	s      *Server
	ctx    context.Context // ends when the client has gone
	writeM sync.Mutex
	wg     sync.WaitGroup
}

// serve carries out the requests of a connection: one after the other, but
// for those that may wait beside others. Batches are answered as one.
func (s *Server) serve(nc net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	c := &conn{Conn: nc, s: s, ctx: ctx}
	b := newBacklog(s.opts.MaxRequest)
	c.wg.Go(func() { c.work(b) })
	f := &framer{r: nc, maxSize: s.opts.MaxRequest, maxDepth: s.opts.MaxDepth, deadline: nc.SetReadDeadline, timeout: s.opts.ReadTimeout}
	for {
		raw, err := f.next()
		if err != nil {
			if bad, ok := errors.AsType[*errParse](err); ok {
				c.write(fail(Errorf(ParseError, "Parse error: %v", bad)))
			}
			break
		}
		b.push(slices.Clone(raw))
	}
	// A client may have said all that it wants and still read: what has
	// begun or can begin is answered. What only waits is given up.
	b.close()
	cancel()
	c.wg.Wait()
}

// work carries out the requests that have been read.
func (c *conn) work(b *backlog) {
	slots := make(chan struct{}, pipelined)
	for {
		raw, ok := b.pop()
		if !ok {
			return
		}
		all, batch, err := parseRequests(raw)
		switch {
		case err != nil:
			c.write(fail(err))
			if err.Code == ParseError { // there is no telling where the next request begins
				_ = c.Close()
			}
		case batch:
			c.carryOut(slots, all, func() []byte { return c.s.batch(c.context, all) })
		default:
			c.carryOut(slots, all, func() []byte { return c.s.answer(c.context(all[0]), all[0]) })
		}
	}
}

// mayWait tells whether a request may run beside others.
func (c *conn) mayWait(q *request) bool {
	m, ok := c.s.reg.Lookup(q.method)
	return ok && m.Concurrent
}

// context returns what ends a request. One that may wait ends with its client,
// others are brief and change things: they are finished.
func (c *conn) context(q *request) context.Context {
	if c.mayWait(q) {
		return c.ctx
	}
	return c.s.ctx
}

// carryOut sends what do returns: at once, or, if some of the requests may
// wait, beside what comes after them.
func (c *conn) carryOut(slots chan struct{}, all []*request, do func() []byte) {
	if !slices.ContainsFunc(all, c.mayWait) {
		c.write(do())
		return
	}
	select {
	case slots <- struct{}{}:
		c.wg.Go(func() {
			defer func() { <-slots }()
			c.write(do())
		})
	default:
		q := *all[0]
		q.err = Errorf(-int(syscall.EAGAIN), "Too many requests: %d of this connection wait, and no more are allowed", pipelined)
		c.write(c.s.answer(c.ctx, &q))
	}
}

// write sends one answer. A client that does not take it loses the
// connection.
func (c *conn) write(b []byte) {
	if len(b) == 0 {
		return
	}
	c.writeM.Lock()
	defer c.writeM.Unlock()
	_ = c.SetWriteDeadline(time.Now().Add(c.s.opts.WriteTimeout))
	if _, err := c.Write(b); err != nil {
		flag.Debugf("answering a client: %v", err)
		_ = c.Close()
	}
}

// backlog holds the requests that a connection has sent and that have not
// begun. It is bounded in their number and their bytes.
type backlog struct {
	mu     sync.Mutex
	change sync.Cond
	all    [][]byte
	bytes  int
	limit  int
	closed bool
}

func newBacklog(limit int) *backlog {
	b := &backlog{limit: limit}
	b.change.L = &b.mu
	return b
}

// push waits until there is room.
func (b *backlog) push(raw []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.all) > 0 && (len(b.all) >= pipelined || b.bytes+len(raw) > b.limit) {
		b.change.Wait()
	}
	b.all = append(b.all, raw)
	b.bytes += len(raw)
	b.change.Broadcast()
}

// pop waits for a request; ok is false when there are none left.
func (b *backlog) pop() (raw []byte, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.all) == 0 && !b.closed {
		b.change.Wait()
	}
	if len(b.all) == 0 {
		return nil, false
	}
	raw, b.all = b.all[0], b.all[1:]
	b.bytes -= len(raw)
	b.change.Broadcast()
	return raw, true
}

func (b *backlog) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.change.Broadcast()
}
