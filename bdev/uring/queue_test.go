// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"testing"

	"github.com/gospdk/gospdk/internal/uring"
	"github.com/gospdk/gospdk/thread"
)

// Ends that the kernel has put off are asked for in the next round, also if
// there is nothing to submit.
func TestEndsThatArePutOff(t *testing.T) {
	th := thread.New(t.Name())
	q, err := newQueue(th, false)
	if err != nil {
		t.Skip(err) // a container may forbid it
	}
	defer func() {
		if err := q.Close(); err != nil {
			t.Error(err)
		}
	}()
	const room = 2 * depth
	for range room + 1 {
		q.ring.Next().Transfer(false, uring.FD(-1), nil, 0, 0) // ends within the call
		if q.ring.Unsubmitted() == depth {
			q.ring.Submit()
		}
	}
	q.submit()
	if n := q.ring.Reap(make([]uring.CQE, room+1)); n != room || !q.ring.Stuck() {
		t.Fatalf("%d ends, stuck %v", n, q.ring.Stuck())
	}
	q.submit()
	if n := q.ring.Reap(q.ends[:]); n != 1 || q.ring.Stuck() {
		t.Errorf("%d ends, stuck %v; want the last one", n, q.ring.Stuck())
	}
}
