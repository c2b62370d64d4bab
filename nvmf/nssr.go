// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// WriteNSSR is a host's write of the register that resets the subsystem (NVMe
// Base 2.0, 3.7.1): its block devices, and all of its controllers.
func (c *Controller) WriteNSSR(v uint32) {
	if !c.cap.NSSRS() || v != nvme.NSSRReset {
		return
	}
	s := c.sub
	log.Noticef("controller %d: reset of subsystem %s", c.id, s.nqn)
	c.resetDevices()
	s.background.Go(s.resetControllers)
}

// WriteCSTS is a host's write of the controller status: that a reset of the
// subsystem occurred can be cleared.
func (c *Controller) WriteCSTS(v nvme.CSTS) {
	if v.NSSRO() {
		c.csts.Store(uint32(c.CSTS().WithNSSRO(false)))
	}
}

// resetControllers is called on a goroutine.
func (s *Subsystem) resetControllers() {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	for _, c := range s.controllers {
		c.thread.Send(c.subsystemReset)
	}
}

// subsystemReset disables the controller, and has CSTS tell why.
func (c *Controller) subsystemReset() {
	if cc := c.CC(); cc.EN() || c.disabling {
		c.resetOccurred = true
		c.WriteCC(cc.WithEN(false))
		return
	}
	c.csts.Store(uint32(c.CSTS().WithNSSRO(true)))
}

// deviceReset is the reset of a namespace's block device.
type deviceReset struct {
	io bdev.IO
	l  *Lane
	ns *nsChannel
}

// resetDevices resets the block devices of the namespaces. Until that is done
// nothing drains.
func (c *Controller) resetDevices() {
	for _, ns := range c.home.ns {
		if ns == nil || !ns.get() {
			continue
		}
		d := &deviceReset{l: c.home, ns: ns}
		d.io.Op, d.io.Done = bdev.OpReset, d
		d.l.outstanding++
		ns.ch.Submit(&d.io)
	}
}

// Complete implements bdev.Completer.
func (d *deviceReset) Complete(io *bdev.IO) {
	if io.Status != bdev.StatusSuccess {
		log.Errorf("subsystem %s: reset of %s: %v", d.l.c.sub.nqn, d.ns.ns.name, io.Status)
	}
	d.ns.put()
	d.l.outstanding--
	d.l.drained()
}
