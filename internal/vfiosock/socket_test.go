// SPDX-License-Identifier: BSD-3-Clause

package vfiosock

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/vfiouser"
)

func pair(t testing.TB) (*Socket, *Socket) {
	t.Helper()
	a, fd, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	b, err := FromFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func openFDs(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// TestLargest sends more than a socket holds, so that it goes in pieces.
func TestLargest(t *testing.T) {
	a, b := pair(t)
	payload := make([]byte, MaxMessage-vfiouser.HeaderSize)
	for i := range payload {
		payload[i] = byte(i >> 8)
	}
	sent := make(chan error, 1)
	go func() { sent <- a.Send(vfiouser.Header{ID: 9, Command: vfiouser.CmdDMAWrite}, payload, []int{0}) }()
	m, err := b.Receive()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if m.ID != 9 || !bytes.Equal(m.Payload, payload) || len(m.FDs) != 1 {
		t.Errorf("received %+v, %d bytes, %d descriptors", m.Header, len(m.Payload), len(m.FDs))
	}
}

// TestDribble sends a message byte by byte, with a descriptor at two of
// them: that with the header counts, that with the payload is dropped.
func TestDribble(t *testing.T) {
	a, b := pair(t)
	h := vfiouser.Header{ID: 1, Command: vfiouser.CmdDMAMap, Size: vfiouser.HeaderSize + 4}
	msg := append(h.Append(nil), "abcd"...)
	fds := openFDs(t)
	go func() {
		for i := range msg {
			var oob []byte
			if i == 3 || i == 17 {
				oob = unix.UnixRights(0)
			}
			a.uc.WriteMsgUnix(msg[i:i+1], oob, nil)
		}
	}()
	m, err := b.Receive()
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Payload) != "abcd" || len(m.FDs) != 1 {
		t.Errorf("payload %q, %d descriptors", m.Payload, len(m.FDs))
	}
	m.Close()
	m.Close()
	if n := openFDs(t); n != fds {
		t.Errorf("%d file descriptors, %d before", n, fds)
	}
}

func TestHangUp(t *testing.T) {
	a, b := pair(t)
	if a.PeerGone() {
		t.Error("peer is gone before it hung up")
	}
	b.Close()
	if !a.PeerGone() {
		t.Error("peer is not gone")
	}
	if _, err := a.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("Receive: %v, want io.EOF", err)
	}
	if err := a.Send(vfiouser.Header{}, nil, nil); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Send: %v, want EPIPE", err)
	}
}

// TestCaller has calls of several goroutines answered in another order.
func TestCaller(t *testing.T) {
	a, b := pair(t)
	c := NewCaller(a)
	c.next = 0xfffe // ids wrap
	const calls = 8
	go func() {
		var got []*Message
		for len(got) < calls {
			m, err := b.Receive()
			if err != nil {
				return
			}
			got = append([]*Message{m}, got...)
		}
		for _, m := range got {
			b.Send(vfiouser.Header{ID: m.ID, Command: m.Command, Flags: vfiouser.FlagReply}, m.Payload, nil)
		}
	}()
	go func() {
		for {
			m, err := a.Receive()
			if err != nil {
				c.Fail(err)
				return
			}
			c.Deliver(m)
		}
	}()
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			m, err := c.Call(context.Background(), vfiouser.CmdRegionRead, []byte{byte(i)}, nil)
			if err != nil || m.Payload[0] != byte(i) {
				t.Errorf("call %d: %+v, %v", i, m, err)
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Call(ctx, vfiouser.CmdVersion, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled call: %v", err)
	}
	if len(c.pending) != 0 {
		t.Errorf("%d calls are still pending", len(c.pending))
	}
	failed := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), vfiouser.CmdVersion, nil, nil)
		failed <- err
	}()
	b.Close()
	if err := <-failed; err == nil {
		t.Error("a pending call succeeded after the peer hung up")
	}
}

func TestEventFD(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	e, err := CheckEventFD(fd)
	if err != nil || !e.Blocking {
		t.Fatalf("%+v, %v", e, err)
	}
	if _, err := unix.Write(fd, []byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	if err := e.Signal(); err != nil { // full, and does not wait
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() { e.Signal() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if _, err := CheckEventFD(0); err == nil {
		t.Error("standard input is no eventfd")
	}
}

// FuzzReceive feeds a stream of bytes to a receiver, which must return
// messages that agree with their headers, or an error.
func FuzzReceive(f *testing.F) {
	h := vfiouser.Header{Size: 20, Command: vfiouser.CmdVersion}
	f.Add(append(h.Append(nil), 0, 0, 0, 0))
	f.Add(h.Append(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 4096 {
			return // more than the socket may hold
		}
		a, b := pair(t)
		if _, err := a.uc.Write(in); err != nil && len(in) > 0 {
			t.Fatal(err)
		}
		a.Close()
		for {
			m, err := b.Receive()
			if err != nil {
				return
			}
			if int(m.Size) != vfiouser.HeaderSize+len(m.Payload) {
				t.Errorf("size %d with %d bytes of payload", m.Size, len(m.Payload))
			}
			m.Close()
		}
	})
}
