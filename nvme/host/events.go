// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// Event is an asynchronous event of the controller (NVM Express Base 2.0,
// 5.2).
type Event struct {
	Controller *Controller
	Type       uint8  // 0 error, 1 SMART, 2 notice, 6 I/O command set, 7 vendor specific
	Info       uint8  // depends on Type
	LogPage    uint8  // that has more
	CDW0       uint32 // as it came
	CDW1       uint32
}

const (
	maxAERs = 8

	eventNotice            = 2
	infoNamespaceChanged   = 0
	logChangedNamespaces   = 0x04
	changedNamespacesBytes = 4096
)

// aer is one outstanding Asynchronous Event Request.
type aer struct {
	Request
	ctrlr *Controller
}

// OnEvent has fn called, from ProcessAdminCompletions, for each asynchronous
// event, after the driver itself has dealt with it. It may use methods that
// take a context.
func (c *Controller) OnEvent(fn func(Event)) {
	if fn == nil {
		c.onEvent.Store(nil)
		return
	}
	c.onEvent.Store(&fn)
}

// startAERs says which events are wanted and makes the requests for them.
func (c *Controller) startAERs(ctx context.Context) error {
	c.setState(stateConfigureAER, c.opts.AdminTimeout)
	id := c.identify.Load()
	config := uint32(0x1f) // all critical warnings
	if c.vs >= nvme.NewVS(1, 2, 0) {
		config |= id.OAES & (nvme.OAESNamespaceAttribute | nvme.OAESFirmwareActivation | nvme.OAESANAChange)
	}
	if c.vs >= nvme.NewVS(1, 3, 0) && id.LPA&nvme.LPATelemetry != 0 {
		config |= nvme.OAESTelemetryLog
	}
	if c.IsDiscovery() {
		config = nvme.OAESDiscoveryLogChange
	}
	c.setState(stateConfigureAERWait, c.opts.AdminTimeout)
	_, err := c.initCommand(ctx, nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: featureAsyncEvents, CDW11: config})
	if err != nil {
		log.Noticef("%v nvme_ctrlr_configure_aer failed!", c)
		return ignoreStatus(err)
	}
	n := min(maxAERs, int(id.AERL)+1, c.admin.Depth()/2)
	for range n {
		a := &aer{ctrlr: c}
		a.Done = a
		if err := c.submitAdmin(&a.Request, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil, phaseResetting); err != nil {
			log.Errorf("%v nvme_ctrlr_construct_and_submit_aer failed!", c)
			return err
		}
	}
	return nil
}

// Complete implements Completer.
func (a *aer) Complete(*Request) {
	c := a.ctrlr
	switch a.Completion.Status().Code() {
	case nvme.StatusAbortedSQDeletion:
		return
	case nvme.StatusAERLimitExceeded:
		log.Errorf("%v Controller appears out-of-spec for asynchronous event request handling.  Do not repost this AER.", c)
		return
	}
	if a.Completion.Status().IsError() {
		log.Errorf("%v Asynchronous Event Request failed: %v. It is not sent again.", c, a.Completion.Status())
		return
	}
	c.adminMu.Lock()
	if len(c.events) < maxEvents {
		c.events = append(c.events, a.Completion)
	}
	c.adminMu.Unlock()
	p := c.getPhase()
	if p > phaseResetting {
		return
	}
	if err := c.submitAdmin(&a.Request, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil, p); err != nil {
		log.Errorf("%v resubmitting AER failed!", c)
	}
}

// maxEvents bounds what a controller can make the driver remember between
// two polls.
const maxEvents = 1024

// handleEvents deals with the events that have come in. One goroutine does so
// at a time.
func (c *Controller) handleEvents() {
	if !c.handling.CompareAndSwap(false, true) {
		return
	}
	defer c.handling.Store(false)
	c.adminMu.Lock()
	events := c.events
	c.events = nil
	c.adminMu.Unlock()
	for _, cpl := range events {
		ev := Event{
			Controller: c, Type: uint8(cpl.CDW0 & 7), Info: uint8(cpl.CDW0 >> 8), LogPage: uint8(cpl.CDW0 >> 16),
			CDW0: cpl.CDW0, CDW1: cpl.CDW1,
		}
		if ev.Type == eventNotice && ev.Info == infoNamespaceChanged {
			c.namespacesChanged()
		}
		if fn := c.onEvent.Load(); fn != nil {
			(*fn)(ev)
		}
	}
}

// namespacesChanged reads the log page, which has the controller send such an
// event again, and looks at the namespaces.
func (c *Controller) namespacesChanged() {
	ctx := context.Background()
	if !c.opts.DisableReadChangedNamespaces {
		buf := make([]byte, changedNamespacesBytes)
		if err := c.GetLogPage(ctx, logChangedNamespaces, nsidAll, buf, 0); err != nil {
			log.Errorf("%v reading the changed namespace list: %v", c, err)
		} else if le.Uint32(buf) == 0 {
			log.Warnf("%v changed ns log is empty despite NS_ATTR_CHANGED AER.", c)
		}
	}
	if err := c.Rescan(ctx); err != nil {
		log.Errorf("%v looking for changed namespaces: %v", c, err)
	}
}

// keepAlive is the Keep Alive command.
type keepAlive struct {
	Request
	ctrlr *Controller
	sent  time.Duration
}

// initKeepAlive finds out how often the controller wants to hear something.
func (c *Controller) initKeepAlive(ctx context.Context) error {
	c.setState(stateSetKeepAlive, c.opts.AdminTimeout)
	want := c.opts.KeepAliveTimeout
	if want != 0 && c.identify.Load().KAS == 0 && !c.IsDiscovery() { // whose data need not tell
		nvmeLog.Debugf("%v Controller KAS is 0 - not enabling Keep Alive", c)
		want = 0
	}
	if want == 0 {
		c.setKeepAlive(0)
		return nil
	}
	c.setState(stateSetKeepAliveWait, c.opts.AdminTimeout)
	if c.mapped != nil { // otherwise Connect has said it
		_, err := c.initCommand(ctx, nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: featureKeepAlive, CDW11: uint32(want.Milliseconds())})
		if ignoreStatus(err) != nil {
			return err
		}
	}
	cpl, err := c.initCommand(ctx, nvme.Command{Opcode: nvme.AdminGetFeatures, CDW10: featureKeepAlive})
	switch {
	case err == nil:
		if got := time.Duration(cpl.CDW0) * time.Millisecond; got != want {
			nvmeLog.Debugf("%v Controller adjusted keep alive timeout to %d ms", c, cpl.CDW0)
			want = got
		}
	case ignoreStatus(err) != nil:
		return err
	default:
		nvmeLog.Debugf("%v Keep alive timeout Get Feature is not supported", c)
	}
	c.setKeepAlive(want)
	return nil
}

func (c *Controller) setKeepAlive(timeout time.Duration) {
	if timeout != 0 {
		nvmeLog.Debugf("%v Sending keep alive every %d us", c, (timeout / 2).Microseconds())
	}
	c.adminMu.Lock()
	defer c.adminMu.Unlock()
	c.keepAlive = timeout
	c.nextAlive = c.clock.Now() + timeout/2
	c.alive = &keepAlive{ctrlr: c}
	c.alive.Done = c.alive
}

// sendKeepAlive sends Keep Alive when half of the timeout is over. A fabric's
// controller that has not answered the last one within the timeout is lost: a
// network that is silent reports no error.
func (c *Controller) sendKeepAlive() {
	c.adminMu.Lock()
	if c.keepAlive == 0 {
		c.adminMu.Unlock()
		return
	}
	now, k := c.clock.Now(), c.alive
	due := now >= c.nextAlive && !k.Busy()
	silent := c.mapped == nil && k.Busy() && now-k.sent > c.keepAlive
	if due {
		c.nextAlive, k.sent = now+c.keepAlive/2, now
	}
	c.adminMu.Unlock()
	if silent && c.getPhase() == phaseRunning {
		log.Errorf("%v no answer to Keep Alive for %v", c, c.keepAlive)
		c.fail()
	}
	if !due {
		return
	}
	if err := c.submitAdmin(&k.Request, nvme.Command{Opcode: nvme.AdminKeepAlive}, nil, phaseRunning); err != nil {
		log.Errorf("%v Submitting Keep Alive failed", c)
	}
}

// Complete implements Completer.
func (k *keepAlive) Complete(*Request) {
	if s := k.Completion.Status(); s.IsError() && s.Code() != nvme.StatusAbortedSQDeletion {
		log.Errorf("%v Keep Alive failed: %v", k.ctrlr, s)
	}
}
