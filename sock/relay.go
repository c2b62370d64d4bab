// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Blocking returns the same connection for goroutines that may wait, such as
// one that makes a TLS handshake. Both have to be closed.
func (c *Conn) Blocking() (net.Conn, error) {
	fd, err := unix.FcntlInt(uintptr(c.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	return fileConn(fd, "tcp")
}

// fileConn takes a descriptor over.
func fileConn(fd int, name string) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), name)
	defer f.Close() // net.FileConn makes a copy
	n, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("sock: %w", err)
	}
	return n, nil
}

// Relay has the connection, from now on, read and write what goes through s,
// which protects it on its way over the socket that the connection had. Two
// goroutines carry the data, by a pair of local sockets; they close s when
// either side ends. The connection must be in no group.
func (c *Conn) Relay(s io.ReadWriteCloser) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("sock: a pair of sockets: %w", err)
	}
	far, err := fileConn(pair[1], "relay")
	if err != nil {
		unix.Close(pair[0])
		return err
	}
	unix.Close(c.fd)
	c.fd = pair[0]
	ends := func() {
		far.Close()
		s.Close()
	}
	go func() {
		defer ends()
		carry(far, s)
	}()
	go func() {
		defer ends()
		carry(s, far)
	}()
	return nil
}

// relayBuffer is what one system call of a relay carries at most.
const relayBuffer = 128 << 10

// carry copies until either side ends. Whoever is left is closed then, which
// is all that it is told.
func carry(to io.Writer, from io.Reader) {
	buf := make([]byte, relayBuffer)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
