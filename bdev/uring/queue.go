// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"errors"
	"time"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/internal/uring"
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

// queue is what all uring devices of a thread share. It belongs to the
// thread.
type queue struct {
	t      *thread.Thread
	ring   *uring.Ring
	polled bool       // the disks are asked for ends
	fd     eventfd.FD // is told of ends, unless polled
	poller *thread.Poller

	buffers *buffers

	requests []request
	free     []*request
	ends     [batch]uring.CQE
}

func newQueue(t *thread.Thread, polled bool) (*queue, error) {
	open := uring.New
	if polled {
		open = uring.NewPolled
	}
	ring, err := open(depth)
	if err != nil {
		return nil, err
	}
	q := &queue{
		t: t, ring: ring, fd: -1, polled: polled,
		requests: make([]request, depth), free: make([]*request, 0, depth),
	}
	if !polled {
		if err := q.openFD(); err != nil {
			return nil, errors.Join(err, ring.Close())
		}
	}
	for i := range q.requests {
		r := &q.requests[i]
		r.q, r.id = q, uint64(i)
		r.call.Run, r.call.Arg = runCall, r
		r.called.Run, r.called.Arg = callMade, r
		q.free = append(q.free, r)
	}
	q.buffers = newBuffers(ring)
	q.poller = t.NewPoller(thread.PollerConfig{Name: "bdev_uring_group_poll", Poll: q.poll, Arm: q.arm, Disarm: q.disarm})
	return q, nil
}

// openFD makes what wakes the thread when operations end.
func (q *queue) openFD() error {
	fd, err := eventfd.New()
	if err != nil {
		return err
	}
	q.ring.Signal(false)
	err = q.ring.SetEventFD(int(fd))
	if err == nil {
		err = q.t.AddFD(int(fd))
	}
	if err != nil {
		return errors.Join(err, fd.Close())
	}
	q.fd = fd
	return nil
}

// Close implements io.Closer.
func (q *queue) Close() error {
	q.poller.Stop()
	q.buffers.close()
	if q.polled {
		return q.ring.Close()
	}
	q.t.RemoveFD(int(q.fd))
	return errors.Join(q.ring.Close(), q.fd.Close())
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

// next returns the operation to be filled in; the kernel gets it at the
// latest at the round's end. There is room: the ring has as many as there are
// requests, each of which has one at most.
func (q *queue) next() *uring.SQE {
	if q.ring.Unsubmitted() >= batch {
		q.ring.Submit() // what the kernel has no memory for stays
	}
	return q.ring.Next()
}

// poll hands ends over and gives the kernel what was submitted.
func (q *queue) poll() (n int) {
	n = q.submit()
	ends := q.ring.Reap(q.ends[:])
	for i := range q.ends[:ends] {
		q.requests[q.ends[i].Data].end(q.ends[i].Res)
	}
	if ends > 0 {
		q.submit()
	}
	return n + ends
}

// submit gives the kernel what was collected, and time for ends that it has
// put off or has to ask the disk for.
func (q *queue) submit() int {
	n := q.ring.Unsubmitted()
	if n > 0 || q.ring.Stuck() || q.asking() {
		q.ring.Submit()
	}
	return int(n)
}

// asking tells whether ends are to be had only by asking for them.
func (q *queue) asking() bool { return q.polled && len(q.free) < depth }

// arm asks the kernel to signal ends, and whether the thread may sleep.
func (q *queue) arm() time.Duration {
	q.ring.Signal(true)
	if q.ring.Unsubmitted() > 0 || q.ring.Pending() || q.asking() {
		return 0
	}
	return thread.Forever
}

func (q *queue) disarm() {
	q.ring.Signal(false)
	if !q.polled {
		q.fd.Clear()
	}
}
