// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// FusedPending tells whether the first command of a fused pair waits for the
// second.
func (q *Queue) FusedPending() bool { return q.fused != nil }

// AbortFused ends a first command whose second did not come: a host rings for
// both at once (NVMe Base 2.0, 3.4.2), so what is next is not it.
func (c *Controller) AbortFused(q *Queue) {
	if r := q.fused; r != nil {
		q.fused = nil
		r.Finish(nvme.StatusAbortedMissingFused.WithDNR())
	}
}

// executeFused executes Compare and Write as one operation, and whatever
// comes where its second half was due.
func (l *Lane) executeFused(r *Request) {
	q := r.queue
	first := q.fused
	q.fused = nil
	switch r.Cmd.FUSE() {
	case nvme.FuseFirst:
		l.missed(first)
		q.fused = r
	case nvme.FuseSecond:
		if first == nil {
			r.Finish(nvme.StatusAbortedMissingFused.WithDNR())
			return
		}
		l.pair(first, r)
	case nvme.FuseNone:
		l.missed(first)
		if r.flags&flagFailed != 0 {
			r.finish()
			return
		}
		l.executeIO(r)
	default:
		l.missed(first)
		r.Finish(nvme.StatusInvalidField.WithDNR())
	}
}

func (l *Lane) missed(first *Request) {
	if first != nil {
		first.Finish(nvme.StatusAbortedMissingFused.WithDNR())
	}
}

// pair executes both commands. Completions come in the order of the commands.
func (l *Lane) pair(first, second *Request) {
	failed := nvme.StatusAbortedFailedFused.WithDNR()
	switch bad := checkPair(first, second); {
	case first.flags&flagFailed != 0:
		first.finish()
		second.Finish(failed)
		return
	case second.flags&flagFailed != 0:
		first.Finish(failed)
		second.finish()
		return
	case bad != nvme.StatusSuccess:
		first.Finish(bad.WithDNR())
		second.Finish(failed)
		return
	}
	l.moved.writes++
	l.moved.writeBlocks += uint64(second.Length / smartBlock)
	first.pair, first.stage = second, stageFused
	first.io.Op = bdev.OpCompareAndWrite
	first.io.Iov, first.io.WriteIov, first.io.Meta = first.Iov, second.Iov, nil
	if first.flags&flagStripped != 0 {
		first.ns.hidden.Submit(&first.io)
		return
	}
	first.ns.ch.Submit(&first.io)
}

func checkPair(first, second *Request) nvme.Status {
	a, b := &first.Cmd, &second.Cmd
	switch {
	case a.Opcode != nvme.CmdCompare || b.Opcode != nvme.CmdWrite:
		return nvme.StatusInvalidOpcode
	case a.NSID != b.NSID || a.SLBA() != b.SLBA() || a.NLB() != b.NLB():
		return nvme.StatusInvalidField
	case first.ns == nil || first.ns.removed() || second.ns == nil:
		return nvme.StatusInvalidNamespace
	case !first.ns.can(bdev.OpCompareAndWrite):
		return nvme.StatusInvalidField
	case (first.flags^second.flags)&flagStripped != 0 || first.checks|second.checks != 0:
		return nvme.StatusInvalidField
	case a.NLB() > first.ns.fusedLimit():
		return nvme.StatusAtomicWriteUnitExceeded
	}
	return nvme.StatusSuccess
}

// endFused ends both commands of a pair.
func (l *Lane) endFused(first *Request) {
	second := first.pair
	first.pair, first.stage = nil, stageSingle
	first.io.WriteIov = nil
	if first.Status != nvme.StatusSuccess {
		first.finish()
		second.Finish(nvme.StatusAbortedFailedFused.WithDNR())
		return
	}
	first.finish()
	if second.flags&flagFlush != 0 {
		l.submitFlush(second)
		return
	}
	second.Finish(nvme.StatusSuccess)
}
