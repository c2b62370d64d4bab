// SPDX-License-Identifier: BSD-3-Clause

package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// maxSocketPath is the longest path that fits into a sockaddr_un, unix(7).
const maxSocketPath = 107

// ListenUnix listens on a Unix socket that only this user may open. A file
// beside it, path.lock, tells programs, SPDK's too, that the socket is taken;
// what a program left behind that has ended is replaced.
func ListenUnix(path string) (net.Listener, error) {
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("RPC Listen address Unix socket path too long: %s has %d bytes, %d are allowed", path, len(path), maxSocketPath)
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := listenUnix(path)
	if err != nil {
		_ = os.Remove(path + ".lock")
		_ = lock.Close()
		return nil, fmt.Errorf("RPC socket %s: %w", path, err)
	}
	return &unixListener{l, lock, path}, nil
}

// listenUnix makes the socket. Whoever has the lock may remove an old one, but
// nothing else that happens to be there.
func listenUnix(path string) (net.Listener, error) {
	switch st, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case st.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("there is something else than a socket; remove it or give another path")
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// bind makes the file with the mode that the socket has: there is no
	// moment in which others may connect.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), 0o600) }), err)
	}}
	return private.Listen(context.Background(), "unix", path)
}

// takeLock opens and locks the file beside a socket. Another program may
// remove the file between the two; then there is a new one.
func takeLock(path string) (*os.File, error) {
	name := path + ".lock"
	for {
		lock, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("RPC socket %s: Cannot open lock file: %w", path, err)
		}
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = lock.Close()
			return nil, fmt.Errorf("RPC Unix domain socket path %s in use. Specify another with -r (%s: %w)", path, name, err)
		}
		mine, err := lock.Stat()
		if there, err2 := os.Lstat(name); err == nil && err2 == nil && os.SameFile(mine, there) {
			return lock, nil
		}
		_ = lock.Close()
	}
}

type unixListener struct {
	net.Listener
	lock *os.File
	path string
}

// Close removes the socket and its lock.
func (l *unixListener) Close() error {
	err := l.Listener.Close() // removes the socket
	if err == nil {
		_ = os.Remove(l.path + ".lock")
		err = l.lock.Close()
	}
	return err
}
