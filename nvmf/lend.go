// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import "github.com/gospdk/gospdk/nvme"

// Lender is a Transport that leaves the Iov of reads empty.
type Lender interface {
	// Reclaim has the transport give back what requests of lane l keep of the
	// memory of block devices, by ReleaseData: something waits for that, and
	// the host may take as long as it likes to read its data. It is called
	// on the lane's thread.
	Reclaim(l *Lane)
}

// Lendable tells, after Prepare, whether the device answers the command out of
// its own memory if the transport leaves Iov empty. Iov is then set when Done
// is called with success, and good until ReleaseData. What is written to the
// blocks meanwhile may be seen there.
func (r *Request) Lendable() bool {
	return r.Cmd.Opcode == nvme.CmdRead && r.ns != nil && r.ns.lends && r.Length > 0 &&
		r.queue.ID != 0 && r.Cmd.Flags&nvme.FlagsFUSEMask == 0
}

// ReleaseData ends the use of the data that a request without Iov was given,
// on the lane's thread. Until then it counts as being in execution. For
// other requests it does nothing.
func (r *Request) ReleaseData() {
	if r.flags&flagLent == 0 {
		return
	}
	r.flags &^= flagLent
	r.Iov = nil
	r.io.ReleaseBuffer()
	r.release()
	r.lane.drained()
}

// lent keeps a read that was given memory in execution until ReleaseData. It
// answers false for others.
func (r *Request) lent() bool {
	if r.Cmd.Opcode != nvme.CmdRead || r.Iov != nil || r.io.Iov == nil || r.queue.ID == 0 {
		return false
	}
	if r.Status != 0 {
		r.io.ReleaseBuffer()
		return false
	}
	r.Iov = r.io.Iov
	r.flags |= flagLent
	return true
}

// reclaim asks the transport for what it was lent.
func (l *Lane) reclaim() {
	if t, ok := l.c.tr.(Lender); ok {
		t.Reclaim(l)
	}
}
