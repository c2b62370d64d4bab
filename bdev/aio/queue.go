// SPDX-License-Identifier: BSD-3-Clause

package aio

import (
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/thread"
)

const (
	// depth is how many operations a thread has with the kernel at most, of
	// all its devices. What is more waits in the block layer.
	depth = 512
	// batch is how many of them go to the kernel with one call, so that the
	// first does not wait for many others.
	batch = 128
)

// setup makes contexts; a test has others.
var setup = linuxaio.Setup

// queueKey is the key of a thread's queue.
type queueKey struct{}

// ChannelName names the queue among the channels of a thread.
func (queueKey) ChannelName() string { return "aio_module" }

// queue is what all aio devices of a thread share. It belongs to the thread.
type queue struct {
	t      *thread.Thread
	ctx    *linuxaio.Context
	fd     eventfd.FD
	poller *thread.Poller

	requests []request
	free     []*request
	pending  []*linuxaio.IOCB // not yet given to the kernel
	blocking bool             // and some go to a file whose transfers are made at once
	events   [batch]linuxaio.Event

	// The kernel signals the end of an operation to fd only if it was told
	// so beforehand, which costs. A thread that never sleeps does without;
	// the first time it wants to, it has to wait for the quiet ones.
	signal bool
	quiet  int // operations with the kernel that are not signalled
	rounds int // since the thread last wanted to sleep
}

// busyRounds without a wish to sleep end the signalling.
const busyRounds = 1 << 14

func openQueue(t *thread.Thread) (*thread.ChannelRef, error) {
	return t.Channel(queueKey{}, func() (io.Closer, error) {
		q, err := newQueue(t)
		if err != nil {
			return nil, err
		}
		return q, nil
	})
}

func newQueue(t *thread.Thread) (*queue, error) {
	fd, err := eventfd.New()
	if err != nil {
		return nil, err
	}
	ctx, err := setup(depth)
	if err != nil {
		return nil, errors.Join(err, fd.Close())
	}
	if err := t.AddFD(int(fd)); err != nil {
		return nil, errors.Join(err, ctx.Destroy(), fd.Close())
	}
	q := &queue{
		t: t, ctx: ctx, fd: fd, requests: make([]request, depth),
		free: make([]*request, 0, depth), pending: make([]*linuxaio.IOCB, 0, batch),
	}
	for i := range q.requests {
		r := &q.requests[i]
		r.q, r.cb.Data = q, uint64(i)
		r.call.Run, r.call.Arg = fallocate, r
		r.ended.Run, r.ended.Arg = blockingEnded, r
		q.free = append(q.free, r)
	}
	q.poller = t.NewPoller(thread.PollerConfig{Name: "bdev_aio_group_poll", Poll: q.poll, Arm: q.arm, Disarm: q.fd.Clear})
	return q, nil
}

// Close implements io.Closer. To end the context takes the kernel a while.
func (q *queue) Close() error {
	q.poller.Stop()
	q.t.RemoveFD(int(q.fd))
	go func() {
		if err := errors.Join(q.ctx.Destroy(), q.fd.Close()); err != nil {
			log.Errorf("aio: %v", err)
		}
	}()
	return nil
}

// take returns a request, nil if all are under way.
func (q *queue) take() *request {
	n := len(q.free) - 1
	if n < 0 {
		return nil
	}
	r := q.free[n]
	q.free = q.free[:n]
	return r
}

// push has the request given to the kernel, at the latest at the round's end.
func (q *queue) push(r *request) {
	if r.quiet = !q.signal; r.quiet {
		q.quiet++
	} else {
		r.cb.Notify(int(q.fd))
	}
	q.blocking = q.blocking || !r.d.file.Direct
	if q.pending = append(q.pending, &r.cb); len(q.pending) == batch {
		q.submit()
	}
}

// poll hands ends over and gives the kernel what was submitted.
func (q *queue) poll() (n int) {
	if q.signal {
		if q.rounds++; q.rounds == busyRounds {
			q.signal = false
		}
	}
	if len(q.pending) > 0 {
		n = len(q.pending)
		q.submit()
	}
	ends := q.ctx.Reap(q.events[:])
	for i := range q.events[:ends] {
		q.requests[q.events[i].Data].end(q.events[i].Res)
	}
	if len(q.pending) > 0 {
		q.submit()
	}
	return n + ends
}

// submit gives the kernel what was collected.
func (q *queue) submit() {
	list, blocking := q.pending, q.blocking
	q.blocking = false
	for len(list) > 0 {
		n, e := q.ctx.Submit(list, blocking)
		if e != 0 {
			q.refused(list, e)
			return
		}
		list = list[n:]
	}
	q.pending = q.pending[:0]
}

// refused deals with operations of which the kernel does not take the first.
// Ending an IO may push others, so the list is put aside.
func (q *queue) refused(list []*linuxaio.IOCB, e syscall.Errno) {
	var bad [batch]uint64
	n := 0
	for _, cb := range list {
		bad[n] = cb.Data
		n++
	}
	q.pending = q.pending[:0]
	first := 1
	if e == syscall.EAGAIN {
		first = n // there is no room for any
	}
	for _, i := range bad[first:n] {
		q.pending = append(q.pending, &q.requests[i].cb)
		q.blocking = q.blocking || !q.requests[i].d.file.Direct
	}
	for _, i := range bad[:first] {
		q.requests[i].end(-int64(e))
	}
}

// arm asks the kernel to signal ends, and whether the thread may sleep.
func (q *queue) arm() time.Duration {
	q.signal, q.rounds = true, 0
	if len(q.pending) > 0 || q.quiet > 0 || q.ctx.Pending() {
		return 0
	}
	return thread.Forever
}
