// SPDX-License-Identifier: BSD-3-Clause

package bdev

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/thread"
)

// host runs one thread on a goroutine that is not pinned and blocks when
// there is nothing to do.
type host struct {
	event    int // eventfd that ends a sleep
	sleeping atomic.Bool
	done     chan struct{}

	mu  sync.Mutex
	fds []unix.PollFd // the first is event
}

func newHost() (*host, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &host{event: fd, done: make(chan struct{}), fds: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}, nil
}

// Wake implements thread.Host.
func (h *host) Wake() {
	if h.sleeping.CompareAndSwap(true, false) {
		var one [8]byte
		binary.NativeEndian.PutUint64(one[:], 1)
		_, _ = unix.Write(h.event, one[:])
	}
}

// AddFD implements thread.Host.
func (h *host) AddFD(fd int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fds = append(h.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	return nil
}

// RemoveFD implements thread.Host.
func (h *host) RemoveFD(fd int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fds = slices.DeleteFunc(h.fds, func(p unix.PollFd) bool { return p.Fd == int32(fd) })
}

func (h *host) run(t *thread.Thread) {
	defer close(h.done)
	for !t.Exited() {
		if t.Poll() > 0 {
			continue
		}
		if sleep := t.Arm(); sleep > 0 {
			h.sleep(t, sleep)
		}
	}
	unix.Close(h.event)
}

// maxSleep bounds a sleep, so that an exiting thread is looked at.
const maxSleep = 100 * time.Millisecond

func (h *host) sleep(t *thread.Thread, d time.Duration) {
	h.sleeping.Store(true)
	defer h.sleeping.Store(false)
	if t.Pending() {
		return
	}
	h.mu.Lock()
	fds := slices.Clone(h.fds)
	h.mu.Unlock()
	ts := unix.NsecToTimespec(min(d, maxSleep).Nanoseconds())
	if n, err := unix.Ppoll(fds, &ts, nil); err == nil && n > 0 && fds[0].Revents != 0 {
		var b [8]byte
		_, _ = unix.Read(h.event, b[:])
	}
}
