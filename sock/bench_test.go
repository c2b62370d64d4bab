// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkGroup has connections carry requests and answers of these sizes,
// as NVMe/TCP reads and writes of 4 KiB and writes of 128 KiB are. Requests
// come on all connections; then the time is taken that it costs one thread to
// read and to answer them, of which ns/op is the median: what other programs
// do on the machine does not count.
func BenchmarkGroup(b *testing.B) {
	for _, load := range []struct {
		name            string
		request, answer int
	}{{"read", 72, 4120}, {"write", 4168, 24}, {"write128k", 128 << 10, 24}} {
		for _, conns := range []int{1, 8, 64, 512} {
			for _, impl := range []string{Posix, Uring} {
				b.Run(fmt.Sprintf("%s/conns=%d/%s", load.name, conns, impl), func(b *testing.B) {
					benchmarkGroup(b, newGroup(b, impl), conns, load.request, load.answer)
				})
			}
		}
	}
}

func benchmarkGroup(b *testing.B, g *Group, conns, request, answer int) {
	s := &echoServer{g: g, answer: make([]byte, answer), request: request, buf: make([]byte, 256<<10)}
	client := newClient(b, conns, request, answer)
	defer client.close()
	for i, c := range client.others {
		s.add(b, c, uint32(i))
	}
	defer s.close()
	runtime.LockOSThread() // the requests come from another thread
	defer runtime.UnlockOSThread()
	var turn atomic.Int32
	rounds := max(b.N/conns, 20)
	go client.run(rounds, &turn)
	var took []time.Duration
	calls := uint64(0)
	for range rounds {
		for turn.Load()&1 == 0 {
		}
		start, before := time.Now(), s.totalCalls()
		for s.answered = 0; s.answered < conns; {
			s.round()
		}
		took = append(took, time.Since(start))
		calls += s.totalCalls() - before
		turn.Add(1)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/float64(conns), "ns/op")
	b.ReportMetric(float64(calls)/float64(rounds*conns), "calls/op")
}

// echoServer answers requests.
type echoServer struct {
	g        *Group
	conns    []*Conn
	have     []int // bytes of the next request
	request  int
	answer   []byte
	buf      []byte
	v        Vector
	bufs     [][]byte
	out      []Output
	calls    uint64
	answered int
}

func (s *echoServer) add(b testing.TB, c *Conn, id uint32) {
	if err := errors.Join(s.g.Add(c, id), s.g.Give(c)); err != nil {
		b.Fatal(err)
	}
	s.conns, s.have = append(s.conns, c), append(s.have, 0)
}

func (s *echoServer) close() {
	for _, c := range s.conns {
		s.g.Remove(c)
		c.Close()
	}
}

func (s *echoServer) totalCalls() uint64 {
	if r := s.g.ring; r != nil {
		return r.receives.Calls + r.sends.Calls
	}
	return s.calls
}

func (s *echoServer) round() {
	s.calls++
	s.out = s.out[:0]
	for _, ev := range s.g.Poll() {
		n := len(ev.Data)
		if ev.Data == nil {
			s.calls++
			s.bufs = append(s.bufs[:0], s.buf)
			n, _ = s.conns[ev.ID].Readv(&s.v, s.bufs)
		} else {
			copy(s.buf, ev.Data)
		}
		s.have[ev.ID] += n
		if s.have[ev.ID] >= s.request {
			s.have[ev.ID] -= s.request
			s.out = append(s.out, Output{Conn: s.conns[ev.ID], Bufs: [][]byte{s.answer}})
		}
	}
	if len(s.out) > 0 {
		s.calls += uint64(len(s.out))
		s.g.Send(s.out)
		s.answered += len(s.out)
	}
}

// client is the other end of all connections.
type client struct {
	conns, others   []*Conn
	request, answer []byte
}

func newClient(b testing.TB, conns, request, answer int) *client {
	c := &client{request: make([]byte, request), answer: make([]byte, answer)}
	for range conns {
		other, peer := pair(b)
		mine, err := Take(peer)
		if err != nil {
			b.Fatal(err)
		}
		c.conns, c.others = append(c.conns, mine), append(c.others, other)
	}
	return c
}

func (c *client) close() {
	for _, o := range c.conns {
		o.Close()
	}
}

// run sends requests, one on each connection, and takes the answers when it is
// its turn again, which is when turn is even.
func (c *client) run(rounds int, turn *atomic.Int32) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var v Vector
	bufs := make([][]byte, 1)
	for range rounds {
		for _, conn := range c.conns {
			for rest := c.request; len(rest) > 0; {
				bufs[0] = rest
				n, _ := conn.Writev(&v, bufs)
				rest = rest[n:]
			}
		}
		turn.Add(1)
		for turn.Load()&1 != 0 {
		}
		for _, conn := range c.conns {
			for due := len(c.answer); due > 0; {
				bufs[0] = c.answer[:due]
				n, _ := conn.Readv(&v, bufs)
				due -= n
			}
		}
	}
}

func newGroup(t testing.TB, impl string) *Group {
	t.Helper()
	g, err := NewGroup()
	if impl == Uring {
		g.Close()
		if g, err = NewUringGroup(); err != nil {
			t.Skip(err) // a container may forbid it
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}
