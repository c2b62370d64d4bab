// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/nvme"
)

// Values of the Select field of Get Features (NVMe Base 2.0, figure 191).
const (
	selectCurrent   = 0
	selectDefault   = 1
	selectSaved     = 2
	selectSupported = 3
)

// Capabilities that Get Features reports with selectSupported.
const (
	featureNamespaceSpecific = 1 << 1
	featureChangeable        = 1 << 2
)

// maxVectors bounds the vectors whose configuration is kept.
const maxVectors = 2048

// features is the current value of each feature. Nothing is saveable: after
// a reset all are at their defaults.
type features struct {
	arbitration     uint32
	powerManagement uint32
	overTemperature uint32 // threshold of the composite temperature
	underTemp       uint32
	errorRecovery   map[uint32]uint32 // by namespace
	writeCache      uint32
	coalescing      uint32
	vectorCD        [maxVectors / 8]byte // coalescing disabled, by vector
	writeAtomicity  uint32
	asyncEvents     uint32
	keepAlive       uint32
	queuesSet       uint32
	hostBehavior    [512]byte
	hostID          [16]byte
	reservationMask map[uint32]uint32 // of notices, by namespace
	timestamp       uint64            // milliseconds at timestampAt
	timestampAt     time.Time
	timestampOrigin uint8
}

// ioFeatures are what I/O commands go by, on any thread. They change rarely, so
// reading them costs nothing.
type ioFeatures struct {
	writeThrough atomic.Bool // the volatile write cache is off
	retryDelays  atomic.Bool // the host heeds command retry delays
	hostID       atomic.Pointer[hostID]
}

// publish takes what has been set.
func (o *ioFeatures) publish(f *features) {
	o.writeThrough.Store(f.writeCache == 0)
	o.retryDelays.Store(f.hostBehavior[hostACRE] == 1)
	id := f.hostID
	o.hostID.Store(&id)
}

const (
	defaultTemperature = 343 // kelvin: WCTEMP
	defaultArbitration = 7   // burst without limit
)

func (c *Controller) defaultFeatures() features {
	return features{
		arbitration:     defaultArbitration,
		overTemperature: defaultTemperature,
		writeCache:      1,
		queuesSet:       c.grantedQueues(),
		asyncEvents:     c.defaultEvents(),
		timestampAt:     time.Now(),
	}
}

// grantedQueues is what Number of Queues answers: both counts, 0's based.
func (c *Controller) grantedQueues() uint32 {
	n := uint32(c.opts.IOQueues - 1)
	return n | n<<16
}

// featureDataSize is how much data Get and Set Features move for feature id.
func featureDataSize(id uint8, cdw11 uint32) uint32 {
	switch nvme.FeatureID(id) {
	case nvme.FeatureTimestamp, nvme.FeatureHostIdentifier:
		if nvme.FeatureID(id) == nvme.FeatureHostIdentifier && cdw11&1 != 0 {
			return 16 // the extended host identifier
		}
		return 8
	case nvme.FeatureHostBehaviorSupport:
		return 512
	}
	return 0
}

// featureCapabilities answers what of feature id is there: 0 and false if
// the controller does not have it.
func (c *Controller) featureCapabilities(id nvme.FeatureID) (uint32, bool) {
	if c.sub.discovery && id != nvme.FeatureKeepAliveTimer && id != nvme.FeatureAsyncEventConfiguration {
		return 0, false
	}
	switch id {
	case nvme.FeatureArbitration, nvme.FeaturePowerManagement, nvme.FeatureTemperatureThreshold,
		nvme.FeatureNumberOfQueues, nvme.FeatureWriteAtomicity, nvme.FeatureAsyncEventConfiguration,
		nvme.FeatureKeepAliveTimer, nvme.FeatureTimestamp, nvme.FeatureHostBehaviorSupport,
		nvme.FeatureHostIdentifier, nvme.FeatureIOCommandSetProfile:
		return featureChangeable, true
	case nvme.FeatureErrorRecovery, nvme.FeatureReservationNotificationMask, nvme.FeatureReservationPersistence:
		return featureChangeable | featureNamespaceSpecific, true
	case nvme.FeatureVolatileWriteCache:
		return featureChangeable, c.hasWriteCache()
	case nvme.FeatureInterruptCoalescing, nvme.FeatureInterruptVectorConfiguration:
		return featureChangeable, c.opts.Vectors > 0
	}
	return 0, false
}

// mayBe tells whether a namespace can have an identifier, or it stands for none
// or all.
func (c *Controller) mayBe(nsid uint32) bool {
	return nsid <= c.sub.opts.MaxNamespaces || nsid == allNamespaces
}

// getFeatures executes Get Features (NVMe Base 2.0, 5.15).
func (c *Controller) getFeatures(r *Request) nvme.Status {
	id := nvme.FeatureID(r.Cmd.CDW10)
	caps, ok := c.featureCapabilities(id)
	if !ok || r.Cmd.CDW14&uuidIndexMask != 0 {
		return nvme.StatusInvalidField.WithDNR()
	}
	if !c.mayBe(r.Cmd.NSID) {
		return nvme.StatusInvalidNamespace.WithDNR()
	}
	f := &c.feat
	switch r.Cmd.CDW10 >> 8 & 7 {
	case selectCurrent:
	case selectDefault, selectSaved: // what cannot be saved is at its default
		d := c.defaultFeatures()
		f = &d
	case selectSupported:
		r.CDW0 = caps
		return nvme.StatusSuccess
	default:
		return nvme.StatusInvalidField.WithDNR()
	}
	if r.Length > 0 {
		c.getFeatureData(f, id, r)
		return nvme.StatusSuccess
	}
	return c.getFeatureValue(f, id, r)
}

func (c *Controller) getFeatureData(f *features, id nvme.FeatureID, r *Request) {
	switch id {
	case nvme.FeatureTimestamp:
		ms := f.timestamp + uint64(time.Since(f.timestampAt).Milliseconds())
		r.reply(binary.LittleEndian.AppendUint64(nil, ms&(1<<48-1)|uint64(f.timestampOrigin)<<49))
	case nvme.FeatureHostBehaviorSupport:
		r.reply(f.hostBehavior[:])
	case nvme.FeatureHostIdentifier:
		r.reply(f.hostID[:])
	}
}

func (c *Controller) getFeatureValue(f *features, id nvme.FeatureID, r *Request) nvme.Status {
	cdw11 := r.Cmd.CDW11
	switch id {
	case nvme.FeatureArbitration:
		r.CDW0 = f.arbitration
	case nvme.FeaturePowerManagement:
		r.CDW0 = f.powerManagement
	case nvme.FeatureTemperatureThreshold:
		t := f.threshold(cdw11)
		if t == nil || cdw11>>16&0xf != 0 {
			return nvme.StatusInvalidField.WithDNR()
		}
		r.CDW0 = *t
	case nvme.FeatureErrorRecovery:
		if c.namespace(r.Cmd.NSID) == nil {
			return nvme.StatusInvalidNamespace.WithDNR()
		}
		r.CDW0 = f.errorRecovery[r.Cmd.NSID]
	case nvme.FeatureReservationNotificationMask, nvme.FeatureReservationPersistence:
		return c.getReservationFeature(f, id, r)
	case nvme.FeatureVolatileWriteCache:
		r.CDW0 = f.writeCache
	case nvme.FeatureNumberOfQueues:
		r.CDW0 = c.grantedQueues()
	case nvme.FeatureInterruptCoalescing:
		r.CDW0 = f.coalescing
	case nvme.FeatureInterruptVectorConfiguration:
		v := cdw11 & 0xffff
		if int(v) >= c.opts.Vectors {
			return nvme.StatusInvalidField.WithDNR()
		}
		r.CDW0 = v | uint32(f.vectorCD[v/8]>>(v%8)&1)<<16
	case nvme.FeatureWriteAtomicity:
		r.CDW0 = f.writeAtomicity
	case nvme.FeatureAsyncEventConfiguration:
		r.CDW0 = f.asyncEvents
	case nvme.FeatureKeepAliveTimer:
		r.CDW0 = f.keepAlive
	}
	return nvme.StatusSuccess
}

// threshold returns the temperature threshold that THSEL selects, nil if it
// is reserved. There is the composite temperature and no other sensor.
func (f *features) threshold(cdw11 uint32) *uint32 {
	switch cdw11 >> 20 & 3 {
	case 0:
		return &f.overTemperature
	case 1:
		return &f.underTemp
	}
	return nil
}
