// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// abortLimit is how many Abort commands may be in execution (ACL + 1), as the
// specification recommends.
const abortLimit = 4

// abort executes Abort (NVMe Base 2.0, 5.1): an asynchronous event request is
// taken back, other admin commands end soon anyway, and commands of I/O queues
// are the transport's to find.
func (c *Controller) abort(r *Request) {
	sqid, cid := uint16(r.Cmd.CDW10), uint16(r.Cmd.CDW10>>16)
	r.CDW0 = 1 // not aborted
	switch {
	case sqid == 0:
		if c.abortEvent(cid) {
			r.CDW0 = 0
		}
		r.endAdmin(nvme.StatusSuccess)
	case c.aborts == abortLimit:
		r.endAdmin(nvme.StatusAbortLimitExceeded)
	default:
		c.aborts++
		c.tr.Abort(sqid, cid, func(aborted bool) {
			c.aborts--
			if aborted {
				r.CDW0 = 0
			}
			r.endAdmin(nvme.StatusSuccess)
		})
	}
}

// Executing tells whether a request has been given to Execute and has not
// ended.
func (r *Request) Executing() bool { return r.flags&flagActive != 0 }

// Abort has the block device end a request of the lane early, if it can, and
// calls done with whether it has, perhaps later. The request ends as others do,
// before.
func (l *Lane) Abort(r *Request, done func(aborted bool)) {
	if !r.Executing() || r.ns == nil || !r.io.Submitted() {
		done(false)
		return
	}
	a := &aborting{ns: r.ns, lane: l, done: done}
	a.io = bdev.IO{Op: bdev.OpAbort, Target: &r.io, Done: a}
	l.outstanding++
	a.ns.users++ // as r is one of them, it is there
	a.ns.ch.Submit(&a.io)
}

// aborting is an operation that aborts another.
type aborting struct {
	io   bdev.IO
	ns   *nsChannel
	lane *Lane
	done func(aborted bool)
}

// Complete implements bdev.Completer.
func (a *aborting) Complete(*bdev.IO) {
	a.done(a.io.Status == bdev.StatusSuccess)
	a.ns.put()
	a.lane.outstanding--
	a.lane.drained()
}
