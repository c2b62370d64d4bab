// SPDX-License-Identifier: BSD-3-Clause

package host

import (
	"context"
	"fmt"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// state is a step of bringing a controller up. The names are those that SPDK
// prints.
type state uint8

const (
	stateConnectAdminQ state = iota
	stateWaitConnectAdminQ
	stateReadVS
	stateReadVSWait
	stateReadCAP
	stateReadCAPWait
	stateCheckEN
	stateCheckENWait
	stateDisableWaitReady1
	stateSetEN0
	stateSetEN0Wait
	stateDisableWaitReady0
	stateDisabled
	stateEnable
	stateEnableWaitCC
	stateEnableWaitReady1
	stateResetAdminQueue
	stateIdentify
	stateIdentifyWait
	stateConfigureAER
	stateConfigureAERWait
	stateSetKeepAlive
	stateSetKeepAliveWait
	stateIdentifyNVM
	stateIdentifyZNS
	stateSetNumQueues
	stateSetNumQueuesWait
	stateIdentifyActiveNS
	stateIdentifyActiveNSWait
	stateIdentifyNS
	stateIdentifyNSWait
	stateIdentifyIDDescs
	stateIdentifyIDDescsWait
	stateIdentifyNSIOCS
	stateIdentifyNSIOCSWait
	stateLogPages
	stateFeatures
	stateHostFeature
	stateDBBuf
	stateDBBufWait
	stateHostID
	stateHostIDWait
	stateTransportReady
	stateReady
	stateError
)

var stateNames = [...]string{
	stateConnectAdminQ:        "connect adminq",
	stateWaitConnectAdminQ:    "wait for connect adminq",
	stateReadVS:               "read vs",
	stateReadVSWait:           "read vs wait for vs",
	stateReadCAP:              "read cap",
	stateReadCAPWait:          "read cap wait for cap",
	stateCheckEN:              "check en",
	stateCheckENWait:          "check en wait for cc",
	stateDisableWaitReady1:    "disable and wait for CSTS.RDY = 1",
	stateSetEN0:               "set CC.EN = 0",
	stateSetEN0Wait:           "set CC.EN = 0 wait for cc",
	stateDisableWaitReady0:    "disable and wait for CSTS.RDY = 0",
	stateDisabled:             "controller is disabled",
	stateEnable:               "enable controller by writing CC.EN = 1",
	stateEnableWaitCC:         "enable controller by writing CC.EN = 1 reg",
	stateEnableWaitReady1:     "wait for CSTS.RDY = 1",
	stateResetAdminQueue:      "reset admin queue",
	stateIdentify:             "identify controller",
	stateIdentifyWait:         "wait for identify controller",
	stateConfigureAER:         "configure AER",
	stateConfigureAERWait:     "wait for configure aer",
	stateSetKeepAlive:         "set keep alive timeout",
	stateSetKeepAliveWait:     "wait for set keep alive timeout",
	stateIdentifyNVM:          "identify controller iocs nvm specific",
	stateIdentifyZNS:          "identify controller iocs zns specific",
	stateSetNumQueues:         "set number of queues",
	stateSetNumQueuesWait:     "wait for set number of queues",
	stateIdentifyActiveNS:     "identify active ns",
	stateIdentifyActiveNSWait: "wait for identify active ns",
	stateIdentifyNS:           "identify ns",
	stateIdentifyNSWait:       "wait for identify ns",
	stateIdentifyIDDescs:      "identify namespace id descriptors",
	stateIdentifyIDDescsWait:  "wait for identify namespace id descriptors",
	stateIdentifyNSIOCS:       "identify ns iocs specific",
	stateIdentifyNSIOCSWait:   "wait for identify ns iocs specific",
	stateLogPages:             "set supported log pages",
	stateFeatures:             "set supported features",
	stateHostFeature:          "set host behavior support feature",
	stateDBBuf:                "set doorbell buffer config",
	stateDBBufWait:            "wait for doorbell buffer config",
	stateHostID:               "set host ID",
	stateHostIDWait:           "wait for set host ID",
	stateTransportReady:       "transport ready",
	stateReady:                "ready",
	stateError:                "error",
}

func (s state) String() string { return stateNames[s] }

// setState enters a state that must be left within limit; 0 is no limit.
func (c *Controller) setState(s state, limit time.Duration) {
	c.state = s
	if limit <= 0 {
		c.deadline = 0
		if nvmeLog.Enabled() {
			nvmeLog.Debugf("%v setting state to %v (no timeout)", c, s)
		}
		return
	}
	c.deadline = c.clock.Now() + limit
	if nvmeLog.Enabled() {
		nvmeLog.Debugf("%v setting state to %v (timeout %d ms)", c, s, limit.Milliseconds())
	}
}

// stateError explains a step that failed.
func (c *Controller) stateFailed(err error) error {
	if err == nil {
		return nil
	}
	s := c.state
	nvmeLog.Infof("%v Ctrlr operation failed with error: %v, ctrlr state: %d (%v)", c, err, uint8(s), s)
	c.setState(stateError, 0)
	return fmt.Errorf("state %q: %w", s.String(), err)
}

// allOnes is what a register of a function that has gone reads as.
const allOnes = 1<<32 - 1

// minReadyTimeout is for controllers that say they need no time (CAP.TO 0).
const minReadyTimeout = 5 * time.Second

// readyTimeout is how long CSTS.RDY may take to follow CC.EN.
func (c *Controller) readyTimeout() time.Duration {
	if t := c.cap.Timeout(); t > 0 {
		return t
	}
	return minReadyTimeout
}

// waitReady polls CSTS until RDY is as wanted. A read that fails is tried
// again, since controllers may not answer while they reset.
func (c *Controller) waitReady(ctx context.Context, want bool, deadline time.Duration) error {
	for idle := 0; ; idle++ {
		now := c.clock.Now()
		csts, err := c.csts(ctx)
		switch {
		case c.link.Removed() || err == nil && uint32(csts) == allOnes:
			return ErrRemoved
		case err != nil && c.mapped == nil:
			return fmt.Errorf("reading CSTS: %w", err)
		case err == nil && csts.RDY() == want:
			return nil
		case err == nil && want && csts.CFS():
			return fmt.Errorf("controller fatal status (CSTS %#x): %w", uint32(csts), ErrFailed)
		case now > deadline:
			log.Errorf("%v Initialization timed out in state %d (%v)", c, uint8(c.state), c.state)
			if err != nil {
				return fmt.Errorf("reading CSTS: %w", err)
			}
			return fmt.Errorf("CSTS.RDY is %t, CSTS %#x: %w", !want, uint32(csts), ErrTimeout)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		c.clock.Pause(idle)
	}
}

// waitSettled waits, before a controller that is enabled is disabled, until
// it is ready or has failed: CC.EN must not change in between (NVM Express
// Base 2.0, CC.EN).
func (c *Controller) waitSettled(ctx context.Context) error {
	for idle := 0; ; idle++ {
		now := c.clock.Now()
		csts, err := c.csts(ctx)
		switch {
		case c.link.Removed() || err == nil && uint32(csts) == allOnes:
			return ErrRemoved
		case err != nil && c.mapped == nil:
			return fmt.Errorf("reading CSTS: %w", err)
		case err == nil && (csts.RDY() || csts.CFS()):
			return nil
		case now > c.deadline:
			// It will not become ready any more; disabling it is all that
			// is left to try.
			log.Warnf("%v CC.EN = 1 && CSTS.RDY = 0 for too long, disabling anyway", c)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if idle == 0 {
			nvmeLog.Debugf("%v CC.EN = 1 && CSTS.RDY = 0 - waiting for reset to complete", c)
		}
		c.clock.Pause(idle)
	}
}

// disable brings the controller to CC.EN = 0, CSTS.RDY = 0.
func (c *Controller) disable(ctx context.Context) error {
	c.setState(stateCheckEN, 0)
	v, err := c.read32(ctx, nvme.RegCC)
	if err != nil {
		log.Errorf("%v Failed to read the CC register", c)
		return err
	}
	if v == allOnes {
		return ErrRemoved
	}
	c.setState(stateCheckENWait, c.readyTimeout())
	if c.cc = nvme.CC(v); c.cc.EN() {
		nvmeLog.Debugf("%v CC.EN = 1", c)
		c.setState(stateDisableWaitReady1, c.readyTimeout())
		if err := c.waitSettled(ctx); err != nil {
			return err
		}
		c.setState(stateSetEN0, c.readyTimeout())
		nvmeLog.Debugf("%v Setting CC.EN = 0", c)
		c.cc = c.cc.WithEN(false)
		c.setState(stateSetEN0Wait, c.readyTimeout())
		if err := c.write32(ctx, nvme.RegCC, uint32(c.cc)); err != nil {
			log.Errorf("%v Failed to write the CC register", c)
			return err
		}
		if c.quirks&quirkDelayBeforeCheckReady != 0 {
			nvmeLog.Debugf("%v Applying quirk: delay 2.5 seconds before reading registers", c)
			c.delay(ctx, 2500*time.Millisecond)
		}
	}
	c.setState(stateDisableWaitReady0, c.readyTimeout())
	if err := c.waitReady(ctx, false, c.deadline); err != nil {
		return err
	}
	nvmeLog.Debugf("%v CC.EN = 0 && CSTS.RDY = 0", c)
	c.setState(stateDisabled, c.readyTimeout())
	return nil
}

// enable sets CC.EN and waits until the controller is ready.
func (c *Controller) enable(ctx context.Context) error {
	c.setState(stateEnable, c.readyTimeout())
	// Some controllers miss CC.EN if it comes too soon after CSTS.RDY = 0.
	c.delay(ctx, 100*time.Microsecond)
	nvmeLog.Debugf("%v Setting CC.EN = 1", c)
	c.setState(stateEnableWaitCC, c.readyTimeout())
	if c.mapped != nil {
		if err := c.mapped.Enable(c.admin.q); err != nil {
			log.Errorf("%v transport ctrlr_enable failed", c)
			return err
		}
	}
	cc := nvme.CC(0).WithIOSQES(6).WithIOCQES(4).WithCSS(c.commandSet()).WithAMS(uint8(c.opts.Arbitration))
	for size := uint32(4096); size < c.pageSize; size <<= 1 {
		cc = cc.WithMPS(cc.MPS() + 1)
	}
	if a := c.cap.AMS(); c.opts.Arbitration == WeightedRoundRobin && a&nvme.CAPAMSWRR == 0 ||
		c.opts.Arbitration == VendorArbitration && a&nvme.CAPAMSVendor == 0 {
		return fmt.Errorf("arbitration mechanism %d, CAP.AMS %#x: %w", c.opts.Arbitration, a, ErrNotSupported)
	}
	// The settings take effect while CC.EN is 0 and must not change with it.
	c.cc = cc.WithEN(true)
	if err := c.write32(ctx, nvme.RegCC, uint32(c.cc)); err != nil {
		log.Errorf("%v set_cc() failed", c)
		return err
	}
	c.setState(stateEnableWaitReady1, c.readyTimeout())
	if err := c.waitReady(ctx, true, c.deadline); err != nil {
		return err
	}
	nvmeLog.Debugf("%v CC.EN = 1 && CSTS.RDY = 1 - controller is ready", c)
	return nil
}

// commandSet chooses CC.CSS.
func (c *Controller) commandSet() uint8 {
	css := c.cap.CSS()
	if css == 0 {
		nvmeLog.Infof("%v Drive reports no command sets supported. Assuming NVM is supported.", c)
		css = nvme.CAPCSSNVM
	}
	want := nvme.CCCSSNVM
	switch {
	case c.opts.CommandSet == CommandSetAdmin:
		want = nvme.CCCSSNoIO
	case c.opts.CommandSet == CommandSetAll, c.opts.CommandSet == CommandSetAuto && css&nvme.CAPCSSIOCS != 0:
		want = nvme.CCCSSIOCS
	}
	if css&(1<<want) == 0 {
		nvmeLog.Debugf("%v Requested I/O command set %d but supported mask is %#x", c, want, css)
		nvmeLog.Debugf("%v Falling back to NVM. Assuming NVM is supported.", c)
		want = nvme.CCCSSNVM
	}
	return want
}
