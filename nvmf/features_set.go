// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread"
)

const (
	featureSave    = 1 << 31 // SV in Set Features
	uuidIndexMask  = 0x7f
	allNamespaces  = 0xffffffff
	keepAliveUnits = 10000 // milliseconds: KAS
)

// setFeatures executes Set Features (NVMe Base 2.0, 5.27).
func (c *Controller) setFeatures(r *Request) nvme.Status {
	cmd := &r.Cmd
	id := nvme.FeatureID(cmd.CDW10)
	caps, ok := c.featureCapabilities(id)
	if !ok || cmd.CDW14&uuidIndexMask != 0 {
		return nvme.StatusInvalidField.WithDNR()
	}
	if !c.mayBe(cmd.NSID) {
		return nvme.StatusInvalidNamespace.WithDNR()
	}
	if cmd.CDW10&featureSave != 0 {
		return nvme.StatusFeatureNotSaveable.WithDNR()
	}
	if caps&featureNamespaceSpecific == 0 && cmd.NSID != 0 && cmd.NSID != allNamespaces {
		return nvme.StatusFeatureNotNamespaceSpecific.WithDNR()
	}
	if id == nvme.FeatureKeepAliveTimer && cmd.CDW11 == 0 && c.opts.Fabrics != nil {
		return nvme.StatusKeepAliveInvalid.WithDNR()
	}
	defer c.io.publish(&c.feat)
	if r.Length > 0 {
		return c.setFeatureData(id, r)
	}
	if s, done := c.setQueueFeature(id, r); done {
		return s
	}
	return c.setFeatureValue(id, r)
}

func (c *Controller) setFeatureData(id nvme.FeatureID, r *Request) nvme.Status {
	f := &c.feat
	switch id {
	case nvme.FeatureTimestamp:
		var b [8]byte
		r.gather(b[:])
		f.timestamp = binary.LittleEndian.Uint64(b[:]) & (1<<48 - 1)
		f.timestampAt, f.timestampOrigin = time.Now(), 1
	case nvme.FeatureHostBehaviorSupport:
		var b [512]byte
		r.gather(b[:])
		if b[hostACRE] > 1 || b[hostLBAFEE] > 1 {
			return nvme.StatusInvalidField.WithDNR()
		}
		f.hostBehavior = b
	case nvme.FeatureHostIdentifier:
		f.hostID = [16]byte{}
		r.gather(f.hostID[:])
	}
	return nvme.StatusSuccess
}

func (c *Controller) setFeatureValue(id nvme.FeatureID, r *Request) nvme.Status {
	f, v := &c.feat, r.Cmd.CDW11
	bad := nvme.StatusInvalidField.WithDNR()
	switch id {
	case nvme.FeatureArbitration:
		f.arbitration = v
	case nvme.FeaturePowerManagement:
		if v&0x1f != 0 { // there is one power state
			return bad
		}
		f.powerManagement = v & 0xff
	case nvme.FeatureTemperatureThreshold:
		t := f.threshold(v)
		if sensor := v >> 16 & 0xf; t == nil || sensor != 0 && sensor != 0xf {
			return bad
		}
		*t = v & 0xffff
		c.checkTemperature()
	case nvme.FeatureErrorRecovery:
		return c.setErrorRecovery(r.Cmd.NSID, v)
	case nvme.FeatureReservationNotificationMask, nvme.FeatureReservationPersistence:
		return c.setReservationFeature(id, r.Cmd.NSID, v)
	case nvme.FeatureVolatileWriteCache:
		f.writeCache = v & 1
	case nvme.FeatureWriteAtomicity:
		f.writeAtomicity = v & 1
	case nvme.FeatureAsyncEventConfiguration:
		f.asyncEvents = v & c.knownEvents()
		c.checkTemperature()
	case nvme.FeatureKeepAliveTimer:
		c.setKeepAlive(v)
	case nvme.FeatureIOCommandSetProfile:
		if v&0x1ff != 0 { // there is one combination
			return nvme.StatusIOCSCombinationRejected.WithDNR()
		}
	}
	return nvme.StatusSuccess
}

// setQueueFeature sets those features that have to do with queues.
func (c *Controller) setQueueFeature(id nvme.FeatureID, r *Request) (nvme.Status, bool) {
	f, v := &c.feat, r.Cmd.CDW11
	switch id {
	case nvme.FeatureNumberOfQueues:
		if v&0xffff == 0xffff || v>>16 == 0xffff {
			return nvme.StatusInvalidField.WithDNR(), true
		}
		if c.tr.HasIOQueues() {
			return nvme.StatusCommandSequenceError.WithDNR(), true
		}
		r.CDW0 = c.grantedQueues()
	case nvme.FeatureInterruptCoalescing:
		f.coalescing = v & 0xffff
	case nvme.FeatureInterruptVectorConfiguration:
		i := v & 0xffff
		if int(i) >= c.opts.Vectors {
			return nvme.StatusInvalidField.WithDNR(), true
		}
		f.vectorCD[i/8] = f.vectorCD[i/8]&^(1<<(i%8)) | byte(v>>16&1)<<(i%8)
	default:
		return 0, false
	}
	return nvme.StatusSuccess, true
}

func (c *Controller) setErrorRecovery(nsid, v uint32) nvme.Status {
	if v&(1<<16) != 0 { // DULBE: reading deallocated blocks is no error here
		return nvme.StatusInvalidField.WithDNR()
	}
	if nsid != allNamespaces && c.namespace(nsid) == nil {
		return nvme.StatusInvalidNamespace.WithDNR()
	}
	if c.feat.errorRecovery == nil {
		c.feat.errorRecovery = make(map[uint32]uint32)
	}
	for _, ns := range c.home.ns {
		if ns != nil && (nsid == allNamespaces || nsid == ns.nsid) {
			c.feat.errorRecovery[ns.nsid] = v & 0xffff
		}
	}
	return nvme.StatusSuccess
}

// setKeepAlive starts, changes or (0) stops the keep alive timer. The time
// is in milliseconds and rounded up to the unit that Identify tells.
func (c *Controller) setKeepAlive(ms uint32) {
	c.stopKeepAlive()
	if ms == 0 {
		c.feat.keepAlive = 0
		return
	}
	ms = c.opts.keepAliveTime(ms)
	c.feat.keepAlive = ms
	c.home.heard.Store(true)
	c.alive = c.thread.NewPoller(thread.PollerConfig{
		Name:   "nvmf keep alive",
		Period: time.Duration(ms) * time.Millisecond,
		Poll:   c.keepAlive,
	})
}

func (c *Controller) stopKeepAlive() {
	if c.alive != nil {
		c.alive.Stop()
		c.alive = nil
	}
}

// keepAlive runs once in each period. Any command counts as a sign of life
// (traffic based keep alive).
func (c *Controller) keepAlive() int {
	heard := false
	for _, l := range c.all() {
		heard = l.heard.Swap(false) || heard
	}
	if !heard {
		c.stopKeepAlive()
		c.Fatal("keep alive: no command within %d ms", c.feat.keepAlive)
		c.tr.Disable(func() {})
		return 1
	}
	return 0
}
