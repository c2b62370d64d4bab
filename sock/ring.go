// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uring"
)

const (
	// ringEntries is how many operations of a ring can wait for Submit.
	ringEntries = 256
	// Of these buffers connections get what has come. They serve one round
	// of Poll after the other, so they are best not more than caches hold.
	ringBuffers    = 256
	ringBufferSize = 8 << 10
)

// ring is what a group of the implementation Uring has beside the epoll set:
// a ring that receives, and one that sends, whose operations have all ended
// when it is left.
type ring struct {
	receives *uring.Ring
	sends    *uring.Ring
	bufs     *uring.BufRing
	used     []uint16 // buffers of the events of the last Poll
	cqes     [eventBatch]uring.CQE

	members     []member // by the id of the connection
	listedReady bool     // the epoll set may have events

	sender
}

// member is a connection with Give. The ring may still tell of one that has
// been removed, which the generation tells from its successor.
type member struct {
	conn *Conn
	gen  uint32
}

// The data of operations: what it is, then a generation, then an id.
const (
	kindReceive = iota << 56
	kindCancel
	kindListed

	kindMask = 0xff << 56
	genMask  = 0xffffff
)

func newRing(fd, epfd int) (*ring, error) {
	r := &ring{used: make([]uint16, 0, ringBuffers)}
	var err error
	if r.receives, err = uring.New(ringEntries); err != nil {
		return nil, err
	}
	if r.sends, err = uring.New(ringEntries); err != nil {
		return nil, errors.Join(err, r.receives.Close())
	}
	if r.bufs, err = r.receives.NewBufRing(0, ringBuffers, ringBufferSize); err != nil {
		r.close()
		return nil, fmt.Errorf("io_uring of this kernel has no rings of buffers (Linux 5.19): %w", err)
	}
	for _, in := range []int{r.receives.FD(), epfd} {
		ev := unix.EpollEvent{Events: unix.EPOLLIN}
		if err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, in, &ev); err != nil {
			r.close()
			return nil, fmt.Errorf("watching io_uring: %w", err)
		}
	}
	r.next().PollMany(uring.FD(epfd), unix.POLLIN, kindListed)
	r.receives.Submit()
	return r, nil
}

func (r *ring) close() {
	_ = r.receives.Close() // it unmaps and closes, which does not fail
	_ = r.sends.Close()
	if r.bufs != nil {
		_ = r.bufs.Close()
	}
}

// next returns an operation of the ring that receives.
func (r *ring) next() *uring.SQE {
	for {
		if s := r.receives.Next(); s != nil {
			return s
		}
		r.receives.Submit()
	}
}

func (r *ring) data(kind uint64, id uint32) uint64 {
	return kind | uint64(r.members[id].gen&genMask)<<32 | uint64(id)
}

// add begins to receive from c.
func (r *ring) add(c *Conn) {
	id := c.watched.id
	for int(id) >= len(r.members) {
		r.members = append(r.members, member{})
	}
	r.members[id].conn = c
	r.members[id].gen++
	if c.watched.read {
		r.arm(c)
	}
}

func (r *ring) arm(c *Conn) {
	c.watched.armed = true
	r.next().ReceiveMany(uring.FD(c.fd), r.bufs, r.data(kindReceive, c.watched.id))
	r.receives.Submit()
}

// watch begins or ends to receive from c, as it is to be watched for.
func (r *ring) watch(c *Conn) {
	w := &c.watched
	switch {
	case w.armed:
		if (!w.read || w.leaving) && !w.canceled {
			r.cancel(c)
		}
	case w.leaving:
		r.leave(c)
	case w.read:
		r.arm(c)
	}
}

func (r *ring) cancel(c *Conn) {
	c.watched.canceled = true
	r.next().Cancel(r.data(kindReceive, c.watched.id), kindCancel)
	r.receives.Submit()
}

// leave leaves c to the epoll set.
func (r *ring) leave(c *Conn) {
	w := &c.watched
	r.members[w.id].conn = nil
	w.given, w.leaving = false, false
}

// remove forgets c. The kernel lets go of the socket when it has ended the
// operation.
func (r *ring) remove(c *Conn) {
	if c.watched.armed && !c.watched.canceled {
		r.cancel(c)
	}
	r.members[c.watched.id].conn = nil
}

// receiving tells whether the ring will tell of all that comes from the
// connection, its end included.
func (r *ring) receiving(id uint32) bool {
	if r == nil || int(id) >= len(r.members) {
		return false
	}
	c := r.members[id].conn
	return c != nil && c.watched.read
}

// poll appends to the group's events what the ring tells of, and tells whether
// it has left a connection to the epoll set.
func (r *ring) poll(g *Group) (left bool) {
	if len(r.used) > 0 {
		for _, b := range r.used {
			r.bufs.Put(b)
		}
		r.used = r.used[:0]
		r.bufs.Publish()
	}
	if r.receives.Stuck() {
		r.receives.Submit()
	}
	n := r.receives.Reap(r.cqes[:])
	for i := range r.cqes[:n] {
		e := &r.cqes[i]
		switch e.Data & kindMask {
		case kindReceive:
			left = r.received(g, e) || left
		case kindListed:
			r.listedReady = true
			if !e.More() {
				r.next().PollMany(uring.FD(g.epfd), unix.POLLIN, kindListed)
				r.receives.Submit()
			}
		}
	}
	return left
}

// received takes the end of an operation that receives, and tells whether the
// connection is the epoll set's now.
func (r *ring) received(g *Group, e *uring.CQE) (left bool) {
	buf, hasBuf := e.Buffer()
	if hasBuf {
		r.used = append(r.used, buf)
	}
	id := uint32(e.Data)
	m := &r.members[id]
	if m.conn == nil || m.gen&genMask != uint32(e.Data>>32)&genMask {
		return false // removed
	}
	if e.Res > 0 {
		g.events = append(g.events, Event{ID: id, Readable: true, Data: r.bufs.Bytes(buf)[:e.Res]})
	}
	if e.More() {
		return false
	}
	w := &m.conn.watched
	w.armed, w.canceled = false, false
	switch {
	case !w.leaving && (e.Res > 0 || e.Res == -int32(unix.ENOBUFS) || e.Res == -int32(unix.ECANCELED)):
		// Of the latter there was a reason, or the thread of the machine
		// has ended that had begun it.
		if w.read {
			r.arm(m.conn)
		}
		return false
	default:
		// TakeBack, the end, an error, or an old kernel: Readv tells, by
		// way of the epoll set.
		c := m.conn
		r.leave(c)
		if err := g.list(c); err != nil {
			g.events = append(g.events, Event{ID: id, Readable: true})
		}
		return true
	}
}
