// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/nvme"
)

// Connection tells who uses a controller, and from where.
type Connection struct {
	// HostNQN and HostID name the host. They are empty if the transport
	// has no names for hosts, as vfio-user has not.
	HostNQN string
	HostID  uuid.UUID
	// Listen is the address that the host has come to.
	Listen nvme.TransportID
}

// Tuning is what is set for all controllers of a transport. The zero value
// is good.
type Tuning struct {
	// KAS is the granularity of the keep alive timer in units of 100 ms,
	// 100 if 0.
	KAS uint16
	// MinKATO is the shortest keep alive timeout in milliseconds.
	MinKATO uint32
	// MaskedONCS and MaskedFUSES are bits that Identify Controller does not
	// show in the fields of those names. Commands that it does not show
	// are refused.
	MaskedONCS, MaskedFUSES uint16
	// NoCommandPassthrough keeps I/O commands that the target does not know,
	// and Identify Namespace, from NVMe devices below.
	NoCommandPassthrough bool
}

func (t *Tuning) keepAliveUnits() uint64 {
	if t.KAS == 0 {
		return keepAliveUnits
	}
	return uint64(t.KAS) * 100
}

// keepAliveTime is the timeout that a host gets who asks for ms milliseconds.
func (t *Tuning) keepAliveTime(ms uint32) uint32 {
	unit := t.keepAliveUnits()
	units := (uint64(max(ms, t.MinKATO)) + unit - 1) / unit
	return uint32(min(units*unit, 1<<32-1))
}

// oncsOf is the bit of ONCS that stands for an I/O command, 0 for none.
func oncsOf(op nvme.Opcode) uint16 {
	switch op {
	case nvme.CmdCompare:
		return nvme.ONCSCompare
	case nvme.CmdDatasetManagement:
		return nvme.ONCSDatasetManagement
	case nvme.CmdWriteZeroes:
		return nvme.ONCSWriteZeroes
	case nvme.CmdVerify:
		return nvme.ONCSVerify
	case nvme.CmdCopy:
		return nvme.ONCSCopy
	case nvme.CmdReservationRegister, nvme.CmdReservationAcquire, nvme.CmdReservationRelease, nvme.CmdReservationReport:
		return nvme.ONCSReservations
	}
	return 0
}

// masks tells whether the transport was told to leave a command out.
func (t *Tuning) masks(op nvme.Opcode) bool { return t.MaskedONCS&oncsOf(op) != 0 }

// Disconnecter is a Transport whose host can be sent away. Disconnect is
// called on the controller's thread; the transport then closes the
// controller as it does when the host goes by itself.
type Disconnecter interface{ Disconnect() }

// QueueInfo describes a queue pair.
type QueueInfo struct {
	ID     uint16           // 0 is the admin queue
	Peer   nvme.TransportID // from where the host has connected it; empty if there is no such address
	Thread string           // name of the thread that it runs on, set by AddQueue
	// Auth tells how far authentication has got, Authenticating whether it
	// has to succeed before the queue is of use. Auth is nil if nobody has
	// asked for it.
	Auth           *AuthInfo
	Authenticating bool

	auth *authentication // of the lane's thread
}

// AddQueue tells that the host has made a queue that runs on the lane, for what
// operators are shown.
func (l *Lane) AddQueue(q QueueInfo) {
	q.Thread = l.thread.Name()
	l.queues = append(l.queues, q)
	l.group.add(q.ID)
}

// RemoveQueue undoes AddQueue. Queues that are left are removed when the
// controller is closed.
func (l *Lane) RemoveQueue(qid uint16) {
	if i := slices.IndexFunc(l.queues, func(q QueueInfo) bool { return q.ID == qid }); i >= 0 {
		if a := l.queues[i].auth; a != nil && a.ctrlr != nil && !a.busy {
			a.ctrlr.Close()
		}
		l.queues = slices.Delete(l.queues, i, i+1)
		l.group.remove(qid)
	}
}

// queueInfos returns copies that any thread may have.
func (l *Lane) queueInfos() []QueueInfo {
	all := slices.Clone(l.queues)
	for i := range all {
		if a := all[i].auth; a != nil {
			all[i].Auth, all[i].Authenticating = new(a.info), !a.passed
		}
		all[i].auth = nil
	}
	return all
}

func (l *Lane) forgetQueues() {
	for len(l.queues) > 0 {
		l.RemoveQueue(l.queues[len(l.queues)-1].ID)
	}
}

// ControllerInfo describes a controller.
type ControllerInfo struct {
	ID         uint16
	Connection Connection
	Queues     []QueueInfo // in the order of their identifiers
}

// Controllers describes the controllers in the order of their identifiers.
func (s *Subsystem) Controllers(ctx context.Context) ([]ControllerInfo, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	var all []ControllerInfo
	for _, id := range s.controllerIDs() {
		c := s.controllers[id]
		info := ControllerInfo{ID: id, Connection: c.opts.Connection}
		err := onThread(ctx, c.thread, func() {
			if info.Connection.HostID == uuid.Nil {
				info.Connection.HostID = c.feat.hostID
			}
		})
		if err != nil {
			return nil, fmt.Errorf("nvmf: subsystem %s: controller %d: %w", s.nqn, id, err)
		}
		for _, l := range c.all() {
			if err := onThread(ctx, l.thread, func() { info.Queues = append(info.Queues, l.queueInfos()...) }); err != nil {
				return nil, fmt.Errorf("nvmf: subsystem %s: controller %d: %w", s.nqn, id, err)
			}
		}
		slices.SortFunc(info.Queues, func(a, b QueueInfo) int { return int(a.ID) - int(b.ID) })
		all = append(all, info)
	}
	return all, nil
}
