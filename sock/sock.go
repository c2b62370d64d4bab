// SPDX-License-Identifier: BSD-3-Clause

// Package sock has non-blocking TCP connections for threads: a connection is
// taken from package net, read and written by system calls that never block,
// and watched by a group that a thread polls and sleeps on, by epoll alone or
// by io_uring beside it.
//
// Nothing here allocates or locks after a connection has been taken. A
// connection and a group belong to one thread at a time.
package sock

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrAgain says that the kernel has nothing to read, or no room to write, for
// now.
var ErrAgain = errors.New("sock: try again")

// Conn is a connected TCP socket.
type Conn struct {
	fd            int
	local, remote netip.AddrPort
	watched       watched
	kernelTLS     bool  // the kernel protects it
	pins          *pins // nil unless sends may go without a copy
}

// Take makes a Conn of an accepted or dialled connection, which is closed and
// must not be used any more, whether it succeeds or not. Nagle's algorithm is
// off, as it is by default in package net.
func Take(c *net.TCPConn) (*Conn, error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	s := &Conn{local: addrPort(c.LocalAddr()), remote: addrPort(c.RemoteAddr())}
	var dup error
	err = raw.Control(func(fd uintptr) {
		s.fd, dup = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dup); err != nil {
		return nil, fmt.Errorf("sock: taking the connection from %v: %w", s.remote, err)
	}
	return s, nil
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// Local returns the address of this end.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Remote returns the address of the other end.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Close closes the connection. A group that watches it forgets it.
func (c *Conn) Close() {
	if c.kernelTLS {
		c.closeNotify()
	}
	c.shut()
}

func (c *Conn) shut() {
	unix.Close(c.fd)
	c.fd = -1
}

// Abort closes the connection and takes back what has not been acknowledged:
// the kernel does not send it any more, as it would for a while after Close.
func (c *Conn) Abort() {
	_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // it cannot fail
	c.shut()
}

// Vector is where system calls find their buffers. It serves any number of
// connections of one thread.
type Vector struct {
	iov [maxVector]unix.Iovec
	msg unix.Msghdr
}

// maxVector is how many buffers one call takes.
const maxVector = 512

// fillVector fills v and returns how many buffers it took. Empty ones are left
// out.
func fillVector(v []unix.Iovec, bufs [][]byte) (n int) {
	for _, b := range bufs {
		if n == len(v) {
			break
		}
		if len(b) > 0 {
			v[n].Base = unsafe.SliceData(b)
			v[n].SetLen(len(b))
			n++
		}
	}
	return n
}

// Readv reads what there is into bufs, one after the other, and returns the
// number of bytes. It returns ErrAgain if there is nothing, io.EOF if the peer
// has closed its side.
func (c *Conn) Readv(v *Vector, bufs [][]byte) (int, error) {
	filled := fillVector(v.iov[:], bufs)
	r, _, errno := unix.RawSyscall(unix.SYS_READV, uintptr(c.fd), uintptr(unsafe.Pointer(&v.iov)), uintptr(filled))
	n, err := v.result(filled, r, errno)
	switch {
	case n == 0 && err == nil:
		return 0, io.EOF
	case c.kernelTLS && err == unix.EIO:
		return 0, c.controlRecord()
	}
	return n, err
}

// Writev writes bufs, one after the other, as far as there is room, and
// returns the number of bytes. It returns ErrAgain if there is no room.
func (c *Conn) Writev(v *Vector, bufs [][]byte) (int, error) {
	return c.sendmsg(v, bufs, 0)
}

func (c *Conn) sendmsg(v *Vector, bufs [][]byte, flags uintptr) (int, error) {
	n := fillVector(v.iov[:], bufs)
	v.msg.Iov = &v.iov[0]
	v.msg.SetIovlen(n)
	// Not writev, by which a connection that the peer has closed would
	// signal SIGPIPE to the process.
	r, _, errno := unix.RawSyscall(unix.SYS_SENDMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&v.msg)), unix.MSG_NOSIGNAL|flags)
	v.msg.Iov = nil
	return v.result(n, r, errno)
}

// result frees the n buffers of a system call and says how it ended.
func (v *Vector) result(n int, r uintptr, errno unix.Errno) (int, error) {
	clear(v.iov[:n])
	switch errno {
	case 0:
		return int(r), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, ErrAgain
	}
	return 0, errno
}

// Broken tells whether the peer has closed its side and all that it sent has
// been read, or the connection has failed. It reads nothing.
func (c *Conn) Broken() bool {
	var b [1]byte
	n, _, err := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
	return err == 0 && n == 0 || err != 0 && err != unix.EAGAIN && err != unix.EINTR
}
