// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/vfiosock"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	handshakeTimeout = 5 * time.Second // from accept to the end of VERSION
	refuseTimeout    = time.Second
	maxRefusing      = 4
	maxPath          = 107 // bytes of a UNIX socket's name
)

// ErrInUse is returned by Listen when another server has the socket.
var ErrInUse = errors.New("already in use by a running server")

// Options adjust a Listener. The zero value is good.
type Options struct {
	// Mode is the permission of the socket; 0 means 0600, for the owner of
	// this process alone. Who may connect may use the device.
	Mode os.FileMode
}

// Listener owns the socket of a device.
type Listener struct {
	path   string
	ln     *net.UnixListener
	lock   *os.File
	closed chan struct{}
	once   sync.Once
	served sync.WaitGroup // connections and refusals

	mu      sync.Mutex
	closing bool
	current *Conn
}

// Listen creates the socket at path. A socket that a killed server left is
// replaced; while one is running the error wraps [ErrInUse].
func Listen(path string, opts Options) (*Listener, error) {
	if len(path) > maxPath {
		return nil, fmt.Errorf("vfio-user: socket path %q has %d bytes; UNIX sockets allow %d: choose a shorter directory", path, len(path), maxPath)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("vfio-user: socket %s: %w", path, err)
	}
	if opts.Mode == 0 {
		opts.Mode = 0o600
	}
	ln, err := bind(path, opts.Mode)
	if err != nil {
		unlockFile(lock)
		return nil, fmt.Errorf("vfio-user: socket %s: %w", path, err)
	}
	return &Listener{path: path, ln: ln, lock: lock, closed: make(chan struct{})}, nil
}

// bind makes the socket. The caller holds the lock, so an existing socket
// that nobody answers on was left behind.
func bind(path string, mode os.FileMode) (*net.UnixListener, error) {
	if fi, err := os.Lstat(path); err == nil {
		if fi.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("the path exists and is not a socket (%v): remove it or choose another", fi.Mode().Type())
		}
		// Only a refusal proves that nobody listens: a server whose
		// backlog is full does not answer either.
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrInUse
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The mode that the socket has when it is bound becomes the file's.
	lc := net.ListenConfig{Control: func(_, _ string, rc syscall.RawConn) error {
		var err error
		if e := rc.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode.Perm())) }); e != nil {
			return e
		}
		return err
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	u := ln.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // Close does it under the lock
	return u, nil
}

// Path returns the path of the socket.
func (l *Listener) Path() string { return l.path }

// Serve attaches clients to d, one at a time, until Close is called; it then
// returns nil. A client that comes while another is attached is refused with
// EBUSY.
func (l *Listener) Serve(d Device) error {
	refusing := make(chan struct{}, maxRefusing)
	for {
		uc, err := l.ln.AcceptUnix()
		if err != nil {
			select {
			case <-l.closed:
				return nil
			default:
			}
			if !l.pause(err) {
				return fmt.Errorf("vfio-user: socket %s: %w", l.path, err)
			}
			continue
		}
		s := vfiosock.New(uc)
		if !l.free() {
			l.refuse(s, refusing)
			continue
		}
		if !l.attach(s, d) {
			s.Close()
			return nil
		}
	}
}

// pause waits after an accept that failed for want of resources, which other
// connections will give back. It returns false for any other failure.
func (l *Listener) pause(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			log.Warnf("vfio-user: socket %s: accepting a client: %v; trying again", l.path, err)
			select {
			case <-time.After(50 * time.Millisecond):
			case <-l.closed:
			}
			return true
		}
	}
	return false
}

// free tells whether a client can be attached. One that has hung up, though
// the device may still be letting it go, is waited for: its successor must
// not be turned away.
func (l *Listener) free() bool {
	l.mu.Lock()
	c := l.current
	l.mu.Unlock()
	if c == nil {
		return true
	}
	if !c.hungUp() {
		return false
	}
	<-c.done
	return true
}

func (l *Listener) attach(s *vfiosock.Socket, d Device) bool {
	c := newConn(s, d)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.current = c
	l.served.Add(1)
	go func() {
		defer l.served.Done()
		c.run()
		l.mu.Lock()
		if l.current == c {
			l.current = nil
		}
		l.mu.Unlock()
		close(c.done)
	}()
	return true
}

// refuse answers the first message of a client with EBUSY.
func (l *Listener) refuse(s *vfiosock.Socket, refusing chan struct{}) {
	log.Warnf("vfio-user: socket %s: refusing a second client", l.path)
	select {
	case refusing <- struct{}{}:
	default:
		s.Close()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		s.Close()
		return
	}
	l.served.Add(1)
	go func() {
		defer l.served.Done()
		defer func() { <-refusing }()
		defer s.Close()
		s.SetReceiveDeadline(time.Now().Add(refuseTimeout))
		m, err := s.Receive()
		if err != nil {
			return
		}
		defer m.Close()
		_ = s.Send(errorReply(m, syscall.EBUSY), nil, nil)
	}()
}

func errorReply(m *vfiosock.Message, errno syscall.Errno) vfiouser.Header {
	return vfiouser.Header{
		ID: m.ID, Command: m.Command,
		Flags: vfiouser.FlagReply | vfiouser.FlagError, Error: uint32(errno),
	}
}

// Close disconnects the client, waits until the device has let it go and
// removes the socket. It must not be called by a method of the Device.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		close(l.closed)
		l.mu.Lock()
		l.closing = true
		c := l.current
		l.mu.Unlock()
		if err = os.Remove(l.path); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		err = errors.Join(err, l.ln.Close())
		if c != nil {
			c.Close()
		}
		l.served.Wait()
		unlockFile(l.lock)
	})
	return err
}
