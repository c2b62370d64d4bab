// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
)

// Bits of CDW11 of the commands that create queues (NVMe Base 2.0, 5.4, 5.5).
const (
	queueContiguous = 1 << 0
	queueInterrupts = 1 << 1
)

// AdminCommand implements nvmf.Transport: the commands that only a PCI
// controller has.
func (c *controller) AdminCommand(r *nvmf.Request) bool {
	switch r.Cmd.Opcode {
	case nvme.AdminCreateIOCQ:
		end(r, c.createCQ(&r.Cmd))
	case nvme.AdminCreateIOSQ:
		end(r, c.createSQ(&r.Cmd))
	case nvme.AdminDeleteIOCQ:
		end(r, c.deleteCQ(uint16(r.Cmd.CDW10)))
	case nvme.AdminDeleteIOSQ:
		c.deleteSQ(r, uint16(r.Cmd.CDW10))
	case nvme.AdminDoorbellBufferConfig:
		if c.ep.l.opts.NoShadowDoorbells {
			return false
		}
		end(r, c.configureShadow(r.Cmd.PRP1, r.Cmd.PRP2))
	default:
		return false
	}
	return true
}

// end ends r; errors are not worth a retry.
func end(r *nvmf.Request, s nvme.Status) {
	if s != nvme.StatusSuccess {
		s = s.WithDNR()
	}
	r.Finish(s)
}

// checkQueue checks what both kinds of queues have in common; exists tells
// whether there is one with that identifier.
func (c *controller) checkQueue(cmd *nvme.Command, id uint16, exists bool) nvme.Status {
	size := cmd.CDW10>>16 + 1
	switch {
	case exists:
		return nvme.StatusInvalidQueueID
	case size < 2 || size > uint32(c.ep.l.opts.QueueEntries):
		return nvme.StatusInvalidQueueSize
	case cmd.CDW11&queueContiguous == 0: // CAP.CQR
		return nvme.StatusInvalidField
	case cmd.PRP1%pageSize != 0:
		return nvme.StatusInvalidPRPOffset
	}
	return nvme.StatusSuccess
}

func (c *controller) validID(id uint16) bool { return id > 0 && int(id) < len(c.sqs) }

func (c *controller) createCQ(cmd *nvme.Command) nvme.Status {
	id, vector := uint16(cmd.CDW10), uint16(cmd.CDW11>>16)
	if !c.validID(id) {
		return nvme.StatusInvalidQueueID
	}
	if s := c.checkQueue(cmd, id, c.cqs[id] != nil); s != nvme.StatusSuccess {
		return s
	}
	ien := cmd.CDW11&queueInterrupts != 0
	if ien && int(vector) >= c.vectors {
		return nvme.StatusInvalidInterruptVector
	}
	if c.core.CC().IOCQES() != 4 {
		flag.Debugf("%s: CC.IOCQES is %d, want 4", c.ep.l.dir, c.core.CC().IOCQES())
		return nvme.StatusInvalidQueueSize
	}
	q, err := c.newCQ(id, cmd.PRP1, int(cmd.CDW10>>16)+1)
	if err != nil {
		flag.Debugf("%s: %v", c.ep.l.dir, err)
		return nvme.StatusInvalidField
	}
	q.ien, q.vector = ien, vector
	c.cqs[id] = q
	return nvme.StatusSuccess
}

func (c *controller) createSQ(cmd *nvme.Command) nvme.Status {
	id, cqid := uint16(cmd.CDW10), uint16(cmd.CDW11>>16)
	if !c.validID(id) {
		return nvme.StatusInvalidQueueID
	}
	if s := c.checkQueue(cmd, id, c.sqs[id] != nil); s != nvme.StatusSuccess {
		return s
	}
	if !c.validID(cqid) {
		return nvme.StatusInvalidQueueID
	}
	to := c.cqs[cqid]
	if to == nil {
		return nvme.StatusInvalidCompletionQueue
	}
	if c.core.CC().IOSQES() != 6 {
		flag.Debugf("%s: CC.IOSQES is %d, want 6", c.ep.l.dir, c.core.CC().IOSQES())
		return nvme.StatusInvalidQueueSize
	}
	q, err := c.newSQ(id, cmd.PRP1, int(cmd.CDW10>>16)+1, to)
	if err != nil {
		flag.Debugf("%s: %v", c.ep.l.dir, err)
		return nvme.StatusInvalidField
	}
	c.addSQ(q)
	return nvme.StatusSuccess
}

func (c *controller) deleteCQ(id uint16) nvme.Status {
	if !c.validID(id) || c.cqs[id] == nil {
		return nvme.StatusInvalidQueueID
	}
	q := c.cqs[id]
	if q.users > 0 {
		return nvme.StatusInvalidQueueDeletion
	}
	c.cqs[id] = nil
	q.release()
	return nvme.StatusSuccess
}

// deleteSQ stops fetching from a queue. The command ends when those in
// execution have: they have all been completed then, none is aborted.
func (c *controller) deleteSQ(r *nvmf.Request, id uint16) {
	if !c.validID(id) || c.sqs[id] == nil || c.sqs[id].deleting != nil {
		end(r, nvme.StatusInvalidQueueID)
		return
	}
	q := c.sqs[id]
	q.mem = nil
	q.deleting = r
	c.core.AbortFused(&q.Queue)
	c.checkDeleted(q)
}

// checkDeleted ends the deletion of q if nothing of it is in execution.
func (c *controller) checkDeleted(q *sq) {
	if len(q.free) < len(q.slots) {
		return
	}
	r := q.deleting
	q.deleting = nil
	c.removeSQ(q)
	end(r, nvme.StatusSuccess)
}
