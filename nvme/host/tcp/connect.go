// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"
	"fmt"
	"io"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/sock"
)

// Dial implements host.FabricQueue.
func (q *queue) Dial() error {
	c, err := sock.Dial(q.link.local, q.link.remote)
	if err != nil {
		return err
	}
	if err := c.Set(sock.Options{AckTimeout: q.link.ackTimeout}); err != nil {
		c.Close()
		return err
	}
	q.conn = c
	q.state = stateDialing
	q.format = pdu.Format{}
	q.rules = pdu.Rules{MaxData: maxTransfer}
	q.inCapsule = 0
	q.writable = true
	if g := q.group(); g != nil && q.link.key == nil {
		return errors.Join(g.Add(c, uint32(q.id)), g.Watch(c, uint32(q.id), true, true))
	}
	return nil
}

// group returns the interrupt vector of the queue, nil if there are no
// interrupts.
func (q *queue) group() *sock.Group {
	if n := len(q.link.groups); n > 0 {
		return q.link.groups[min(int(q.id), n-1)]
	}
	return nil
}

// watch has the interrupt vector wake the thread when there is room to write.
func (q *queue) watch(write bool) {
	if q.writable == write {
		return
	}
	q.writable = write
	if g := q.group(); g != nil {
		if err := g.Watch(q.conn, uint32(q.id), true, write); err != nil {
			q.fail(err)
		}
	}
}

// dialing goes on when the socket has connected.
func (q *queue) dialing() {
	ok, err := q.conn.Established()
	if err != nil {
		q.fail(err)
	}
	if !ok {
		return
	}
	flag.Debugf("%s connected from %v to %v", q.name, q.conn.Local(), q.conn.Remote())
	if q.link.key != nil {
		q.beginTLS()
		return
	}
	q.sendICReq()
}

// sendICReq begins the transport's handshake.
func (q *queue) sendICReq() {
	req := q.icReq()
	b := make([]byte, pdu.ICSize)
	req.Put(b)
	if n, err := q.conn.Writev(&q.vector, [][]byte{b}); err != nil || n < len(b) {
		if err == nil {
			err = io.ErrShortWrite
		}
		q.fail(fmt.Errorf("sending ICReq: %w", err))
		return
	}
	q.state = stateInit
	q.watch(false)
}

func (q *queue) icReq() pdu.ICReq {
	return pdu.ICReq{HeaderDigest: q.link.headerDigest, DataDigest: q.link.dataDigest, MaxR2T: uint64(q.link.maxR2T)}
}

// icResp ends the transport's handshake.
func (q *queue) icResp(head []byte) *pdu.FatalError {
	req := q.icReq()
	r, err := pdu.ParseICResp(head, &req)
	if err != nil {
		return err
	}
	q.format = pdu.Format{HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest, PDA: r.CPDA}
	q.rules.Format = pdu.Format{HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest, PDA: req.HPDA}
	q.maxH2C = r.MaxH2CData
	q.state = stateReady
	flag.Debugf("%s header digest %t, data digest %t, cpda %d, maxh2cdata %d", q.name, r.HeaderDigest, r.DataDigest, r.CPDA, r.MaxH2CData)
	return nil
}

// Established implements host.FabricQueue.
func (q *queue) Established() bool { return q.state == stateReady }

// Disconnect implements host.FabricQueue.
func (q *queue) Disconnect() {
	q.endTLS()
	if q.conn != nil { // closing it takes it out of its group too
		if q.id != 0 && q.outstanding() > 0 || q.aborted {
			// Commands that were given up may be sent again by another
			// connection. The kernel must not deliver them once more, later
			// than what comes after them.
			q.conn.Abort()
		} else {
			q.conn.Close()
		}
		q.conn = nil
	}
	q.aborted = false
	q.state = stateNone
	q.rx.stop()
	q.tx.discard()
}

// fail ends the connection; Poll says why.
func (q *queue) fail(err error) {
	if q.err == nil {
		q.err = fmt.Errorf("NVMe/TCP to %v: %w", q.link.remote, err)
	}
	q.aborted = true
	q.Disconnect()
}

// fatal answers a mistake of the controller by a termination request, which
// carries the header in error, and ends the connection.
func (q *queue) fatal(e *pdu.FatalError, header []byte) {
	log.Errorf("%s %v", q.name, e)
	if !q.tx.pending() { // else it would come within another PDU
		b := make([]byte, pdu.MaxTermReqSize)
		n := (&pdu.TermReq{Status: e.Status, Info: e.Info}).Put(b, pdu.TypeH2CTermReq, header)
		_, _ = q.conn.Writev(&q.vector, [][]byte{b[:n]})
		q.drain()
		q.conn.Close() // in good order, so that it is told
		q.conn = nil
	}
	q.fail(e)
}

// drain reads what has come: closing a socket with something unread resets the
// connection, and the controller might not get to see why.
func (q *queue) drain() {
	const most = 64
	for range most {
		if _, err := q.conn.Readv(&q.vector, [][]byte{q.rx.buf}); err != nil {
			return
		}
	}
}
