// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/nvme/psk"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/trace"
)

// connState is how far a connection has got.
type connState uint8

const (
	stateNew        connState = iota // ICReq is due
	stateReady                       // Connect is due
	stateConnecting                  // Connect is being carried out
	stateRunning                     // a queue of a controller
	stateEnding                      // a termination request is on its way
	stateClosed                      // the socket is closed, commands may be in execution
)

// lingerTime is how long a host has to take a termination request and close
// the connection.
const lingerTime = 5 * time.Second

// conn is a connection: a queue of a host. Its methods are called on the
// thread of its group.
type conn struct {
	nvmf.Queue
	t      *Transport
	portal *portal
	sock   *sock.Conn
	poll   *sock.Group  // where it is polled
	tls    psk.Identity // by which TLS knows the host
	g      *group
	index  uint32 // in the group
	state  connState
	noFlow bool // SQ flow control is off

	owner    trace.Owner   // of what is recorded
	deadline time.Duration // when checkDeadlines closes it, 0 for never

	ctrlr   *controller // nil before Connect
	lane    *nvmf.Lane  // that of ctrlr where the connection is
	counted *group      // that counts it as an I/O queue
	mute    bool        // commands end without an answer
	connect *connecting // while Connect is read and carried out

	rules  pdu.Rules  // for what comes
	format pdu.Format // of what goes
	rx     receiver
	tx     sender
	pinned []*slot // answered, but the kernel may read them still

	isDirty, resuming bool
	readOff, writeOn  bool // what the group watches

	slots   []*slot
	free    []*slot
	busy    int // slots that are not free
	entries int // size of the queue
	sqHead  uint16
	fuse    *slot // the first command of a fused pair, whose second is due
}

func newConn(t *Transport, p *portal, s *sock.Conn) *conn {
	c := &conn{t: t, portal: p, sock: s, owner: trace.NewOwner(trace.OwnerNVMfTCP, s.Remote().String())}
	c.rules = pdu.Rules{FromHost: true, MaxInCapsule: maxInCapsule, MaxData: t.opts.MaxDataSize}
	return c
}

// drop ends a connection that no thread has taken, or that has come to its
// end.
func (c *conn) drop() {
	if c.state != stateClosed {
		c.sock.Close()
		c.state = stateClosed
	}
	c.unplace()
	c.owner.Release()
	c.t.count.Add(-1)
	c.t.live.Done()
}

// unplace undoes Transport.place.
func (c *conn) unplace() {
	if c.counted != nil {
		c.counted.queues.Add(-1)
		c.counted = nil
	}
}

// hurry closes the connection after d, unless calm is called before.
func (c *conn) hurry(d time.Duration) {
	if c.deadline == 0 {
		if c.g.hurried++; c.g.hurried == 1 {
			c.g.timer.Resume()
		}
	}
	c.deadline = c.g.thread.Clock().Now() + d
}

func (c *conn) calm() {
	if c.deadline == 0 {
		return
	}
	c.deadline = 0
	if c.g.hurried--; c.g.hurried == 0 {
		c.g.timer.Pause()
	}
}

// watch tells the group what to watch for.
func (c *conn) watch(read, write bool) {
	if c.readOff == !read && c.writeOn == write || c.state == stateClosed {
		return
	}
	c.readOff, c.writeOn = !read, write
	c.closeAfter(c.poll.Watch(c.sock, c.index, read, write))
}

// closeAfter closes a connection that the group cannot watch any more.
func (c *conn) closeAfter(err error) {
	if err != nil {
		log.Errorf("%v", err)
		c.close()
	}
}

// fatal answers a mistake of the host by a termination request, which carries
// the header in error, and ends the connection.
func (c *conn) fatal(e *pdu.FatalError, header []byte) {
	if c.state >= stateEnding {
		return
	}
	log.Warnf("nvmf: TCP %v: %v", c.sock.Remote(), e)
	c.state = stateEnding
	b := make([]byte, pdu.MaxTermReqSize)
	n := (&pdu.TermReq{Status: e.Status, Info: e.Info}).Put(b, pdu.TypeC2HTermReq, header)
	c.sendLoose(b[:n])
	c.hurry(lingerTime)
	c.watch(true, c.writeOn) // until the host closes; what it sends is dropped
}

// close closes the connection. What is in execution ends by itself, without
// an answer; then the connection is gone.
func (c *conn) close() {
	if c.state == stateClosed {
		return
	}
	flag.Debugf("%v: closed", c.sock.Remote())
	c.trace(trace.TCPQPDisconnect, 0)
	c.calm()
	waits := c.state == stateConnecting
	c.state = stateClosed
	c.g.detach(c)
	c.busy++ // it must not be gone before the end of this function
	c.closeSocket()
	c.tx.discard(c)
	c.rx.stop()
	c.abandon()
	if c.ctrlr != nil && c.ID == 0 {
		c.ctrlr.end()
	}
	if waits {
		return // the answer comes back
	}
	c.busy--
	c.checkGone()
}

// abandon ends commands that wait for data or buffers.
func (c *conn) abandon() {
	for _, s := range c.slots {
		switch s.state {
		case slotWaiting:
			c.g.cancel(s)
			s.giveUp()
		case slotReceiving:
			s.giveUp()
		}
	}
	if c.ctrlr != nil {
		c.fuse = nil
		c.ctrlr.core.AbortFused(&c.Queue)
	}
}

// checkGone is called when something has ended that a closed connection waits
// for.
func (c *conn) checkGone() {
	if c.state != stateClosed || c.busy > 0 {
		return
	}
	c.trace(trace.TCPQPDestroy, 0)
	for _, s := range c.slots {
		s.req.Release()
	}
	c.slots, c.free = nil, nil
	if a := c.ctrlr; a != nil {
		c.ctrlr = nil
		c.lane.RemoveQueue(c.ID)
		a.g.thread.Send(func() { a.gone(c) })
	}
	c.drop()
}

// reply sends a response capsule for a command without a slot.
func (c *conn) reply(cpl nvme.Completion) {
	b := make([]byte, pdu.CapsuleRespSize+pdu.DigestSize)
	c.sendLoose(b[:pdu.PutCapsuleResp(b, c.format, &cpl)])
}
