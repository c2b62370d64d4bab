// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// eventBatch is how many connections one Poll reports at most.
const eventBatch = 64

// Event is what Poll reports of a connection.
type Event struct {
	ID       uint32
	Readable bool // or closed by the peer, or broken, which Readv tells
	Writable bool
	Unpin    bool // Conn.Unpin may have something to tell
	// Data has come from a connection with Give. It is good until the next
	// Poll, and not to be read once more.
	Data []byte
}

// Group watches connections of one thread. They are level triggered: what is
// not read is reported again. How it does that is the implementation's:
//
//   - Posix asks epoll, and makes a system call for each connection that is
//     read or written.
//   - Uring finds what has come to connections with Give in memory that it
//     shares with the kernel, and hands all sends of a Send over at once.
//     The other connections are as with Posix.
//
// Whoever handles Event.Data and sends by Send can use either.
type Group struct {
	fd     int // what FD returns
	epfd   int
	ring   *ring // nil for Posix
	raw    [eventBatch]unix.EpollEvent
	events []Event
	vector Vector
}

// watched is what a group has to know of a connection.
type watched struct {
	id          uint32
	read, write bool
	listed      bool // in the epoll set
	given       bool // the ring receives
	armed       bool // the ring's operation has not ended
	canceled    bool // … but is about to
	leaving     bool // TakeBack has been called
}

// NewGroup makes a group without connections, of the implementation Posix.
func NewGroup() (*Group, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sock: making an epoll set: %w", err)
	}
	return &Group{fd: fd, epfd: fd, events: make([]Event, 0, 2*eventBatch)}, nil
}

// FD returns a file descriptor that is readable while there is an event, for
// thread.AddFD.
func (g *Group) FD() int { return g.fd }

// Impl returns the name of the implementation.
func (g *Group) Impl() string {
	if g.ring != nil {
		return Uring
	}
	return Posix
}

// Close closes the group, not its connections.
func (g *Group) Close() {
	if g.ring != nil {
		g.ring.close()
	}
	if g.fd != g.epfd {
		unix.Close(g.fd)
	}
	unix.Close(g.epfd)
}

// list has the epoll set watch c for what it is to be watched for there.
func (g *Group) list(c *Conn) error {
	w := &c.watched
	ev := unix.EpollEvent{Fd: int32(w.id)}
	if w.read && !w.given {
		ev.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if w.write {
		ev.Events |= unix.EPOLLOUT
	}
	op := unix.EPOLL_CTL_ADD
	switch {
	case w.given && w.read && !w.write && c.pins == nil: // those are told by EPOLLERR
		g.unlist(c)
		return nil
	case w.listed:
		op = unix.EPOLL_CTL_MOD
	}
	if err := unix.EpollCtl(g.epfd, op, c.fd, &ev); err != nil {
		return fmt.Errorf("sock: watching the connection from %v: %w", c.remote, err)
	}
	w.listed = true
	return nil
}

func (g *Group) unlist(c *Conn) {
	if c.watched.listed {
		_ = unix.EpollCtl(g.epfd, unix.EPOLL_CTL_DEL, c.fd, nil) // it fails if c has been closed
		c.watched.listed = false
	}
}

// Add begins to watch c for something to read. Events carry id, which no other
// connection of the group has; ids are best small.
func (g *Group) Add(c *Conn, id uint32) error {
	c.watched = watched{id: id, read: true}
	return g.list(c)
}

// Watch changes what c is watched for. A connection that is watched for
// nothing is still reported, as readable, when it breaks.
func (g *Group) Watch(c *Conn, id uint32, read, write bool) error {
	w := &c.watched
	w.id, w.read, w.write = id, read, write
	if w.given {
		g.ring.watch(c)
	}
	return g.list(c)
}

// Give says that the caller wants what comes from c as Event.Data, where the
// implementation can; where not, nothing changes. Events without Data, such as
// that of the end, are for Readv still. A connection that is to go to another
// group must not be given before.
func (g *Group) Give(c *Conn) error {
	w := &c.watched
	if g.ring == nil || w.given {
		w.leaving = false
		return nil
	}
	w.given = true
	g.ring.add(c)
	return g.list(c)
}

// TakeBack undoes Give, where large pieces are better read to their places.
// Events with Data may still come, before those without.
func (g *Group) TakeBack(c *Conn) error {
	w := &c.watched
	if !w.given || w.leaving {
		return nil
	}
	w.leaving = true
	g.ring.watch(c)
	return g.list(c)
}

// Remove ends what Add began. It must come before the connection is closed.
func (g *Group) Remove(c *Conn) {
	g.unlist(c)
	if c.watched.given {
		g.ring.remove(c)
	}
	c.watched = watched{}
}

// Poll returns the events that there are, without waiting. There may be
// several of a connection. The slice is good until the next call.
func (g *Group) Poll() []Event {
	g.events = g.events[:0]
	if g.ring == nil {
		g.pollListed()
		return g.events
	}
	if left := g.ring.poll(g); left {
		// What the epoll set has to say of a connection that the ring has
		// just left waits for the next call: while the caller handles its
		// last data it may give it again, and must not read it then.
		g.ring.listedReady = true
	} else if g.ring.listedReady && g.pollListed() == 0 {
		g.ring.listedReady = false
	}
	return g.events
}

// pollListed appends the events of the epoll set, and returns how many.
func (g *Group) pollListed() int {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(g.epfd), uintptr(unsafe.Pointer(&g.raw)), eventBatch, 0, 0, 0)
	if errno != 0 {
		return -1 // EINTR
	}
	for _, ev := range g.raw[:r] {
		id := uint32(ev.Fd)
		g.events = append(g.events, Event{
			ID:       id,
			Readable: ev.Events&^unix.EPOLLOUT != 0 && !g.ring.receiving(id),
			Writable: ev.Events&unix.EPOLLOUT != 0,
			Unpin:    ev.Events&unix.EPOLLERR != 0,
		})
	}
	return int(r)
}

// Output is what one connection has to send.
type Output struct {
	Conn *Conn
	Bufs [][]byte // of which at most MaxSend are sent
	// Pin asks for a send without a copy, for which Conn.MayPin must be
	// true. If it is still true after Send, what has gone of Bufs is the
	// kernel's until Conn.Pinned says otherwise.
	Pin bool

	// The result: bytes that have gone, or an error, which is ErrAgain if
	// there is no room.
	N   int
	Err error
}

// MaxSend is how many buffers of an Output one Send takes.
const MaxSend = maxVector

// Send sends what there is room for, and sets the results. The buffers can be
// used again when it returns, but for those that are pinned.
func (g *Group) Send(out []Output) {
	if g.ring != nil && len(out) > 1 {
		g.ring.send(out, &g.vector)
		return
	}
	for i := range out {
		o := &out[i]
		o.write(&g.vector)
	}
}

// write sends by a system call of its own.
func (o *Output) write(v *Vector) {
	if o.Pin {
		o.N, o.Pin, o.Err = o.Conn.writePinned(v, o.Bufs)
	} else {
		o.N, o.Err = o.Conn.Writev(v, o.Bufs)
	}
}

// sendResult turns what the kernel answers to a send of a ring into a result.
func (o *Output) sendResult(res int32, v *Vector) {
	o.N, o.Err = 0, nil
	switch {
	case res >= 0:
		if o.N = int(res); o.Pin {
			o.Conn.pins.sent++
		}
	case o.Pin && res == -int32(unix.ENOBUFS):
		o.Pin = false
		o.write(v)
	case res == -int32(unix.EAGAIN) || res == -int32(unix.EINTR):
		o.Err = ErrAgain
	default:
		o.Err = unix.Errno(-res)
	}
}

// NewUringGroup makes a group without connections, of the implementation
// Uring. The error says who forbids io_uring.
func NewUringGroup() (*Group, error) {
	g, err := NewGroup()
	if err != nil {
		return nil, err
	}
	if g.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		unix.Close(g.epfd)
		return nil, fmt.Errorf("sock: making an epoll set: %w", err)
	}
	if g.ring, err = newRing(g.fd, g.epfd); err != nil {
		return nil, errors.Join(fmt.Errorf("sock: %w", err), unix.Close(g.fd), unix.Close(g.epfd))
	}
	return g, nil
}
