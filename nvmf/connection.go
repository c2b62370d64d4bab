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
	ID   uint16           // 0 is the admin queue
	Peer nvme.TransportID // from where the host has connected it; empty if there is no such address
}

// AddQueue tells that the host has made a queue. It is called on the
// controller's thread, for what operators are shown.
func (c *Controller) AddQueue(q QueueInfo) {
	c.queues = append(c.queues, q)
	c.group.add(q.ID)
}

// RemoveQueue undoes AddQueue. Queues that are left are removed by Close.
func (c *Controller) RemoveQueue(qid uint16) {
	if i := slices.IndexFunc(c.queues, func(q QueueInfo) bool { return q.ID == qid }); i >= 0 {
		c.queues = slices.Delete(c.queues, i, i+1)
		c.group.remove(qid)
	}
}

func (c *Controller) forgetQueues() {
	for len(c.queues) > 0 {
		c.RemoveQueue(c.queues[len(c.queues)-1].ID)
	}
}

// ControllerInfo describes a controller.
type ControllerInfo struct {
	ID         uint16
	Connection Connection
	Thread     string      // name of its thread
	Queues     []QueueInfo // in the order of their identifiers
}

// Controllers describes the controllers in the order of their identifiers.
func (s *Subsystem) Controllers(ctx context.Context) ([]ControllerInfo, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	var all []ControllerInfo
	for _, id := range s.controllerIDs() {
		c := s.controllers[id]
		info := ControllerInfo{ID: id, Connection: c.opts.Connection, Thread: c.thread.Name()}
		err := onThread(ctx, c.thread, func() {
			info.Queues = slices.SortedFunc(slices.Values(c.queues), func(a, b QueueInfo) int { return int(a.ID) - int(b.ID) })
			if info.Connection.HostID == uuid.Nil {
				info.Connection.HostID = c.feat.hostID
			}
		})
		if err != nil {
			return nil, fmt.Errorf("nvmf: subsystem %s: controller %d: %w", s.nqn, id, err)
		}
		all = append(all, info)
	}
	return all, nil
}
