// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
)

// adminInCapsule is how much data the capsule of an admin or Fabrics command
// may carry (section 3.3.1).
const adminInCapsule = 8192

// connState is how far the connection has got.
type connState uint8

const (
	stateNone    connState = iota // no connection
	stateDialing                  // the socket connects
	stateShaking                  // the TLS handshake is under way
	stateInit                     // ICReq is on its way, ICResp is due
	stateReady                    // commands can be sent
)

// queue is a host.FabricQueue. A command has a slot, whose index is the command
// identifier.
type queue struct {
	link      *link
	id        uint16
	name      string
	state     connState
	conn      *sock.Conn
	shake     *shake // nil but for stateShaking
	aborted   bool   // Disconnect is to take back what was sent
	err       error  // why the connection has ended, until Reset
	inCapsule uint32 // bytes of data in the capsule of an I/O command
	maxH2C    uint32 // bytes of data in an H2CData
	format    pdu.Format
	rules     pdu.Rules

	slots      []slot
	free       []uint16 // stack of free command identifiers
	done       []uint16 // commands that have ended, to be told by Poll
	seq        uint64
	largeReads int // outstanding

	rx       receiver
	tx       sender
	vector   sock.Vector
	writable bool // the interrupt vector watches for room to write
	unread   uint // polls without outstanding commands that have read nothing
	stats    host.QueueStats
}

// slot is a command.
type slot struct {
	req     *host.Request // nil if free
	seq     uint64        // order of submission
	write   bool          // data go to the controller
	read    bool          // data come from it
	large   bool          // counted in largeReads
	bad     bool          // a data digest was wrong
	ended   bool          // cpl has come
	sending bool          // a PDU is in the sender
	moved   uint32        // bytes that have come, or that were asked for by R2Ts

	granted []pdu.R2T // that are not yet answered; the first may be in part
	cpl     nvme.Completion
	head    [headSize]byte // of the PDU in the sender
	digest  [pdu.DigestSize]byte
}

// headSize has room for a capsule with digest, padded to the largest alignment.
const headSize = 128

// NewQueue implements host.Link.
func (l *link) NewQueue(c host.QueueConfig) (host.Queue, error) {
	if c.Entries < nvme.MinQueueEntries || c.Entries > nvme.MaxIOQueueEntries {
		return nil, fmt.Errorf("queue %d of %d entries: it must have %d to %d", c.ID, c.Entries, nvme.MinQueueEntries, nvme.MaxIOQueueEntries)
	}
	n := int(c.Entries) - 1 // one entry tells a full queue from an empty one
	size := receiveSize
	if c.ID == 0 {
		size = adminReceiveSize
	}
	q := &queue{link: l, id: c.ID, name: c.Name, slots: make([]slot, n), free: make([]uint16, 0, n), done: make([]uint16, 0, n)}
	q.rx.buf = make([]byte, size)
	granted := make([]pdu.R2T, n*l.maxR2T)
	for i := range q.slots {
		q.slots[i].granted = granted[i*l.maxR2T : i*l.maxR2T : (i+1)*l.maxR2T]
	}
	q.Reset()
	return q, nil
}

// Close implements host.Queue.
func (q *queue) Close() error {
	q.Disconnect()
	return nil
}

// Reset implements host.Queue.
func (q *queue) Reset() {
	q.Disconnect()
	q.err = nil
	q.done = q.done[:0]
	q.free = q.free[:0]
	for i := range q.slots {
		q.free = append(q.free, uint16(i))
		q.clear(&q.slots[i])
	}
}

// Connected implements host.Queue.
func (q *queue) Connected() { q.inCapsule = q.link.config().InCapsule }

// Trackers implements host.Queue.
func (q *queue) Trackers() int { return len(q.slots) }

// Free implements host.Queue. Without a connection there is room for nothing:
// requests wait until there is one, or until Poll has said that it is lost.
func (q *queue) Free() int {
	if q.state != stateReady {
		return 0
	}
	return len(q.free)
}

// Stats implements host.Queue.
func (q *queue) Stats() host.QueueStats { return q.stats }

var (
	errMetadata      = errors.New("metadata in a buffer of its own: NVMe/TCP has only metadata that is interleaved with the data")
	errBidirectional = errors.New("a command that moves data in both directions: NVMe/TCP has none")
)

// Check implements host.Queue.
func (q *queue) Check(r *host.Request) error {
	p := r.Payload()
	have := uint64(len(p.Buf))
	if p.Iov != nil {
		have = 0
		for _, b := range p.Iov {
			have += uint64(len(b))
		}
		have -= min(have, uint64(p.Offset))
	}
	write, read := direction(r.Command())
	switch {
	case p.Meta != nil:
		return errMetadata
	case p.Len > 0 && write && read:
		return errBidirectional
	case have < uint64(p.Len):
		return fmt.Errorf("buffer of %d bytes for %d bytes of data", have, p.Len)
	}
	return nil
}

// direction tells which way a command moves data. Fabrics commands have it in
// their type.
func direction(cmd *nvme.Command) (write, read bool) {
	bits := uint8(cmd.Opcode)
	if cmd.Opcode == nvme.OpcodeFabrics {
		bits = uint8(cmd.FCTYPE())
	}
	return bits&1 != 0, bits&2 != 0
}

// Submit implements host.Queue. The command goes with the next Poll or Kick.
func (q *queue) Submit(r *host.Request, _ bool) error {
	n := q.Free()
	if n == 0 {
		return host.ErrNoTracker
	}
	if err := q.Check(r); err != nil {
		return err
	}
	cid := q.free[n-1]
	q.free = q.free[:n-1]
	s := &q.slots[cid]
	cmd, size := r.Command(), r.Payload().Len
	s.req = r
	s.seq = q.seq
	q.seq++
	s.write, s.read = direction(cmd)
	if s.read && size >= largeRead {
		s.large = true
		q.largeReads++
	}
	r.SetSlot(cid)
	cmd.CID = cid
	q.sendCommand(s, cmd, size)
	q.stats.Submitted++
	return nil
}

// clear makes a slot ready for the next command.
func (q *queue) clear(s *slot) {
	if s.large {
		q.largeReads--
	}
	s.req = nil
	s.large, s.bad, s.ended, s.sending = false, false, false, false
	s.moved = 0
	s.granted = s.granted[:0]
}

// end notes how a command has ended. It is told when nothing of it has to be
// sent any more, since its buffers are the caller's again from then on.
func (q *queue) end(s *slot, cpl *nvme.Completion) {
	s.ended = true
	s.cpl = *cpl
	s.granted = s.granted[:0]
	if !s.sending {
		q.done = append(q.done, s.req.Slot())
	}
}

// outstanding returns how many commands have not ended.
func (q *queue) outstanding() int { return len(q.slots) - len(q.free) - len(q.done) }

// idlePolls is how many polls without outstanding commands pass before one
// looks whether the connection is still there.
const idlePolls = 32

// Poll implements host.Queue.
func (q *queue) Poll(done []*host.Request) (int, error) {
	q.stats.Polls++
	switch q.state {
	case stateDialing:
		q.dialing()
	case stateShaking:
		q.shaking()
	case stateInit:
		q.receive()
	case stateReady:
		if q.tx.pending() {
			q.write()
		}
		if q.unread++; q.conn != nil && (q.outstanding() > 0 || q.unread >= idlePolls) {
			q.unread = 0
			q.receive()
		}
	}
	n := q.tell(done)
	if n == 0 {
		q.stats.IdlePolls++
		return 0, q.err
	}
	q.stats.Completions += uint64(n)
	return n, q.err
}

// tell hands commands out that have ended.
func (q *queue) tell(done []*host.Request) int {
	n := min(len(done), len(q.done))
	for i, cid := range q.done[:n] {
		s := &q.slots[cid]
		r := s.req
		r.Completion = s.cpl
		switch {
		case s.cpl.Status().IsError():
		case s.bad:
			r.Completion.SetStatus(nvme.StatusTransientTransportError, false)
		case s.read && q.id != 0 && r.Command().Opcode == nvme.CmdRead && s.moved != r.Payload().Len:
			// It would hold what was in the buffer before.
			r.Completion.SetStatus(nvme.StatusDataTransferError, false)
		}
		done[i] = r
		q.clear(s)
		q.free = append(q.free, cid)
	}
	if n > 0 {
		q.done = q.done[:copy(q.done, q.done[n:])]
	}
	return n
}

// Kick implements host.Queue.
func (q *queue) Kick() {
	if q.state == stateReady && q.tx.pending() {
		q.write()
	}
}

// Outstanding implements host.Queue.
func (q *queue) Outstanding(rs []*host.Request) []*host.Request {
	first := len(rs)
	for i := range q.slots {
		if r := q.slots[i].req; r != nil {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs[first:], func(a, b *host.Request) int { return cmp.Compare(q.slots[a.Slot()].seq, q.slots[b.Slot()].seq) })
	return rs
}

// Forget implements host.Queue. A command cannot be taken back, so this ends
// the connection: nothing may touch the data of a request that is forgotten.
func (q *queue) Forget(r *host.Request) {
	cid := r.Slot()
	if int(cid) >= len(q.slots) || q.slots[cid].req != r {
		return
	}
	q.Disconnect()
	q.clear(&q.slots[cid])
	q.done = slices.DeleteFunc(q.done, func(d uint16) bool { return d == cid })
	q.free = append(q.free, cid)
}
