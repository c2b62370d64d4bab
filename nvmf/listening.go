// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
)

// Listener is an address at which hosts find a subsystem.
type Listener struct {
	Address nvme.TransportID
	Options ListenOptions
	end     Listening
	ana     *anaAccess // nil unless the subsystem reports it
}

// listened is where a subsystem listens. It is not guarded by the lock for
// changes of the subsystem: a connection that a listener waits for to end
// needs that one.
type listened struct {
	changing sync.Mutex // held while listeners are made and closed
	closed   bool

	mu  sync.Mutex
	all []*Listener // oldest first, replaced as a whole
}

func (l *listened) list() []*Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// drop takes a listener off the list.
func (l *listened) drop(x *Listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = slices.DeleteFunc(slices.Clone(l.all), func(o *Listener) bool { return o == x })
}

func (l *listened) find(addr nvme.TransportID) *Listener {
	for _, x := range l.list() {
		if x.Address.Equal(addr) {
			return x
		}
	}
	return nil
}

// Listeners returns where the subsystem listens, oldest first.
func (s *Subsystem) Listeners() []*Listener { return slices.Clone(s.listened.list()) }

// AddListener serves the subsystem at an address. The target must have a
// transport of its type. EEXIST means that it does already.
func (s *Subsystem) AddListener(ctx context.Context, addr nvme.TransportID, o ListenOptions) error {
	l := &s.listened
	l.changing.Lock()
	defer l.changing.Unlock()
	fail := func(err error) error {
		return fmt.Errorf("nvmf: subsystem %s: listening at %s: %w", s.nqn, addr, err)
	}
	if l.closed {
		return fail(ErrClosed)
	}
	if l.find(addr) != nil {
		return fail(syscall.EEXIST)
	}
	tr := s.target.Transport(addr.Trtype)
	if tr == nil {
		return fail(fmt.Errorf("there is no transport of type %s: create it first", addr.Trtype))
	}
	// It is there before the first host comes.
	x := &Listener{Address: addr, Options: o}
	if s.opts.ANAReporting {
		x.ana = newANAAccess(s.opts.MaxNamespaces, cmp.Or(o.ANAState, nvme.ANAOptimized))
	}
	l.mu.Lock()
	l.all = append(slices.Clip(l.all), x)
	l.mu.Unlock()
	end, err := tr.carrier.Listen(ctx, s, addr, o)
	if err != nil {
		l.drop(x)
		return fail(err)
	}
	x.end = end
	return nil
}

// RemoveListener ends what AddListener began: hosts that have come by the
// address are disconnected. ENOENT means that it does not listen there.
func (s *Subsystem) RemoveListener(addr nvme.TransportID) error {
	l := &s.listened
	l.changing.Lock()
	defer l.changing.Unlock()
	x := l.find(addr)
	if x == nil {
		return fmt.Errorf("nvmf: subsystem %s does not listen at %s: %w", s.nqn, addr, syscall.ENOENT)
	}
	return s.endListener(x)
}

func (s *Subsystem) endListener(x *Listener) error {
	s.listened.drop(x)
	if err := x.end.Close(); err != nil {
		return fmt.Errorf("nvmf: subsystem %s: the listener at %s: %w", s.nqn, x.Address, err)
	}
	return nil
}

// closeListeners ends all listeners for good.
func (s *Subsystem) closeListeners() error {
	l := &s.listened
	l.changing.Lock()
	defer l.changing.Unlock()
	l.closed = true
	var first error
	for _, x := range l.list() {
		if err := s.endListener(x); err != nil && first == nil {
			first = err
		}
	}
	return first
}
