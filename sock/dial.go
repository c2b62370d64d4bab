// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Dial begins to connect to remote, from local where that is valid (its port
// may be 0). It does not wait: Established tells when the connection can be
// used. Nagle's algorithm is off.
func Dial(local, remote netip.AddrPort) (*Conn, error) {
	family := unix.AF_INET6
	if remote.Addr().Unmap().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("sock: %w", os.NewSyscallError("socket", err))
	}
	c := &Conn{fd: fd, local: local, remote: remote}
	if err := c.dial(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) dial() error {
	if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("sock: %w", os.NewSyscallError("setsockopt", err))
	}
	if c.local.IsValid() {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return fmt.Errorf("sock: %w", os.NewSyscallError("setsockopt", err))
		}
		if err := unix.Bind(c.fd, sockaddr(c.local)); err != nil {
			return fmt.Errorf("sock: connecting from %v: %w", c.local, os.NewSyscallError("bind", err))
		}
	}
	if err := unix.Connect(c.fd, sockaddr(c.remote)); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("sock: connecting to %v: %w", c.remote, os.NewSyscallError("connect", err))
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	ip := a.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone(ip.Zone())}
}

// zone returns the index of the interface that an address is of, by its name
// or number.
func zone(name string) uint32 {
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(name, 10, 32) // 0, which is none, if it is no number
	return uint32(n)
}

// Established tells whether a connection that Dial began is there. The error
// says why there will be none.
func (c *Conn) Established() (bool, error) {
	fds := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}
	if n, err := unix.Poll(fds, 0); err != nil || n == 0 {
		return false, nil // EINTR
	}
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		return false, fmt.Errorf("sock: connecting to %v: %w", c.remote, err)
	}
	if a, err := unix.Getsockname(c.fd); err == nil {
		c.local = fromSockaddr(a)
	}
	return true, nil
}

func fromSockaddr(a unix.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}
