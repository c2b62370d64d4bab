// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/sock"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
	"github.com/gospdk/gospdk/trace"
)

const (
	// receiveSize is how much is read at once.
	receiveSize = 256 << 10
	// flushBatch is how many connections are written at once.
	flushBatch = 64
	// timerPeriod is how often connections are looked at that have not
	// got far enough, or are about to end.
	timerPeriod = time.Second
)

// group is the connections of one thread. All its methods are called there,
// unless they say otherwise.
type group struct {
	t      *Transport
	thread *thread.Thread
	polls  []polled
	poller *thread.Poller
	timer  *thread.Poller // runs while hurried is not 0
	queues atomic.Int32   // I/O queues, also those that are about to come
	bufs   *iobuf.Channel
	unit   int // bytes that go into one buffer, and into one C2HData

	conns   []*conn // by their index; nil where one has gone
	free    []uint32
	hurried int // connections that have a deadline

	receive []byte
	vector  sock.Vector
	bufList [][]byte // for one system call

	dirty   []*conn // have something to write
	out     [flushBatch]sock.Output
	writers [flushBatch]*conn // whose outputs these are
	resume  []*conn           // may go on

	// Requests that wait for buffers, oldest first. Only the first asks for
	// them, so that none holds some while another holds the rest.
	waitFirst, waitLast *slot
}

func newGroup(t *Transport, th *thread.Thread, pool *iobuf.Pool) (*group, error) {
	g := &group{t: t, thread: th, receive: make([]byte, receiveSize)}
	var err error
	if g.bufs, err = pool.Channel(th, "nvmf_TCP", t.opts.SmallCache, t.opts.LargeCache); err != nil {
		return nil, err
	}
	g.unit = min(unit, g.bufs.MaxSize())
	if _, err = g.sockets(t.opts.Sock.Default()); err != nil {
		return nil, errors.Join(err, g.bufs.Close())
	}
	g.poller = th.NewPoller(thread.PollerConfig{Name: "nvmf TCP", Poll: g.round, Arm: g.arm})
	g.timer = th.NewPoller(thread.PollerConfig{Name: "nvmf TCP timeouts", Period: timerPeriod, Poll: g.checkDeadlines})
	g.timer.Pause()
	return g, nil
}

// close ends a group without connections.
func (g *group) close() error {
	g.poller.Stop()
	g.timer.Stop()
	for _, p := range g.polls {
		g.thread.RemoveFD(p.FD())
		p.Close()
	}
	return g.bufs.Close()
}

// polled are sockets of one implementation.
type polled struct {
	*sock.Group
	name string // that of the implementation that was asked for
}

// sockets returns where sockets of an implementation are polled.
func (g *group) sockets(impl string) (*sock.Group, error) {
	for _, p := range g.polls {
		if p.name == impl {
			return p.Group, nil
		}
	}
	n, err := g.t.opts.Sock.NewGroup(impl)
	if err != nil {
		return nil, err
	}
	if err := g.thread.AddFD(n.FD()); err != nil {
		n.Close()
		return nil, err
	}
	g.polls = append(g.polls, polled{n, impl})
	return n, nil
}

// welcome takes a new connection.
func (g *group) welcome(c *conn) {
	g.attach(c)
	if c.state == stateClosed {
		return
	}
	c.trace(trace.TCPQPCreate, 0)
	c.hurry(g.t.opts.ConnectTimeout)
	flag.Debugf("%v: connected", c.sock.Remote())
}

// attach makes c a connection of this group.
func (g *group) attach(c *conn) {
	c.g = g
	g.t.target.ConnectionCame(g.thread)
	if n := len(g.free); n > 0 {
		c.index, g.free = g.free[n-1], g.free[:n-1]
	} else {
		c.index = uint32(len(g.conns))
		g.conns = append(g.conns, nil)
	}
	g.conns[c.index] = c
	var err error
	if c.poll, err = g.sockets(c.portal.impl); err == nil {
		err = c.poll.Add(c.sock, c.index)
	}
	if err != nil {
		log.Errorf("%v", err)
	}
	if err != nil || g.t.closing.Load() {
		c.close()
	}
}

// detach undoes attach.
func (g *group) detach(c *conn) {
	if c.ctrlr == nil {
		g.t.target.ConnectionLeft(g.thread)
	}
	if c.poll != nil {
		c.poll.Remove(c.sock)
	}
	g.conns[c.index] = nil
	g.free = append(g.free, c.index)
	if c.isDirty {
		c.isDirty = false
		g.dirty[slices.Index(g.dirty, c)] = nil // flush may be at work on the list
	}
	if c.resuming {
		c.resuming = false
		g.resume = without(g.resume, c)
	}
}

// without returns list without c, in its place.
func without(list []*conn, c *conn) []*conn {
	for i, o := range list {
		if o == c {
			copy(list[i:], list[i+1:])
			list[len(list)-1] = nil
			return list[:len(list)-1]
		}
	}
	return list
}

// round is the group's poller.
func (g *group) round() (n int) {
	for i := range g.polls {
		for _, ev := range g.polls[i].Poll() {
			if c := g.conns[ev.ID]; c != nil { // not closed in this round
				c.happened(&ev)
				n++
			}
		}
	}
	for len(g.resume) > 0 {
		c := g.resume[0]
		g.resume = without(g.resume, c)
		c.resuming = false
		c.goOn()
		n++
	}
	if len(g.dirty) > 0 {
		n += g.flush()
	}
	return n
}

// happened takes an event of the connection.
func (c *conn) happened(ev *sock.Event) {
	if ev.Unpin {
		c.unpin()
	}
	if ev.Writable {
		c.markDirty()
	}
	switch {
	case ev.Data != nil:
		c.given(ev.Data)
	case ev.Readable:
		c.receive()
	}
}

// flush writes what the connections have to say, many with one call.
func (g *group) flush() (n int) {
	for i := 0; i < len(g.dirty); {
		var batch int
		i, batch = g.gather(i)
		if batch > 0 {
			g.writers[0].poll.Send(g.out[:batch])
		}
		for k := range g.out[:batch] {
			o := &g.out[k]
			c := g.writers[k]
			g.writers[k] = nil
			if c.state != stateClosed { // by what the others have sent
				c.sent(o.N, o.Err)
			}
			*o = sock.Output{}
		}
		n += batch
	}
	g.dirty = g.dirty[:0]
	return n
}

// gather makes a batch of what the connections from dirty[i] on have to say, as
// far as they are polled together, and returns where the rest begins.
func (g *group) gather(i int) (next, batch int) {
	for ; i < len(g.dirty) && batch < flushBatch; i++ {
		c := g.dirty[i]
		if c == nil {
			continue
		}
		if batch > 0 && c.poll != g.writers[0].poll {
			break
		}
		g.dirty[i], c.isDirty = nil, false
		if x := &c.tx; x.at < len(x.bufs) {
			g.out[batch] = sock.Output{Conn: c.sock, Bufs: x.bufs[x.at:], Pin: c.mayPin()}
			g.writers[batch] = c
			batch++
		} else {
			c.sent(0, nil)
		}
	}
	return i, batch
}

// arm lets the thread sleep until there is an event.
func (g *group) arm() time.Duration {
	if len(g.dirty) > 0 || len(g.resume) > 0 {
		return 0
	}
	return thread.Forever
}

// checkDeadlines ends connections whose time is over.
func (g *group) checkDeadlines() (n int) {
	now := g.thread.Clock().Now()
	for _, c := range g.conns {
		if c != nil && c.deadline != 0 && now >= c.deadline {
			switch {
			case c.state == stateEnding || c.Refused():
			case c.Authenticating():
				log.Warnf("nvmf: TCP %v: queue %d has not been authenticated within %v", c.sock.Remote(), c.ID, nvmf.AuthTimeout)
			default:
				log.Warnf("nvmf: TCP %v: no Connect command within %v", c.sock.Remote(), g.t.opts.ConnectTimeout)
			}
			c.close()
			n++
		}
	}
	return n
}

// disconnect closes the connections that match. It may be called from any
// goroutine that is not a reactor's.
func (g *group) disconnect(match func(*conn) bool) error {
	return thread.Do(context.Background(), g.thread, func() error {
		for _, c := range g.conns {
			if c != nil && match(c) {
				c.close()
			}
		}
		return nil
	})
}
