// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"syscall"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/dhchap"
	"github.com/gospdk/gospdk/reactor"
)

// TransportModule makes a transport of one type. [Target.AddModule] makes it
// known to a target.
type TransportModule interface {
	Type() nvme.TransportType
	// Defaults returns the options that a transport has unless others are
	// asked for.
	Defaults() TransportOptions
	// Open makes the transport. It checks the options that concern it and
	// may correct them; those that it has no use for are passed over.
	Open(ctx context.Context, t *Target, o *TransportOptions) (Carrier, error)
}

// Carrier is a transport at work.
type Carrier interface {
	// Listen serves sub to hosts that come to addr. That others may be
	// served at the same address is the transport's to decide.
	Listen(ctx context.Context, sub *Subsystem, addr nvme.TransportID, o ListenOptions) (Listening, error)
	// Close ends the transport. Nothing listens any more.
	Close(ctx context.Context) error
}

// Listening is a subsystem at an address. Close ends it: hosts of the
// subsystem that have come by it are disconnected, and their controllers
// closed, when it returns. It is not called on a reactor's thread.
type Listening interface{ Close() error }

// ListenOptions go with an address.
type ListenOptions struct {
	// SecureChannel asks for TLS.
	SecureChannel bool
	// SockImpl names the implementation of sockets; empty for the default.
	SockImpl string
	// ANAState is that of all groups to begin with, of subsystems that
	// report it; 0 is optimized.
	ANAState nvme.ANAState
	// NUMA is the node whose threads run the controllers, -1 for any.
	NUMA int32
}

// TransportOptions are SPDK's of nvmf_create_transport. Sizes are in bytes.
type TransportOptions struct {
	MaxQueueDepth     uint16 // entries of a queue
	MaxIOQueues       uint16 // of a controller
	InCapsuleDataSize uint32
	MaxIOSize         uint32 // a power of two of at least 8192
	MaxAQDepth        uint32 // entries of the admin queue, raised to 32
	IobufSmallCache   uint32
	IobufLargeCache   uint32
	DIFInsertOrStrip  bool // hides the metadata of namespaces from hosts
	ZeroCopy          bool
	AbortTimeoutSec   uint32
	AcceptorPollRate  uint32 // microseconds
	AckTimeout        uint32 // milliseconds
	DataWRPoolSize    uint32
	Tuning

	// C2HSuccess and SockPriority are nil for transports that do not have
	// them.
	C2HSuccess    *bool
	SockPriority  *uint32
	ControlMsgNum uint16

	// For vfio-user. MSI stands for MSI in place of MSI-X.
	NoMappableBAR0, NoAdaptiveIRQ, NoShadowDoorbells, MSI bool
}

// MinDataSize is the least that the largest command of a transport moves, in
// bytes. One page could not be told to hosts: that limit would be 0, which
// means none.
const MinDataSize = 8192

const minAQDepth = 32

// DefaultTuning is what SPDK's transports have.
var DefaultTuning = Tuning{KAS: 100, MinKATO: 10000}

// check corrects what may be corrected. The errors name the options as SPDK
// does.
func (o *TransportOptions) check() error {
	if o.MaxIOSize != 0 && (o.MaxIOSize < MinDataSize || bits.OnesCount32(o.MaxIOSize) != 1) {
		return fmt.Errorf("max_io_size %d: it must be a power of two of at least %d", o.MaxIOSize, MinDataSize)
	}
	if o.KAS == 0 {
		return errors.New("kas 0: it must be at least 1, in units of 100 ms")
	}
	if o.MinKATO == 0 {
		return errors.New("min_kato 0: it must be at least 1 ms")
	}
	o.MaxAQDepth = max(o.MaxAQDepth, minAQDepth)
	o.MinKATO = o.keepAliveTime(0)
	return nil
}

// ActiveTransport is a transport of a target.
type ActiveTransport struct {
	Type    nvme.TransportType
	Options TransportOptions
	carrier Carrier
}

// TargetConfig is what is set before a target starts.
type TargetConfig struct {
	// MaxSubsystems is how many there may be, 1024 if 0.
	MaxSubsystems uint32
	// CRDT are the three command retry delay times in units of 100 ms.
	CRDT [3]uint16
	// PollGroups are the CPUs that controllers run on, all if empty.
	PollGroups reactor.Mask
	// Hashes and Groups are allowed for authentication, all if empty.
	Hashes []dhchap.Hash
	Groups []dhchap.Group
	// OnePerListener refuses a host a second controller of a subsystem at
	// the same address.
	OnePerListener bool
	// DiscoveryFilter is what hosts are told of at an address.
	DiscoveryFilter DiscoveryFilter
	// Passthru says which admin commands go to NVMe devices.
	Passthru AdminPassthru
}

// DefaultMaxSubsystems is what a target holds unless it is told otherwise.
const DefaultMaxSubsystems = 1024

// Config returns what SetConfig has set.
func (t *Target) Config() TargetConfig { return *t.config.Load() }

// SetConfig sets what a target needs to know before Start.
func (t *Target) SetConfig(c TargetConfig) {
	if c.MaxSubsystems == 0 {
		c.MaxSubsystems = DefaultMaxSubsystems
	}
	t.config.Store(&c)
}

// AddModule makes a type of transport known.
func (t *Target) AddModule(m TransportModule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.modules = append(t.modules, m)
}

// module returns what makes a type of transport, nil if nothing does.
func (t *Target) module(typ nvme.TransportType) TransportModule {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.modules {
		if m.Type() == typ {
			return m
		}
	}
	return nil
}

// OpenTransport makes a transport of a type that a module is there for. set,
// if it is not nil, changes the module's options. EEXIST means that there is
// one already.
func (t *Target) OpenTransport(ctx context.Context, typ nvme.TransportType, set func(*TransportOptions)) error {
	t.opening.Lock()
	defer t.opening.Unlock()
	if t.Transport(typ) != nil {
		return fmt.Errorf("nvmf: there is a transport of type %s: %w", typ, syscall.EEXIST)
	}
	m := t.module(typ)
	if m == nil {
		return fmt.Errorf("nvmf: transport type %s is not built into this program: %w", typ, syscall.ENOENT)
	}
	o := m.Defaults()
	if set != nil {
		set(&o)
	}
	if err := o.check(); err != nil {
		return err
	}
	if len(t.Threads()) == 0 {
		return errors.New("nvmf: the target has not been started")
	}
	c, err := m.Open(ctx, t, &o)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.transports = append(t.transports, &ActiveTransport{typ, o, c})
	t.mu.Unlock()
	return nil
}

// Transports returns the transports, oldest first.
func (t *Target) Transports() []*ActiveTransport {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.transports)
}

// Transport returns the transport of a type, nil if there is none.
func (t *Target) Transport(typ nvme.TransportType) *ActiveTransport {
	for _, tr := range t.Transports() {
		if tr.Type == typ {
			return tr
		}
	}
	return nil
}

func (t *Target) closeTransports(ctx context.Context) error {
	var errs []error
	for _, tr := range t.Transports() {
		errs = append(errs, tr.carrier.Close(ctx))
	}
	t.mu.Lock()
	t.transports = nil
	t.mu.Unlock()
	return errors.Join(errs...)
}

// hidesMetadata tells whether namespaces hide the metadata of their devices:
// as in SPDK the first transport decides.
func (t *Target) hidesMetadata() bool {
	all := t.Transports()
	return len(all) > 0 && all[0].Options.DIFInsertOrStrip
}
