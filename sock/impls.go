// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"fmt"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/log"
)

// Names of implementations, which are SPDK's.
const (
	Posix = "posix" // system calls for each connection, and epoll
	Uring = "uring" // io_uring
	SSL   = "ssl"   // TLS
)

// names lists the implementations in the order in which they are saved.
var names = []string{Uring, SSL, Posix}

const (
	// ownBufSize as a size leaves the buffers of a connection to the
	// kernel, which grows them as they are needed. It is SPDK's default.
	ownBufSize = 2 << 20
	minBufSize = 4 << 10
	maxBufSize = 1<<31 - 1
)

// ImplOptions are the settings of an implementation.
type ImplOptions struct {
	RecvBufSize, SendBufSize uint32 // of the kernel for a connection, in bytes; 2 MiB leaves it to the kernel
	RecvPipe                 bool   // has no effect: what is read goes into one large buffer anyway
	QuickAck                 bool   // acknowledge at once what has come
	PlacementID              uint32 // 0 to 3; has no effect: connections go to the thread with the fewest
	ZeroCopyServer           bool   // send large data without a copy, on connections that have come
	ZeroCopyClient           bool   // has no effect: hosts copy
	ZeroCopyThreshold        uint32 // of a message from which on that is done, in bytes; 0 for 16 KiB
	TLSVersion               uint32 // 0 or 13
	KTLS                     bool   // leave encryption to the kernel where it can; for SSL
}

// Impls are the implementations with their settings. Its methods may be
// called from any goroutine.
type Impls struct {
	mu      sync.Mutex
	chosen  string // by SetDefault
	options map[string]ImplOptions
}

// NewImpls returns SPDK's settings.
func NewImpls() *Impls {
	s := &Impls{chosen: Posix, options: map[string]ImplOptions{}}
	for _, n := range names {
		s.options[n] = defaultsOf(n)
	}
	return s
}

func defaultsOf(name string) ImplOptions {
	o := ImplOptions{RecvBufSize: ownBufSize, SendBufSize: ownBufSize, RecvPipe: true, ZeroCopyServer: name != Uring}
	if name == SSL {
		o.RecvBufSize, o.SendBufSize, o.KTLS = minBufSize, minBufSize, true
	}
	return o
}

func unknown(name string) error {
	return fmt.Errorf("impl_name %q: there are %s: %w", name, strings.Join(names, ", "), syscall.EINVAL)
}

// Default returns the implementation that is used where nobody says.
func (s *Impls) Default() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chosen
}

// SetDefault chooses an implementation for groups that are made from now on.
// EINVAL is in the error if there is none of that name or it is SSL, which is
// for connections that ask for it.
func (s *Impls) SetDefault(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.options[name]; !ok {
		return unknown(name)
	}
	s.chosen = name
	return nil
}

// NewGroup makes a group of an implementation, in which connections with TLS
// are those of Posix. Where the kernel refuses io_uring it is of Posix, and a
// line of the log tells why.
func (s *Impls) NewGroup(name string) (*Group, error) {
	if name == Uring {
		g, err := NewUringGroup()
		if err == nil {
			return g, nil
		}
		log.Warnf("sockets are %s instead of %s: %v", Posix, Uring, err)
	}
	return NewGroup()
}

// Options returns the settings of an implementation.
func (s *Impls) Options(name string) (ImplOptions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.options[name]
	if !ok {
		return o, unknown(name)
	}
	return o, nil
}

// SetOptions sets the settings of an implementation, for connections that are
// made from now on.
func (s *Impls) SetOptions(name string, o ImplOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.options[name]
	if !ok {
		return unknown(name)
	}
	if err := o.check(); err != nil {
		return err
	}
	for _, field := range o.idle(old) {
		log.Noticef("sock %s: %s has no effect here", name, field)
	}
	s.options[name] = o
	return nil
}

func (o *ImplOptions) check() error {
	switch {
	case o.RecvBufSize > maxBufSize:
		return fmt.Errorf("recv_buf_size %d: at most %d: %w", o.RecvBufSize, maxBufSize, syscall.EINVAL)
	case o.SendBufSize > maxBufSize:
		return fmt.Errorf("send_buf_size %d: at most %d: %w", o.SendBufSize, maxBufSize, syscall.EINVAL)
	case o.PlacementID > 3:
		return fmt.Errorf("enable_placement_id %d: 0 (none), 1 (NAPI), 2 (CPU) or 3 (mark): %w", o.PlacementID, syscall.EINVAL)
	case o.TLSVersion != 0 && o.TLSVersion != 13:
		return fmt.Errorf("tls_version %d: 0 or 13, which both are TLS 1.3: %w", o.TLSVersion, syscall.EINVAL)
	}
	return nil
}

// idle names what differs from old and has no effect.
func (o *ImplOptions) idle(old ImplOptions) (fields []string) {
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"enable_recv_pipe", o.RecvPipe != old.RecvPipe},
		{"enable_placement_id", o.PlacementID != old.PlacementID},
		{"enable_zerocopy_send_client", o.ZeroCopyClient != old.ZeroCopyClient},
	} {
		if f.changed {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// Apply gives a connection the settings of an implementation.
func (o ImplOptions) Apply(c *Conn) error {
	quick := 0
	if o.QuickAck {
		quick = 1
	}
	for _, opt := range []struct {
		name       string
		level, opt int
		value      int
		keep       bool
	}{
		{"recv_buf_size", unix.SOL_SOCKET, unix.SO_RCVBUF, int(max(o.RecvBufSize, minBufSize)), o.RecvBufSize == ownBufSize},
		{"send_buf_size", unix.SOL_SOCKET, unix.SO_SNDBUF, int(max(o.SendBufSize, minBufSize)), o.SendBufSize == ownBufSize},
		{"enable_quickack", unix.IPPROTO_TCP, unix.TCP_QUICKACK, quick, quick == 0},
	} {
		if opt.keep {
			continue
		}
		if err := unix.SetsockoptInt(c.fd, opt.level, opt.opt, opt.value); err != nil {
			return fmt.Errorf("sock: %s %d: %w", opt.name, opt.value, err)
		}
	}
	return nil
}
