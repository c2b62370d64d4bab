// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
)

var flag = log.Flag("nvmf")

// ErrClosed is returned by what has been closed.
var ErrClosed = errors.New("nvmf: closed")

// Target is a set of subsystems over one registry of block devices. Its
// methods may be called from any goroutine that is not a reactor's.
type Target struct {
	name     string
	family   *family
	borrowed bool // threads of the first target
	registry *bdev.Registry

	mu     sync.Mutex
	subs   map[string]*Subsystem
	closed bool

	discovery  discovery
	announcing announcing
	config     atomic.Pointer[TargetConfig]
	opening    sync.Mutex // held while a transport is made
	groups     []*pollGroup
	threads    []placedThread // made by Start
	modules    []TransportModule
	transports []*ActiveTransport
	settings   settings
	readKey    func(name string) ([]byte, error) // nil without a keyring
	holdKey    func(name string) (release func(), err error)
	computing  chan struct{} // held while a message of a host is worked on
}

// NewTarget returns a target whose namespaces are opened in registry.
func NewTarget(registry *bdev.Registry) *Target {
	t := &Target{name: TargetName, registry: registry, subs: make(map[string]*Subsystem), computing: make(chan struct{}, authComputing)}
	t.family = &family{all: []*Target{t}}
	t.SetConfig(TargetConfig{})
	t.resetSettings()
	return t
}

// NewSubsystem makes a subsystem named nqn. The name is checked against the
// rules of the NVMe Base Specification, 4.7; it must be new to the target.
func (t *Target) NewSubsystem(nqn string, opts SubsystemOptions) (*Subsystem, error) {
	if err := CheckNQN(nqn); err != nil {
		return nil, err
	}
	s, err := newSubsystem(t, nqn, opts)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, fmt.Errorf("subsystem %s: target: %w", nqn, ErrClosed)
	}
	if _, ok := t.subs[nqn]; ok {
		return nil, fmt.Errorf("nvmf: subsystem %s already exists: %w", nqn, syscall.EEXIST)
	}
	if most := t.Config().MaxSubsystems; uint64(len(t.subs)) >= uint64(most) {
		return nil, fmt.Errorf("nvmf: subsystem %s: there are %d already, as many as max_subsystems allows", nqn, most)
	}
	t.subs[nqn] = s
	return s, nil
}

// Subsystem returns the subsystem named nqn, nil if there is none.
func (t *Target) Subsystem(nqn string) *Subsystem {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.subs[nqn]
}

// Subsystems returns the subsystems in no particular order.
func (t *Target) Subsystems() []*Subsystem {
	t.mu.Lock()
	defer t.mu.Unlock()
	subs := make([]*Subsystem, 0, len(t.subs))
	for _, s := range t.subs {
		subs = append(subs, s)
	}
	return subs
}

// Close closes the targets that were made beside it, the listeners of
// subsystems, the subsystems, the transports, and
// what Start has made. Listeners that were not made by AddListener must have
// been closed before: it fails if a subsystem still has a controller.
func (t *Target) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	errs := []error{t.closeOthers(ctx), t.StopAnnouncing()}
	for _, s := range append(t.Subsystems(), t.Discovery()) {
		errs = append(errs, s.Close(ctx))
	}
	errs = append(errs, t.closeTransports(ctx))
	t.exitThreads()
	return errors.Join(errs...)
}

func (t *Target) forget(s *Subsystem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subs[s.nqn] == s {
		delete(t.subs, s.nqn)
	}
}
