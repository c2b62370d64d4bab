// SPDX-License-Identifier: BSD-3-Clause

package thread

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/trace"
)

// channel is the state that one device keeps for one thread.
type channel struct {
	t     *Thread
	key   any
	value io.Closer
	refs  int
	// closing is queued when the last reference is put. A new reference
	// before it runs keeps the channel.
	closing Msg
	queued  bool
}

// ChannelRef is one reference to a channel of a thread.
type ChannelRef struct{ ch *channel }

// Channel returns a reference to the thread's channel of that key, usually a
// pointer to the device. The first makes it with create; when the last is
// put, the channel is closed by a later message, so that a user may put its
// reference from within the channel's own call.
func (t *Thread) Channel(key any, create func() (io.Closer, error)) (*ChannelRef, error) {
	t.onThread("Channel")
	if t.state.Load() == stateExited {
		return nil, fmt.Errorf("channel on thread %s: %w", t.name, ErrExited)
	}
	ch := t.channels[key]
	if ch == nil {
		value, err := create()
		if err != nil {
			return nil, fmt.Errorf("channel on thread %s: %w", t.name, err)
		}
		if t.channels[key] != nil {
			panic("thread: a channel's create asked for the channel itself")
		}
		ch = &channel{t: t, key: key, value: value}
		ch.closing.Run, ch.closing.Arg = closeChannel, ch
		t.channels[key] = ch
	}
	ch.refs++
	ch.trace(trace.ThreadChannelGet)
	return &ChannelRef{ch}, nil
}

// Value returns what create returned.
func (r *ChannelRef) Value() io.Closer { return r.ch.value }

// Thread returns the channel's thread. Any goroutine may ask.
func (r *ChannelRef) Thread() *Thread { return r.ch.t }

// Put gives the reference back. It must not be used, nor put, again.
func (r *ChannelRef) Put() {
	ch := r.ch
	if ch == nil {
		panic("thread: channel reference put twice")
	}
	ch.t.onThread("ChannelRef.Put")
	r.ch = nil
	ch.refs--
	ch.trace(trace.ThreadChannelPut)
	if ch.refs == 0 && !ch.queued {
		// False on a thread that has exited: it closed the channel then.
		ch.queued = ch.t.SendMsg(&ch.closing)
	}
}

func closeChannel(m *Msg) {
	ch := m.Arg.(*channel)
	ch.queued = false
	if ch.refs == 0 && ch.t.channels[ch.key] == ch {
		ch.close()
	}
}

func (ch *channel) close() {
	delete(ch.t.channels, ch.key)
	if err := ch.value.Close(); err != nil {
		log.Errorf("thread %s: closing a channel: %v", ch.t.name, err)
	}
}

// ChannelStats describes one channel of a thread.
type ChannelStats struct {
	Name string // of the device: ChannelName() of the key if it has one, else the key's type
	Refs int    // references that have not been put
}

// Channels describes the thread's channels, by name.
func (t *Thread) Channels() []ChannelStats {
	t.onThread("Channels")
	all := make([]ChannelStats, 0, len(t.channels))
	for key, ch := range t.channels {
		name := fmt.Sprintf("%T", key)
		if n, ok := key.(interface{ ChannelName() string }); ok {
			name = n.ChannelName()
		}
		all = append(all, ChannelStats{name, ch.refs})
	}
	slices.SortFunc(all, func(a, b ChannelStats) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Move gives the thread to another host, with its file descriptors. It is for
// hosts: to be called by the goroutine that polls the thread, between two
// rounds; afterwards h polls it. On an error the thread stays where it was.
//
// A message that is sent meanwhile may still wake the old host. It is not
// lost: it was queued before, and h polls the thread when it takes it over.
func (t *Thread) Move(h Host) error {
	t.Disarm()
	for i, fd := range t.fds {
		if err := h.AddFD(fd); err != nil {
			for _, done := range t.fds[:i] {
				h.RemoveFD(done)
			}
			return fmt.Errorf("thread %s: %w", t.name, err)
		}
	}
	old := t.host.Swap(&h)
	if old != nil {
		for _, fd := range t.fds {
			(*old).RemoveFD(fd)
		}
	}
	return nil
}

// AddFD makes the thread's host poll it whenever fd is readable. Nobody reads
// fd on that account: a poller must, or the host does not sleep. The thread
// does not own fd; it must be removed before it is closed. Without a host it
// does nothing.
func (t *Thread) AddFD(fd int) error {
	t.onThread("AddFD")
	h := t.host.Load()
	if h == nil {
		return nil
	}
	if err := (*h).AddFD(fd); err != nil {
		return fmt.Errorf("thread %s: %w", t.name, err)
	}
	t.fds = append(t.fds, fd)
	return nil
}

// RemoveFD undoes AddFD; it does nothing for an fd that was not added.
func (t *Thread) RemoveFD(fd int) {
	t.onThread("RemoveFD")
	for i, have := range t.fds {
		if have == fd {
			t.fds = append(t.fds[:i], t.fds[i+1:]...)
			(*t.host.Load()).RemoveFD(fd)
			return
		}
	}
}
