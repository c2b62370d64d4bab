// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/thread"
)

// Limits of a subsystem.
const (
	DefaultMaxNamespaces = 32
	MaxNamespaces        = 65536

	// MaxCNTLID is the largest controller identifier: FFF0h and above are
	// reserved (NVMe Base 2.0, 4.1).
	MaxCNTLID = 0xffef
)

// SubsystemOptions describe a subsystem. The zero value is good.
type SubsystemOptions struct {
	// ANAReporting tells hosts how well they reach namespaces by each
	// listener.
	ANAReporting bool
	// Serial is the serial number, at most 20 printable ASCII characters.
	Serial string
	// Model is the model number, at most 40 printable ASCII characters.
	Model string
	// Firmware is the firmware revision, at most 8 printable ASCII
	// characters.
	Firmware string
	// MaxNamespaces is the largest namespace identifier, 32 if 0.
	MaxNamespaces uint32
	// MinCNTLID and MaxCNTLID bound the controller identifiers, 1 and
	// FFEFh if 0.
	MinCNTLID, MaxCNTLID uint16
	// RestrictHosts admits only the hosts that AddHost names.
	RestrictHosts bool
	// DMRSL is the most blocks that a range of Dataset Management should
	// have, WZSL the most that Write Zeroes should cover, as a power of two
	// in units of 4096 bytes; 0 is no limit. Hosts are told; larger ones
	// are carried out too.
	DMRSL uint32
	WZSL  uint8
	// AdminLabel is for operators.
	AdminLabel string
	// Passthrough takes only namespaces on NVMe devices.
	Passthrough bool
	// SubsystemReset lets hosts reset the subsystem with all its
	// controllers.
	SubsystemReset bool
}

// Subsystem is an NVM subsystem: namespaces and the controllers through
// which hosts reach them. Its methods may be called from any goroutine that
// is not a reactor's, at run time too; hosts are told of changes by
// asynchronous events.
type Subsystem struct {
	target *Target
	nqn    string
	opts   SubsystemOptions
	// discovery is true for the subsystem that tells of the others.
	discovery bool

	// active is the list of namespaces that controllers report, replaced
	// as a whole by each change.
	active atomic.Pointer[[]*Namespace]
	// cntlids is the list of controller identifiers, sorted, replaced
	// likewise.
	cntlids atomic.Pointer[[]uint16]
	live    atomic.Pointer[[]*Controller] // likewise

	ctl         sync.Mutex // serializes changes, held while threads are asked
	namespaces  map[uint32]*Namespace
	controllers map[uint16]*Controller
	nextCNTLID  uint16
	closed      bool

	access   access
	listened listened

	background sync.WaitGroup // changes that a block device asked for
}

func newSubsystem(t *Target, nqn string, opts SubsystemOptions) (*Subsystem, error) {
	def := func(s *string, d string) {
		if *s == "" {
			*s = d
		}
	}
	def(&opts.Serial, "SPDK00000000000001")
	def(&opts.Model, "SPDK bdev Controller")
	def(&opts.Firmware, "1.0")
	if opts.MaxNamespaces == 0 {
		opts.MaxNamespaces = DefaultMaxNamespaces
	}
	if opts.MinCNTLID == 0 {
		opts.MinCNTLID = 1
	}
	if opts.MaxCNTLID == 0 {
		opts.MaxCNTLID = MaxCNTLID
	}
	if err := opts.check(); err != nil {
		return nil, fmt.Errorf("nvmf: subsystem %s: %w", nqn, err)
	}
	s := &Subsystem{
		target:      t,
		nqn:         nqn,
		opts:        opts,
		namespaces:  make(map[uint32]*Namespace),
		controllers: make(map[uint16]*Controller),
		nextCNTLID:  opts.MinCNTLID,
	}
	s.access.restricted = opts.RestrictHosts
	s.active.Store(new([]*Namespace))
	s.cntlids.Store(new([]uint16))
	s.live.Store(new([]*Controller))
	return s, nil
}

func (o *SubsystemOptions) check() error {
	for _, err := range []error{
		checkText("serial number", &o.Serial, 0, 20),
		checkText("model number", &o.Model, 0, 40),
		checkText("firmware revision", &o.Firmware, 0, 8),
	} {
		if err != nil {
			return err
		}
	}
	if o.MaxNamespaces > MaxNamespaces {
		return fmt.Errorf("%d namespaces, at most %d are allowed", o.MaxNamespaces, MaxNamespaces)
	}
	if o.MinCNTLID > o.MaxCNTLID || o.MaxCNTLID > MaxCNTLID {
		return fmt.Errorf("controller identifiers %d to %d, allowed are 1 to %d in order", o.MinCNTLID, o.MaxCNTLID, MaxCNTLID)
	}
	return nil
}

// checkText checks the length and the characters of a text, which may be nil.
func checkText(name string, text *string, least, most int) error {
	if text == nil {
		return nil
	}
	if len(*text) > most {
		return fmt.Errorf("%s %q is %d bytes long, at most %d are allowed", name, *text, len(*text), most)
	}
	if len(*text) < least {
		return fmt.Errorf("%s %q is %d bytes long, at least %d are needed", name, *text, len(*text), least)
	}
	for i := range len(*text) {
		if c := (*text)[i]; c < 0x20 || c > 0x7e {
			return fmt.Errorf("%s %q: character %#02x is not printable ASCII", name, *text, c)
		}
	}
	return nil
}

// NQN returns the name of the subsystem.
func (s *Subsystem) NQN() string { return s.nqn }

// Options returns the options with defaults filled in.
func (s *Subsystem) Options() SubsystemOptions { return s.opts }

// Namespaces returns the namespaces in the order of their identifiers. The
// caller must not change the slice.
func (s *Subsystem) Namespaces() []*Namespace { return *s.active.Load() }

// Close closes what AddListener has made, removes the namespaces and takes the
// subsystem out of the target. It fails if a host is still connected: close
// the listeners that were made otherwise first.
func (s *Subsystem) Close(ctx context.Context) error {
	if err := s.closeListeners(); err != nil {
		return err
	}
	s.ctl.Lock()
	if n := len(s.controllers); n > 0 {
		s.ctl.Unlock()
		return fmt.Errorf("nvmf: subsystem %s still has %d controllers: close its listeners first", s.nqn, n)
	}
	s.closed = true
	s.ctl.Unlock()
	s.background.Wait()
	var first error
	for _, ns := range s.Namespaces() {
		if err := s.RemoveNamespace(ctx, ns.nsid); err != nil && first == nil {
			first = err
		}
	}
	if first == nil {
		s.target.forget(s)
		s.access.letGoKeys()
	}
	return first
}

// NewController makes a controller that runs on t and answers through tr.
// The transport closes it with [Controller.Close].
func (s *Subsystem) NewController(ctx context.Context, t *thread.Thread, tr Transport, opts ControllerOptions) (*Controller, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.closed {
		return nil, fmt.Errorf("nvmf: subsystem %s: %w", s.nqn, ErrClosed)
	}
	if err := s.admit(&opts.Connection); err != nil {
		return nil, err
	}
	id, err := s.pickCNTLID()
	if err != nil {
		return nil, err
	}
	c, err := newController(s, id, t, tr, opts)
	if err != nil {
		return nil, err
	}
	if err := c.home.open(ctx); err != nil {
		return nil, err
	}
	s.controllers[id] = c
	s.publishControllers()
	if s.discovery {
		s.target.discovery.watch(c)
	}
	return c, nil
}

// publishControllers replaces the list that controllers report. s.ctl is
// held.
func (s *Subsystem) publishControllers() {
	ids := slices.Sorted(maps.Keys(s.controllers))
	s.cntlids.Store(&ids)
	live := slices.Collect(maps.Values(s.controllers))
	s.live.Store(&live)
}

// liveControllers returns the controllers. Any goroutine may ask.
func (s *Subsystem) liveControllers() []*Controller { return *s.live.Load() }

// pickCNTLID goes round the identifiers, so that one is not used again as
// soon as it is free.
func (s *Subsystem) pickCNTLID() (uint16, error) {
	for range int(s.opts.MaxCNTLID-s.opts.MinCNTLID) + 1 {
		id := s.nextCNTLID
		if id == s.opts.MaxCNTLID {
			s.nextCNTLID = s.opts.MinCNTLID
		} else {
			s.nextCNTLID++
		}
		if s.controllers[id] == nil {
			return id, nil
		}
	}
	return 0, fmt.Errorf("nvmf: subsystem %s has no controller identifier left between %d and %d", s.nqn, s.opts.MinCNTLID, s.opts.MaxCNTLID)
}

// controllerIDs returns the identifiers of the controllers, sorted.
func (s *Subsystem) controllerIDs() []uint16 { return *s.cntlids.Load() }
