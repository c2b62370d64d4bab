// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"

	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/trace"
)

// waitFor is why a connection does not read on.
type waitFor uint8

const (
	waitNothing waitFor = iota
	waitSlot            // for a free slot; the header is in rx.head
	waitBuffer          // for buffers for in-capsule data
	waitConnect         // for the end of Connect
)

// part is which part of a PDU is due.
type part uint8

const (
	partHead part = iota
	partData
	partDigest
)

// receiver is where a connection stands in what it reads. What cannot be
// worked on yet is kept: a header in head, anything that came behind it in
// backlog.
type receiver struct {
	wait    waitFor
	part    part
	layout  pdu.Layout
	known   bool // layout is that of the header in head
	head    [pdu.MaxPDO + 1]byte
	n       int // bytes in head, or of the data digest in digest
	backlog []byte

	slot   *slot    // whose data are due, nil if they are dropped
	into   [][]byte // where the rest of the data goes, a part of places
	places [][]byte
	rest   uint32 // bytes of data that are due
	small  int    // PDUs without bulk data, up to smallRun
	crc    uint32 // of the data so far
	digest [pdu.DigestSize]byte
}

// stop forgets everything: the connection is closed.
func (x *receiver) stop() { *x = receiver{} }

// markResume lets the group go on with a connection that waits.
func (c *conn) markResume() {
	c.rx.wait = waitNothing
	if !c.resuming && c.state != stateClosed {
		c.resuming = true
		c.g.resume = append(c.g.resume, c)
	}
}

// receive reads what has come: data to where they belong, all else and what
// follows into the group's buffer.
func (c *conn) receive() {
	g, x := c.g, &c.rx
	if c.resuming {
		return // what was kept comes first
	}
	if x.wait != waitNothing && c.state != stateEnding {
		// Nothing is read on. If this is the end of the connection it is
		// noticed now.
		c.watch(false, c.writeOn)
		if c.state != stateClosed && c.sock.Broken() {
			c.close()
		}
		return
	}
	g.bufList = g.bufList[:0]
	if x.part == partData {
		g.bufList = append(g.bufList, x.into...)
	}
	direct := 0
	for _, b := range g.bufList {
		direct += len(b)
	}
	g.bufList = append(g.bufList, g.receive)
	n, err := c.sock.Readv(&g.vector, g.bufList)
	clear(g.bufList)
	if err != nil {
		if !errors.Is(err, sock.ErrAgain) {
			flag.Debugf("%v: read: %v", c.sock.Remote(), err)
			c.close()
		}
		return
	}
	c.trace(trace.TCPReadDone, n)
	if c.state == stateEnding {
		return
	}
	if direct > 0 {
		direct = min(n, direct)
		c.placed(direct)
	}
	c.consume(g.receive[:n-direct])
}

// given takes bytes that the group has received. They are gone after the
// call.
func (c *conn) given(p []byte) {
	x := &c.rx
	c.trace(trace.TCPReadDone, len(p))
	switch {
	case c.state == stateEnding:
	case c.resuming:
		x.backlog = append(x.backlog, p...) // what was kept comes first
	case x.wait != waitNothing:
		x.backlog = append(x.backlog, p...)
		c.watch(false, c.writeOn)
	default:
		c.consume(p)
	}
}

// placed accounts for n bytes of data that were read to their place.
func (c *conn) placed(n int) {
	x := &c.rx
	x.rest -= uint32(n)
	for n > 0 {
		m := min(n, len(x.into[0]))
		if x.layout.DataDigest {
			x.crc = pdu.DataDigest(x.crc, x.into[0][:m])
		}
		x.skip(m)
		n -= m
	}
	if x.rest == 0 {
		c.dataEnds()
	}
}

// aim sets where data go: to n bytes of iov, from off on.
func (x *receiver) aim(iov [][]byte, off, n uint32) {
	x.places = x.places[:0]
	for _, b := range iov {
		if size := uint32(len(b)); off >= size {
			off -= size
			continue
		}
		b = b[off:]
		b = b[:min(uint32(len(b)), n)]
		off, n = 0, n-uint32(len(b))
		if len(b) > 0 {
			x.places = append(x.places, b)
		}
	}
	x.into = x.places
}

// skip takes m bytes, at most the first piece, off the places for data.
func (x *receiver) skip(m int) {
	if x.into[0] = x.into[0][m:]; len(x.into[0]) == 0 {
		x.into = x.into[1:]
	}
}

// consume works on bytes that were read, and keeps what has to wait.
func (c *conn) consume(p []byte) {
	x := &c.rx
	for len(p) > 0 && x.wait == waitNothing && c.state < stateEnding {
		switch x.part {
		case partHead:
			p = c.takeHead(p)
		case partData:
			p = c.takeData(p)
		case partDigest:
			n := copy(x.digest[x.n:], p)
			x.n += n
			p = p[n:]
			if x.n == pdu.DigestSize {
				x.n = 0
				c.dataDone(pdu.Digest(x.digest[:]) == x.crc)
			}
		}
	}
	if len(p) > 0 && c.state < stateEnding {
		x.backlog = append(x.backlog, p...)
	}
}

// goOn works on what was kept while the connection waited.
func (c *conn) goOn() {
	x := &c.rx
	if x.wait != waitNothing || c.state >= stateEnding {
		return
	}
	if x.known && x.n == int(x.layout.Head) {
		c.headDone(x.head[:x.n])
	}
	backlog := x.backlog
	x.backlog = nil
	c.consume(backlog)
	if x.wait == waitNothing && c.state < stateEnding {
		c.watch(true, c.writeOn)
	}
}

// takeHead gathers a header with its digest and padding.
func (c *conn) takeHead(p []byte) []byte {
	x := &c.rx
	if x.n == 0 && len(p) >= pdu.CommonSize && c.startHead(p) && len(p) >= int(x.layout.Head) {
		head := p[:x.layout.Head]
		c.headDone(head)
		return p[len(head):]
	}
	for len(p) > 0 && c.state < stateEnding {
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
			c.headDone(x.head[:need])
			break
		}
		if !c.startHead(x.head[:x.n]) {
			break
		}
	}
	return p
}

// startHead checks a common header.
func (c *conn) startHead(b []byte) bool {
	if t := pdu.Type(b[0]); (t == pdu.TypeICReq) != (c.state == stateNew) && (t == pdu.TypeICReq || t == pdu.TypeCapsuleCmd || t == pdu.TypeH2CData) {
		c.fatal(pdu.Fatal(pdu.SequenceError, 0, "%v in state %d of the connection", t, c.state), b[:pdu.CommonSize])
		return false
	}
	l, err := c.rules.Check(b)
	if err != nil {
		c.fatal(err, b[:pdu.CommonSize])
		return false
	}
	c.rx.layout, c.rx.known = l, true
	return true
}

// headDone works on a whole header. If it has to wait for a slot the header is
// kept.
func (c *conn) headDone(head []byte) {
	x := &c.rx
	if err := x.layout.CheckHeader(head); err != nil {
		c.fatal(err, head[:x.layout.Header])
		return
	}
	x.slot, x.into, x.rest, x.crc = nil, nil, x.layout.Data, 0
	if x.part = partHead; x.rest > 0 {
		x.part = partData
	}
	if c.chooseReceive(); c.state == stateClosed {
		return
	}
	switch x.layout.Type {
	case pdu.TypeICReq:
		c.icReq(head)
	case pdu.TypeCapsuleCmd:
		if !c.command(head) {
			x.n = copy(x.head[:], head)
			x.part, x.wait = partHead, waitSlot
			return
		}
	case pdu.TypeH2CData:
		c.h2cData(head)
	case pdu.TypeH2CTermReq:
		r := pdu.ParseTermReq(head)
		flag.Debugf("%v: the host terminates the connection: %v, FEI %#x", c.sock.Remote(), r.Status, r.Info)
		c.close()
		return
	}
	x.n, x.known = 0, false
}

const (
	// bulkData is from how many bytes on data are better read straight to
	// their place than given by the group and copied there.
	bulkData = 16 << 10
	// smallRun is after how many PDUs without such data it is the other way.
	smallRun = 64
)

// chooseReceive chooses by the PDUs of an I/O queue whether what comes is read
// or given.
func (c *conn) chooseReceive() {
	x := &c.rx
	if x.rest >= bulkData {
		if x.small >= smallRun {
			c.closeAfter(c.poll.TakeBack(c.sock))
		}
		x.small = 0
	} else if x.small < smallRun && c.state == stateRunning && c.ID != 0 {
		if x.small++; x.small == smallRun {
			c.closeAfter(c.poll.Give(c.sock))
		}
	}
}

// takeData copies data to their place. What has none is dropped.
func (c *conn) takeData(p []byte) []byte {
	x := &c.rx
	n := min(len(p), int(x.rest))
	data := p[:n]
	if x.layout.DataDigest {
		x.crc = pdu.DataDigest(x.crc, data)
	}
	x.rest -= uint32(n)
	for len(data) > 0 && len(x.into) > 0 {
		m := copy(x.into[0], data)
		data = data[m:]
		x.skip(m)
	}
	if x.rest == 0 {
		c.dataEnds()
	}
	return p[n:]
}

// dataEnds is called when the last byte of data has come.
func (c *conn) dataEnds() {
	if c.rx.layout.DataDigest {
		c.rx.part = partDigest
		return
	}
	c.dataDone(true)
}
