// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/vfiouser/server"
)

const (
	commandSize    = 64
	completionSize = 16
	maxSlots       = 1025 // commands of one queue in execution
	inlinePieces   = 2
)

// slot is a place for one command in execution. Slots are made with their
// queue and used again and again.
type slot struct {
	req    nvmf.Request
	id     uint32
	iov    [][]byte // grows once to what the client's requests need
	pieces [inlinePieces][]byte
	bounce *bounce
	next   *slot // of those that wait for room in the completion queue
}

// sq is a submission queue in the client's memory.
type sq struct {
	nvmf.Queue
	c     *controller
	cq    *cq
	addr  uint64
	mem   []byte // nil while the client's memory lacks it
	join  *server.Joined
	size  uint32
	head  uint32
	db    *uint32 // tail doorbell, real or shadow
	event *uint32 // event index that goes with a shadow, else nil
	bad   uint32  // last doorbell value that was refused, 0 for none

	slots []slot
	free  []uint32 // identifiers of slots that are not busy

	deleting *nvmf.Request // Delete I/O Submission Queue in execution
}

// cq is a completion queue in the client's memory.
type cq struct {
	c     *controller
	id    uint16
	addr  uint64
	mem   []byte
	join  *server.Joined
	size  uint32
	tail  uint32
	head  uint32 // as the doorbell said last
	phase uint16 // 1 or 0
	db    *uint32
	event *uint32
	users int // submission queues

	ien    bool
	vector uint16
	raise  bool // an interrupt is due

	first, last *slot // completions that wait for room
}

// queueMemory finds n bytes of a queue at addr.
func (c *controller) queueMemory(addr uint64, n int, write bool) ([]byte, error) {
	r := c.mem.Region(addr)
	if r == nil || !r.Read || write && !r.Write {
		return nil, fmt.Errorf("queue of %d bytes at %#x: %w", n, addr, server.ErrUnmapped)
	}
	b, err := r.Slice(addr, n)
	if errors.Is(err, server.ErrNotMapped) {
		return nil, fmt.Errorf("queue of %d bytes at %#x: %w: queues must be in memory that the client shares by a file descriptor", n, addr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("queue of %d bytes at %#x: %w", n, addr, err)
	}
	return b, nil
}

// mapQueue is queueMemory for a queue, which may go over several regions: it
// is joined then. old is what it was before, nil if it was in one region.
func (c *controller) mapQueue(addr uint64, n int, write bool, old *server.Joined) ([]byte, *server.Joined, error) {
	if old != nil {
		if c.mem.Holds(old) {
			return old.Bytes, old, nil
		}
		old.Close()
	}
	mem, err := c.queueMemory(addr, n, write)
	if !errors.Is(err, server.ErrUnmapped) {
		return mem, nil, err
	}
	j, joinErr := c.mem.Join(addr, n, write)
	if joinErr != nil {
		flag.Debugf("%s: %v", c.ep.l.dir, joinErr)
		return nil, nil, err
	}
	return j.Bytes, j, nil
}

// doorbell returns the word of a queue in mem: tail doorbells at even, head
// doorbells at odd places.
func doorbell(mem []byte, id uint16, isCQ bool) *uint32 {
	off := uint64(id) * 8
	if isCQ {
		off += 4
	}
	return mmio.At32(mem, off)
}

func (c *controller) newCQ(id uint16, addr uint64, size int) (*cq, error) {
	if size < 2 {
		return nil, fmt.Errorf("completion queue %d: %d entries, want at least 2", id, size)
	}
	mem, join, err := c.mapQueue(addr, size*completionSize, true, nil)
	if err != nil {
		return nil, fmt.Errorf("completion queue %d: %w", id, err)
	}
	q := &cq{c: c, id: id, addr: addr, mem: mem, join: join, size: uint32(size), phase: 1}
	q.db, q.event = c.doorbellOf(id, true)
	mmio.Store32(q.db, 0)
	return q, nil
}

func (c *controller) newSQ(id uint16, addr uint64, size int, to *cq) (*sq, error) {
	if size < 2 {
		return nil, fmt.Errorf("submission queue %d: %d entries, want at least 2", id, size)
	}
	mem, join, err := c.mapQueue(addr, size*commandSize, false, nil)
	if err != nil {
		return nil, fmt.Errorf("submission queue %d: %w", id, err)
	}
	q := &sq{Queue: nvmf.Queue{ID: id}, c: c, cq: to, addr: addr, mem: mem, join: join, size: uint32(size)}
	q.db, q.event = c.doorbellOf(id, false)
	mmio.Store32(q.db, 0)
	n := min(size, maxSlots)
	q.slots = make([]slot, n)
	q.free = make([]uint32, n)
	for i := range q.slots {
		s := &q.slots[i]
		s.id = uint32(i)
		s.iov = s.pieces[:0]
		s.req.Slot = s.id
		s.req.Init(c.core.Home(), &q.Queue, q)
		q.free[i] = uint32(n - 1 - i)
	}
	return q, nil
}

// addSQ begins to poll q.
func (c *controller) addSQ(q *sq) {
	c.sqs[q.ID] = q
	q.cq.users++
	c.core.Home().AddQueue(nvmf.QueueInfo{ID: q.ID})
	c.active = append(slices.Clip(c.active), q)
}

// removeSQ forgets q, which has no command in execution.
func (c *controller) removeSQ(q *sq) {
	q.release()
	q.cq.users--
	c.core.Home().RemoveQueue(q.ID)
	c.sqs[q.ID] = nil
	c.active = slices.DeleteFunc(slices.Clone(c.active), func(o *sq) bool { return o == q })
}

// release frees what the slots keep.
func (q *sq) release() {
	q.mem = nil
	if q.join != nil {
		q.join.Close()
		q.join = nil
	}
	for i := range q.slots {
		q.slots[i].req.Release()
	}
}

func (q *cq) release() {
	q.mem = nil
	if q.join != nil {
		q.join.Close()
		q.join = nil
	}
}

// take returns a free slot; there is one.
func (q *sq) take() *slot {
	n := len(q.free) - 1
	s := &q.slots[q.free[n]]
	q.free = q.free[:n]
	return s
}

func (q *sq) give(s *slot) {
	q.free = append(q.free, s.id)
	if q.deleting != nil {
		q.c.checkDeleted(q)
	}
}

// CompleteRequest implements nvmf.Completer: it posts the completion.
func (q *sq) CompleteRequest(r *nvmf.Request) {
	s := &q.slots[r.Slot]
	if s.bounce != nil && q.c.finishBounce(q, s) {
		return
	}
	if !q.c.running {
		q.give(s) // a reset: the host gets no completion
		return
	}
	if q.c.polling {
		q.cq.post(q, s)
		return
	}
	q.postGuarded(s)
}

// post writes the completion of s, or keeps it until there is room.
func (q *cq) post(from *sq, s *slot) {
	if q.first != nil || !q.room() {
		q.keep(s)
		return
	}
	q.write(from, s)
}

func (q *cq) keep(s *slot) {
	if q.first == nil {
		q.first = s
		q.c.stalled++
	} else {
		q.last.next = s
	}
	q.last = s
}

// flush posts completions that have been waiting.
func (q *cq) flush() (n int) {
	for q.first != nil && q.room() {
		s := q.first
		q.first, s.next = s.next, nil
		if q.first == nil {
			q.last = nil
			q.c.stalled--
		}
		q.write(q.c.sqs[s.req.Queue().ID], s)
		n++
	}
	return n
}

// discard forgets completions that have been waiting.
func (q *cq) discard() {
	for q.first != nil {
		s := q.first
		q.first, s.next = s.next, nil
		if q.first == nil {
			q.last = nil
			q.c.stalled--
		}
		q.c.sqs[s.req.Queue().ID].give(s)
	}
}

// room tells whether the queue takes another completion.
func (q *cq) room() bool {
	next := q.tail + 1
	if next == q.size {
		next = 0
	}
	if next != q.head {
		return q.mem != nil
	}
	head := mmio.Acquire32(q.db)
	if head >= q.size {
		return false
	}
	q.head = head
	return next != head && q.mem != nil
}

// write posts a completion and frees the slot.
func (q *cq) write(from *sq, s *slot) {
	r := &s.req
	result := uint64(r.CDW0) | uint64(r.CDW1)<<32
	status := uint64(from.head) | uint64(from.ID)<<16 | uint64(r.Cmd.CID)<<32 |
		(uint64(r.Status)<<1|uint64(q.phase))<<48
	storeCompletion(q.mem, q.tail, result, status)
	q.tail++
	if q.tail == q.size {
		q.tail = 0
		q.phase ^= 1
	}
	if q.ien {
		q.raise = true
		q.c.needIRQ = true
	}
	if flag.Enabled() {
		flag.Debugf("%s: completion sqid:%d cid:%d %v", q.c.ep.l.dir, from.ID, r.Cmd.CID, nvme.Status(r.Status))
	}
	from.give(s)
}
