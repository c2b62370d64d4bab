// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// Bits of CDW12 of commands that read and write (NVM Command Set 1.0, 3.2).
const (
	forceUnitAccess = 1 << 30
	directiveType   = 0xf << 20
	writeZeroesDEAC = 1 << 25
)

// stage is where a request stands that takes more than one operation.
type stage uint8

const (
	stageSingle   stage = iota // one operation, then the end
	stageFlush                 // writing, a flush follows
	stageRanges                // one of several ranges of Dataset Management or Copy
	stageVerify                // one of several reads of Verify
	stageFused                 // both commands of a fused pair
	stageChecked               // a read whose protection information is looked at
	stageAppend                // a Zone Append, whose place is to be told
	stageReport                // zones are told of
	stageAllZones              // something is done to all zones
	stagePassed                // an NVMe device has the command
)

// prepareIO checks an I/O command and turns it into the block device's
// operation.
func (l *Lane) prepareIO(r *Request) {
	cmd := &r.Cmd
	ns := l.namespace(cmd.NSID)
	if ns == nil {
		r.fail(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	r.ns = ns
	if ns.raw && cmd.FUSE() == nvme.FuseNone {
		l.preparePassed(r, ns)
		return
	}
	switch cmd.Opcode {
	case nvme.CmdRead:
		l.prepareBlocks(r, ns, bdev.OpRead, nvme.TransferControllerToHost)
	case nvme.CmdWrite:
		if cmd.CDW12&directiveType != 0 {
			r.fail(nvme.StatusInvalidField.WithDNR())
			return
		}
		l.prepareBlocks(r, ns, bdev.OpWrite, nvme.TransferHostToController)
		if ns.writeCache && (cmd.CDW12&forceUnitAccess != 0 || l.c.io.writeThrough.Load()) {
			r.flags |= flagFlush
		}
	default:
		l.prepareOther(r, ns)
	}
}

// prepareBlocks is for commands that move logical blocks.
func (l *Lane) prepareBlocks(r *Request, ns *nsChannel, op bdev.Op, dir nvme.Transfer) {
	lba, n := r.Cmd.SLBA(), r.Cmd.NLB()
	if lba > ns.blocks || uint64(n) > ns.blocks-lba {
		r.fail(nvme.StatusLBAOutOfRange.WithDNR())
		return
	}
	if n > ns.maxBlocks && n > l.strippedLimit(ns, &r.Cmd) {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.io.Op, r.io.Offset, r.io.Blocks = op, lba, uint64(n)
	r.Xfer, r.Length, r.MetaLength = dir, n*ns.blockSize, n*ns.metaSize
	if ns.protected {
		r.prepareProtection(ns)
	}
}

// prepareOther is for the commands that are not the hot path.
func (l *Lane) prepareOther(r *Request, ns *nsChannel) {
	cmd := &r.Cmd
	if !ns.supports(cmd.Opcode) && ns.hands(cmd.Opcode) && !l.c.opts.NoCommandPassthrough {
		l.preparePassed(r, ns)
		return
	}
	if !ns.supports(cmd.Opcode) || l.c.opts.masks(cmd.Opcode) {
		r.fail(nvme.StatusInvalidOpcode.WithDNR())
		return
	}
	if reserves(cmd.Opcode) {
		l.prepareReservation(r)
		return
	}
	switch cmd.Opcode {
	case nvme.CmdFlush:
		r.io.Op, r.io.Offset, r.io.Blocks = bdev.OpFlush, 0, ns.blocks
	case nvme.CmdCompare:
		l.prepareBlocks(r, ns, bdev.OpCompare, nvme.TransferHostToController)
	case nvme.CmdWriteZeroes, nvme.CmdVerify:
		l.prepareRange(r, ns)
	case nvme.CmdDatasetManagement:
		r.Xfer, r.Length = nvme.TransferHostToController, (cmd.CDW10&0xff+1)*dsmRangeSize
	case nvme.CmdCopy:
		l.prepareCopy(r, ns)
	case nvme.CmdZoneAppend, nvme.CmdZoneManagementSend, nvme.CmdZoneManagementReceive:
		l.prepareZoned(r, ns)
	}
}

// prepareRange is for commands that name blocks without moving data, so that
// MDTS does not apply.
func (l *Lane) prepareRange(r *Request, ns *nsChannel) {
	lba, n := r.Cmd.SLBA(), uint64(r.Cmd.NLB())
	if lba > ns.blocks || n > ns.blocks-lba {
		r.fail(nvme.StatusLBAOutOfRange.WithDNR())
		return
	}
	r.io.Op, r.io.Offset, r.io.Blocks = bdev.OpWriteZeroes, lba, n
	if ns.protected {
		r.io.DIFExclude = excluded(&r.Cmd)
	}
	if r.Cmd.Opcode == nvme.CmdVerify {
		r.io.Op = bdev.OpRead
		return
	}
	if ns.writeCache && (r.Cmd.CDW12&forceUnitAccess != 0 || l.c.io.writeThrough.Load()) {
		r.flags |= flagFlush
	}
}

// executeIO hands a prepared command to the block device.
func (l *Lane) executeIO(r *Request) {
	ns := r.ns
	if r.flags&flagPassed != 0 {
		r.pass(bdev.OpNVMeIO)
		return
	}
	r.io.Iov, r.io.Meta = r.Iov, r.Meta
	switch r.Cmd.Opcode {
	case nvme.CmdRead:
		l.moved.reads++
		l.moved.readBlocks += uint64(r.Length / smartBlock)
	case nvme.CmdWrite:
		l.moved.writes++
		l.moved.writeBlocks += uint64(r.Length / smartBlock)
		if r.flags&flagFlush != 0 {
			r.stage = stageFlush
		}
	default:
		if l.executeOther(r, ns) {
			return
		}
	}
	if ns.protected && (r.flags&flagStripped != 0 || r.checks != 0) {
		l.executeProtected(r, ns)
		return
	}
	ns.ch.Submit(&r.io)
}

// executeOther prepares the operation of a command that is not the hot path,
// or carries the command out itself and answers true.
func (l *Lane) executeOther(r *Request, ns *nsChannel) bool {
	if reserves(r.Cmd.Opcode) {
		l.executeReservation(r, ns.ns)
		return true
	}
	switch r.Cmd.Opcode {
	case nvme.CmdFlush:
		r.io.Iov = nil
		if !ns.writeCache { // there is nothing to flush
			r.Finish(nvme.StatusSuccess)
			return true
		}
	case nvme.CmdWriteZeroes:
		r.io.Iov = nil
		if r.flags&flagFlush != 0 {
			r.stage = stageFlush
		}
	case nvme.CmdVerify:
		l.startVerify(r, ns)
		return true
	case nvme.CmdDatasetManagement:
		l.startDSM(r, ns)
		return true
	case nvme.CmdCopy:
		l.startCopy(r, ns)
		return true
	case nvme.CmdZoneAppend, nvme.CmdZoneManagementSend, nvme.CmdZoneManagementReceive:
		return l.executeZoned(r, ns)
	}
	return false
}

// nextStage goes on with a request that takes several operations, one of
// which has ended.
func (l *Lane) nextStage(r *Request) {
	if r.io.Status != 0 {
		r.Status = statusOf(r.io.Status)
	}
	switch r.stage {
	case stageFlush:
		if r.Status != nvme.StatusSuccess {
			r.finish()
			return
		}
		l.submitFlush(r)
	case stageRanges:
		l.nextRange(r)
	case stageVerify:
		l.nextVerify(r)
	case stageFused:
		l.endFused(r)
	case stageChecked:
		if r.Status == nvme.StatusSuccess {
			r.Status = r.checkTags()
		}
		r.finish()
	case stageAppend:
		l.appended(r)
	case stageReport:
		l.nextReport(r)
	case stageAllZones:
		l.nextZone(r)
	case stagePassed:
		l.passed(r)
	}
}

// submitFlush makes what r wrote durable, as the last of its operations.
func (l *Lane) submitFlush(r *Request) {
	ns := r.ns
	r.stage = stageSingle
	if ns.removed() {
		r.Finish(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	r.io.Op, r.io.Iov, r.io.Meta = bdev.OpFlush, nil, nil
	r.io.Offset, r.io.Blocks = 0, ns.blocks
	ns.ch.Submit(&r.io)
}
