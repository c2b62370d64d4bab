// SPDX-License-Identifier: BSD-3-Clause

package uevent

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrLost is returned when messages came faster than they were received, so
// that some are missing: look at sysfs for what has changed.
var ErrLost = errors.New("uevents were lost")

const (
	kernelGroup   = 1
	receiveBuffer = 1 << 20 // bytes; a bus of hundreds of functions may come at a time
	maxMessage    = 8192    // the kernel's are shorter (UEVENT_BUFFER_SIZE and the header)
)

// Listener receives the kernel's messages.
type Listener struct {
	f    *os.File
	raw  syscall.RawConn
	buf  [maxMessage]byte
	from uint32 // sender's port of the last message

	closed atomic.Bool
}

// Listen starts to listen: messages from now on wait to be received.
func Listen() (*Listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return nil, fmt.Errorf("listening to the kernel's device events: %w", err)
	}
	// Root's way first; else as much as net.core.rmem_max allows.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: kernelGroup}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening to the kernel's device events: %w", err)
	}
	return newListener(fd)
}

// newListener takes a non-blocking datagram socket.
func newListener(fd int) (*Listener, error) {
	f := os.NewFile(uintptr(fd), "uevent")
	raw, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("listening to the kernel's device events: %w", err)
	}
	return &Listener{f: f, raw: raw}, nil
}

// Receive waits for the next message of the kernel. It returns ErrLost where
// some are missing, and os.ErrClosed after Close. What cannot be parsed is
// left out: it is no message of a kernel that we know.
func (l *Listener) Receive() (Event, error) {
	for {
		n, err := l.receive()
		switch {
		case errors.Is(err, unix.ENOBUFS):
			return Event{}, ErrLost
		case errors.Is(err, unix.EINTR):
			continue
		case l.closed.Load():
			return Event{}, os.ErrClosed
		case err != nil:
			return Event{}, fmt.Errorf("receiving the kernel's device events: %w", err)
		}
		if l.from != 0 || n > len(l.buf) { // another process; or cut short
			continue
		}
		if e, err := Parse(l.buf[:n]); err == nil {
			return e, nil
		}
	}
}

// receive returns the whole length of the message.
func (l *Listener) receive() (n int, err error) {
	waitErr := l.raw.Read(func(fd uintptr) bool {
		var from unix.Sockaddr
		n, from, err = unix.Recvfrom(int(fd), l.buf[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		l.from = 0
		if nl, ok := from.(*unix.SockaddrNetlink); ok {
			l.from = nl.Pid
		}
		return !errors.Is(err, unix.EAGAIN)
	})
	if waitErr != nil {
		return 0, waitErr
	}
	return n, err
}

// Drain throws away what waits to be received. After ErrLost the kernel adds
// nothing to what waits until all of that is gone.
func (l *Listener) Drain() {
	_ = l.raw.Control(func(fd uintptr) {
		for {
			_, _, err := unix.Recvfrom(int(fd), l.buf[:], unix.MSG_DONTWAIT)
			if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
				return // EAGAIN: there is no more
			}
		}
	})
}

// Close ends listening, and a Receive that waits.
func (l *Listener) Close() error {
	l.closed.Store(true)
	return l.f.Close()
}
