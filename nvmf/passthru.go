// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
)

// AdminPassthru says which admin commands go to the NVMe device below, if the
// subsystem is for one namespace and that is on an NVMe device.
type AdminPassthru struct {
	IdentifyController bool `json:"identify_ctrlr"`
	IdentifyUUIDList   bool `json:"identify_uuid_list"`
	GetLogPage         bool `json:"get_log_page"`
	GetSetFeatures     bool `json:"get_set_features"`
	Sanitize           bool `json:"sanitize"`
	SecuritySendRecv   bool `json:"security_send_recv"`
	FirmwareUpdate     bool `json:"fw_update"`
	NVMeMI             bool `json:"nvme_mi"`
	VendorSpecific     bool `json:"vendor_specific"`
}

// takes tells whether a command goes to the device. What is about the
// controller that hosts have here does not.
func (p *AdminPassthru) takes(cmd *nvme.Command) bool {
	switch cmd.Opcode {
	case nvme.AdminIdentify:
		cns := nvme.CNS(cmd.CDW10)
		return cns == nvme.CNSController && p.IdentifyController || cns == nvme.CNSUUIDList && p.IdentifyUUIDList
	case nvme.AdminGetLogPage:
		switch nvme.LogPageID(cmd.CDW10) {
		case nvme.LogANA, nvme.LogChangedNamespaces, nvme.LogReservationNotification:
			return false
		case nvme.LogMIEffects:
			return p.GetLogPage && p.NVMeMI
		}
		return p.GetLogPage
	case nvme.AdminGetFeatures, nvme.AdminSetFeatures:
		return p.GetSetFeatures && !ownFeature(nvme.FeatureID(cmd.CDW10))
	case nvme.AdminSanitize:
		return p.Sanitize
	case nvme.AdminSecuritySend, nvme.AdminSecurityReceive:
		return p.SecuritySendRecv
	case nvme.AdminFirmwareCommit, nvme.AdminFirmwareImageDownload:
		return p.FirmwareUpdate
	case nvme.AdminNVMeMISend, nvme.AdminNVMeMIReceive:
		return p.NVMeMI
	}
	return p.VendorSpecific && cmd.Opcode.VendorSpecific(true)
}

// ownFeature tells which features are never the device's.
func ownFeature(id nvme.FeatureID) bool {
	switch id {
	case nvme.FeatureKeepAliveTimer, nvme.FeatureAsyncEventConfiguration, nvme.FeatureNumberOfQueues,
		nvme.FeatureReservationNotificationMask, nvme.FeatureReservationPersistence:
		return true
	}
	return false
}

// lone is the namespace whose device takes the admin commands of
// AdminPassthru, nil if there is none.
func (c *Controller) lone() *nsChannel {
	if len(c.home.ns) == 1 && c.home.ns[0] != nil && c.home.ns[0].can(bdev.OpNVMeAdmin) {
		return c.home.ns[0]
	}
	return nil
}

// adminPassthru is what goes to the device, nothing if there is none.
func (c *Controller) adminPassthru() (p AdminPassthru) {
	if c.lone() != nil {
		p = c.sub.target.Config().Passthru
	}
	return p
}

// passes returns the namespace to whose device an admin command goes, nil if
// the controller carries it out itself.
func (c *Controller) passes(cmd *nvme.Command) *nsChannel {
	switch cmd.Opcode {
	case nvme.AdminAsyncEventRequest, nvme.AdminKeepAlive, nvme.AdminAbort, nvme.OpcodeFabrics:
		return nil
	}
	if p := c.adminPassthru(); p.takes(cmd) {
		return c.lone()
	}
	ns := c.namespace(cmd.NSID)
	switch {
	case ns == nil || !ns.can(bdev.OpNVMeAdmin):
		return nil
	case c.sub.opts.Passthrough, passesIdentify(cmd) && !c.opts.NoCommandPassthrough:
		return ns
	}
	return nil
}

// passesIdentify tells whether a command is Identify Namespace, of which
// devices know more than the block layer.
func passesIdentify(cmd *nvme.Command) bool {
	return cmd.Opcode == nvme.AdminIdentify && nvme.CNS(cmd.CDW10) == nvme.CNSNamespace
}

// preparePassedAdmin finds the length of a command that goes to a device.
func (c *Controller) preparePassedAdmin(r *Request) {
	r.flags |= flagPassed
	switch cmd := &r.Cmd; cmd.Opcode {
	case nvme.AdminIdentify:
		r.Xfer, r.Length = nvme.TransferControllerToHost, 4096
	case nvme.AdminGetLogPage:
		c.prepareGetLogPage(r)
	case nvme.AdminGetFeatures, nvme.AdminSetFeatures:
		c.preparePassed(r, uint64(featureDataSize(uint8(cmd.CDW10), cmd.CDW11)))
	case nvme.AdminSecuritySend, nvme.AdminSecurityReceive:
		c.preparePassed(r, uint64(cmd.CDW11)) // TL, AL
	case nvme.AdminFirmwareImageDownload:
		c.preparePassed(r, (uint64(cmd.CDW10)+1)*4)
	default:
		c.preparePassed(r, uint64(cmd.CDW10)*4) // NDT
	}
}

// preparePassed sets the direction that a command's opcode tells, and the
// length: that of the descriptor in the command, for transports that have
// one, otherwise what the command says by itself.
func (c *Controller) preparePassed(r *Request, length uint64) {
	r.flags |= flagPassed
	dir := r.Cmd.Opcode.Transfer()
	if c.opts.Fabrics != nil || r.Cmd.PSDT() != nvme.PSDTPRP {
		sgl := r.Cmd.SGL1()
		length = uint64(sgl.Length)
	}
	switch {
	case dir == nvme.TransferNone:
	case dir == nvme.TransferBidirectional || length > uint64(min(c.opts.MaxDataSize, maxAdminData)) && r.queue.ID == 0,
		length > uint64(c.opts.MaxDataSize):
		r.fail(nvme.StatusInvalidField.WithDNR())
	case length > 0:
		r.Xfer, r.Length = dir, uint32(length)
	}
}

// preparePassed is for I/O commands that go to a device.
func (l *Lane) preparePassed(r *Request, ns *nsChannel) {
	length := uint64(0)
	switch r.Cmd.Opcode {
	case nvme.CmdRead, nvme.CmdWrite, nvme.CmdCompare:
		length = uint64(r.Cmd.NLB()) * uint64(ns.blockSize)
	case nvme.CmdDatasetManagement:
		length = uint64(r.Cmd.CDW10&0xff+1) * dsmRangeSize
	}
	l.c.preparePassed(r, length)
}

// hands tells whether the device takes I/O commands that the target does not
// know.
func (n *nsChannel) hands(op nvme.Opcode) bool {
	return n.can(bdev.OpNVMeIO) && (n.ns.sub.opts.Passthrough || !known(op))
}

// known tells which I/O commands are carried out by the block layer or not at
// all.
func known(op nvme.Opcode) bool {
	switch op {
	case nvme.CmdRead, nvme.CmdWrite, nvme.CmdFlush, nvme.CmdCompare, nvme.CmdWriteZeroes, nvme.CmdDatasetManagement, nvme.CmdCopy,
		nvme.CmdReservationRegister, nvme.CmdReservationAcquire, nvme.CmdReservationRelease, nvme.CmdReservationReport:
		return true
	}
	return false
}

// passAdmin hands an admin command to the device.
func (c *Controller) passAdmin(r *Request) {
	ns := c.passes(&r.Cmd)
	if ns == nil || !ns.get() { // removed since
		r.endAdmin(nvme.StatusInvalidNamespace.WithDNR())
		return
	}
	r.ns = ns
	r.pass(bdev.OpNVMeAdmin)
}

// pass hands a command to the device of r.ns.
func (r *Request) pass(op bdev.Op) {
	if r.handed == nil {
		r.handed = new(bdev.NVMeCommand)
	}
	cmd := &r.handed.Cmd
	*cmd = r.Cmd
	cmd.Flags, cmd.CID, cmd.MPTR, cmd.PRP1, cmd.PRP2 = 0, 0, 0, 0, 0
	if cmd.NSID == r.ns.nsid {
		cmd.NSID = r.ns.ns.info.NVMeNamespace
	}
	r.handed.CDW0 = 0
	r.io.Op, r.io.Iov, r.io.Meta, r.io.NVMe = op, r.Iov, nil, r.handed
	r.io.Offset, r.io.Blocks = 0, 0
	r.stage = stagePassed
	r.ns.ch.Submit(&r.io)
}

// passed ends a command that a device has carried out.
func (l *Lane) passed(r *Request) {
	r.CDW0 = r.handed.CDW0
	if r.flags&flagAdmin == 0 {
		r.finish()
		return
	}
	if r.Status == nvme.StatusSuccess {
		l.c.correct(r)
	}
	r.endAdmin(r.Status)
}
