// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
)

// sender is what a queue has to write.
type sender struct {
	bufs [][]byte // in their order; what is before at has gone
	ends []*slot  // bufs[i] is the last of this slot's PDU, nil for others
	at   int
}

// writeBatch is how many buffers one system call writes.
const writeBatch = 512

func (x *sender) pending() bool { return x.at < len(x.bufs) }

// discard forgets what has not gone.
func (x *sender) discard() {
	clear(x.bufs)
	clear(x.ends)
	x.bufs, x.ends, x.at = x.bufs[:0], x.ends[:0], 0
}

// compact makes room at the end, without allocation once the queue has been
// as long as it gets.
func (x *sender) compact() {
	if x.at == 0 || x.at < len(x.bufs) && x.at < len(x.bufs)/2 {
		return
	}
	n := copy(x.bufs, x.bufs[x.at:])
	copy(x.ends, x.ends[x.at:])
	clear(x.bufs[n:])
	clear(x.ends[n:])
	x.bufs, x.ends, x.at = x.bufs[:n], x.ends[:n], 0
}

func (x *sender) add(b []byte, end *slot) {
	x.bufs = append(x.bufs, b)
	x.ends = append(x.ends, end)
}

// sendCommand queues a capsule, with its data if they fit in.
func (q *queue) sendCommand(s *slot, cmd *nvme.Command, size uint32) {
	limit := q.inCapsule
	if q.id == 0 || cmd.Opcode == nvme.OpcodeFabrics {
		limit = adminInCapsule
	}
	cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
	if !s.write || size > limit {
		cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeTransportDataBlock, nvme.SGLSubtypeTransport, 0, size))
		q.sendPDU(s, pdu.PutCapsuleCmd(s.head[:], q.format, cmd, 0), 0, 0)
		return
	}
	cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, 0, size))
	s.moved = size // nothing is left that could be asked for
	q.sendPDU(s, pdu.PutCapsuleCmd(s.head[:], q.format, cmd, size), 0, size)
}

// sendPDU queues n bytes of s.head and size bytes of the command's data, from
// off on.
func (q *queue) sendPDU(s *slot, n int, off, size uint32) {
	s.sending = true
	if size == 0 {
		q.tx.add(s.head[:n], s)
		return
	}
	q.tx.add(s.head[:n], nil)
	digest := q.format.DataDigest
	first := len(q.tx.bufs)
	q.tx.bufs = pieces(q.tx.bufs, s.req.Payload(), off, size)
	crc := uint32(0)
	for _, b := range q.tx.bufs[first:] {
		if digest {
			crc = pdu.DataDigest(crc, b)
		}
		q.tx.ends = append(q.tx.ends, nil)
	}
	if digest {
		pdu.PutDigest(s.digest[:], crc)
		q.tx.add(s.digest[:], s)
		return
	}
	q.tx.ends[len(q.tx.ends)-1] = s
}

// pieces appends where n bytes of a request's data are, from off on.
func pieces(to [][]byte, p *host.Payload, off, n uint32) [][]byte {
	if p.Iov == nil {
		return append(to, p.Buf[off:off+n])
	}
	off += p.Offset
	for _, b := range p.Iov {
		size := uint32(len(b))
		if off >= size {
			off -= size
			continue
		}
		b = b[off:]
		b = b[:min(uint32(len(b)), n)]
		off = 0
		to = append(to, b)
		if n -= uint32(len(b)); n == 0 {
			break
		}
	}
	return to
}

// sendData queues the next H2CData that R2Ts have asked for, if there is one.
func (q *queue) sendData(s *slot) {
	if len(s.granted) == 0 {
		return
	}
	r := &s.granted[0]
	n := min(r.Length, q.maxH2C)
	d := pdu.Data{CCCID: r.CCCID, TTAG: r.TTAG, Offset: r.Offset, Length: n, Last: n == r.Length}
	head := d.Put(s.head[:], pdu.TypeH2CData, q.format)
	r.Offset += n
	if r.Length -= n; r.Length == 0 {
		s.granted = append(s.granted[:0], s.granted[1:]...)
	}
	q.sendPDU(s, head, d.Offset, n)
}

// sent is called when a PDU of s has gone.
func (q *queue) sent(s *slot) {
	s.sending = false
	if s.ended {
		q.done = append(q.done, s.req.Slot())
		return
	}
	q.sendData(s)
}

// write writes as much as the socket takes.
func (q *queue) write() {
	x := &q.tx
	for x.pending() {
		n, err := q.conn.Writev(&q.vector, x.bufs[x.at:min(len(x.bufs), x.at+writeBatch)])
		if err != nil {
			if errors.Is(err, sock.ErrAgain) {
				break
			}
			// What the controller has said before it went comes first, most of
			// all why it went.
			if q.receive(); q.conn != nil {
				q.fail(fmt.Errorf("write: %w", err))
			}
			return
		}
		q.advance(n)
	}
	x.compact()
	q.watch(x.pending())
}

// advance takes n bytes off what is to be written.
func (q *queue) advance(n int) {
	x := &q.tx
	for n > 0 {
		b := x.bufs[x.at]
		if n < len(b) {
			x.bufs[x.at] = b[n:]
			return
		}
		n -= len(b)
		s := x.ends[x.at]
		x.bufs[x.at], x.ends[x.at] = nil, nil
		x.at++
		if s != nil {
			q.sent(s)
		}
	}
}
