// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"encoding/binary"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// icReq is an ICReq with one change.
func icReq(change func(b []byte)) []byte {
	b := make([]byte, pdu.ICSize)
	(&pdu.ICReq{MaxR2T: 1}).Put(b)
	change(b)
	return b
}

// TestFatalBeforeConnect makes mistakes with the first PDU.
func TestFatalBeforeConnect(t *testing.T) {
	g := newRig(t, Options{})
	capsule := make([]byte, pdu.CapsuleCmdSize)
	pdu.PutCapsuleCmd(capsule, pdu.Format{}, &nvme.Command{}, 0)
	for _, test := range []struct {
		name  string
		bytes []byte
		want  pdu.TermReq
	}{
		{"CapsuleCmd first", capsule, pdu.TermReq{Status: pdu.SequenceError}},
		{"unknown type", []byte{0x55, 0, 8, 0, 8, 0, 0, 0}, pdu.TermReq{Status: pdu.InvalidHeaderField}},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n"), pdu.TermReq{Status: pdu.InvalidHeaderField}},
		{"HLEN", icReq(func(b []byte) { b[2] = 24 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 2}},
		{"PLEN", icReq(func(b []byte) { b[4] = 129 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 4}},
		{"PFV", icReq(func(b []byte) { b[8] = 1 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"HPDA", icReq(func(b []byte) { b[10] = 32 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 10}},
	} {
		h := g.dial()
		h.write(test.bytes)
		h.terminated(test.name, test.want)
	}
	h := g.dial()
	h.initialize()
	h.write(icReq(func([]byte) {}))
	h.terminated("second ICReq", pdu.TermReq{Status: pdu.SequenceError})
	eventually(t, "connections close", func() bool { return g.tr.Connections() == 0 })
}

// TestFatal makes mistakes on an I/O queue, each on a connection of its own,
// with a write outstanding that waits for data.
func TestFatal(t *testing.T) {
	g := newRig(t, Options{MaxDataSize: 64 << 10})
	admin := g.login(hostOptions{hdgst: true})
	data := make([]byte, 8192)
	d := pdu.Data{Length: 4096}
	h2c := func(change func(d *pdu.Data)) func(h *host, r pdu.R2T) {
		return func(h *host, r pdu.R2T) {
			d := d
			d.CCCID, d.TTAG = r.CCCID, r.TTAG
			change(&d)
			h.h2c(d, data[:d.Length])
		}
	}
	capsule := func(sgl nvme.SGLDescriptor, n int) func(h *host, r pdu.R2T) {
		return func(h *host, _ pdu.R2T) {
			cmd := rw(nvme.CmdWrite, 0, data[:512]).cmd
			cmd.SetSGL1(sgl)
			h.rawCapsule(&cmd, data[:n])
		}
	}
	inCapsule := func(addr uint64, n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, addr, n)
	}
	for _, test := range []struct {
		name string
		do   func(h *host, r pdu.R2T)
		want pdu.TermReq
	}{
		{"TTAG of no slot", h2c(func(d *pdu.Data) { d.TTAG = 999 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 10}},
		{"TTAG of a free slot", h2c(func(d *pdu.Data) { d.TTAG ^= 1 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 10}},
		{"CCCID", h2c(func(d *pdu.Data) { d.CCCID++ }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"DATAO ahead", h2c(func(d *pdu.Data) { d.Offset, d.Length = 512, 512 }), pdu.TermReq{Status: pdu.DataTransferOutOfRange}},
		{"DATAO odd", h2c(func(d *pdu.Data) { d.Offset = 1 }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 12}},
		{"beyond the R2T", h2c(func(d *pdu.Data) { d.Length = 8192 }), pdu.TermReq{Status: pdu.DataTransferOutOfRange}},
		{"LAST_PDU early", h2c(func(d *pdu.Data) { d.Length, d.Last = 512, true }), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 1}},
		{"LAST_PDU missing", h2c(func(d *pdu.Data) {}), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 1}},
		{"in-capsule data too long", capsule(inCapsule(0, 8192), 8192), pdu.TermReq{Status: pdu.DataLimitExceeded}},
		{"in-capsule offset", capsule(inCapsule(4, 512), 512), pdu.TermReq{Status: pdu.UnsupportedParameter, Info: pdu.OffsetSGL1}},
		{"in-capsule length", capsule(inCapsule(0, 1024), 512), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 4}},
		{"in-capsule type", capsule(nvme.NewSGL(nvme.SGLTypeTransportDataBlock, nvme.SGLSubtypeTransport, 0, 512), 512), pdu.TermReq{Status: pdu.UnsupportedParameter, Info: pdu.OffsetSGLType}},
		{"C2HData", func(h *host, _ pdu.R2T) {
			b := make([]byte, 256)
			h.write(b[:d.Put(b, pdu.TypeC2HData, h.format)])
		}, pdu.TermReq{Status: pdu.InvalidHeaderField}},
	} {
		h := g.ioQueue(admin, 1)
		h.start(rw(nvme.CmdWrite, 0, data[:4096]))
		if l, _ := h.read(); l.Type != pdu.TypeR2T {
			t.Fatalf("%s: got %v, want R2T", test.name, l.Type)
		}
		r, err := pdu.ParseR2T(h.head[:])
		if err != nil {
			t.Fatal(err)
		}
		test.do(h, r)
		h.terminated(test.name, test.want)
		eventually(t, "the queue is free", func() bool { return g.tr.Connections() == 1 })
	}
	if cpl := admin.do(nvme.Command{Opcode: nvme.AdminKeepAlive}, nil); cpl.IsError() {
		t.Errorf("keep alive afterwards: %v", cpl.Status())
	}
}

// TestHeaderDigest sends a header whose digest is wrong.
func TestHeaderDigest(t *testing.T) {
	g := newRig(t, Options{})
	h := g.login(hostOptions{hdgst: true})
	b := make([]byte, pdu.CapsuleCmdSize+pdu.DigestSize)
	pdu.PutCapsuleCmd(b, h.format, &nvme.Command{Opcode: nvme.AdminKeepAlive}, 0)
	b[20] ^= 4
	h.write(b)
	h.terminated("header digest", pdu.TermReq{Status: pdu.HeaderDigestError, Info: binary.LittleEndian.Uint32(b[pdu.CapsuleCmdSize:])})
}

// TestDataDigest sends data whose digest is wrong, which fails the command
// and nothing else.
func TestDataDigest(t *testing.T) {
	g := newRig(t, Options{})
	h := g.ioQueue(g.login(hostOptions{ddgst: true}), 1)
	data := pattern(512, 1)
	cmd := rw(nvme.CmdWrite, 3, data).cmd
	cmd.CID = h.next
	cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, 0, 512))
	b := make([]byte, pdu.CapsuleCmdSize, 1024)
	pdu.PutCapsuleCmd(b, h.format, &cmd, 512)
	b = h.digested(append(b, data...), data)
	b[len(b)-1] ^= 1
	h.write(b)
	cpl := h.completion(cmd.CID)
	if !cpl.Status().Is(nvme.StatusTransientTransportError) {
		t.Errorf("got %v", cpl.Status())
	}
	var untouched byte
	g.onThread(func() { untouched = g.disk.Data[3*512] | g.disk.Data[3*512+1] })
	if untouched != 0 {
		t.Error("damaged data were written")
	}
	h.next++
	h.transfer(512, 4, true)
}

// TestWrongSGL has commands that suffer alone.
func TestWrongSGL(t *testing.T) {
	g := newRig(t, Options{})
	h := g.ioQueue(g.login(hostOptions{}), 1)
	for _, test := range []struct {
		name string
		sgl  nvme.SGLDescriptor
		want nvme.Status
	}{
		{"too short", nvme.NewSGL(nvme.SGLTypeTransportDataBlock, nvme.SGLSubtypeTransport, 0, 511), nvme.StatusDataSGLLengthInvalid},
		{"address", nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeAddress, 0, 512), nvme.StatusSGLDescriptorTypeInvalid},
		{"segment", nvme.NewSGL(nvme.SGLTypeSegment, nvme.SGLSubtypeOffset, 0, 512), nvme.StatusSGLDescriptorTypeInvalid},
	} {
		for _, op := range []nvme.Opcode{nvme.CmdRead, nvme.CmdWrite} {
			cmd := rw(op, 0, make([]byte, 512)).cmd
			cmd.SetSGL1(test.sgl)
			h.rawCapsule(&cmd, nil)
			if cpl := h.completion(0); !cpl.Status().Is(test.want) {
				t.Errorf("%s: got %v, want %v", test.name, cpl.Status(), test.want)
			}
		}
	}
}
