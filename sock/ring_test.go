// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"bytes"
	"errors"
	"io"
	"math/rand"
	"runtime"
	"testing"
	"time"
)

const patience = 20 * time.Second

// uringGroup skips the test where a container forbids io_uring.
func uringGroup(t *testing.T) *Group {
	t.Helper()
	g, err := NewUringGroup()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(g.Close)
	if g.Impl() != Uring {
		t.Errorf("implementation %s", g.Impl())
	}
	return g
}

// collector reads a connection, by its events or the data in them.
type collector struct {
	g    *Group
	c    *Conn
	v    Vector
	buf  []byte
	got  []byte
	ends error  // what Readv said
	each func() // called after each event, if there is one
}

func (r *collector) poll() {
	for _, ev := range r.g.Poll() {
		switch {
		case ev.Data != nil:
			r.got = append(r.got, ev.Data...)
		case ev.Readable && r.ends == nil:
			n, err := r.c.Readv(&r.v, [][]byte{r.buf})
			r.got = append(r.got, r.buf[:n]...)
			if !errors.Is(err, ErrAgain) {
				r.ends = err
			}
		}
		if r.each != nil && r.ends == nil {
			r.each()
		}
	}
}

// until polls until done, which must not take long.
func (r *collector) until(t *testing.T, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); runtime.Gosched() {
		if r.poll(); time.Since(start) > patience {
			t.Fatalf("nothing more after %d bytes", len(r.got))
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// However often the ways to receive change, no byte is lost, doubled, or comes
// too early, and the end comes last.
func TestWaysToReceiveChange(t *testing.T) {
	g := uringGroup(t)
	c, peer := pair(t)
	defer c.Close()
	r := &collector{g: g, c: c, buf: make([]byte, 5000)}
	must(t, g.Add(c, 3))
	want := make([]byte, 8<<20)
	rnd := rand.New(rand.NewSource(1))
	rnd.Read(want)
	go func() {
		pieces := rand.New(rand.NewSource(2))
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+pieces.Intn(60000))
			peer.Write(rest[:n])
			rest = rest[n:]
		}
		peer.Close()
	}()
	paused := false
	change := func() {
		switch rnd.Intn(5) {
		case 0, 1:
			must(t, g.Give(c))
		case 2:
			must(t, g.TakeBack(c))
		case 3:
			paused = !paused
			must(t, g.Watch(c, 3, !paused, rnd.Intn(2) == 0))
		}
	}
	r.each = change
	r.until(t, func() bool {
		if r.ends == nil {
			change()
		}
		return r.ends != nil
	})
	if r.ends != io.EOF || !bytes.Equal(r.got, want) {
		at := 0
		for at < min(len(want), len(r.got)) && want[at] == r.got[at] {
			at++
		}
		t.Errorf("%d of %d bytes, those from %d on differ; end: %v", len(r.got), len(want), at, r.ends)
	}
}

// A connection that is paused gets nothing, and all of it afterwards. While
// it is, its end does not count.
func TestGivenPauses(t *testing.T) {
	g := uringGroup(t)
	c, peer := pair(t)
	defer c.Close()
	r := &collector{g: g, c: c, buf: make([]byte, 64)}
	must(t, g.Add(c, 0))
	must(t, g.Give(c))
	peer.Write([]byte("one"))
	r.until(t, func() bool { return string(r.got) == "one" })
	if c.watched.listed {
		t.Error("the epoll set watches it too")
	}
	must(t, g.Watch(c, 0, false, false))
	r.until(t, func() bool { return !c.watched.armed })
	peer.Write([]byte("two"))
	peer.CloseWrite()
	r.poll()
	if string(r.got) != "one" || r.ends != nil {
		t.Errorf("paused it got %q, %v", r.got, r.ends)
	}
	must(t, g.Watch(c, 0, true, false))
	r.until(t, func() bool { return r.ends != nil })
	if string(r.got) != "onetwo" || r.ends != io.EOF {
		t.Errorf("got %q, %v", r.got, r.ends)
	}
}

// Whoever sleeps on the group's descriptor hears of both kinds of connections.
func TestUringWakes(t *testing.T) {
	g := uringGroup(t)
	for i, give := range []bool{false, true} {
		c, peer := pair(t)
		defer c.Close()
		r := &collector{g: g, c: c, buf: make([]byte, 64)}
		must(t, g.Add(c, uint32(i)))
		if give {
			must(t, g.Give(c))
		}
		if woken, err := g.Wait(0); woken || err != nil {
			t.Fatalf("woken %v, %v without a reason", woken, err)
		}
		peer.Write([]byte("hello"))
		for string(r.got) != "hello" {
			if woken, err := g.Wait(patience); !woken && err == nil {
				t.Fatal("not woken")
			}
			r.poll()
		}
	}
}

// What one connection floods does not keep others from their bytes, and the
// buffers come back.
func TestBuffersRunOut(t *testing.T) {
	g := uringGroup(t)
	all := map[uint32]int{}
	const conns, size = 8, 3 << 20
	for i := range conns {
		c, peer := pair(t)
		defer c.Close()
		must(t, g.Add(c, uint32(i)))
		must(t, g.Give(c))
		go peer.Write(make([]byte, size))
	}
	for start := time.Now(); len(all) < conns || all[0]+all[1]+all[2]+all[3]+all[4]+all[5]+all[6]+all[7] < conns*size; {
		for _, ev := range g.Poll() {
			all[ev.ID] += len(ev.Data)
		}
		if time.Since(start) > patience {
			t.Fatalf("got %v", all)
		}
	}
}

// The peer of a connection that is removed and closed sees the end, though the
// ring was receiving.
func TestRemoveGiven(t *testing.T) {
	g := uringGroup(t)
	c, peer := pair(t)
	must(t, g.Add(c, 1))
	must(t, g.Give(c))
	r := &collector{g: g, c: c}
	peer.Write([]byte("x"))
	r.until(t, func() bool { return len(r.got) == 1 })
	peer.Write([]byte("late"))
	g.Remove(c)
	c.Close()
	next, other := pair(t)
	defer next.Close()
	must(t, g.Add(next, 1)) // the same id
	must(t, g.Give(next))
	r.c, r.got = next, nil
	other.Write([]byte("next"))
	r.until(t, func() bool { return len(r.got) == 4 })
	if string(r.got) != "next" {
		t.Errorf("got %q", r.got)
	}
	peer.SetReadDeadline(time.Now().Add(patience))
	if _, err := peer.Read(make([]byte, 1)); err == nil || errors.Is(err, io.ErrNoProgress) {
		t.Errorf("the peer of a closed connection reads: %v", err)
	} else if to, ok := err.(interface{ Timeout() bool }); ok && to.Timeout() {
		t.Error("the peer of a closed connection sees no end")
	}
}

// Send has the same results with both implementations.
func TestSend(t *testing.T) {
	for _, impl := range []string{Posix, Uring} {
		t.Run(impl, func(t *testing.T) {
			g := newGroup(t, impl)
			const n = 3 * sendBatch / 2
			var out []Output
			var peers []io.Reader
			for i := range n {
				c, peer := pair(t)
				defer c.Close()
				out = append(out, Output{Conn: c, Bufs: [][]byte{{byte(i)}, nil, []byte("abc")}})
				peers = append(peers, peer)
			}
			broken, fullConn := n-1, n-2
			out[broken].Conn.Close()
			out[broken].Conn.fd = -1
			out[fullConn].Bufs = [][]byte{make([]byte, 64<<20)}
			g.Send(out)
			for i, o := range out[:fullConn] {
				var b [4]byte
				if _, err := io.ReadFull(peers[i], b[:]); o.N != 4 || o.Err != nil || err != nil || string(b[:]) != string([]byte{byte(i)})+"abc" {
					t.Errorf("%d: %d bytes, %v; %q, %v", i, o.N, o.Err, b, err)
				}
			}
			if o := out[broken]; o.N != 0 || o.Err == nil || errors.Is(o.Err, ErrAgain) {
				t.Errorf("a closed connection: %d, %v", o.N, o.Err)
			}
			if o := out[fullConn]; o.N == 0 || o.N == 64<<20 || o.Err != nil {
				t.Errorf("more than there is room for: %d, %v", o.N, o.Err)
			}
			again := []Output{{Conn: out[fullConn].Conn, Bufs: [][]byte{make([]byte, 64<<20)}}, {Conn: out[0].Conn}}
			for range 100 { // the kernel may find some room yet
				if g.Send(again); again[0].Err != nil {
					break
				}
			}
			if o := again[0]; o.N != 0 || !errors.Is(o.Err, ErrAgain) {
				t.Errorf("no room: %d, %v", o.N, o.Err)
			}
			if allocs := testing.AllocsPerRun(20, func() { g.Send(again[1:]); g.Send(again); g.Poll() }); allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

// Neither the loops nor the settings depend on io_uring being there.
func TestDefaultGroup(t *testing.T) {
	s := NewImpls()
	for _, impl := range []string{Posix, Uring} {
		must(t, s.SetDefault(impl))
		g, err := s.NewGroup(s.Default())
		must(t, err)
		if uring, err := NewUringGroup(); err == nil {
			uring.Close()
			if g.Impl() != impl {
				t.Errorf("%s where %s was chosen", g.Impl(), impl)
			}
		}
		g.Close()
	}
}
