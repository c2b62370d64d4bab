// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// state of a ctrlr, in SPDK's words.
type state uint32

const (
	stateEnabled state = iota
	stateResetting
	stateDelayed // waits before it connects again
	stateDisabled
	stateFailed
	stateDeleting
)

var stateNames = [...]string{"enabled", "resetting", "reconnect_is_delayed", "disabled", "failed", "deleting"}

func (s state) String() string { return stateNames[s] }

// ctrlr is one path to a subsystem: the driver's controller, which is
// replaced when it has gone and comes back, and what is made of it. It may
// have several addresses, of which it uses one at a time.
type ctrlr struct {
	m         *Module
	cfg       CtrlrConfig // its Trid and source are those of the first address
	group     *bdevCtrlr
	transport host.Transport
	options   host.Options
	attached  bool // guarded by the module's mutex
	origin    origin

	hc        atomic.Pointer[host.Controller] // nil while there is none
	last      atomic.Pointer[host.Controller] // the one before, for descriptions
	available atomic.Bool                     // IO may be sent
	opal      atomic.Bool                     // it is a self-encrypting drive
	state     atomic.Uint32
	failAt    atomic.Int64 // nanoseconds since start, when IO ceases to wait; 0 is never

	ctx   context.Context // ends when the controller is detached
	stop  context.CancelFunc
	done  chan struct{} // closed when the keeper has ended
	kick  chan error    // asks the keeper for a reset
	calls chan *call    // asks it for something and waits
	again chan struct{} // asks it to look for namespaces
	// wantANA asks it to read the ANA log.
	wantANA chan struct{}

	cuse cuseDevices

	removal sync.Mutex // guards removed
	removed bool

	mu         sync.Mutex // guards what follows
	addresses  []address  // the first is in use
	moved      bool       // it is not the one that hc was connected to
	channels   []*ctrlrChannel
	qpairs     int           // of hc, existing or in the making
	returned   chan struct{} // closed when there are none, if somebody waits
	namespaces map[uint32]*nvmeNS
	held       []func() // give keys back that are in use
}

// String names the controller in log lines.
func (c *ctrlr) String() string {
	at := c.address().trid
	if at.Trsvcid != "" {
		return fmt.Sprintf("%s (%s %s:%s)", c.cfg.Name, at.Trtype, at.Traddr, at.Trsvcid)
	}
	return fmt.Sprintf("%s (%s %s)", c.cfg.Name, at.Trtype, at.Traddr)
}

func (m *Module) newCtrlr(cfg CtrlrConfig, group *bdevCtrlr, t host.Transport) *ctrlr {
	o := m.Options()
	c := &ctrlr{
		m: m, cfg: cfg, group: group, transport: t, options: o.hostOptions(cfg.Host, cfg.Trid.Trtype),
		done: make(chan struct{}), kick: make(chan error, 1), calls: make(chan *call),
		again: make(chan struct{}, 1), wantANA: make(chan struct{}, 1),
		namespaces: map[uint32]*nvmeNS{}, addresses: []address{cfg.address()},
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	return c
}

func (c *ctrlr) getState() state { return state(c.state.Load()) }

// setState is the keeper's, but for stateDeleting, which nothing follows.
func (c *ctrlr) setState(s state) {
	for {
		was := c.state.Load()
		if state(was) == stateDeleting {
			return
		}
		if c.state.CompareAndSwap(was, uint32(s)) {
			break
		}
	}
	c.available.Store(s == stateEnabled)
	flag.Infof("%s: %s", c, s)
	if s == stateEnabled && !c.m.Options().DisableAutoFailback {
		for _, n := range c.listed() {
			n.disk.chooseAgain()
		}
	}
}

// populateLater has the keeper look for namespaces.
func (c *ctrlr) populateLater() {
	select {
	case c.again <- struct{}{}:
	default: // it will
	}
}

// hopeful tells whether IO may be possible soon.
func (c *ctrlr) hopeful() bool {
	switch c.getState() {
	case stateEnabled:
		return true
	case stateResetting, stateDelayed:
		at := c.failAt.Load()
		return at == 0 || int64(time.Since(start)) < at
	}
	return false
}

var start = time.Now()

// connect reaches the controller and takes it into use.
func (c *ctrlr) connect(ctx context.Context) error {
	at, o := c.address(), c.options
	o.SrcAddr, o.SrcSvcid = at.srcAddr, at.srcSvcid
	if err := c.keys().fill(c.m, &o); err != nil {
		return err
	}
	hc, err := host.Connect(ctx, c.transport, at.trid, o)
	if err != nil {
		return err
	}
	hc.OnEvent(c.event)
	c.watch(hc)
	c.probeOpal(ctx, hc)
	c.last.Store(hc)
	c.hc.Store(hc)
	return nil
}

// disconnect gives the driver's controller up, after all queue pairs.
func (c *ctrlr) disconnect(ctx context.Context) error {
	c.mu.Lock()
	hc := c.hc.Load()
	c.hc.Store(nil)
	channels := slices.Clone(c.channels)
	c.mu.Unlock()
	if hc == nil {
		return nil
	}
	hc.OnEvent(nil)
	for _, cc := range channels {
		cc.t.Send(cc.drop)
	}
	if err := c.allReturned(ctx); err != nil {
		c.hc.Store(hc)
		return err
	}
	return hc.Detach(context.WithoutCancel(ctx))
}

// openAll has all channels open their queue pairs.
func (c *ctrlr) openAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cc := range c.channels {
		cc.t.Send(cc.open)
	}
}

// settle has every queue pair take notice of what has become of the
// controller.
func (c *ctrlr) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, cc := range c.allChannels() {
		err := thread.Do(ctx, cc.t, func() error {
			if cc.q != nil {
				cc.q.poll()
			}
			return nil
		})
		if err != nil {
			flag.Debugf("%s: thread %s: %v", c, cc.t.Name(), err)
		}
	}
}

func (c *ctrlr) allChannels() []*ctrlrChannel {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.channels)
}

func (c *ctrlr) addChannel(cc *ctrlrChannel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.channels = append(c.channels, cc)
}

func (c *ctrlr) removeChannel(cc *ctrlrChannel) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.channels = slices.DeleteFunc(c.channels, func(o *ctrlrChannel) bool { return o == cc })
}

// borrow returns the driver's controller, nil if there is none, which then
// stays until giveBack.
func (c *ctrlr) borrow() *host.Controller {
	c.mu.Lock()
	defer c.mu.Unlock()
	hc := c.hc.Load()
	if hc != nil {
		c.qpairs++
	}
	return hc
}

func (c *ctrlr) giveBack() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.qpairs--; c.qpairs == 0 && c.returned != nil {
		close(c.returned)
		c.returned = nil
	}
}

// allReturned waits until nobody has borrowed the driver's controller.
func (c *ctrlr) allReturned(ctx context.Context) error {
	c.mu.Lock()
	if c.qpairs == 0 {
		c.mu.Unlock()
		return nil
	}
	if c.returned == nil {
		c.returned = make(chan struct{})
	}
	returned := c.returned
	c.mu.Unlock()
	select {
	case <-returned:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: I/O queue pairs are still in use: %w", c, ctx.Err())
	}
}

// errNoController is the error of what needs a controller that is connected.
var errNoController = errors.New("the controller is not connected; bdev_nvme_get_controllers shows its state")

// use calls fn with the driver's controller, which stays meanwhile.
func (c *ctrlr) use(fn func(*host.Controller) error) error {
	hc := c.borrow()
	if hc == nil {
		return fmt.Errorf("%s: %w", c, errNoController)
	}
	defer c.giveBack()
	return fn(hc)
}

// hostNQN is the name of this host by which the controller knows it.
func (c *ctrlr) hostNQN() string {
	if hc := c.last.Load(); hc != nil && hc.IsFabric() {
		return hc.HostNQN()
	}
	return c.cfg.Host.HostNQN
}

// local tells whether the controller is a function of this machine, which
// does not come back under its address by waiting for it.
func (c *ctrlr) local() bool { return c.cfg.Trid.Trtype == spec.TrtypePCIe }
