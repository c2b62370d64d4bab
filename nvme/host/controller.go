// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

var le = binary.LittleEndian

// contextBackground is for work that ends by its own time limits.
var contextBackground = context.Background()

// Controller is an NVMe controller that was brought up. Its methods may be
// called from any goroutine.
type Controller struct {
	trid   nvme.TransportID
	opts   Options
	link   Link
	mapped MappedLink // link, nil if it is a fabric
	clock  Clock
	quirks quirk

	// What queue pairs look at on every call. epoch changes whenever phase,
	// generation or what else a queue pair has to know changes.
	epoch       atomic.Uint32
	phase       atomic.Uint32 // a phase
	generation  atomic.Uint32 // how often the controller was brought up
	timeouts    atomic.Pointer[timeoutConfig]
	maxTransfer atomic.Uint32 // bytes of one command

	control sync.Mutex // held by Reset and Detach: one at a time

	mu         sync.Mutex // guards what follows
	namespaces map[uint32]*Namespace
	active     []uint32 // sorted
	qpairs     map[uint16]*QPair
	freeIDs    []uint16 // stack of queue identifiers
	zombies    []Queue  // whose memory the controller may still use

	adminMu   sync.Mutex // guards the admin queue and what follows
	admin     *QPair
	ended     requestList // admin requests whose Done is to be called
	events    []nvme.Completion
	aborts    uint32
	abortWait []*abortRequest
	nextAlive time.Duration
	alive     *keepAlive

	handling atomic.Bool // asynchronous events are being handled
	onEvent  atomic.Pointer[func(Event)]

	cap             nvme.CAP
	vs              nvme.VS
	cc              nvme.CC
	state           state
	deadline        time.Duration // of the state; 0 is none
	pageSize        uint32
	maxSGEs         uint32
	flags           atomic.Uint32 // ctrlrFlags
	numIOQueues     uint32
	vectors         uint32 // interrupt vectors; 0 is polling only
	keepAlive       time.Duration
	cntlid          atomic.Uint32
	keys            atomic.Pointer[authKeys]
	transactions    atomic.Uint32 // of authentication
	authenticating  sync.Mutex    // held while the admin queue is authenticated again
	zoneAppendLimit atomic.Uint32
	identify        atomic.Pointer[nvme.IdentifyController]
	shadow          *shadowBuffers
}

type ctrlrFlags uint32

const (
	flagSGL ctrlrFlags = 1 << iota
	flagSGLDword
	flagMetadataSGL
	flagSecurity
	flagDirectives
	flagCompareAndWrite
	flagWRR
)

func (c *Controller) has(f ctrlrFlags) bool { return ctrlrFlags(c.flags.Load())&f != 0 }

// set changes *p only if it is different: what a reset finds again unchanged
// may be read meanwhile by other goroutines.
func set[T comparable](p *T, v T) {
	if *p != v {
		*p = v
	}
}

// phase is what the controller as a whole is doing.
type phase uint32

const (
	phaseRunning phase = iota
	phaseResetting
	phaseFailed
	phaseRemoved
	phaseClosed
)

func (c *Controller) setPhase(p phase) {
	c.phase.Store(uint32(p))
	c.epoch.Add(1)
}

func (c *Controller) getPhase() phase { return phase(c.phase.Load()) }

// remove marks the controller as gone. It may be called on any thread.
func (c *Controller) remove() {
	for {
		p := c.phase.Load()
		if phase(p) == phaseRemoved || phase(p) == phaseClosed {
			return
		}
		if c.phase.CompareAndSwap(p, uint32(phaseRemoved)) {
			break
		}
	}
	c.epoch.Add(1)
	log.Errorf("%v controller was removed", c)
}

// fail gives the controller up until it is reset.
func (c *Controller) fail() {
	var p uint32
	for {
		p = c.phase.Load()
		if phase(p) >= phaseFailed {
			return
		}
		if c.phase.CompareAndSwap(p, uint32(phaseFailed)) {
			break
		}
	}
	c.epoch.Add(1)
	if phase(p) == phaseRunning { // otherwise who connects is told
		log.Errorf("%v in failed state.", c)
	}
}

// Fail gives the controller up: its commands end with ABORTED - SQ DELETION as
// their queue pairs are polled, and new ones are refused until Reset succeeds.
func (c *Controller) Fail() { c.fail() }

// deadErr tells why nothing works any more.
func (c *Controller) deadErr() error {
	switch c.getPhase() {
	case phaseRemoved:
		return ErrRemoved
	case phaseClosed:
		return ErrClosed
	}
	return ErrFailed
}

// String names the controller as log lines do.
func (c *Controller) String() string {
	return fmt.Sprintf("[%s,cntlid:%d]", c.trid.Traddr, c.cntlid.Load())
}

// Connect opens the controller that trid names and brings it up: resets it,
// identifies it and its namespaces, and configures its features. It blocks
// until the controller is ready or has used up the time that CAP.TO and
// Options.AdminTimeout allow, or ctx ends.
func Connect(ctx context.Context, t Transport, trid nvme.TransportID, o Options) (*Controller, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	link, err := t.Open(ctx, trid, &o)
	if err != nil {
		return nil, fmt.Errorf("host: opening %s: %w", trid.Traddr, err)
	}
	c := &Controller{
		trid: trid, opts: o, link: link, clock: o.Clock,
		namespaces: map[uint32]*Namespace{}, qpairs: map[uint16]*QPair{},
	}
	c.keys.Store(&authKeys{o.DHCHAPKey, o.DHCHAPCtrlrKey})
	c.phase.Store(uint32(phaseResetting))
	if c.mapped, _ = link.(MappedLink); c.mapped != nil {
		if id, ok := c.mapped.ID(); ok {
			c.quirks = quirksOf(id)
		}
	} else if c.trid.Subnqn == "" {
		c.trid.Subnqn = nvme.DiscoveryNQN
	}
	if c.quirks&quirkMinAdminQueueSize != 0 {
		c.opts.AdminQueueSize = max(c.opts.AdminQueueSize, quirkAdminQueueSize)
	}
	if err := c.bringUp(ctx); err != nil {
		c.release(context.WithoutCancel(ctx), false)
		return nil, fmt.Errorf("host: bringing up %s: %w", trid.Traddr, err)
	}
	return c, nil
}

// Probe connects to each of trids, and to every controller that t finds for
// those without an address. want is asked before each and may change the
// options; false skips the controller. Those that cannot be brought up are
// reported together, and do not keep the others from being returned.
func Probe(ctx context.Context, t Transport, trids []nvme.TransportID, o Options, want func(nvme.TransportID, *Options) bool) ([]*Controller, error) {
	var cs []*Controller
	var errs []error
	for _, trid := range trids {
		found := []nvme.TransportID{trid}
		if e, ok := t.(Enumerator); ok && trid.Traddr == "" {
			var err error
			if found, err = e.Enumerate(ctx, trid); err != nil {
				errs = append(errs, err)
				continue
			}
		}
		for _, id := range found {
			opts := o
			if want != nil && !want(id, &opts) {
				continue
			}
			c, err := Connect(ctx, t, id, opts)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			cs = append(cs, c)
		}
	}
	return cs, errors.Join(errs...)
}

// TransportID returns the address that the controller was opened with.
func (c *Controller) TransportID() nvme.TransportID { return c.trid }

// Identify returns the Identify Controller data. It must not be changed.
func (c *Controller) Identify() *nvme.IdentifyController { return c.identify.Load() }

// CAP returns the controller's capabilities.
func (c *Controller) CAP() nvme.CAP { return c.cap }

// Version returns the version that the controller follows.
func (c *Controller) Version() nvme.VS { return c.vs }

// CSTS reads the controller status.
func (c *Controller) CSTS() (nvme.CSTS, error) { return c.csts(contextBackground) }

// ReadRegister reads the 32-bit property at off.
func (c *Controller) ReadRegister(off uint64) (uint32, error) {
	return c.read32(contextBackground, off)
}

// MaxTransfer returns the largest data transfer of one command in bytes. More
// is split.
func (c *Controller) MaxTransfer() uint32 { return c.maxTransfer.Load() }

// MaxSGEs returns the largest number of scatter-gather elements of one
// command; 0 if the controller takes PRP lists only.
func (c *Controller) MaxSGEs() uint32 {
	if !c.has(flagSGL) {
		return 0
	}
	return c.maxSGEs
}

// ZoneAppendLimit returns the largest Zone Append in bytes; 0 if the
// controller has none.
func (c *Controller) ZoneAppendLimit() uint32 { return c.zoneAppendLimit.Load() }

// PageSize returns the memory page size that the controller was set to.
func (c *Controller) PageSize() uint32 { return c.pageSize }

// NumIOQueues returns how many I/O queue pairs there can be.
func (c *Controller) NumIOQueues() uint32 { return c.numIOQueues }

// Removed tells whether the controller has gone.
func (c *Controller) Removed() bool { return c.getPhase() == phaseRemoved || c.link.Removed() }

// AllocIOQPair creates an I/O queue pair. It belongs to one thread, which
// need not be this one, from then on.
func (c *Controller) AllocIOQPair(o QPairOptions) (*QPair, error) {
	return c.AllocIOQPairContext(context.Background(), o)
}

// AllocIOQPairContext is AllocIOQPair with a limit of time.
func (c *Controller) AllocIOQPairContext(ctx context.Context, o QPairOptions) (*QPair, error) {
	if p := c.getPhase(); p > phaseResetting {
		return nil, c.deadErr()
	}
	if o.Priority > PriorityLow || o.Priority != PriorityUrgent && c.opts.Arbitration != WeightedRoundRobin {
		return nil, fmt.Errorf("host: queue priority %d: invalid queue priority for default round robin arbitration method", o.Priority)
	}
	setDefault(&o.Size, c.opts.IOQueueSize)
	if limit := uint32(c.cap.MaxQueueEntries()); o.Size < minIOQueueSize || o.Size > limit {
		return nil, fmt.Errorf("host: I/O queue of %d entries: the controller takes %d to %d", o.Size, minIOQueueSize, limit)
	}
	id, err := c.takeID()
	if err != nil {
		return nil, err
	}
	qp, err := newQPair(c, id, o.Size, o)
	if err != nil {
		c.giveID(id)
		return nil, err
	}
	qp.epoch = c.epoch.Load()
	qp.generation = c.generation.Load()
	qp.timeouts = c.timeouts.Load()
	qp.updateSpecial()
	if err := c.createQueues(ctx, qp); err != nil {
		c.dropQueues(qp, err)
		return nil, fmt.Errorf("host: creating I/O queue pair %d: %w", id, err)
	}
	qp.q.Connected()
	if c.quirks&quirkDelayAfterQueueAlloc != 0 {
		c.delay(ctx, 100*time.Microsecond)
	}
	c.mu.Lock()
	c.qpairs[id] = qp
	c.mu.Unlock()
	return qp, nil
}

// dropQueues takes back what could not be created. A controller that only
// did not answer may still use the memory and the identifier.
func (c *Controller) dropQueues(qp *QPair, err error) {
	var status *StatusError
	if errors.As(err, &status) || c.getPhase() == phaseRemoved || c.mapped == nil {
		_ = qp.q.Close() // frees memory, which cannot fail
		c.giveID(qp.id)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zombies = append(c.zombies, qp.q)
}

func (c *Controller) takeID() (uint16, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.freeIDs)
	if n == 0 {
		return 0, fmt.Errorf("%w: all %d are in use", ErrNoQueue, c.numIOQueues)
	}
	id := c.freeIDs[n-1]
	c.freeIDs = c.freeIDs[:n-1]
	return id, nil
}

func (c *Controller) giveID(id uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.freeIDs = append(c.freeIDs, id)
}

// Namespace returns namespace nsid, nil if it is not active.
func (c *Controller) Namespace(nsid uint32) *Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ns := c.namespaces[nsid]; ns != nil && ns.Active() {
		return ns
	}
	return nil
}

// Namespaces returns the active namespaces by rising identifier.
func (c *Controller) Namespaces() []*Namespace {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Namespace, 0, len(c.active))
	for _, id := range c.active {
		if ns := c.namespaces[id]; ns != nil && ns.Active() {
			list = append(list, ns)
		}
	}
	return list
}

// MapCMB returns the controller memory buffer, for use as data buffers. An
// error says why there is none: host memory is to be used then.
func (c *Controller) MapCMB() ([]byte, error) {
	m, ok := c.link.(MemoryBuffers)
	if !ok {
		nvmeLog.Debugf("%v CMB not available", c)
		return nil, fmt.Errorf("host: controller memory buffer: %w", ErrNotSupported)
	}
	return m.MapCMB()
}

// UnmapCMB ends the use of what MapCMB returned.
func (c *Controller) UnmapCMB() error {
	if m, ok := c.link.(MemoryBuffers); ok {
		return m.UnmapCMB()
	}
	return nil
}

// EnablePMR makes the persistent memory region ready.
func (c *Controller) EnablePMR(ctx context.Context) error { return c.setPMR(ctx, true) }

// DisablePMR ends what EnablePMR began.
func (c *Controller) DisablePMR(ctx context.Context) error { return c.setPMR(ctx, false) }

func (c *Controller) setPMR(ctx context.Context, on bool) error {
	m, ok := c.link.(MemoryBuffers)
	if !ok {
		return fmt.Errorf("host: persistent memory region: %w", ErrNotSupported)
	}
	start := c.clock.Now()
	idle := 0
	wait := func(limit time.Duration) error {
		if c.clock.Now()-start > limit {
			return ErrTimeout
		}
		c.clock.Pause(idle)
		idle++
		return ctx.Err()
	}
	if on {
		return m.EnablePMR(wait)
	}
	return m.DisablePMR(wait)
}

// MapPMR returns the persistent memory region.
func (c *Controller) MapPMR() ([]byte, error) {
	if m, ok := c.link.(MemoryBuffers); ok {
		return m.MapPMR()
	}
	return nil, fmt.Errorf("host: persistent memory region: %w", ErrNotSupported)
}

// UnmapPMR ends the use of what MapPMR returned.
func (c *Controller) UnmapPMR() error {
	if m, ok := c.link.(MemoryBuffers); ok {
		return m.UnmapPMR()
	}
	return nil
}
