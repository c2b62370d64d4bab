// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"errors"
	"syscall"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	spec "github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/thread"
)

// request is an IO under way. It belongs to its channel's thread, but for the
// time in which a goroutine ends it.
type request struct {
	ch     *channel
	io     *bdev.IO
	path   *ioPath
	q      *qpair // that it is on, nil if none
	halves [2]host.Request
	left   int // commands that have not ended
	sent   int // commands that were submitted together

	retries int
	began   uint64        // ticks, if the path counts
	due     time.Duration // of the next try, by the thread's clock
	x       host.Transfer
	ranges  []byte // DMA memory
	bounce  *bounce

	msg    thread.Msg
	ended  func(*request) // run by msg
	status bdev.Status    // for ended
}

// start sends the request, or has it wait, or ends it.
func (r *request) start() {
	p := r.ch.path()
	if p == nil {
		if r.ch.hopeful() {
			r.ch.park(r, 0)
		} else {
			r.finish(noPath)
		}
		return
	}
	r.path, r.q = p, p.cc.q
	r.left = 1
	if r.io.Op == bdev.OpCompareAndWrite {
		r.left = 2
	}
	r.sent = r.left
	if err := r.issue(p.n.ns.Load()); err != nil {
		r.q = nil
		r.refused(err)
		return
	}
	r.q.outstanding += r.sent
	r.q.dirty = true
	p.outstanding++
	if p.stats != nil {
		r.began = bdev.Ticks()
	}
}

// noPath is the status of IO that no controller can take.
var noPath = bdev.StatusErrno(syscall.ENXIO)

// refused deals with an error of the driver's.
func (r *request) refused(err error) {
	switch {
	case errors.Is(err, host.ErrRemoved), errors.Is(err, host.ErrFailed), errors.Is(err, host.ErrDisconnected),
		errors.Is(err, host.ErrClosed), errors.Is(err, host.ErrInactive):
		r.failed(spec.StatusInternalPathError)
	case errors.Is(err, host.ErrNotSupported):
		r.finish(bdev.StatusUnsupported)
	case r.bounceable():
		r.restart()
	default:
		flag.Infof("%s: %s of %d blocks at %d: %v", r.ch.d.info.Name, r.io.Op, r.io.Blocks, r.io.Offset, err)
		r.finish(bdev.StatusInvalid)
	}
}

// restart tries once more with memory that every controller takes.
func (r *request) restart() {
	if !r.makeBounce() {
		r.finish(bdev.StatusNoMemory)
		return
	}
	r.start()
}

// Complete implements host.Completer. It runs on the thread, or on the
// goroutine that frees the queue pair.
func (r *request) Complete(*host.Request) {
	if r.left--; r.left > 0 {
		return
	}
	if r.q.leaving {
		r.ended = (*request).complete
		r.ch.t.SendMsg(&r.msg)
		return
	}
	r.q.outstanding -= r.sent
	r.complete()
}

// complete looks how the commands have ended.
func (r *request) complete() {
	if r.path.outstanding--; r.path.outstanding == 0 && r.path.gone != nil {
		r.path.gone()
	}
	s := r.halves[0].Status()
	if r.sent == 2 {
		// Of two that are fused the one tells more that has not failed only
		// because the other has.
		if second := r.halves[1].Status(); !s.IsError() || s.Is(spec.StatusAbortedFailedFused) {
			s = second
		}
	}
	if s.IsError() {
		r.failed(s)
		return
	}
	switch r.io.Op {
	case bdev.OpZoneAppend:
		cpl := &r.halves[0].Completion
		r.io.Result = uint64(cpl.CDW1)<<32 | uint64(cpl.CDW0)
	case bdev.OpNVMeIO:
		r.io.NVMe.CDW0 = r.halves[0].Completion.CDW0
	case bdev.OpZoneReport:
		r.zonesReported()
		return
	}
	if r.bounce != nil {
		r.bounce.copyBack(r.io)
	}
	if s := r.path.stats; s != nil {
		s.count(r)
	}
	r.finish(bdev.StatusSuccess)
}

// failed decides whether to try again.
func (r *request) failed(s spec.Status) {
	c := r.ch
	deleted := s.Is(spec.StatusAbortedSQDeletion)
	lost := deleted || s.SCT() == spec.SCTPath || !r.path.usable()
	if limit := c.d.m.retryCount(); final(s) || s.DNR() && !deleted || limit >= 0 && r.retries >= limit {
		if s.Is(spec.StatusInvalidField) && r.bounceable() { // a buffer, perhaps
			r.restart()
			return
		}
		r.finish(statusOf(s))
		return
	}
	if r.io.Op == bdev.OpNVMeIO {
		r.io.NVMe.CDW0 = r.halves[0].Completion.CDW0
	}
	if isANA(s) && r.path.n.refusedANA() {
		lost = true
	} else if lost && !deleted && r.path.usable() {
		r.retries++ // it is not the path, or nobody knows so yet
	}
	if lost {
		c.current = nil
		switch {
		case c.hopeful():
			c.park(r, 0)
		case c.d.resetting.Load() > 0:
			r.finish(bdev.StatusAborted)
		default:
			r.finish(statusOf(s))
		}
		return
	}
	r.retries++
	c.park(r, r.path.n.c.retryDelay(s))
}

// final tells whether the status is what was asked for, which no other try
// changes.
func final(s spec.Status) bool {
	return s.Is(spec.StatusAbortedByRequest) || s.Is(spec.StatusCompareFailure)
}

// statusOf is a status of NVMe's as the block layer has it.
func statusOf(s spec.Status) bdev.Status {
	switch s.Code() {
	case spec.StatusAbortedByRequest:
		return bdev.StatusAborted
	case spec.StatusCompareFailure:
		return bdev.StatusMiscompare
	}
	return bdev.StatusNVMe(uint8(s.SCT()), s.SC())
}

// retryDelay is how long the controller asks to wait.
func (c *ctrlr) retryDelay(s spec.Status) time.Duration {
	const unit = 100 * time.Millisecond
	hc := c.last.Load()
	if hc == nil {
		return 0
	}
	id := hc.Identify()
	return time.Duration([4]uint16{0, id.CRDT1, id.CRDT2, id.CRDT3}[s.CRD()]) * unit
}

// finish ends the IO. The request is free before, since its owner may submit
// the IO again at once.
func (r *request) finish(s bdev.Status) {
	io := r.io
	if r.bounce != nil {
		r.bounce.free()
		r.bounce = nil
	}
	r.io, r.path, r.q, r.x = nil, nil, nil, host.Transfer{}
	io.Driver = nil
	r.ch.free = append(r.ch.free, r)
	io.Complete(s)
}

// issue gives the driver the command.
func (r *request) issue(ns *host.Namespace) error {
	io, q, first := r.io, r.q, &r.halves[0]
	switch io.Op {
	case bdev.OpRead, bdev.OpWrite, bdev.OpCompare, bdev.OpZoneAppend:
		return r.transfer(ns)
	case bdev.OpCompareAndWrite:
		cmp, data := io.Iov, io.WriteIov
		if r.bounce != nil {
			cmp, data = r.bounce.iov, r.bounce.write
		}
		if len(cmp) != 1 || len(data) != 1 {
			return errScattered
		}
		return q.CompareAndWrite(ns, first, &r.halves[1], cmp[0], data[0], io.Offset, uint32(io.Blocks), r.flags())
	case bdev.OpFlush:
		return q.Flush(ns, first)
	case bdev.OpUnmap:
		host.PutDSMRange(r.ranges, 0, io.Offset, uint32(io.Blocks), 0)
		return q.DatasetManagement(ns, first, host.DSMDeallocate, r.ranges[:dsmRange])
	case bdev.OpWriteZeroes:
		return q.WriteZeroes(ns, first, io.Offset, uint32(io.Blocks), 0)
	case bdev.OpCopy:
		host.PutCopyRange(r.ranges, 0, io.CopySrc, uint32(io.Blocks))
		return q.Copy(ns, first, io.Offset, r.ranges[:copyRange])
	case bdev.OpNVMeIO:
		return r.raw(ns)
	case bdev.OpZoneManagement:
		return q.ZoneManagementSend(ns, first, zoneActions[io.ZoneAction], io.Offset, false, nil)
	case bdev.OpZoneReport:
		return r.reportZones(ns)
	}
	return host.ErrNotSupported
}

// Bytes of descriptors.
const (
	dsmRange  = 16
	copyRange = 32
)

var errScattered = errors.New("fused commands take one piece of memory")

// transfer sends what moves blocks.
func (r *request) transfer(ns *host.Namespace) error {
	io, q, first := r.io, r.q, &r.halves[0]
	iov, meta := io.Iov, io.Meta
	if r.bounce != nil {
		iov, meta = r.bounce.iov, r.bounce.meta
	}
	flags := r.flags()
	if len(iov) == 1 && meta == nil && flags == 0 {
		switch io.Op {
		case bdev.OpRead:
			return q.Read(ns, first, iov[0], io.Offset, uint32(io.Blocks), 0)
		case bdev.OpWrite:
			return q.Write(ns, first, iov[0], io.Offset, uint32(io.Blocks), 0)
		}
	}
	r.x = host.Transfer{Iov: iov, Meta: meta, LBA: io.Offset, Count: uint32(io.Blocks), Flags: flags}
	switch io.Op {
	case bdev.OpRead:
		return q.ReadExt(ns, first, &r.x)
	case bdev.OpWrite:
		return q.WriteExt(ns, first, &r.x)
	case bdev.OpCompare:
		return q.CompareExt(ns, first, &r.x)
	}
	return q.ZoneAppend(ns, first, &r.x)
}

// flags are the checks of protection information that the controller makes.
func (r *request) flags() (f host.IOFlags) {
	check := r.ch.d.info.DIFCheck &^ r.io.DIFExclude
	if check == 0 {
		return 0
	}
	if check&dif.RefTag != 0 {
		f |= host.FlagPRCHKRef
	}
	if check&dif.Guard != 0 {
		f |= host.FlagPRCHKGuard
	}
	if check&dif.AppTag != 0 {
		f |= host.FlagPRCHKApp
	}
	return f
}
