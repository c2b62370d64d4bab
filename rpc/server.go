// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
)

// ServerOptions bound what clients may do. Zero fields mean the defaults.
type ServerOptions struct {
	MaxRequest   int           // bytes of a request or batch, and of those that wait; 4 MiB
	MaxDepth     int           // levels of nesting; 64
	MaxConns     int           // connections, or requests by HTTP, at once; 64
	ReadTimeout  time.Duration // from the first byte of a request to its last; 60 s
	WriteTimeout time.Duration // for one answer to a client that does not read; 30 s
	// Log gets a line for each request, with secrets left out, if it is set.
	Log io.Writer

	headStart time.Duration // for tests
}

// Server carries out requests that come over connections or HTTP.
type Server struct {
	reg  *Registry
	opts ServerOptions
	ctx  context.Context
	stop context.CancelFunc

	logMu  sync.Mutex
	mu     sync.Mutex
	open   map[io.Closer]bool // listeners and connections
	conns  int
	closed bool
	wg     sync.WaitGroup
}

// NewServer makes a server for a registry's methods.
func NewServer(reg *Registry, opts ServerOptions) *Server {
	if opts.MaxRequest <= 0 {
		opts.MaxRequest = 4 << 20
	}
	if opts.MaxDepth <= 0 {
		opts.MaxDepth = 64
	}
	if opts.MaxConns <= 0 {
		opts.MaxConns = 64
	}
	if opts.ReadTimeout <= 0 {
		opts.ReadTimeout = time.Minute
	}
	if opts.WriteTimeout <= 0 {
		opts.WriteTimeout = 30 * time.Second
	}
	if opts.headStart == 0 {
		opts.headStart = headStart
	}
	s := &Server{reg: reg, opts: opts, open: map[io.Closer]bool{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Serve takes connections of l until Close; it returns at once. l belongs to
// the server.
func (s *Server) Serve(l net.Listener) {
	if !s.add(l, false) {
		_ = l.Close()
		return
	}
	s.wg.Go(func() {
		defer s.remove(l, false)
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				log.Errorf("RPC: accepting a connection: %v", err)
				select {
				case <-s.ctx.Done():
					return
				case <-time.After(100 * time.Millisecond): // such as too many open files
				}
				continue
			}
			if !s.add(c, true) {
				s.refuse(c)
				continue
			}
			s.wg.Go(func() {
				defer s.remove(c, true)
				s.serve(c)
			})
		}
	})
}

func (s *Server) refuse(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = c.Write(fail(Errorf(-int(syscall.EMFILE), "Too many connections: %d are open, and no more are allowed; close one or try again later", s.opts.MaxConns)))
	_ = c.Close()
}

func (s *Server) add(c io.Closer, conn bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || conn && s.conns >= s.opts.MaxConns {
		return false
	}
	s.open[c] = true
	if conn {
		s.conns++
	}
	return true
}

func (s *Server) remove(c io.Closer, conn bool) {
	_ = c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	if conn {
		s.conns--
	}
}

// Close ends all connections. Requests under way are told so by their
// context; Close waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	open := make([]io.Closer, 0, len(s.open))
	for c := range s.open {
		open = append(open, c)
	}
	s.mu.Unlock()
	s.stop()
	for _, c := range open {
		_ = c.Close()
	}
	s.wg.Wait()
	return nil
}
