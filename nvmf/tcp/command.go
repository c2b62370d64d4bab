// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/trace"
)

// command works on a command capsule up to its data. It answers false if there
// is no slot for it.
func (c *conn) command(head []byte) bool {
	if c.state == stateReady {
		c.firstCommand(head)
		return true
	}
	s := c.take()
	if s == nil {
		return false
	}
	s.trace(trace.TCPNew)
	r := &s.req
	pdu.ParseCapsuleCmd(head, &r.Cmd)
	if flag.Enabled() {
		flag.Debugf("%v: command sqid:%d cid:%d opc:%#02x nsid:%d cdw10:%#x cdw11:%#x", c.sock.Remote(), c.ID, r.Cmd.CID, uint8(r.Cmd.Opcode), r.Cmd.NSID, r.Cmd.CDW10, r.Cmd.CDW11)
	}
	c.ctrlr.core.Prepare(r)
	c.pair(s)
	inCapsule := c.rx.layout.Data
	if err := c.checkSGL(s, inCapsule); err != nil {
		s.state = slotReceiving // until the connection is closed
		c.fatal(err, head[:pdu.CapsuleCmdSize])
		return true
	}
	c.rx.slot = s
	switch {
	case inCapsule == 0 && !c.format.DataDigest && r.Lendable():
		s.lent = true
		s.execute()
	case r.Length > 0 && !c.g.buffers(s):
		if inCapsule > 0 {
			c.rx.wait = waitBuffer
		}
	case inCapsule > 0:
		s.trace(trace.TCPTransferH2C)
		s.state = slotReceiving
		c.rx.aim(s.iov, 0, r.Length)
	default:
		c.noCapsuleData(s)
	}
	return true
}

// buffered goes on with a command that has got its buffers.
func (c *conn) buffered(s *slot) {
	s.trace(trace.TCPHaveBuffer)
	if x := &c.rx; x.wait == waitBuffer && x.slot == s {
		s.trace(trace.TCPTransferH2C)
		s.state = slotReceiving
		x.aim(s.iov, 0, s.req.Length)
		c.markResume()
		return
	}
	c.noCapsuleData(s)
}

// noCapsuleData goes on with a command whose capsule carries no data.
func (c *conn) noCapsuleData(s *slot) {
	if s.req.Length > 0 && s.req.Xfer == nvme.TransferHostToController {
		c.sendR2T(s)
		return
	}
	s.execute()
}

// pair keeps the commands of a fused pair together: whatever follows a first
// command is executed right after it.
func (c *conn) pair(s *slot) {
	if first := c.fuse; first != nil {
		c.fuse = nil
		first.partner, s.partner, s.second = s, first, true
		return
	}
	if s.req.Cmd.FUSE() == nvme.FuseFirst && c.ID != 0 {
		c.fuse = s
	}
}

// checkSGL checks the data pointer of a command against what the command moves
// and what its capsule carries (section 3.5 of the TCP specification, NVMe
// Base 2.0, 4.1.2). What only the command itself suffers from makes it fail.
func (c *conn) checkSGL(s *slot, inCapsule uint32) *pdu.FatalError {
	r := &s.req
	d := r.Cmd.SGL1()
	if inCapsule > 0 {
		switch {
		case d.Type() != nvme.SGLTypeDataBlock || d.Subtype() != nvme.SGLSubtypeOffset:
			return pdu.Fatal(pdu.UnsupportedParameter, pdu.OffsetSGLType, "in-capsule data with an SGL descriptor of type %#02x", d.Identifier)
		case d.Address != 0:
			return pdu.Fatal(pdu.UnsupportedParameter, pdu.OffsetSGL1, "in-capsule data at offset %#x: it must be 0", d.Address)
		case d.Length != inCapsule:
			return pdu.Fatal(pdu.InvalidHeaderField, 4, "%d bytes of in-capsule data, the SGL descriptor says %d", inCapsule, d.Length)
		}
	}
	if r.Length == 0 {
		return nil
	}
	transport := d.Type() == nvme.SGLTypeTransportDataBlock && d.Subtype() == nvme.SGLSubtypeTransport
	switch {
	case inCapsule == 0 && !transport, inCapsule > 0 && r.Xfer != nvme.TransferHostToController:
		r.Fail(nvme.StatusSGLDescriptorTypeInvalid.WithDNR())
	case d.Length < r.Length:
		r.Fail(nvme.StatusDataSGLLengthInvalid.WithDNR())
	}
	return nil
}

// h2cData works on the header of data that an R2T has asked for.
func (c *conn) h2cData(head []byte) {
	x := &c.rx
	d, err := pdu.ParseData(head, &x.layout)
	if err == nil {
		err = c.checkData(&d)
	}
	if err != nil {
		c.fatal(err, head[:pdu.DataHeaderSize])
		return
	}
	x.slot = c.slots[d.TTAG]
	x.slot.trace(trace.TCPTransferH2C)
	x.aim(x.slot.iov, d.Offset, d.Length)
}

// checkData compares H2CData with what is due.
func (c *conn) checkData(d *pdu.Data) *pdu.FatalError {
	if c.state != stateRunning || int(d.TTAG) >= len(c.slots) {
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetTTAG, "H2CData with TTAG %d, which no R2T had", d.TTAG)
	}
	s := c.slots[d.TTAG]
	end := d.Offset + d.Length
	switch {
	case s.state != slotReceiving || !s.r2t || s.received == s.req.Length:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetTTAG, "H2CData with TTAG %d, for which nothing is due", d.TTAG)
	case s.req.Cmd.CID != d.CCCID:
		return pdu.Fatal(pdu.InvalidHeaderField, pdu.OffsetCCCID, "H2CData for command %d with the TTAG of command %d", d.CCCID, s.req.Cmd.CID)
	case d.Offset != s.received:
		return pdu.Fatal(pdu.DataTransferOutOfRange, 0, "H2CData with data at %d, those at %d are due", d.Offset, s.received)
	case end > s.req.Length:
		return pdu.Fatal(pdu.DataTransferOutOfRange, 0, "H2CData with data up to %d, the R2T ends at %d", end, s.req.Length)
	case d.Last != (end == s.req.Length):
		return pdu.Fatal(pdu.InvalidHeaderField, 1, "H2CData with LAST_PDU %t and data up to %d of %d", d.Last, end, s.req.Length)
	}
	return nil
}

// dataDone is called when the data of a PDU are there. A wrong data digest
// fails the command alone.
func (c *conn) dataDone(ok bool) {
	x := &c.rx
	s := x.slot
	n := x.layout.Data
	x.slot, x.part, x.into = nil, partHead, nil
	if c.connect != nil && c.state == stateReady {
		c.startConnect(ok)
		return
	}
	if s == nil {
		return
	}
	if !ok {
		// Fail empties the length, which H2CData still to come go by; the
		// status is set when all have come.
		s.damaged = true
	}
	if s.r2t {
		if s.received += n; s.received < s.req.Length {
			return
		}
	}
	switch {
	case s.abort != nil:
		s.req.Fail(nvme.StatusAbortedByRequest)
		s.endAbort(true)
	case s.damaged:
		s.req.Fail(nvme.StatusTransientTransportError)
	}
	s.execute()
}
