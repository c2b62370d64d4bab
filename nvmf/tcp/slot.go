// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread/iobuf"
	"github.com/gospdk/gospdk/trace"
)

type slotState uint8

const (
	slotFree      slotState = iota
	slotWaiting             // for buffers
	slotReceiving           // data of the host
	slotExecuting           // in the controller
	slotSending             // the answer
)

// slot is a place for one command. Slots are made when a queue first gets as
// deep, and used again and again.
type slot struct {
	req   nvmf.Request
	c     *conn
	state slotState

	iov    [][]byte // buffers, cut to the length of the data
	have   uint32   // bytes in iov
	waiter iobuf.Waiter
	asking bool  // waiter waits
	next   *slot // in the group's queue

	r2t      bool   // data come by H2CData
	received uint32 // bytes that have come

	damaged bool // with a wrong digest
	abort   *pendingAbort
	lent    bool // iov is to be the block device's memory

	ready   bool  // data are there; for fused commands
	partner *slot // the other command of a fused pair
	second  bool  // it is the second of the pair

	pinned uint32 // so many messages must have left the kernel before it is free

	head []byte // for the headers of its PDUs
}

// slotBatch is how many slots are made at once.
const slotBatch = 8

// headSize is the room that a slot needs for headers: an R2T, a C2HData with
// its digest for each buffer, a response.
func (c *conn) headSize() int {
	pieces := (int(c.t.opts.MaxDataSize) + c.g.unit - 1) / c.g.unit
	return (pdu.R2TSize + pdu.DigestSize) + (pdu.CapsuleRespSize + pdu.DigestSize) +
		pieces*(c.format.HeadSize(pdu.TypeC2HData)+pdu.DigestSize)
}

// grow makes more slots, if the queue has not all yet.
func (c *conn) grow() {
	n := min(slotBatch, c.entries-len(c.slots))
	if n <= 0 {
		return
	}
	size := c.headSize()
	batch, heads := make([]slot, n), make([]byte, n*size)
	for i := range batch {
		s := &batch[i]
		s.c, s.waiter.Taker = c, s
		s.head = heads[i*size : (i+1)*size]
		s.req.Slot = uint32(len(c.slots))
		s.req.Init(c.lane, &c.Queue, c)
		c.slots = append(c.slots, s)
		c.free = append(c.free, s)
	}
}

// take returns a free slot, nil if the host has more commands outstanding
// than its queue has entries.
func (c *conn) take() *slot {
	if len(c.free) == 0 {
		if c.grow(); len(c.free) == 0 {
			return nil
		}
	}
	n := len(c.free) - 1
	s := c.free[n]
	c.free = c.free[:n]
	c.busy++
	s.received, s.r2t, s.damaged, s.lent, s.ready, s.partner, s.second = 0, false, false, false, false, nil, false
	return s
}

// give makes a slot free again.
func (s *slot) give() {
	c := s.c
	s.trace(trace.TCPCompleted)
	s.putBuffers()
	s.state = slotFree
	c.free = append(c.free, s)
	c.busy--
	if c.state == stateClosed {
		c.checkGone()
	} else if c.rx.wait == waitSlot {
		c.markResume()
	}
}

// execute hands a command to the controller when its data are there. The
// commands of a fused pair go together.
func (s *slot) execute() {
	s.trace(trace.TCPReadyToExec)
	s.ready = true
	first, second := s, s.partner
	if s.second {
		first, second = second, s
	}
	if second != nil {
		if !first.ready || !second.ready {
			s.state = slotReceiving
			return
		}
		first.partner, second.partner = nil, nil
		first.submit()
		second.submit()
		return
	}
	if s.c.fuse == s {
		s.state = slotReceiving // its second command is due
		return
	}
	s.submit()
}

func (s *slot) submit() {
	s.trace(trace.TCPExecuting)
	s.state = slotExecuting
	if s.req.Iov = s.iov; s.lent {
		s.req.Iov = nil
	}
	s.c.ctrlr.core.Execute(&s.req)
}

// giveUp ends a command of a closed connection that has not been executed.
func (s *slot) giveUp() {
	s.partner = nil
	s.endAbort(true)
	s.req.Fail(nvme.StatusAbortedSQDeletion)
	s.submit()
}

// CompleteRequest implements nvmf.Completer.
func (c *conn) CompleteRequest(r *nvmf.Request) {
	s := c.slots[r.Slot]
	s.trace(trace.TCPExecuted)
	if s.lent {
		s.borrow(r.Iov)
	}
	if c.state != stateRunning || c.mute {
		s.give()
		return
	}
	if r.Authenticates() {
		c.authStep()
	}
	c.respond(s)
}
