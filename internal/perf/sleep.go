// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/nvme/host"
)

// nap is the longest time without a look at the clock.
const nap = 50 * time.Millisecond

// sleeper is where a worker waits for the interrupts of its queue pairs.
type sleeper struct {
	on     bool
	fds    []unix.PollFd
	qpairs []*host.QPair
	limit  unix.Timespec
}

// watch collects the eventfds of the worker's queue pairs if interrupts are
// asked for.
func (s *sleeper) watch(w *worker) error {
	if s.on = w.cfg.Interrupts; !s.on {
		return nil
	}
	for _, l := range w.lanes {
		for _, q := range l.queues {
			fd, err := q.qp.InterruptFD()
			if err != nil {
				return err
			}
			s.fds = append(s.fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			s.qpairs = append(s.qpairs, q.qp)
		}
	}
	return nil
}

// wait sleeps until a controller interrupts, but not for long. What has
// signalled is cleared before the caller polls, so that nothing is missed.
func (s *sleeper) wait() bool {
	s.limit = unix.NsecToTimespec(int64(nap)) // the kernel may change it
	if n, err := unix.Ppoll(s.fds, &s.limit, nil); n > 0 && err == nil {
		for i := range s.fds {
			if s.fds[i].Revents != 0 {
				s.qpairs[i].ClearInterrupt()
			}
		}
	}
	return true
}
