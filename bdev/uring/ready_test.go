// SPDX-License-Identifier: BSD-3-Clause

package uring_test

import (
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/uring"
	"github.com/gospdk/gospdk/thread"
)

// A thread does not sleep while there is something to give to the kernel, nor
// when more has ended than it takes at once. The kernel carries reads of a
// file in memory out within the call, so that nothing wakes the thread later.
func TestThreadStaysAwake(t *testing.T) {
	var h host
	r := newRig(t, uring.Config{Filename: file(t, "/dev/shm", 4<<20), BlockSize: 512}, thread.WithHost(&h))
	r.t.Arm() // from now on ends are signalled
	r.t.Disarm()
	r.stayAwake(&h, 1)
	r.stayAwake(&h, 3*128)
}

func (r *rig) stayAwake(h *host, n int) {
	p := mem(r.T, 512)
	var c counter
	ios := make([]bdev.IO, n)
	for i := range ios {
		ios[i] = bdev.IO{Op: bdev.OpRead, Offset: uint64(i), Blocks: 1, Iov: [][]byte{p}, Done: &c}
		r.ch.Submit(&ios[i])
	}
	for c.n < n {
		if r.t.Arm() == thread.Forever && !h.readable(r.T, 0) {
			r.Errorf("the thread sleeps when %d of %d reads have ended", c.n, n)
		}
		r.t.Disarm()
		before := c.n
		if r.t.Poll(); c.n == before {
			r.Fatalf("a round ends nothing: %d of %d reads have ended", c.n, n)
		}
	}
}
