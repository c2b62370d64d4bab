// SPDX-License-Identifier: BSD-3-Clause

package uevent

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair returns a listener and the socket that stands for the kernel.
func pair(t *testing.T) (*Listener, int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	l, err := newListener(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); unix.Close(fds[1]) })
	return l, fds[1]
}

func send(t *testing.T, fd int, msg []byte) {
	t.Helper()
	if _, err := unix.Write(fd, msg); err != nil {
		t.Fatal(err)
	}
}

func TestReceiveLeavesOutWhatItDoesNotKnow(t *testing.T) {
	l, kernel := pair(t)
	send(t, kernel, []byte("libudev\x00"))
	send(t, kernel, []byte("gibberish"))
	send(t, kernel, message("add@/x", "A="+string(make([]byte, maxMessage)))) // too long
	send(t, kernel, bound)
	e, err := l.Receive()
	if err != nil || e.Action != "bind" {
		t.Fatalf("received %+v, %v", e, err)
	}
}

func TestDrain(t *testing.T) {
	l, kernel := pair(t)
	for range 5 {
		send(t, kernel, message("remove@/old"))
	}
	l.Drain()
	send(t, kernel, message("add@/new"))
	if e, err := l.Receive(); err != nil || e.DevPath != "/new" {
		t.Errorf("after Drain: %+v, %v", e, err)
	}
}

func TestCloseEndsReceive(t *testing.T) {
	l, _ := pair(t)
	done := make(chan error)
	go func() {
		_, err := l.Receive()
		done <- err
	}()
	l.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Receive after Close: %v", err)
	}
}

// trigger makes the kernel send an event about the loopback interface.
func trigger(t *testing.T) {
	t.Helper()
	err := os.WriteFile("/sys/class/net/lo/uevent", []byte("change"), 0)
	if err != nil {
		t.Skipf("this process may not make the kernel send an event: %v", err)
	}
}

// TestKernel hears the kernel of this machine.
func TestKernel(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	trigger(t)
	// The limit is for a kernel that sends to no one in this network
	// namespace, which would hang the test.
	if err := l.f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := l.Receive()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Skip("the kernel sends no events to this network namespace")
		}
		if err != nil {
			t.Fatal(err)
		}
		if e.Vars["INTERFACE"] == "lo" {
			if e.Action != "change" || e.Subsystem != "net" || !e.Synthetic() || e.DevPath != "/devices/virtual/net/lo" {
				t.Errorf("event %+v", e)
			}
			return
		}
	}
}

// TestKernelOverrun leaves more messages than fit, which the kernel tells.
func TestKernelOverrun(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
	}); err != nil {
		t.Fatal(err)
	}
	for range 100 { // the least that the kernel gives is some kilobytes
		trigger(t)
	}
	if err := l.f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Receive(); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Skip("the kernel sends no events to this network namespace")
	} else if !errors.Is(err, ErrLost) {
		t.Fatalf("after an overrun: %v", err)
	}
	l.Drain()
	trigger(t)
	if e, err := l.Receive(); err != nil || e.Action != "change" {
		t.Errorf("after Drain: %+v, %v", e, err)
	}
}

// TestForgery sends what another process may send that has the right to: it
// is not the kernel's.
func TestForgery(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	err = unix.Sendto(fd, message("remove@/devices/forged"), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup})
	if err != nil {
		t.Skipf("this process may not send to those who listen: %v", err)
	}
	if n, err := l.receive(); err != nil || n == 0 || l.from == 0 {
		t.Fatalf("%d bytes from %d, %v", n, l.from, err)
	}
	if err := unix.Sendto(fd, message("remove@/devices/forged"), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		t.Fatal(err)
	}
	if err := l.f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	trigger(t)
	if e, err := l.Receive(); err == nil && e.DevPath == "/devices/forged" {
		t.Errorf("received %+v", e)
	}
}
