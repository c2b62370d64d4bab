// SPDX-License-Identifier: BSD-3-Clause

package nvmectrlr

import (
	"unsafe"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
)

// Echo completes the commands of one queue pair with success and does nothing
// else, as fast as it can: what remains is the cost of the driver. The
// controller must be Manual.
type Echo struct {
	sq       []nvme.Command
	cq       []nvme.Completion
	doorbell *uint32
	head     uint32
	tail     uint32
	phase    uint16
}

// Echo takes the queue pair away from the model. It must be idle.
func (c *Controller) Echo(qid uint16) *Echo {
	s := c.sqs[qid]
	q := c.cqs[s.cqid]
	delete(c.sqs, qid)
	off := nvme.DoorbellOffset(qid, false, c.cap.DoorbellStride()) - nvme.RegDoorbells
	e := &Echo{head: s.head, tail: q.tail, phase: q.phase, doorbell: mmio.At32(c.regs, uint64(off))}
	if c.dbs != 0 {
		e.doorbell = mmio.At32(memory(c.dbs, 4096), uint64(off))
	}
	e.sq = unsafe.Slice(command(s.addr, 0), s.size)
	e.cq = unsafe.Slice((*nvme.Completion)(unsafe.Pointer(&memory(q.addr, int(q.size)*16)[0])), q.size)
	return e
}

// Step completes all that was submitted.
func (e *Echo) Step() {
	for tail := mmio.Acquire32(e.doorbell); e.head != tail; {
		c := nvme.Completion{CID: e.sq[e.head].CID, StatusPhase: e.phase}
		e.cq[e.tail] = c
		if e.head++; e.head == uint32(len(e.sq)) {
			e.head = 0
		}
		if e.tail++; e.tail == uint32(len(e.cq)) {
			e.tail = 0
			e.phase ^= 1
		}
	}
}
