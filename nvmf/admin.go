// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"github.com/gospdk/gospdk/nvme"
)

// maxAdminData bounds what an admin command may move, so that the buffer for
// it is bounded.
const maxAdminData = 128 << 10

// adminBuffers are reused from command to command: an admin command that has
// data is answered at once.
type adminBuffers struct {
	page [4096]byte
}

// prepareAdmin finds the length of an admin command's data. Commands are
// checked only as far as that needs.
func (c *Controller) prepareAdmin(r *Request) {
	r.flags |= flagAdmin
	cmd := &r.Cmd
	if cmd.FUSE() != nvme.FuseNone {
		r.fail(nvme.StatusInvalidField.WithDNR())
		return
	}
	if c.passes(cmd) != nil {
		c.preparePassedAdmin(r)
		return
	}
	switch cmd.Opcode {
	case nvme.AdminIdentify:
		r.Xfer, r.Length = nvme.TransferControllerToHost, 4096
	case nvme.AdminGetLogPage:
		c.prepareGetLogPage(r)
	case nvme.AdminGetFeatures:
		r.Length = featureDataSize(uint8(cmd.CDW10), cmd.CDW11)
		r.Xfer = nvme.TransferControllerToHost
		if uint8(cmd.CDW10>>8)&7 == selectSupported {
			r.Length = 0
		}
	case nvme.AdminSetFeatures:
		r.Length = featureDataSize(uint8(cmd.CDW10), cmd.CDW11)
		r.Xfer = nvme.TransferHostToController
	}
	if r.Length == 0 {
		r.Xfer = nvme.TransferNone
	}
}

func (c *Controller) executeAdmin(r *Request) {
	if r.flags&flagFailed != 0 {
		r.lane.logFailure(r)
		r.finish()
		return
	}
	if c.opts.Fabrics != nil && !c.CSTS().RDY() && r.Cmd.Opcode != nvme.OpcodeFabrics {
		r.endAdmin(nvme.StatusCommandSequenceError.WithDNR())
		return
	}
	if !c.serves(r.Cmd.Opcode) {
		r.endAdmin(nvme.StatusInvalidOpcode.WithDNR())
		return
	}
	if r.flags&flagPassed != 0 {
		c.passAdmin(r)
		return
	}
	switch cmd := &r.Cmd; cmd.Opcode {
	case nvme.AdminIdentify:
		r.endAdmin(c.identify(r))
	case nvme.AdminGetLogPage:
		if nvme.LogPageID(cmd.CDW10) == nvme.LogSMART {
			c.settle(func() { r.endAdmin(c.getLogPage(r)) })
			return
		}
		r.endAdmin(c.getLogPage(r))
	case nvme.AdminGetFeatures:
		r.endAdmin(c.getFeatures(r))
	case nvme.AdminSetFeatures:
		r.endAdmin(c.setFeatures(r))
	case nvme.AdminAsyncEventRequest:
		c.asyncEventRequest(r)
	case nvme.AdminAbort:
		c.abort(r)
	case nvme.AdminKeepAlive:
		r.endAdmin(nvme.StatusSuccess)
	case nvme.OpcodeFabrics:
		if c.opts.Fabrics == nil {
			r.endAdmin(nvme.StatusInvalidOpcode.WithDNR())
			return
		}
		r.endAdmin(c.executeFabrics(r))
	default:
		if !c.tr.AdminCommand(r) {
			r.endAdmin(nvme.StatusInvalidOpcode.WithDNR())
		}
	}
}

// endAdmin ends an admin command, noting an error in the log.
func (r *Request) endAdmin(s nvme.Status) {
	r.Status = s
	if s.IsError() {
		r.lane.logFailure(r)
	}
	r.finish()
}

// reply gives the host what it asked for: data from offset on, zeroes where
// there is none.
func (r *Request) reply(data []byte) {
	for _, v := range r.Iov {
		n := copy(v, data)
		clear(v[n:])
		data = data[n:]
	}
}

// gather copies the host's data into p.
func (r *Request) gather(p []byte) {
	for _, v := range r.Iov {
		p = p[copy(p, v):]
	}
}
