// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// Version is the revision of the NVMe Base Specification that controllers
// follow, as the VS register tells it.
const Version = 2 << 16

// CAP, VS, CC and CSTS are the registers of those names, for PCI properties
// in memory and for networks properties that commands read. Any goroutine may
// ask.
func (c *Controller) CAP() nvme.CAP { return c.cap }

// VS returns the version register.
func (c *Controller) VS() nvme.VS { return Version }

// CC returns the controller configuration.
func (c *Controller) CC() nvme.CC { return nvme.CC(c.cc.Load()) }

// CSTS returns the controller status.
func (c *Controller) CSTS() nvme.CSTS { return nvme.CSTS(c.csts.Load()) }

// cssAll in CC.CSS asks for all I/O command sets, which is one.
const cssAll = 6

// Values of CC.SHN and CSTS.SHST.
const (
	shutdownNone     = 0
	shutdownNormal   = 1
	shutdownAbrupt   = 2
	shutdownOccurs   = 1
	shutdownComplete = 2
)

// WriteCC is a host's write of the controller configuration (NVMe Base 2.0,
// 3.1.3.5). Its effects show in CSTS, perhaps later.
func (c *Controller) WriteCC(v nvme.CC) {
	old := c.CC()
	flag.Debugf("controller %d: CC %#08x -> %#08x", c.id, uint32(old), uint32(v))
	c.cc.Store(uint32(v))
	if v.EN() && !old.EN() {
		c.enable(v)
	}
	if shn := v.SHN(); shn != old.SHN() && (shn == shutdownNormal || shn == shutdownAbrupt) {
		c.shutdown()
	}
	if !v.EN() && old.EN() {
		c.disable()
	}
}

func (c *Controller) enable(cc nvme.CC) {
	if c.disabling {
		// The host did not wait for RDY to become 0: what it gets is
		// undefined (3.5.3); it gets the reset first and then nothing.
		log.Warnf("controller %d: enabled before CSTS.RDY was 0", c.id)
		return
	}
	if what := c.badConfiguration(cc); what != "" {
		c.Fatal("CC %#08x: %s is not supported", uint32(cc), what)
		return
	}
	if err := c.tr.Enable(cc); err != nil {
		c.Fatal("%v", err)
		return
	}
	c.csts.Store(uint32(nvme.CSTS(0).WithRDY(true).WithNSSRO(c.CSTS().NSSRO())))
	flag.Debugf("controller %d: ready", c.id)
}

// badConfiguration names the field of CC that asks for what CAP does not
// offer.
func (c *Controller) badConfiguration(cc nvme.CC) string {
	switch {
	case cc.CSS() != 0 && cc.CSS() != cssAll:
		return "the I/O command set in CC.CSS"
	case cc.MPS() != 0:
		return "the memory page size in CC.MPS"
	case cc.AMS() != 0:
		return "the arbitration mechanism in CC.AMS"
	}
	return ""
}

// disable is a controller reset: everything stops, commands in execution end
// without a completion, and RDY becomes 0 when the last has ended.
func (c *Controller) disable() {
	if c.disabling {
		return
	}
	c.disabling = true
	c.tr.Disable(func() {
		c.resetState()
		c.csts.Store(uint32(nvme.CSTS(0).WithNSSRO(c.resetOccurred)))
		c.disabling, c.resetOccurred = false, false
		flag.Debugf("controller %d: disabled", c.id)
	})
}

// shutdown is CC.SHN: normal and abrupt differ only in what the host has
// done before, as the block devices keep no data in the controller.
func (c *Controller) shutdown() {
	c.setSHST(shutdownOccurs)
	c.tr.Disable(func() {
		c.events.reset()
		c.setSHST(shutdownComplete)
		flag.Debugf("controller %d: shutdown complete", c.id)
	})
}

func (c *Controller) setSHST(v uint8) {
	c.csts.Store(uint32(c.CSTS().WithSHST(v)))
}

// Reset does at once what a reset of the function does to the registers and
// the controller's state. The transport has stopped and drained its queues.
func (c *Controller) Reset() {
	c.cc.Store(0)
	c.csts.Store(0)
	c.disabling = false
	c.resetState()
}

// Fatal puts the controller into the state of a fatal error, which only a
// reset ends (CSTS.CFS).
func (c *Controller) Fatal(format string, args ...any) {
	log.Errorf("controller %d: fatal: "+format, append([]any{c.id}, args...)...)
	c.csts.Store(uint32(c.CSTS().WithCFS(true)))
}
