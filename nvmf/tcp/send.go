// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/trace"
)

// sender is what a connection has to write.
type sender struct {
	bufs [][]byte // in their order; what is before at has gone
	done []*slot  // bufs[i] is the last of this slot's answer, nil for others
	data []*slot  // bufs[i] is data of this slot, nil for others
	at   int
	// loose says that some of bufs belong to no slot, so that nobody keeps
	// them until the kernel is done with them.
	loose bool
}

// discard forgets what has not gone.
func (x *sender) discard(c *conn) {
	bufs, done := x.bufs, x.done[x.at:]
	*x = sender{}
	clear(bufs)
	for _, s := range done {
		if s != nil {
			s.give()
		}
	}
}

// compact makes room at the end, without allocation once the queue has been
// as long as it gets.
func (x *sender) compact() {
	if x.at == 0 || x.at < len(x.bufs) && x.at < len(x.bufs)/2 {
		return
	}
	n := copy(x.bufs, x.bufs[x.at:])
	x.loose = x.loose && n > 0
	copy(x.done, x.done[x.at:])
	copy(x.data, x.data[x.at:])
	clear(x.bufs[n:])
	clear(x.done[n:])
	clear(x.data[n:])
	x.bufs, x.done, x.data, x.at = x.bufs[:n], x.done[:n], x.data[:n], 0
}

// send queues b. s, if it is not nil, is free again when b has gone.
func (c *conn) send(b []byte, s *slot) { c.sendOf(nil, b, s) }

// sendLoose queues b, which belongs to no slot.
func (c *conn) sendLoose(b []byte) {
	c.tx.loose = true
	c.send(b, nil)
}

// sendOf is send of data of a slot.
func (c *conn) sendOf(data *slot, b []byte, s *slot) {
	x := &c.tx
	x.bufs, x.done, x.data = append(x.bufs, b), append(x.done, s), append(x.data, data)
	c.markDirty()
}

// markDirty has the group write what is queued, at the end of its round.
func (c *conn) markDirty() {
	if !c.isDirty && c.state != stateClosed {
		c.isDirty = true
		c.g.dirty = append(c.g.dirty, c)
	}
}

// sent takes the result of a write: n bytes have gone. What is left waits for
// room.
func (c *conn) sent(n int, err error) {
	x := &c.tx
	if err != nil && !errors.Is(err, sock.ErrAgain) {
		flag.Debugf("%v: write: %v", c.sock.Remote(), err)
		c.close()
		return
	}
	most := x.at + sock.MaxSend
	x.advance(n)
	if x.at == most && x.at < len(x.bufs) { // there may be room for more
		c.markDirty()
		return
	}
	x.compact()
	c.watch(!c.readOff, x.at < len(x.bufs))
}

// advance takes n bytes off the queue.
func (x *sender) advance(n int) {
	for n > 0 {
		b := x.bufs[x.at]
		if n < len(b) {
			x.bufs[x.at] = b[n:]
			return
		}
		n -= len(b)
		s := x.done[x.at]
		x.bufs[x.at], x.done[x.at], x.data[x.at] = nil, nil, nil
		x.at++
		if s != nil {
			s.answered()
		}
	}
}

// sendR2T asks for the data of s.
func (c *conn) sendR2T(s *slot) {
	s.trace(trace.TCPAwaitR2TAck)
	s.state, s.r2t = slotReceiving, true
	r := pdu.R2T{CCCID: s.req.Cmd.CID, TTAG: uint16(s.req.Slot), Length: s.req.Length}
	c.send(s.head[:r.Put(s.head, c.format)], nil)
}

// respond answers a command that has been executed.
func (c *conn) respond(s *slot) {
	s.trace(trace.TCPTransferC2H)
	s.state = slotSending
	r := &s.req
	if !c.noFlow {
		if c.sqHead++; int(c.sqHead) == c.entries {
			c.sqHead = 0
		}
	}
	head := s.head[pdu.R2TSize+pdu.DigestSize:]
	if r.Xfer == nvme.TransferControllerToHost && !r.Status.IsError() && r.Length > 0 {
		success := c.noFlow && !c.t.opts.NoC2HSuccess && r.CDW0 == 0 && r.CDW1 == 0
		if head = c.sendData(s, head, success); success {
			return
		}
	}
	cpl := nvme.NewCompletion(c.sqHead, c.ID, r.Cmd.CID, r.Status)
	cpl.CDW0, cpl.CDW1 = r.CDW0, r.CDW1
	c.send(head[:pdu.PutCapsuleResp(head, c.format, &cpl)], s)
}

// sendData sends the data of a command, a C2HData for each buffer, and returns
// what it has left of head. The last ends the answer if success is true.
func (c *conn) sendData(s *slot, head []byte, success bool) []byte {
	off := uint32(0)
	for i, b := range s.iov {
		last := i == len(s.iov)-1
		d := pdu.Data{CCCID: s.req.Cmd.CID, Offset: off, Length: uint32(len(b)), Last: last, Success: last && success}
		off += d.Length
		n := d.Put(head, pdu.TypeC2HData, c.format)
		c.send(head[:n], nil)
		head = head[n:]
		end := s
		if !last || !success {
			end = nil
		}
		if !c.format.DataDigest {
			c.sendOf(s, b, end)
			continue
		}
		c.sendOf(s, b, nil)
		pdu.PutDigest(head, pdu.DataDigest(0, b))
		c.send(head[:pdu.DigestSize], end)
		head = head[pdu.DigestSize:]
	}
	return head
}
