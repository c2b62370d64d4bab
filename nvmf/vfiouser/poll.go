// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"time"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/vfiouser"
)

const (
	// batch is how many commands of one queue are taken in a round, so
	// that a busy queue does not keep others waiting.
	batch = 64

	// A client that stores to doorbells without telling is looked after
	// this often. The wait grows with the time that it has been idle, of
	// which it is a sixteenth, until it costs well below 1 % of a CPU.
	minBackoff = time.Millisecond
	maxBackoff = 25 * time.Millisecond
)

// poll is the controller's poller: it takes commands from all submission
// queues and posts completions.
func (c *controller) poll() (n int) {
	if !c.running {
		return 0
	}
	c.polling = true
	defer c.endPoll()
	if c.stalled > 0 {
		for _, q := range c.cqs {
			if q != nil && q.first != nil {
				n += q.flush()
			}
		}
	}
	for _, q := range c.active {
		n += c.pollSQ(q)
	}
	if c.needIRQ {
		c.raiseIRQs()
	}
	if n > 0 {
		c.backoff = 0
	}
	return n
}

// endPoll is deferred by what touches the client's memory. A client that
// truncates its file makes accesses fault; that costs it the connection and
// nobody else anything.
func (c *controller) endPoll() {
	c.polling = false
	if v := recover(); v != nil {
		c.faulted(v)
	}
}

// faulted gives up the client whose memory faulted. Other panics are errors
// of this program and go on.
func (c *controller) faulted(v any) {
	fault, ok := v.(interface {
		error
		Addr() uintptr
	})
	if !ok || !c.isClientMemory(fault.Addr()) {
		panic(v)
	}
	log.Errorf("%s: controller %d: the client's memory is gone: %v: closing the connection", c.ep.l.dir, c.core.ID(), fault)
	c.fail()
}

// postGuarded posts a completion outside poll: from another poller.
func (q *sq) postGuarded(s *slot) {
	q.c.polling = true
	defer q.c.endPoll()
	q.cq.post(q, s)
}

// pollSQ takes commands of one queue.
func (c *controller) pollSQ(q *sq) (n int) {
	tail := mmio.Acquire32(q.db)
	if tail == q.head {
		return 0
	}
	if tail >= q.size {
		c.badTail(q, tail)
		return 0
	}
	for q.head != tail && len(q.free) > 0 && q.cq.first == nil && c.running && !c.paused && q.mem != nil {
		if n >= batch && !q.FusedPending() {
			break
		}
		s := q.take()
		loadCommand(q.mem, q.head, &s.req.Cmd)
		if s.req.Cmd.FUSE() == nvme.FuseFirst && len(q.free) == 0 && len(q.slots) > 1 {
			q.give(s) // both commands of a pair are taken together
			break
		}
		q.head++
		if q.head == q.size {
			q.head = 0
		}
		n++
		if q.head != tail {
			// The client's processor has the line; it comes while the
			// data of this command move.
			mmio.Prefetch(&q.mem[q.head*commandSize])
		}
		c.current = s
		c.execute(q, s)
		c.current = nil
	}
	if q.FusedPending() {
		c.core.AbortFused(&q.Queue)
	}
	return n
}

// execute carries out the command in s.
func (c *controller) execute(q *sq, s *slot) {
	r := &s.req
	if flag.Enabled() {
		flag.Debugf("%s: command sqid:%d cid:%d opc:%#02x nsid:%d cdw10:%#x cdw11:%#x", c.ep.l.dir, q.ID, r.Cmd.CID, uint8(r.Cmd.Opcode), r.Cmd.NSID, r.Cmd.CDW10, r.Cmd.CDW11)
	}
	c.core.Prepare(r)
	if r.Length > 0 {
		switch status := c.mapData(q, s); status {
		case nvme.StatusSuccess:
		case needBounce:
			c.startBounce(q, s)
			return
		default:
			r.Fail(status.WithDNR())
		}
	}
	c.core.Execute(r)
}

// badTail refuses a doorbell value that the queue does not have. It is
// reported once; the queue rests until the value changes.
func (c *controller) badTail(q *sq, tail uint32) {
	if q.bad == tail {
		return
	}
	q.bad = tail
	log.Warnf("%s: submission queue %d of %d entries: doorbell value %d", c.ep.l.dir, q.ID, q.size, tail)
	c.core.InvalidDoorbell(q.ID, false)
}

// raiseIRQs signals the vectors of queues that have new completions.
func (c *controller) raiseIRQs() {
	c.needIRQ = false
	for _, q := range c.cqs {
		if q == nil || !q.raise {
			continue
		}
		q.raise = false
		c.interrupt(q.vector)
	}
}

// interrupt signals a vector. Which kind of interrupt a client uses shows in
// the eventfds that it has given; to others signals do nothing. INTMS masks
// the pin, which is vector 0, and MSI, not MSI-X (NVMe over PCIe 1.0, 3.5).
func (c *controller) interrupt(vector uint16) {
	if c.irq == vfiouser.IRQMSIX {
		c.conn.TriggerIRQ(vfiouser.IRQMSIX, int(vector))
		vector = 0
	}
	if c.regs.intMask>>vector&1 != 0 {
		c.regs.intOwed |= 1 << vector
		return
	}
	c.interruptUnmasked(vector)
}

func (c *controller) interruptUnmasked(vector uint16) {
	if c.irq == vfiouser.IRQMSI {
		c.conn.TriggerIRQ(vfiouser.IRQMSI, int(vector))
	}
	if !c.ep.intxOff.Load() {
		c.conn.TriggerIRQ(vfiouser.IRQIntx, 0)
	}
}

// unmask clears bits of the interrupt mask. What came due meanwhile is
// signalled now.
func (c *controller) unmask(bits uint32) {
	r := &c.regs
	r.intMask &^= bits
	due := r.intOwed &^ r.intMask
	r.intOwed &^= due
	for vector := uint16(0); due != 0; vector, due = vector+1, due>>1 {
		if due&1 != 0 {
			c.interruptUnmasked(vector)
		}
	}
}

// arm prepares for sleep: the client is asked to ring a doorbell for the next
// command of each queue.
func (c *controller) arm() time.Duration {
	if !c.running {
		return thread.Forever
	}
	c.polling = true
	defer c.endPoll()
	for _, q := range c.active {
		if q.event != nil {
			mmio.Store32(q.event, q.head)
		}
	}
	if c.stalled > 0 {
		for _, q := range c.cqs {
			if q != nil && q.first != nil && q.event != nil {
				mmio.Store32(q.event, q.head)
			}
		}
	}
	mmio.MB() // the event indexes are seen before the doorbells are looked at
	if c.hasWork() {
		return 0
	}
	if c.ep.l.opts.TrapDoorbells || c.conn.UsesIOEventFDs(vfiouser.RegionBAR0) {
		return thread.Forever
	}
	c.backoff = min(max(c.backoff+c.backoff/16, minBackoff), maxBackoff)
	return c.backoff
}

// hasWork tells whether poll would find something to do.
func (c *controller) hasWork() bool {
	if c.needIRQ {
		return true
	}
	for _, q := range c.active {
		tail := mmio.Acquire32(q.db)
		if tail == q.head || c.paused || q.mem == nil || len(q.free) == 0 || q.cq.first != nil || tail >= q.size && tail == q.bad {
			continue
		}
		return true
	}
	for _, q := range c.cqs {
		if q != nil && q.first != nil && q.room() {
			return true
		}
	}
	return false
}

var _ nvmf.Transport = (*controller)(nil)
