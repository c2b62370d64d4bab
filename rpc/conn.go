// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"io"
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
			b.close()
			if !errors.Is(err, io.EOF) {
				cancel()
			}
			c.finish(cancel)
			return
		}
		b.push(slices.Clone(raw))
	}
}

// finish waits for the requests that are left. A client may have said all that
// it wants and still read; when it has gone altogether, what may wait for long
// is told so.
func (c *conn) finish(cancel context.CancelFunc) {
	defer cancel()
	done := make(chan struct{})
	go func() {
		c.wg.Wait()
		close(done)
	}()
	const interval = 50 * time.Millisecond
	after := time.Now().Add(time.Second)
	for {
		select {
		case <-done:
			return
		case <-time.After(interval):
		}
		if c.gone(after) {
			cancel()
			<-done
			return
		}
	}
}

// gone tells whether the client has closed the connection, after it has said
// that it sends nothing more. A Unix socket whose other end is closed takes not
// even nothing. TCP does not tell before there is something to send: its client
// counts as gone after a while.
func (c *conn) gone(after time.Time) bool {
	if u, ok := c.Conn.(*net.UnixConn); ok {
		_, err := u.Write(nil)
		return err != nil
	}
	return time.Now().After(after)
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

// headStart is how long a request that may wait has the connection for itself:
// one that does not wait is then carried out in its turn.
const headStart = 50 * time.Millisecond

// carryOut sends what do returns. If some of the requests may wait, and do, it
// lets what comes after them pass.
func (c *conn) carryOut(slots chan struct{}, all []*request, do func() []byte) {
	if !slices.ContainsFunc(all, c.mayWait) {
		c.write(do())
		return
	}
	select {
	case slots <- struct{}{}:
		done := make(chan struct{})
		c.wg.Go(func() {
			defer func() { <-slots; close(done) }()
			c.write(do())
		})
		select {
		case <-done:
		case <-time.After(c.s.opts.headStart):
		}
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
