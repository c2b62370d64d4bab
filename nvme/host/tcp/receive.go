// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"
	"fmt"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
)

const (
	// receiveSize and adminReceiveSize are how much is read at once.
	receiveSize      = 128 << 10
	adminReceiveSize = 16 << 10
	// largeRead is from how many bytes on it is cheaper to read straight
	// into the caller's buffer, with a system call of its own, than to copy.
	largeRead = 16 << 10
	// betweenLarge is how much is read besides data that go to their place:
	// the next header, and not much of what follows it.
	betweenLarge = 512
	// maxReads bounds the system calls of one poll.
	maxReads = 16
)

// part is which part of a PDU is due.
type part uint8

const (
	partHead part = iota
	partData
	partDigest
)

// receiver is where the queue stands in what it reads.
type receiver struct {
	buf    []byte
	part   part
	layout pdu.Layout
	known  bool // layout is that of the header in head
	head   [pdu.MaxPDO + 1]byte
	n      int // bytes in head, or of the data digest in digest

	slot   *slot    // whose data are due
	data   pdu.Data // the C2HData that they are of
	into   [][]byte // where the rest of the data goes, a part of places
	places [][]byte
	rest   uint32 // bytes of data that are due
	crc    uint32 // of the data so far
	digest [pdu.DigestSize]byte

	vector [][]byte // for one system call
}

// stop forgets everything but its memory.
func (x *receiver) stop() {
	clear(x.places)
	*x = receiver{buf: x.buf, places: x.places[:0], vector: x.vector[:0]}
}

// receive reads what has come: data to where they belong, all else and what
// follows into the buffer.
func (q *queue) receive() {
	x := &q.rx
	for range maxReads {
		x.vector = x.vector[:0]
		direct := 0
		if x.part == partData {
			x.vector = append(x.vector, x.into...)
			direct = int(x.rest)
		}
		buf := x.buf
		if 2*q.largeReads > q.outstanding() {
			buf = buf[:betweenLarge]
		}
		x.vector = append(x.vector, buf)
		n, err := q.conn.Readv(&q.vector, x.vector)
		full := n == direct+len(buf)
		clear(x.vector)
		if err != nil {
			if !errors.Is(err, sock.ErrAgain) {
				q.fail(fmt.Errorf("read: %w", err))
			}
			return
		}
		if direct > 0 {
			direct = min(n, direct)
			q.placed(direct)
		}
		q.consume(buf[:n-direct])
		if !full || q.conn == nil {
			return
		}
	}
}

// placed accounts for n bytes of data that were read to their place.
func (q *queue) placed(n int) {
	x := &q.rx
	x.rest -= uint32(n)
	for n > 0 {
		b := x.into[0]
		m := min(n, len(b))
		if x.layout.DataDigest {
			x.crc = pdu.DataDigest(x.crc, b[:m])
		}
		x.skip(m)
		n -= m
	}
	if x.rest == 0 {
		q.dataEnds()
	}
}

// skip takes m bytes, at most the first piece, off the places for data.
func (x *receiver) skip(m int) {
	if x.into[0] = x.into[0][m:]; len(x.into[0]) == 0 {
		x.into = x.into[1:]
	}
}

// consume works on bytes that were read.
func (q *queue) consume(p []byte) {
	x := &q.rx
	for len(p) > 0 && q.conn != nil {
		switch x.part {
		case partHead:
			p = q.takeHead(p)
		case partData:
			p = q.takeData(p)
		case partDigest:
			n := copy(x.digest[x.n:], p)
			x.n += n
			p = p[n:]
			if x.n == pdu.DigestSize {
				x.n = 0
				q.dataDone(pdu.Digest(x.digest[:]) == x.crc)
			}
		}
	}
}

// takeHead gathers a header with its digest and padding.
func (q *queue) takeHead(p []byte) []byte {
	x := &q.rx
	if x.n == 0 && len(p) >= pdu.CommonSize && q.startHead(p) && len(p) >= int(x.layout.Head) {
		head := p[:x.layout.Head]
		q.headDone(head)
		return p[len(head):]
	}
	for len(p) > 0 && q.conn != nil {
		need := pdu.CommonSize
		if x.known {
			need = int(x.layout.Head)
		}
		n := copy(x.head[x.n:need], p)
		x.n += n
		p = p[n:]
		if x.n < need {
			break
		}
		if x.known {
			q.headDone(x.head[:need])
			break
		}
		if !q.startHead(x.head[:x.n]) {
			break
		}
	}
	return p
}

// startHead checks a common header.
func (q *queue) startHead(b []byte) bool {
	t := pdu.Type(b[0])
	l, err := q.rules.Check(b)
	if err == nil && t != pdu.TypeC2HTermReq && (t == pdu.TypeICResp) != (q.state == stateInit) {
		err = pdu.Fatal(pdu.SequenceError, 0, "%v at the wrong time", t)
	}
	if err != nil {
		q.fatal(err, b[:pdu.CommonSize])
		return false
	}
	q.rx.layout, q.rx.known = l, true
	return true
}

// headDone works on a whole header.
func (q *queue) headDone(head []byte) {
	x := &q.rx
	header := head[:x.layout.Header]
	err := x.layout.CheckHeader(head)
	x.n, x.known = 0, false
	if err == nil {
		switch x.layout.Type {
		case pdu.TypeICResp:
			err = q.icResp(head)
		case pdu.TypeCapsuleResp:
			err = q.response(head)
		case pdu.TypeC2HData:
			err = q.startData(head)
		case pdu.TypeR2T:
			err = q.readyToTransfer(head)
		case pdu.TypeC2HTermReq:
			r := pdu.ParseTermReq(head)
			q.fail(fmt.Errorf("the controller terminates the connection: %v (FEI %#x)", r.Status, r.Info))
			return
		}
	}
	if err != nil {
		q.fatal(err, header)
	}
}

// find returns the outstanding command that a PDU names.
func (q *queue) find(t pdu.Type, cid uint16, offset uint32) (*slot, *pdu.FatalError) {
	if int(cid) < len(q.slots) {
		if s := &q.slots[cid]; s.req != nil && !s.ended {
			return s, nil
		}
	}
	return nil, pdu.Fatal(pdu.InvalidHeaderField, offset, "%v for command %d, which is not outstanding", t, cid)
}

// response takes the completion of a command.
func (q *queue) response(head []byte) *pdu.FatalError {
	const offCID = 8 + 12
	var cpl nvme.Completion
	pdu.ParseCapsuleResp(head, &cpl)
	s, err := q.find(pdu.TypeCapsuleResp, cpl.CID, offCID)
	if err == nil {
		q.end(s, &cpl)
	}
	return err
}

// startData finds the place for data.
func (q *queue) startData(head []byte) *pdu.FatalError {
	x := &q.rx
	d, err := pdu.ParseData(head, &x.layout)
	if err != nil {
		return err
	}
	s, err := q.find(pdu.TypeC2HData, d.CCCID, pdu.OffsetCCCID)
	if err != nil {
		return err
	}
	size := s.req.Payload().Len
	switch {
	case !s.read:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetCCCID, "C2HData for command %d, which reads nothing", d.CCCID)
	case d.Offset != s.moved:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetOffset, "C2HData with DATAO %d: %d bytes have come", d.Offset, s.moved)
	case d.Length > size-s.moved:
		return pdu.Fatal(pdu.DataTransferOutOfRange, 0, "C2HData with %d bytes at %d: the command reads %d", d.Length, d.Offset, size)
	}
	x.slot, x.data, x.crc = s, d, 0
	x.rest = d.Length
	x.places = pieces(x.places[:0], s.req.Payload(), d.Offset, d.Length)
	x.into = x.places
	x.part = partData
	return nil
}

// takeData copies data to their place.
func (q *queue) takeData(p []byte) []byte {
	x := &q.rx
	n := min(len(p), int(x.rest))
	data := p[:n]
	if x.layout.DataDigest {
		x.crc = pdu.DataDigest(x.crc, data)
	}
	x.rest -= uint32(n)
	for len(data) > 0 {
		m := copy(x.into[0], data)
		data = data[m:]
		x.skip(m)
	}
	if x.rest == 0 {
		q.dataEnds()
	}
	return p[n:]
}

// dataEnds is called when the last byte of data has come.
func (q *queue) dataEnds() {
	if q.rx.layout.DataDigest {
		q.rx.part = partDigest
		return
	}
	q.dataDone(true)
}

// dataDone is called when data, and their digest, have come. A digest that is
// wrong fails the command alone (section 3.3.1.2).
func (q *queue) dataDone(intact bool) {
	x := &q.rx
	s := x.slot
	x.part, x.slot = partHead, nil
	s.moved += x.data.Length
	s.bad = s.bad || !intact
	if x.data.Success {
		cpl := nvme.NewCompletion(0, q.id, x.data.CCCID, nvme.StatusSuccess)
		q.end(s, &cpl)
	}
}

// readyToTransfer takes the controller's wish for data.
func (q *queue) readyToTransfer(head []byte) *pdu.FatalError {
	r, err := pdu.ParseR2T(head)
	if err != nil {
		return err
	}
	s, err := q.find(pdu.TypeR2T, r.CCCID, pdu.OffsetCCCID)
	if err != nil {
		return err
	}
	size := s.req.Payload().Len
	switch {
	case !s.write:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetCCCID, "R2T for command %d, which writes nothing", r.CCCID)
	case len(s.granted) == cap(s.granted):
		return pdu.Fatal(pdu.R2TLimitExceeded, 0, "R2T for command %d, of which %d are outstanding", r.CCCID, len(s.granted))
	case r.Offset != s.moved:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetOffset, "R2T with R2TO %d: %d bytes were asked for", r.Offset, s.moved)
	case r.Length > size-s.moved:
		return pdu.Fatal(pdu.DataTransferOutOfRange, 0, "R2T for %d bytes at %d: the command writes %d", r.Length, r.Offset, size)
	}
	s.moved += r.Length
	s.granted = append(s.granted, r)
	if !s.sending {
		q.sendData(s)
	}
	return nil
}
