// SPDX-License-Identifier: BSD-3-Clause

package sock

import (
	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uring"
)

const (
	sendBatch  = 64   // messages of one system call
	sendVector = 2048 // buffers of these
)

// sender is where system calls for sends find their messages.
type sender struct {
	msgs [sendBatch]unix.Msghdr
	iov  [sendVector]unix.Iovec
	ends [sendBatch]uring.CQE
}

// send sends the outputs, a batch with one system call.
func (r *ring) send(out []Output) {
	for len(out) > 0 {
		n, filled := r.fill(out)
		r.flush(out[:n], filled)
		out = out[n:]
	}
}

// fill makes operations of as many outputs as fit, at least one, and returns
// how many, and of how many buffers.
func (r *ring) fill(out []Output) (n, filled int) {
	room := r.iov[:]
	for n < min(len(out), sendBatch) && len(room) >= maxVector {
		o, m := &out[n], &r.msgs[n]
		k := fillVector(room[:maxVector], o.Bufs)
		m.Iov = &room[0]
		m.SetIovlen(k)
		room = room[k:]
		filled += k
		// MSG_DONTWAIT has an operation end at once that finds no room.
		r.sends.Next().SendMsg(uring.FD(o.Conn.fd), m, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, uint64(n))
		n++
	}
	return n, filled
}

// flush submits the operations for out, of so many buffers, and takes their
// results.
func (r *ring) flush(out []Output, filled int) {
	for left := len(out); left > 0; {
		r.sends.Submit()
		n := r.sends.Reap(r.ends[:left])
		for _, e := range r.ends[:n] {
			out[e.Data].sendResult(e.Res)
		}
		left -= n
	}
	clear(r.iov[:filled]) // so that nothing is kept
	clear(r.msgs[:len(out)])
}
