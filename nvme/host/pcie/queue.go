// SPDX-License-Identifier: BSD-3-Clause

package pcie

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// cqe is a completion queue entry as the poll reads it.
type cqe struct {
	cdw0, cdw1 uint32
	sqhd       uint16
	sqid       uint16
	dw3        uint32 // command identifier, phase and status
}

// queue is a host.Queue: two rings, and a tracker for each command that the
// controller has. A tracker is named by the command identifier.
type queue struct {
	sq      []nvme.Command
	cq      []cqe
	reqs    []*host.Request // by command identifier; nil if free
	free    []uint16        // stack of free command identifiers
	lists   []uint64        // a page of PRP list or SGL segment for each tracker
	listsAt []uint64        // by command identifier: I/O address of its page of lists
	tr      translator

	tail, kicked uint32 // submission queue: next entry, and what the doorbell says
	head         uint32 // completion queue: next entry
	phase        uint32
	held         bool // a doorbell waits for another command

	id       uint16
	delay    bool
	narrow   bool
	inCMB    bool
	merge    bool
	sgl      bool
	sglDword bool
	metaSGL  bool
	noSGLDSM bool
	pageSize uint64

	sqShadow, cqShadow shadow
	sqDoorbell         doorbell
	cqDoorbell         doorbell

	seqs    []uint64 // by command identifier: the order of submission
	seq     uint64
	stats   host.QueueStats
	entries uint32
	sqAddr  uint64
	cqAddr  uint64
	dev     *device
	name    string
	bufs    []*dma.Buffer
}

const trackerPage = 4096

// NewQueue implements host.Link.
func (d *device) NewQueue(c host.QueueConfig) (host.Queue, error) {
	if c.Entries < nvme.MinQueueEntries || c.Entries > nvme.MaxIOQueueEntries {
		return nil, fmt.Errorf("queue %d of %d entries: it must have %d to %d", c.ID, c.Entries, nvme.MinQueueEntries, nvme.MaxIOQueueEntries)
	}
	q := &queue{
		id: c.ID, entries: c.Entries, dev: d, name: c.Name,
		delay: c.DelayDoorbell, merge: !c.DisableSGLMerge,
		tr: d.translator(),
	}
	q.configure()
	var err error
	if q.sqDoorbell, err = d.doorbell(c.ID, false); err != nil {
		return nil, err
	}
	if q.cqDoorbell, err = d.doorbell(c.ID, true); err != nil {
		return nil, err
	}
	if err := q.alloc(c); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	q.Reset()
	return q, nil
}

// configure takes over what is known about the controller. The admin queue
// has only PRPs (NVM Express Base 2.0, 3.3.3.1).
func (q *queue) configure() {
	c := q.dev.config()
	q.pageSize = uint64(c.PageSize)
	q.narrow = c.NarrowCMBAccess
	if q.id != 0 {
		q.sgl, q.sglDword, q.metaSGL, q.noSGLDSM = c.SGL, c.SGLDwordAligned, c.MetadataSGL, c.NoSGLForDSM
	}
}

func (q *queue) alloc(c host.QueueConfig) error {
	n := c.Entries - host.MaxCompletions(c.Entries)
	sqBytes := int(c.Entries) * sqeSize
	if c.SQInCMB {
		if mem, addr, ok := q.dev.allocCMB(uint64(sqBytes), q.pageSize); ok {
			q.sq, q.sqAddr, q.inCMB = commands(mem), addr, true
		}
	}
	if q.sq == nil {
		mem, addr, err := q.buffer(sqBytes)
		if err != nil {
			return err
		}
		q.sq, q.sqAddr = commands(mem), addr
	}
	mem, addr, err := q.buffer(int(c.Entries) * cqeSize)
	if err != nil {
		return err
	}
	q.cq, q.cqAddr = completions(mem), addr
	if err := q.allocLists(int(n)); err != nil {
		return err
	}
	q.reqs = make([]*host.Request, n)
	q.free = make([]uint16, n)
	q.seqs = make([]uint64, n)
	return nil
}

// allocLists makes a page for each of n trackers; only each page for itself
// has to be contiguous.
func (q *queue) allocLists(n int) error {
	mem, err := q.memory(n * trackerPage)
	if err != nil {
		return err
	}
	q.lists = words(mem)
	q.listsAt = make([]uint64, n)
	for i := range q.listsAt {
		if q.listsAt[i], _, err = q.tr.Translate(mem[i*trackerPage:][:trackerPage]); err != nil {
			return fmt.Errorf("PRP lists of queue %d: %w", q.id, err)
		}
	}
	return nil
}

// buffer makes memory that is contiguous for the controller.
func (q *queue) buffer(n int) ([]byte, uint64, error) {
	mem, err := q.memory(n)
	if err != nil {
		return nil, 0, err
	}
	addr, run, err := q.tr.Translate(mem)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("memory of queue %d: %w", q.id, err)
	case run < n:
		return nil, 0, fmt.Errorf("memory of queue %d: %d entries need %d bytes that are contiguous, and only %d are: ask for a smaller queue", q.id, q.entries, n, run)
	}
	return mem, addr, nil
}

func (q *queue) memory(n int) ([]byte, error) {
	b, err := dma.Alloc(n, int(max(q.pageSize, trackerPage)))
	if err != nil {
		return nil, fmt.Errorf("memory of queue %d: %w", q.id, err)
	}
	q.bufs = append(q.bufs, b)
	return b.Bytes(), nil
}

// Close implements host.Queue.
func (q *queue) Close() error {
	for _, b := range q.bufs {
		b.Free()
	}
	q.bufs = nil
	q.sq, q.cq, q.lists = nil, nil, nil
	q.free = nil
	q.reqs = nil
	return nil
}

// Reset implements host.Queue.
func (q *queue) Reset() {
	q.configure()
	clear(q.cq)
	q.tail, q.kicked, q.head, q.phase, q.held = 0, 0, 0, 1, false
	q.sqShadow, q.cqShadow = shadow{}, shadow{}
	q.free = q.free[:len(q.reqs)]
	for i := range q.free {
		q.free[i] = uint16(i)
		q.reqs[i] = nil
	}
}

// Connected implements host.Queue.
func (q *queue) Connected() {
	q.configure()
	if q.id != 0 { // shadow doorbells are for I/O queues
		q.sqShadow = q.dev.shadow(q.id, false)
		q.cqShadow = q.dev.shadow(q.id, true)
	}
}

func (q *queue) Addresses() (sq, cq uint64) { return q.sqAddr, q.cqAddr }

func (q *queue) Trackers() int { return len(q.reqs) }

func (q *queue) Free() int { return len(q.free) }

func (q *queue) Stats() host.QueueStats { return q.stats }

// Submit implements host.Queue.
func (q *queue) Submit(r *host.Request, more bool) error {
	n := len(q.free)
	if n == 0 {
		return host.ErrNoTracker
	}
	cmd, p := r.Command(), r.Payload()
	if q.id == 0 && cmd.Opcode == nvme.AdminAsyncEventRequest {
		q.coldest()
	}
	cid := q.free[n-1]
	cmd.CID = cid
	if p.Len != 0 {
		if err := q.build(cmd, p, cid); err != nil {
			return err
		}
	}
	q.free = q.free[:n-1]
	q.reqs[cid] = r
	q.seqs[cid] = q.seq
	q.seq++
	r.SetSlot(cid)
	q.put(cmd)
	q.stats.Submitted++
	q.held = more
	if !q.delay && !more {
		q.ringSQ()
	}
	return nil
}

// coldest makes the tracker used longest ago the next one: a command that is
// outstanding for ever does not take the one that everything else reuses.
func (q *queue) coldest() {
	cid := q.free[0]
	copy(q.free, q.free[1:])
	q.free[len(q.free)-1] = cid
}

// Check implements host.Queue.
func (q *queue) Check(r *host.Request) error {
	if r.Payload().Len == 0 {
		return nil
	}
	if len(q.free) == 0 {
		return host.ErrNoTracker
	}
	return q.build(r.Command(), r.Payload(), q.free[0])
}

func (q *queue) put(cmd *nvme.Command) {
	if q.inCMB {
		q.putCMB(cmd)
	} else {
		q.sq[q.tail] = *cmd
	}
	if q.tail++; q.tail == q.entries {
		q.tail = 0
	}
}

// Kick implements host.Queue.
func (q *queue) Kick() {
	if q.tail != q.kicked {
		q.ringSQ()
	}
}

func (q *queue) ringSQ() {
	q.kicked = q.tail
	q.held = false
	if runtime.GOARCH != "amd64" || q.inCMB {
		mmio.WMB()
	}
	if q.sqShadow.reg != nil {
		q.stats.ShadowDoorbells++
		if !q.sqShadow.update(q.tail) {
			return
		}
	}
	q.stats.SQDoorbells++
	q.sqDoorbell.ring(q.tail)
}

func (q *queue) ringCQ() {
	if q.cqShadow.reg != nil {
		q.stats.ShadowDoorbells++
		if !q.cqShadow.update(q.head) {
			return
		}
	}
	q.stats.CQDoorbells++
	if runtime.GOARCH != "amd64" {
		mmio.WMB()
	}
	q.cqDoorbell.ring(q.head)
}

// Poll implements host.Queue.
func (q *queue) Poll(done []*host.Request) (int, error) {
	q.stats.Polls++
	n := 0
	start := q.head
	for range len(done) {
		e := &q.cq[q.head]
		dw3 := mmio.Acquire32(&e.dw3)
		if dw3>>16&1 != q.phase {
			break
		}
		if q.head++; q.head == q.entries {
			q.head = 0
			q.phase ^= 1
		}
		cid := dw3 & 0xffff
		if cid >= uint32(len(q.reqs)) || q.reqs[cid] == nil {
			q.bad(e, dw3)
			continue
		}
		r := q.reqs[cid]
		q.reqs[cid] = nil
		q.free = append(q.free, uint16(cid))
		r.Completion = nvme.Completion{CDW0: e.cdw0, CDW1: e.cdw1, SQHD: e.sqhd, SQID: e.sqid, CID: uint16(cid), StatusPhase: uint16(dw3 >> 16)}
		done[n] = r
		n++
	}
	if q.head == start {
		q.stats.IdlePolls++
		return 0, nil
	}
	q.stats.Completions += uint64(n)
	q.ringCQ()
	if q.stats.Bad > uint64(q.entries) {
		return n, fmt.Errorf("queue %d: %d completions named no outstanding command: %w", q.id, q.stats.Bad, host.ErrFailed)
	}
	return n, nil
}

// bad notes a completion that names no outstanding command. A few may come
// from a command that was given up; a controller that goes on is broken.
func (q *queue) bad(e *cqe, dw3 uint32) {
	const logged = 16
	if q.stats.Bad++; q.stats.Bad > logged {
		return
	}
	c := nvme.Completion{CDW0: e.cdw0, CDW1: e.cdw1, SQHD: e.sqhd, SQID: e.sqid, CID: uint16(dw3), StatusPhase: uint16(dw3 >> 16)}
	log.Errorf("%s cpl does not map to outstanding cmd", q.name)
	log.Noticef("%s", nvme.FormatCompletion(q.id, &c))
}

// Outstanding implements host.Queue.
func (q *queue) Outstanding(rs []*host.Request) []*host.Request {
	first := len(rs)
	for _, r := range q.reqs {
		if r != nil {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs[first:], func(a, b *host.Request) int { return cmp.Compare(q.seqs[a.Slot()], q.seqs[b.Slot()]) })
	return rs
}

// Forget implements host.Queue.
func (q *queue) Forget(r *host.Request) {
	if cid := r.Slot(); int(cid) < len(q.reqs) && q.reqs[cid] == r {
		q.reqs[cid] = nil
		q.free = append(q.free, cid)
	}
}
