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
func (r *ring) send(out []Output, v *Vector) {
	for len(out) > 0 {
		n, filled := r.fill(out)
		r.flush(out[:n], filled, v)
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
		r.sends.Next().SendMsg(uring.FD(o.Conn.fd), m, o.flags(), uint64(n))
		n++
	}
	return n, filled
}

// flags has the kernel not wait: MSG_DONTWAIT has an operation end at once
// that finds no room.
func (o *Output) flags() uint32 {
	if o.Pin {
		return unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT | unix.MSG_ZEROCOPY
	}
	return unix.MSG_NOSIGNAL | unix.MSG_DONTWAIT
}

// flush submits the operations for out, of so many buffers, and takes their
// results. What the ring cannot do goes by v.
func (r *ring) flush(out []Output, filled int, v *Vector) {
	for left := len(out); left > 0; {
		r.sends.Submit()
		n := r.sends.Reap(r.ends[:left])
		for _, e := range r.ends[:n] {
			out[e.Data].sendResult(e.Res, v)
		}
		left -= n
	}
	clear(r.iov[:filled]) // so that nothing is kept
	clear(r.msgs[:len(out)])
}
