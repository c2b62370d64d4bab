// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
)

// Features about reservations (NVMe Base 2.0, 5.27.1.26 and .27).

// noticeKinds are the bits of the notification mask.
const noticeKinds = 1<<nvme.ReservationNotificationRegistrationPreempted |
	1<<nvme.ReservationNotificationReleased | 1<<nvme.ReservationNotificationPreempted

// persistThroughPowerLoss is bit PTPL of the persistence feature.
const persistThroughPowerLoss = 1

func (c *Controller) getReservationFeature(f *features, id nvme.FeatureID, r *Request) nvme.Status {
	n := c.namespace(r.Cmd.NSID)
	if n == nil {
		return nvme.StatusInvalidNamespace.WithDNR()
	}
	if id == nvme.FeatureReservationNotificationMask {
		r.CDW0 = f.reservationMask[n.nsid]
		return nvme.StatusSuccess
	}
	v := &n.ns.reservations
	v.mu.Lock()
	defer v.mu.Unlock()
	if r.CDW0 = 0; v.persistent {
		r.CDW0 = persistThroughPowerLoss
	}
	return nvme.StatusSuccess
}

func (c *Controller) setReservationFeature(id nvme.FeatureID, nsid, value uint32) nvme.Status {
	if nsid != allNamespaces && c.namespace(nsid) == nil {
		return nvme.StatusInvalidNamespace.WithDNR()
	}
	if c.feat.reservationMask == nil {
		c.feat.reservationMask = make(map[uint32]uint32)
	}
	for _, n := range c.home.ns {
		if n == nil || nsid != allNamespaces && nsid != n.nsid {
			continue
		}
		if id == nvme.FeatureReservationNotificationMask {
			c.feat.reservationMask[n.nsid] = value & noticeKinds
		} else if s := n.ns.persist(value&persistThroughPowerLoss != 0); s != nvme.StatusSuccess {
			return s
		}
	}
	return nvme.StatusSuccess
}

// persist has reservations kept through a power loss, or no more.
func (ns *Namespace) persist(on bool) nvme.Status {
	v := &ns.reservations
	if on && v.file == "" {
		return nvme.StatusFeatureNotChangeable.WithDNR()
	}
	v.mu.Lock()
	v.persistent = on
	v.mu.Unlock()
	go func() {
		if err := v.save(ns.uuid); err != nil {
			log.Errorf("nvmf: subsystem %s: namespace %d: %v", ns.sub.nqn, ns.nsid, err)
		}
	}()
	return nvme.StatusSuccess
}
