// SPDX-License-Identifier: BSD-3-Clause

package faultnet

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that says what it hears.
func echo(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return ln.Addr().String()
}

func TestProxy(t *testing.T) {
	p, err := New(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	say := func(c net.Conn, size int) {
		t.Helper()
		want, got := bytes.Repeat([]byte("0123456789"), size/10), make([]byte, size/10*10)
		go c.Write(want)
		if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %v, or other bytes", size, err)
		}
	}
	c := dial()
	say(c, 1<<20)
	p.Split(7)
	say(c, 10000)
	p.Split(0)
	p.Stall(true)
	c.Write([]byte("x"))
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := c.Read(make([]byte, 1)); n != 0 || !err.(net.Error).Timeout() {
		t.Errorf("a stalled network passed %d bytes: %v", n, err)
	}
	c.SetReadDeadline(time.Time{})
	p.Stall(false)
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Error(err)
	}
	for _, reset := range []bool{false, true} {
		p.Cut(reset)
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF == reset {
			t.Errorf("cut, reset %t: %v", reset, err)
		}
		c = dial()
		say(c, 10)
	}
	p.Down(true)
	down := dial()
	if _, err := down.Read(make([]byte, 1)); err == nil {
		t.Error("a network that is down took a connection")
	}
	p.Down(false)
	p.Stall(true) // and Close does not wait for that
	c.Write([]byte("x"))
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if n := p.Connections(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}
