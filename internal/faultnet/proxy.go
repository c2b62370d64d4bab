// SPDX-License-Identifier: BSD-3-Clause

// Package faultnet is a network that fails when a test tells it to: a proxy
// for TCP connections that cuts, resets, stalls and splits what goes through
// it.
package faultnet

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// Proxy hands connections on to a server. Its methods may be called from any
// goroutine.
type Proxy struct {
	ln net.Listener
	to string
	wg sync.WaitGroup

	mu      sync.Mutex
	change  *sync.Cond // stalled or a connection's end
	pairs   map[*pair]bool
	stalled bool
	down    bool
	closed  bool
	pieces  *rand.Rand // nil: bytes go as they come
}

// pair is a connection from a client and the one to the server.
type pair struct {
	client, server *net.TCPConn
	cut            bool
}

// New makes a proxy for the server at an address.
func New(to string) (*Proxy, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{ln: ln, to: to, pairs: make(map[*pair]bool)}
	p.change = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	return p, nil
}

// Addr is where clients connect.
func (p *Proxy) Addr() *net.TCPAddr { return p.ln.Addr().(*net.TCPAddr) }

// Close cuts everything and waits for the end of all goroutines.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.ln.Close()
	p.Cut(false)
	p.wg.Wait()
	return err
}

// Cut ends all connections: by a reset, which loses what is on its way, or in
// good order.
func (p *Proxy) Cut(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := range p.pairs {
		p.end(x, reset)
	}
}

// end closes both connections of a pair. p.mu is held.
func (p *Proxy) end(x *pair, reset bool) {
	if x.cut {
		return
	}
	x.cut = true
	for _, c := range []*net.TCPConn{x.client, x.server} {
		if reset {
			_ = c.SetLinger(0)
		}
		c.Close()
	}
	delete(p.pairs, x)
	p.change.Broadcast()
}

// Stall holds everything back, in both directions, or lets it go on.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = on
	p.change.Broadcast()
}

// Down has new connections refused, as if nobody listened, or no more.
func (p *Proxy) Down(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = on
}

// Split passes on pieces of random length with pauses between, from a seed; 0
// ends that.
func (p *Proxy) Split(seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pieces = nil
	if seed != 0 {
		p.pieces = rand.New(rand.NewPCG(seed, 1))
	}
}

// Connections returns how many there are.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}

func (p *Proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			p.serve(c.(*net.TCPConn))
		}
	}
}

func (p *Proxy) serve(client *net.TCPConn) {
	p.mu.Lock()
	refused := p.down || p.closed
	p.mu.Unlock()
	var server net.Conn
	err := net.ErrClosed
	if !refused {
		server, err = net.Dial("tcp", p.to)
	}
	if err != nil {
		_ = client.SetLinger(0)
		client.Close()
		return
	}
	x := &pair{client: client, server: server.(*net.TCPConn)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pairs[x] = true
	if p.closed {
		p.end(x, true)
		return
	}
	p.wg.Go(func() { p.pass(x, x.client, x.server) })
	p.wg.Go(func() { p.pass(x, x.server, x.client) })
}

// pass copies one direction until either side ends.
func (p *Proxy) pass(x *pair, from, to *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		for b := buf[:n]; len(b) > 0; {
			m, pause, ok := p.next(x, len(b))
			if !ok {
				return
			}
			time.Sleep(pause)
			if _, err = to.Write(b[:m]); err != nil {
				break
			}
			b = b[m:]
		}
		if err != nil {
			p.mu.Lock()
			p.end(x, false)
			p.mu.Unlock()
			return
		}
	}
}

// next waits while everything is held back, and tells how much goes on after
// which pause. It answers false if the connection has ended.
func (p *Proxy) next(x *pair, n int) (int, time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled && !x.cut {
		p.change.Wait()
	}
	if x.cut {
		return 0, 0, false
	}
	if p.pieces == nil {
		return n, 0, true
	}
	return 1 + p.pieces.IntN(n), time.Duration(p.pieces.IntN(200)) * time.Microsecond, true
}
