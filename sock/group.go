// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
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
}

// Group watches connections. They are level triggered: what is not read is
// reported again.
type Group struct {
	epfd   int
	raw    [eventBatch]unix.EpollEvent
	events [eventBatch]Event
}

// NewGroup makes a group without connections.
func NewGroup() (*Group, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("sock: making an epoll set: %w", err)
	}
	return &Group{epfd: fd}, nil
}

// FD returns a file descriptor that is readable while there is an event, for
// thread.AddFD.
func (g *Group) FD() int { return g.epfd }

// Close closes the group, not its connections.
func (g *Group) Close() { unix.Close(g.epfd) }

func (g *Group) control(op int, c *Conn, id uint32, read, write bool) error {
	ev := unix.EpollEvent{Fd: int32(id)}
	if read {
		ev.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if write {
		ev.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(g.epfd, op, c.fd, &ev); err != nil {
		return fmt.Errorf("sock: watching the connection from %v: %w", c.remote, err)
	}
	return nil
}

// Add begins to watch c for something to read. Events carry id.
func (g *Group) Add(c *Conn, id uint32) error {
	return g.control(unix.EPOLL_CTL_ADD, c, id, true, false)
}

// Watch changes what c is watched for. A connection that is watched for
// nothing is still reported, as readable, when it breaks.
func (g *Group) Watch(c *Conn, id uint32, read, write bool) error {
	return g.control(unix.EPOLL_CTL_MOD, c, id, read, write)
}

// Remove ends what Add began.
func (g *Group) Remove(c *Conn) {
	_ = unix.EpollCtl(g.epfd, unix.EPOLL_CTL_DEL, c.fd, nil) // it fails if c is not there
}

// Poll returns the events that there are, without waiting. The slice is good
// until the next call.
func (g *Group) Poll() []Event {
	r, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(g.epfd), uintptr(unsafe.Pointer(&g.raw)), eventBatch, 0, 0, 0)
	if errno != 0 {
		return nil // EINTR
	}
	for i, ev := range g.raw[:r] {
		g.events[i] = Event{
			ID:       uint32(ev.Fd),
			Readable: ev.Events&^unix.EPOLLOUT != 0,
			Writable: ev.Events&unix.EPOLLOUT != 0,
		}
	}
	return g.events[:r]
}
