// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"bytes"
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// pair returns both ends of a connection, one of them taken.
func pair(t testing.TB) (*Conn, *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	peer, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Take(accepted.(*net.TCPConn))
	if err != nil {
		t.Fatal(err)
	}
	if c.Remote().String() != peer.LocalAddr().String() || c.Local().String() != peer.RemoteAddr().String() {
		t.Errorf("from %v to %v, want %v to %v", c.Remote(), c.Local(), peer.LocalAddr(), peer.RemoteAddr())
	}
	t.Cleanup(func() { peer.Close() })
	return c, peer.(*net.TCPConn)
}

// await polls until there is an event.
func await(t testing.TB, g *Group) Event {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if ev := g.Poll(); len(ev) > 0 {
			return ev[0]
		}
	}
	t.Fatal("no event")
	return Event{}
}

func same(a, b Event) bool {
	return a.ID == b.ID && a.Readable == b.Readable && a.Writable == b.Writable && bytes.Equal(a.Data, b.Data)
}

func TestReadWrite(t *testing.T) {
	c, peer := pair(t)
	defer c.Close()
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Add(c, 7); err != nil {
		t.Fatal(err)
	}
	var v Vector
	if _, err := c.Readv(&v, [][]byte{make([]byte, 1)}); !errors.Is(err, ErrAgain) {
		t.Errorf("nothing to read: %v", err)
	}
	if ev := g.Poll(); len(ev) != 0 {
		t.Errorf("events %+v", ev)
	}
	peer.Write([]byte("hello"))
	if ev := await(t, g); !same(ev, Event{ID: 7, Readable: true}) {
		t.Errorf("event %+v", ev)
	}
	a, b := make([]byte, 2), make([]byte, 8)
	if n, err := c.Readv(&v, [][]byte{a, nil, b}); n != 5 || err != nil || string(a)+string(b[:3]) != "hello" {
		t.Errorf("%d, %v, %q %q", n, err, a, b)
	}
	if n, err := c.Writev(&v, [][]byte{[]byte("wo"), {}, []byte("rld")}); n != 5 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := io.ReadFull(peer, b[:5]); err != nil || string(b[:5]) != "world" {
		t.Errorf("%q, %v", b[:5], err)
	}
	if err := g.Watch(c, 8, false, true); err != nil {
		t.Fatal(err)
	}
	if ev := await(t, g); !same(ev, Event{ID: 8, Writable: true}) {
		t.Errorf("event %+v", ev)
	}
	g.Watch(c, 7, true, false)
	if c.Broken() {
		t.Error("broken before its end")
	}
	peer.Close()
	await(t, g)
	if !c.Broken() {
		t.Error("not broken after its end")
	}
	if _, err := c.Readv(&v, [][]byte{a}); err != io.EOF {
		t.Errorf("closed by the peer: %v", err)
	}
	g.Remove(c)
	if ev := g.Poll(); len(ev) != 0 {
		t.Errorf("events after Remove: %+v", ev)
	}
}

// TestFull writes until there is no room, and the rest when there is.
func TestFull(t *testing.T) {
	c, peer := pair(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	got := make(chan []byte)
	var v Vector
	rest, full := want, 0
	for len(rest) > 0 {
		n, err := c.Writev(&v, [][]byte{rest[:len(rest)/2], rest[len(rest)/2:]})
		rest = rest[n:]
		if errors.Is(err, ErrAgain) {
			if full++; full == 1 {
				go func() { p, _ := io.ReadAll(peer); got <- p }()
			}
			runtime.Gosched()
		} else if err != nil {
			t.Fatal(err)
		}
	}
	c.Close()
	if full == 0 {
		t.Error("16 MiB went without a reader")
	}
	if !bytes.Equal(<-got, want) {
		t.Error("data differ")
	}
}

func TestNoAllocations(t *testing.T) {
	c, _ := pair(t)
	defer c.Close()
	g, err := NewGroup()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.Add(c, 0)
	v, bufs := new(Vector), [][]byte{make([]byte, 16)}
	if n := testing.AllocsPerRun(100, func() {
		g.Poll()
		c.Writev(v, bufs)
		c.Readv(v, bufs)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAbort has the peer get no more of what was sent than it has got already.
func TestAbort(t *testing.T) {
	c, peer := pair(t)
	v, sent := &Vector{}, 0
	b := make([]byte, 1<<20)
	for {
		n, err := c.Writev(v, [][]byte{b})
		if err != nil {
			break // there is no room
		}
		sent += n
	}
	c.Abort()
	got, err := io.Copy(io.Discard, peer)
	if !errors.Is(err, syscall.ECONNRESET) || int(got) >= sent {
		t.Errorf("%d bytes of %d have come, then %v", got, sent, err)
	}
}
