// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"syscall"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// Prepare reads r.Cmd, which the transport has filled, and sets the direction
// and the length of its data. The transport then brings them into r.Iov (and
// r.Meta), or calls Fail, and in every case calls Execute.
func (c *Controller) Prepare(r *Request) {
	r.Status, r.CDW0, r.CDW1 = nvme.StatusSuccess, 0, 0
	r.Length, r.MetaLength, r.Xfer = 0, 0, nvme.TransferNone
	r.flags, r.stage, r.checks = 0, stageSingle, 0
	r.ns = nil
	if l := r.lane; !l.heard.Load() { // others read the line that it is in
		l.heard.Store(true)
	}
	if (r.queue.auth != nil || r.Cmd.Opcode == nvme.OpcodeFabrics) && c.prepareAuth(r) {
		return
	}
	if r.queue.ID == 0 {
		c.prepareAdmin(r)
		return
	}
	r.lane.prepareIO(r)
}

// Fail makes Execute end r with status s: the transport could not bring its
// data.
func (r *Request) Fail(s nvme.Status) { r.fail(s) }

// Execute carries out a prepared request. Done is called when it has ended,
// perhaps before Execute returns. Until Execute a request holds nothing: the
// namespace may go meanwhile.
func (c *Controller) Execute(r *Request) {
	l := r.lane
	l.outstanding++
	r.flags |= flagActive
	if r.flags&flagAdmin != 0 {
		c.executeAdmin(r)
		return
	}
	if r.flags&flagAuth != 0 {
		l.executeAuth(r)
		return
	}
	if r.ns != nil && !r.ns.get() { // removed while the transport brought the data
		r.ns = nil
		r.fail(nvme.StatusInvalidNamespace.WithDNR())
	}
	if r.ns != nil {
		if rules := r.ns.ns.reservations.rules.Load(); rules != nil && !rules.allow(l.c.hostID(), accessOf(r.Cmd.Opcode)) {
			r.fail(nvme.StatusReservationConflict)
		}
	}
	if r.ns != nil && r.ns.ana != nil {
		if s := anaStatus(r.ns.ana.state(r.ns.ns.ANAGroup())); s != nvme.StatusSuccess {
			r.fail(s)
		}
	}
	if r.Cmd.Flags&nvme.FlagsFUSEMask != 0 || r.queue.fused != nil {
		l.executeFused(r)
		return
	}
	if r.flags&flagFailed != 0 {
		r.finish()
		return
	}
	l.executeIO(r)
}

// Finish ends a request that the transport has taken in AdminCommand.
func (r *Request) Finish(s nvme.Status) {
	r.Status = s
	r.finish()
}

// Abandon ends a request in the middle of whose execution the host's memory
// faulted, so that the panic has passed through the block layer: what was
// begun there is ended in its place. Done is called unless it has been.
func (r *Request) Abandon() {
	if r.flags&flagActive == 0 {
		return
	}
	r.stage = stageSingle
	if r.io.Submitted() {
		r.io.Complete(bdev.StatusErrno(syscall.EFAULT))
		return
	}
	r.Finish(nvme.StatusDataTransferError)
}

// release takes r out of the accounts.
func (r *Request) release() {
	r.flags &^= flagActive
	r.lane.outstanding--
	if ns := r.ns; ns != nil {
		r.ns = nil
		ns.put()
	}
}

// finish ends r with the status in r.Status.
func (r *Request) finish() {
	l := r.lane
	if r.queue.ID != 0 {
		l.group.stats.CompletedIO++
	}
	if r.Status != 0 {
		l.noteFailure(r)
	}
	if r.lent() {
		r.done.CompleteRequest(r)
		return
	}
	r.release()
	r.done.CompleteRequest(r)
	l.drained()
}

// noteFailure enters a command that has failed in the error log, and tells a
// host that knows of such times how long to wait before it tries again.
func (l *Lane) noteFailure(r *Request) {
	if r.queue.ID != 0 && worthLogging(r.Status) {
		l.logFailure(r)
	}
	if !r.Status.DNR() && l.c.io.retryDelays.Load() && r.Status.IsError() {
		r.Status = r.Status.WithCRD(1)
	}
}

// hostACRE is the byte of Host Behavior Support that tells whether the host
// heeds command retry delays (NVMe Base 2.0, figure 347).
const hostACRE = 0

// hostLBAFEE is the one about extended LBA formats, of which there are none.
const hostLBAFEE = 2

// requestIO is a request as its block device operation sees it.
type requestIO Request

// Complete implements bdev.Completer.
func (q *requestIO) Complete(io *bdev.IO) {
	r := (*Request)(q)
	if r.stage != stageSingle {
		r.lane.nextStage(r)
		return
	}
	if io.Status != 0 {
		r.Status = statusOf(io.Status)
	}
	r.finish()
}
