// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/log"
)

// ServerOptions bound what clients may do. Zero fields mean the defaults.
type ServerOptions struct {
	MaxRequest   int           // bytes of a request or batch; 32 MiB
	MaxDepth     int           // levels of nesting; 64
	MaxConns     int           // connections at once; 64
	WriteTimeout time.Duration // for one answer to a client that does not read; 30 s
	// Log gets a line for each request, with secrets left out, if it is set.
	Log io.Writer
}

// pipelined is how many requests of a connection wait or run at once. Those
// behind them wait in the socket.
const pipelined = 64

// Server carries out requests that come over connections or HTTP.
type Server struct {
	reg  *Registry
	opts ServerOptions
	ctx  context.Context
	stop context.CancelFunc

	mu     sync.Mutex
	open   map[io.Closer]bool // listeners and connections
	conns  int
	closed bool
	wg     sync.WaitGroup
}

// NewServer makes a server for a registry's methods.
func NewServer(reg *Registry, opts ServerOptions) *Server {
	if opts.MaxRequest <= 0 {
		opts.MaxRequest = 32 << 20
	}
	if opts.MaxDepth <= 0 {
		opts.MaxDepth = 64
	}
	if opts.MaxConns <= 0 {
		opts.MaxConns = 64
	}
	if opts.WriteTimeout <= 0 {
		opts.WriteTimeout = 30 * time.Second
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
	_, _ = c.Write(encode(&response{Version: "2.0", ID: null, Error: Errorf(-int(syscall.EMFILE), "Too many connections: %d are open", s.opts.MaxConns)}))
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
	queue := make(chan []byte, pipelined)
	slots := make(chan struct{}, pipelined)
	c.wg.Go(func() {
		for raw := range queue {
			c.handle(raw, slots)
		}
	})
	f := &framer{r: nc, maxSize: s.opts.MaxRequest, maxDepth: s.opts.MaxDepth}
	for {
		raw, err := f.next()
		if err != nil {
			var bad *errParse
			if errors.As(err, &bad) {
				c.write(encode(&response{Version: "2.0", ID: null, Error: Errorf(ParseError, "Parse error: %v", bad)}))
			}
			break
		}
		queue <- slices.Clone(raw)
	}
	// A client may have said all that it wants and still read: what has
	// begun or can begin is answered. What only waits is given up.
	close(queue)
	cancel()
	c.wg.Wait()
}

// handle carries out one value of the stream.
func (c *conn) handle(raw []byte, slots chan struct{}) {
	all, batch, err := parseRequests(raw)
	if err != nil {
		c.write(encode(&response{Version: "2.0", ID: null, Error: err}))
		if err.Code == ParseError {
			_ = c.Close()
		}
		return
	}
	if batch {
		c.write(c.s.batch(c.s.ctx, all))
		return
	}
	do := func(ctx context.Context) {
		if a := c.s.answer(ctx, all[0]); a != nil {
			c.write(encode(a))
		}
	}
	if m, ok := c.s.reg.Lookup(all[0].method); !ok || !m.Concurrent {
		do(c.s.ctx)
		return
	}
	slots <- struct{}{}
	c.wg.Go(func() {
		defer func() { <-slots }()
		do(c.ctx)
	})
}

// batch carries out requests in order and returns their answers together,
// nothing if none wants one.
func (s *Server) batch(ctx context.Context, all []*request) []byte {
	answers := []*response{}
	for _, q := range all {
		if a := s.answer(ctx, q); a != nil {
			answers = append(answers, a)
		}
	}
	if len(answers) == 0 {
		return nil
	}
	return encode(answers)
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

// ServeHTTP implements http.Handler: a request or batch is the body of a
// POST.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "JSON-RPC requests are sent with POST", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	f := &framer{r: http.MaxBytesReader(w, r.Body, int64(s.opts.MaxRequest)), maxSize: s.opts.MaxRequest, maxDepth: s.opts.MaxDepth}
	raw, err := f.next()
	var out []byte
	if err != nil {
		out = encode(&response{Version: "2.0", ID: null, Error: Errorf(ParseError, "Parse error: %v", err)})
	} else if all, batch, bad := parseRequests(raw); bad != nil {
		out = encode(&response{Version: "2.0", ID: null, Error: bad})
	} else if batch {
		out = s.batch(ctx, all)
	} else if a := s.answer(ctx, all[0]); a != nil {
		out = encode(a)
	}
	if out == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out)
}

// ListenUnix listens on a Unix socket that only this user may open. A file
// beside it, path.lock, tells programs, SPDK's too, that the socket is taken;
// what a program left behind that has ended is replaced.
func ListenUnix(path string) (net.Listener, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("RPC socket %s: its lock: %w", path, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("RPC Unix domain socket path %s in use. Specify another with -r", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		lock.Close()
		return nil, fmt.Errorf("RPC socket %s: %w", path, err)
	}
	l, err := net.Listen("unix", path)
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("RPC socket: %w", err)
	}
	return &unixListener{l, lock, path}, nil
}

type unixListener struct {
	net.Listener
	lock *os.File
	path string
}

// Close removes the socket and its lock.
func (l *unixListener) Close() error {
	err := l.Listener.Close() // removes the socket
	if err == nil {
		_ = os.Remove(l.path + ".lock")
		err = l.lock.Close()
	}
	return err
}
