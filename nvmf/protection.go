// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/nvme"
)

// Protection information (NVM Command Set 1.0, 5.2): PRINFO in CDW12.
const (
	checkRefTag = 1 << 26
	checkAppTag = 1 << 27
	checkGuard  = 1 << 28
	actPI       = 1 << 29 // the controller makes it, or checks it and takes it away

	dpcFirst = 1 << 3 // in the first bytes of the metadata
	dpcLast  = 1 << 4
	dpsFirst = 1 << 3
)

const allChecks = dif.RefTag | dif.AppTag | dif.Guard

// protects tells whether hosts know of a device's protection information.
// They are not told of the formats with larger guards, so those are metadata
// like others to them.
func protects(i *bdev.Info) bool { return i.DIF != dif.Disabled && i.DIFPIFormat == dif.PI16 }

// describeProtection fills in DPC and DPS.
func describeProtection(id *nvme.IdentifyNamespace, i *bdev.Info) {
	id.DPC, id.DPS = 1<<(i.DIF-1)|dpcLast, uint8(i.DIF)
	if i.DIFHeadOfMD {
		id.DPC, id.DPS = 1<<(i.DIF-1)|dpcFirst, uint8(i.DIF)|dpsFirst
	}
}

// excluded are the checks that a command does not ask for.
func excluded(cmd *nvme.Command) dif.Flags {
	f := allChecks
	if cmd.CDW12&checkRefTag != 0 {
		f &^= dif.RefTag
	}
	if cmd.CDW12&checkAppTag != 0 {
		f &^= dif.AppTag
	}
	if cmd.CDW12&checkGuard != 0 {
		f &^= dif.Guard
	}
	return f
}

// strippedLimit is how many blocks a command moves whose metadata stay here, 0
// for others.
func (l *Lane) strippedLimit(ns *nsChannel, cmd *nvme.Command) uint32 {
	if !ns.strips || cmd.CDW12&actPI == 0 {
		return 0
	}
	return l.c.opts.MaxDataSize / ns.ns.info.DataSize()
}

// prepareProtection heeds PRINFO of a command that moves blocks. The block
// layer makes the checks that it knows; those that go by tags of the command
// are made here.
func (r *Request) prepareProtection(ns *nsChannel) {
	cmd, i := &r.Cmd, &ns.ns.info
	if !protects(i) {
		r.io.DIFExclude = allChecks
		return
	}
	r.io.DIFExclude = excluded(cmd)
	checks := allChecks &^ r.io.DIFExclude
	ordinary := cmd.CDW14 == uint32(cmd.SLBA()) // tags are the blocks' addresses
	r.checks = checks &^ i.DIFCheck
	switch {
	case i.DIF == dif.Type3:
		r.checks &^= dif.RefTag // which is the host's to interpret
		ordinary = true
	case checks&dif.RefTag != 0 && !ordinary:
		if i.DIF == dif.Type1 {
			r.fail(nvme.StatusInvalidProtectionInfo.WithDNR())
			return
		}
		r.checks |= dif.RefTag
		r.io.DIFExclude |= dif.RefTag
	}
	if r.appMask() == 0 {
		r.checks &^= dif.AppTag
	}
	if cmd.CDW12&actPI == 0 {
		return
	}
	// The block layer's tags are the blocks' addresses and 0.
	if !ns.strips || r.checks != 0 || !ordinary || cmd.Opcode == nvme.CmdWrite && r.appTag() != 0 {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	r.flags |= flagStripped
	r.Length, r.MetaLength = cmd.NLB()*i.DataSize(), 0
}

func (r *Request) appTag() uint16  { return uint16(r.Cmd.CDW15) }
func (r *Request) appMask() uint16 { return uint16(r.Cmd.CDW15 >> 16) }

// executeProtected hands a command to the device that needs more than the
// block layer's checks.
func (l *Lane) executeProtected(r *Request, ns *nsChannel) {
	switch {
	case r.flags&flagStripped != 0:
		ns.hidden.Submit(&r.io)
		return
	case r.io.Op == bdev.OpRead:
		r.stage = stageChecked
	default:
		if s := r.checkTags(); s != nvme.StatusSuccess {
			r.Finish(s)
			return
		}
	}
	ns.ch.Submit(&r.io)
}

// checkTags makes the checks that the block layer does not make.
func (r *Request) checkTags() nvme.Status {
	i := &r.ns.ns.info
	ctx := i.DIFContext(uint64(r.Cmd.CDW14), r.checks)
	ctx.AppTag, ctx.AppMask = r.appTag(), r.appMask()
	var err error
	switch {
	case i.MDInterleaved:
		err = ctx.Verify(r.Iov, r.io.Blocks)
	default:
		err = ctx.VerifyMeta(r.Iov, r.Meta, r.io.Blocks)
	}
	return statusOf(bdev.StatusDIF(err))
}
