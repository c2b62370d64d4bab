// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gospdk/gospdk/nvme"
)

// Reservations (NVMe Base 2.0, 8.19): hosts that have registered a key with a
// namespace, and what one of them, or all, have reserved. Hosts are told apart
// by their identifiers, by whichever controllers they come.

// hostID is a host identifier.
type hostID = [16]byte

// registrant is a host with its key.
type registrant struct {
	host hostID
	key  uint64
}

// reservations is the state of a namespace.
type reservations struct {
	mu          sync.Mutex
	generation  uint32
	rtype       nvme.ReservationType // none: nothing is reserved
	holder      hostID               // unless all registrants hold it
	registrants []registrant         // in the order in which they came
	persistent  bool                 // state is kept in the file
	file        string               // empty: nothing can be kept
	saving      sync.Mutex           // held while the file is written

	// rules are what I/O commands go by, nil while nothing is reserved.
	rules atomic.Pointer[reservationRules]
}

// notice tells a host what others have done to it.
type notice struct {
	host hostID
	kind uint8 // nvme.ReservationNotification values
}

// reservationRules is a reservation as I/O commands see it. It does not
// change.
type reservationRules struct {
	rtype       nvme.ReservationType
	holder      hostID
	registrants []hostID
}

// access is what an I/O command does to the blocks.
type accessKind uint8

const (
	accessNone accessKind = iota
	accessRead
	accessWrite
)

// accessOf sorts the I/O commands (NVMe Base 2.0, figure 443).
func accessOf(op nvme.Opcode) accessKind {
	switch op {
	case nvme.CmdRead, nvme.CmdCompare, nvme.CmdVerify, nvme.CmdZoneManagementReceive:
		return accessRead
	case nvme.CmdReservationRegister, nvme.CmdReservationAcquire, nvme.CmdReservationRelease, nvme.CmdReservationReport:
		return accessNone
	}
	return accessWrite
}

// allow tells whether a host may do that.
func (r *reservationRules) allow(host hostID, a accessKind) bool {
	if a == accessNone {
		return true
	}
	switch r.rtype {
	case nvme.ReservationWriteExclusive:
		return a == accessRead || host == r.holder
	case nvme.ReservationExclusiveAccess:
		return host == r.holder
	case nvme.ReservationWriteExclusiveRegistrants, nvme.ReservationWriteExclusiveAll:
		return a == accessRead || slices.Contains(r.registrants, host)
	}
	return slices.Contains(r.registrants, host)
}

// publish makes rules of the state. v.mu is held.
func (v *reservations) publish() {
	if v.rtype == nvme.ReservationNone {
		v.rules.Store(nil)
		return
	}
	r := &reservationRules{rtype: v.rtype, holder: v.holder}
	for _, g := range v.registrants {
		r.registrants = append(r.registrants, g.host)
	}
	v.rules.Store(r)
}

// allRegistrants tells whether every registrant holds the reservation.
func (v *reservations) allRegistrants() bool {
	return v.rtype == nvme.ReservationWriteExclusiveAll || v.rtype == nvme.ReservationExclusiveAccessAll
}

// holds tells whether a registrant holds the reservation.
func (v *reservations) holds(host hostID) bool {
	return v.rtype != nvme.ReservationNone && (v.allRegistrants() || v.holder == host)
}

func (v *reservations) find(host hostID) *registrant {
	for i := range v.registrants {
		if v.registrants[i].host == host {
			return &v.registrants[i]
		}
	}
	return nil
}

// others are notices of a kind to all registrants but one.
func (v *reservations) others(host hostID, kind uint8) (all []notice) {
	for _, g := range v.registrants {
		if g.host != host {
			all = append(all, notice{g.host, kind})
		}
	}
	return all
}

// release ends the reservation. Registrants are told if it was one that gave
// them something.
func (v *reservations) release(by hostID) (all []notice) {
	if v.rtype != nvme.ReservationWriteExclusive && v.rtype != nvme.ReservationExclusiveAccess {
		all = v.others(by, nvme.ReservationNotificationReleased)
	}
	v.rtype, v.holder = nvme.ReservationNone, hostID{}
	return all
}

// remove unregisters a host, and ends what it alone has reserved.
func (v *reservations) remove(host hostID) (all []notice) {
	held := v.holds(host)
	v.registrants = slices.DeleteFunc(v.registrants, func(g registrant) bool { return g.host == host })
	if held && (!v.allRegistrants() || len(v.registrants) == 0) {
		all = v.release(host)
	}
	return all
}

// register carries out Reservation Register (8.19.3, 7.3).
func (v *reservations) register(host hostID, x nvme.ReservationRegister, current, key uint64) (all []notice, s nvme.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x.Persist == 1 || x.Persist == nvme.ReservationPersistSet && v.file == "" {
		return nil, nvme.StatusInvalidField
	}
	g := v.find(host)
	mismatch := g == nil || !x.IgnoreKey && g.key != current
	switch x.Action {
	case nvme.ReservationRegisterKey:
		switch {
		case key == 0:
			return nil, nvme.StatusInvalidField
		case g == nil:
			v.registrants = append(v.registrants, registrant{host, key})
		case g.key != key:
			return nil, nvme.StatusReservationConflict
		}
	case nvme.ReservationUnregisterKey:
		if mismatch {
			return nil, nvme.StatusReservationConflict
		}
		all = v.remove(host)
	case nvme.ReservationReplaceKey:
		if key == 0 {
			return nil, nvme.StatusInvalidField
		}
		if mismatch {
			return nil, nvme.StatusReservationConflict
		}
		g.key = key
	default:
		return nil, nvme.StatusInvalidField
	}
	switch x.Persist {
	case nvme.ReservationPersistClear:
		v.persistent = false
	case nvme.ReservationPersistSet:
		v.persistent = true
	}
	v.generation++
	v.publish()
	return all, nvme.StatusSuccess
}

// acquire carries out Reservation Acquire (8.19.5, 7.2). preempted are hosts
// that were unregistered.
func (v *reservations) acquire(host hostID, x nvme.ReservationAcquire, current, key uint64) (all []notice, preempted []hostID, s nvme.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.find(host)
	switch {
	case x.IgnoreKey, x.Type < nvme.ReservationWriteExclusive || x.Type > nvme.ReservationExclusiveAccessAll:
		return nil, nil, nvme.StatusInvalidField
	case g == nil || g.key != current:
		return nil, nil, nvme.StatusReservationConflict
	}
	switch x.Action {
	case nvme.ReservationActionAcquire:
		if v.rtype != nvme.ReservationNone {
			if v.holds(host) && v.rtype == x.Type {
				return nil, nil, nvme.StatusSuccess
			}
			return nil, nil, nvme.StatusReservationConflict
		}
		v.take(host, x.Type)
	case nvme.ReservationActionPreempt, nvme.ReservationActionPreemptAndAbort:
		if all, preempted, s = v.preempt(host, x.Type, key); s != nvme.StatusSuccess {
			return nil, nil, s
		}
		v.generation++
	default:
		return nil, nil, nvme.StatusInvalidField
	}
	v.publish()
	return all, preempted, nvme.StatusSuccess
}

func (v *reservations) take(host hostID, t nvme.ReservationType) {
	v.rtype, v.holder = t, host
	if v.allRegistrants() {
		v.holder = hostID{}
	}
}

// preempt unregisters the hosts with a key, and takes the reservation if it
// was theirs. v.mu is held.
func (v *reservations) preempt(host hostID, t nvme.ReservationType, key uint64) (all []notice, gone []hostID, s nvme.Status) {
	holderKey, reserved := uint64(0), v.rtype != nvme.ReservationNone
	if g := v.find(v.holder); g != nil {
		holderKey = g.key
	}
	takes := reserved && (v.allRegistrants() && key == 0 || !v.allRegistrants() && holderKey == key)
	if key == 0 && !takes {
		return nil, nil, nvme.StatusInvalidField
	}
	was := v.rtype
	for _, g := range slices.Clone(v.registrants) {
		if g.host != host && (g.key == key || takes && key == 0) {
			gone = append(gone, g.host)
		}
	}
	if len(gone) == 0 && !takes {
		return nil, nil, nvme.StatusReservationConflict
	}
	kind := nvme.ReservationNotificationRegistrationPreempted
	if takes {
		kind = nvme.ReservationNotificationPreempted
		v.rtype, v.holder = nvme.ReservationNone, hostID{}
	}
	for _, h := range gone {
		v.registrants = slices.DeleteFunc(v.registrants, func(g registrant) bool { return g.host == h })
		all = append(all, notice{h, kind})
	}
	if takes {
		v.take(host, t)
		if was != t { // who is left has other rights now
			all = append(all, v.others(host, nvme.ReservationNotificationReleased)...)
		}
	}
	return all, gone, nvme.StatusSuccess
}

// free carries out Reservation Release (8.19.6, 7.4).
func (v *reservations) free(host hostID, x nvme.ReservationRelease, current uint64) (all []notice, s nvme.Status) {
	v.mu.Lock()
	defer v.mu.Unlock()
	g := v.find(host)
	if x.IgnoreKey {
		return nil, nvme.StatusInvalidField
	}
	if g == nil || g.key != current {
		return nil, nvme.StatusReservationConflict
	}
	switch x.Action {
	case nvme.ReservationActionRelease:
		switch {
		case v.rtype == nvme.ReservationNone, !v.holds(host):
			return nil, nvme.StatusSuccess
		case v.rtype != x.Type:
			return nil, nvme.StatusInvalidField
		}
		all = v.release(host)
	case nvme.ReservationActionClear:
		all = v.others(host, nvme.ReservationNotificationPreempted)
		v.registrants, v.rtype, v.holder = nil, nvme.ReservationNone, hostID{}
		v.generation++
	default:
		return nil, nvme.StatusInvalidField
	}
	v.publish()
	return all, nvme.StatusSuccess
}

// report writes the extended reservation status (7.5).
func (v *reservations) report() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	var head nvme.ReservationStatusExtended
	head.GEN, head.RTYPE = v.generation, v.rtype
	head.SetRegistrants(len(v.registrants))
	if v.persistent {
		head.PTPLS = 1
	}
	p := slices.Clone(nvme.Bytes(&head))
	for _, g := range v.registrants {
		e := nvme.ReservationRegistrantExtended{CNTLID: nvme.ControllerIDDynamic, RKEY: g.key, HOSTID: g.host}
		if v.holds(g.host) {
			e.RCSTS = 1
		}
		p = append(p, nvme.Bytes(&e)...)
	}
	return p
}
