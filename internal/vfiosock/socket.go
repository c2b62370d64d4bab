// SPDX-License-Identifier: BSD-3-Clause

// Package vfiosock moves vfio-user messages, with the file descriptors that
// accompany them, over UNIX sockets. Client and server of the protocol share
// it.
package vfiosock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/vfiouser"
)

const (
	// MaxDataXferSize is how many bytes a read or write message may carry
	// to us.
	MaxDataXferSize = 1 << 20
	// MaxMessage is the longest message that we accept: the largest
	// transfer, and room for what precedes it.
	MaxMessage = MaxDataXferSize + 4096
	// MaxFDs is how many file descriptors we accept with one message.
	MaxFDs = 8

	// oobFDs is how many descriptors a receive makes room for: more than
	// allowed, so that too many are noticed rather than lost.
	oobFDs = 32
	// sendTimeout is how long a peer may leave a message unread.
	sendTimeout = 5 * time.Second
)

// Message is a received message. FDs that nobody has taken are closed by
// Close.
type Message struct {
	vfiouser.Header
	Payload []byte
	FDs     []int
}

// TakeFD gives file descriptor i to the caller.
func (m *Message) TakeFD(i int) int {
	fd := m.FDs[i]
	m.FDs[i] = -1
	return fd
}

// Close closes the file descriptors that are left.
func (m *Message) Close() {
	for _, fd := range m.FDs {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	m.FDs = nil
}

// Socket is one end of a connection. One goroutine receives; any may send.
type Socket struct {
	uc  *net.UnixConn
	mu  sync.Mutex // one message at a time is sent
	oob []byte     // of the receiver
}

// New takes over a connected socket.
func New(uc *net.UnixConn) *Socket {
	return &Socket{uc: uc, oob: make([]byte, unix.CmsgSpace(oobFDs*4))}
}

// FromFD takes over fd, a connected socket.
func FromFD(fd int) (*Socket, error) {
	f := os.NewFile(uintptr(fd), "vfio-user")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	uc, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("vfio-user: file descriptor is not a UNIX socket")
	}
	return New(uc), nil
}

// Pair returns a connected pair: this end and a file descriptor to give
// away.
func Pair() (*Socket, int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, err
	}
	s, err := FromFD(fds[0])
	if err != nil {
		unix.Close(fds[1])
		return nil, -1, err
	}
	return s, fds[1], nil
}

// Close hangs up; a blocked Receive or Send returns.
func (s *Socket) Close() error { return s.uc.Close() }

// SetReceiveDeadline makes Receive fail at t; the zero time takes that back.
func (s *Socket) SetReceiveDeadline(t time.Time) { _ = s.uc.SetReadDeadline(t) }

// PeerGone tells whether the other end has hung up, whatever of its data is
// still unread.
func (s *Socket) PeerGone() bool {
	rc, err := s.uc.SyscallConn()
	if err != nil {
		return true
	}
	gone := true
	_ = rc.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(p, 0)
		gone = err == nil && n > 0 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone
}

// Receive reads one message. After an error the connection is of no use; it
// is io.EOF if the peer hung up between messages.
func (s *Socket) Receive() (*Message, error) {
	m := new(Message)
	var raw [vfiouser.HeaderSize]byte
	for n := 0; n < len(raw); {
		k, err := s.receiveSome(raw[n:], m)
		if err != nil {
			m.Close()
			if n > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		n += k
	}
	var err error
	if m.Header, err = vfiouser.ParseHeader(raw[:]); err == nil && m.Size > MaxMessage {
		err = fmt.Errorf("vfio-user: %v: message size %d is more than %d", m.Command, m.Size, MaxMessage)
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	m.Payload = make([]byte, m.Size-vfiouser.HeaderSize)
	// Descriptors that come with later bytes are closed by the kernel.
	if _, err := io.ReadFull(s.uc, m.Payload); err != nil {
		m.Close()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return m, nil
}

// receiveSome reads at least one byte into p and adds descriptors to m.
func (s *Socket) receiveSome(p []byte, m *Message) (int, error) {
	n, oobn, flags, _, err := s.uc.ReadMsgUnix(p, s.oob)
	if oobn > 0 {
		if e := m.addFDs(s.oob[:oobn]); e != nil && err == nil {
			err = e
		}
	}
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	case flags&unix.MSG_CTRUNC != 0:
		return 0, fmt.Errorf("vfio-user: more than %d file descriptors in a message", oobFDs)
	}
	return n, nil
}

func (m *Message) addFDs(oob []byte) error {
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range msgs {
		if msgs[i].Header.Type != syscall.SCM_RIGHTS {
			continue
		}
		fds, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			return err
		}
		m.FDs = append(m.FDs, fds...)
	}
	return nil
}

// Send writes one message; h.Size is filled in. The descriptors stay the
// caller's. A peer that does not read in time makes it fail, and the
// connection is then of no use.
func (s *Socket) Send(h vfiouser.Header, payload []byte, fds []int) error {
	h.Size = uint32(vfiouser.HeaderSize + len(payload))
	b := h.Append(make([]byte, 0, h.Size))
	b = append(b, payload...)
	var oob []byte
	if len(fds) > 0 {
		oob = syscall.UnixRights(fds...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.uc.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	n, _, err := s.uc.WriteMsgUnix(b, oob, nil)
	if err == nil && n < len(b) {
		_, err = s.uc.Write(b[n:])
	}
	return err
}
