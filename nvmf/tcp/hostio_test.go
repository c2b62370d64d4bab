// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// hostIO is a command of the initiator.
type hostIO struct {
	cmd       nvme.Command
	data      []byte
	inCapsule bool
	cpl       nvme.Completion
	got       int // bytes that have come
}

func rw(op nvme.Opcode, lba uint64, data []byte) *hostIO {
	cmd := nvme.Command{Opcode: op, NSID: 1}
	cmd.SetSLBA(lba)
	cmd.SetNLB(uint32(len(data) / 512))
	return &hostIO{cmd: cmd, data: data}
}

// run executes commands, at most depth of them at a time.
func (h *host) run(depth int, ios ...*hostIO) {
	h.t.Helper()
	out := map[uint16]*hostIO{}
	for len(ios) > 0 || len(out) > 0 {
		for len(ios) > 0 && len(out) < depth {
			out[h.start(ios[0])] = ios[0]
			ios = ios[1:]
		}
		if cid, done := h.step(out); done {
			delete(out, cid)
		}
	}
}

func (h *host) start(io *hostIO) uint16 {
	h.t.Helper()
	if io.inCapsule {
		return h.capsule(io.cmd, io.data)
	}
	return h.capsule(transport(io.cmd, len(io.data)), nil)
}

// step reads a PDU and does what it asks for. It answers whether a command
// has ended.
func (h *host) step(out map[uint16]*hostIO) (cid uint16, done bool) {
	h.t.Helper()
	l, data := h.read()
	switch l.Type {
	case pdu.TypeCapsuleResp:
		var cpl nvme.Completion
		pdu.ParseCapsuleResp(h.head[:], &cpl)
		io := h.find(out, cpl.CID)
		io.cpl = cpl
		return cpl.CID, true
	case pdu.TypeC2HData:
		d, err := pdu.ParseData(h.head[:], &l)
		if err != nil {
			h.t.Fatal(err)
		}
		io := h.find(out, d.CCCID)
		if int(d.Offset) != io.got || io.got+len(data) > len(io.data) || d.Last != (io.got+len(data) == len(io.data)) {
			h.t.Fatalf("%+v: %d of %d bytes have come", d, io.got, len(io.data))
		}
		io.got += copy(io.data[io.got:], data)
		if d.Success && !h.opts.noFlow {
			h.t.Fatal("SUCCESS with SQ flow control")
		}
		return d.CCCID, d.Success
	case pdu.TypeR2T:
		r, err := pdu.ParseR2T(h.head[:])
		if err != nil {
			h.t.Fatal(err)
		}
		h.answer(&r, h.find(out, r.CCCID).data)
	default:
		h.t.Fatalf("got %v: %x", l.Type, h.head[:l.Head])
	}
	return 0, false
}

func (h *host) find(out map[uint16]*hostIO, cid uint16) *hostIO {
	h.t.Helper()
	io := out[cid]
	if io == nil {
		h.t.Fatalf("answer for command %d, which is not outstanding", cid)
	}
	return io
}

// answer sends what an R2T asks for, in PDUs of different sizes.
func (h *host) answer(r *pdu.R2T, data []byte) {
	h.t.Helper()
	size := uint32(4096)
	for off := r.Offset; off < r.Offset+r.Length; {
		n := min(size, r.Offset+r.Length-off, h.maxH2C)
		h.h2c(pdu.Data{CCCID: r.CCCID, TTAG: r.TTAG, Offset: off, Length: n, Last: off+n == r.Offset+r.Length}, data[off:off+n])
		off += n
		size = size*3 + 4
	}
}

func (h *host) h2c(d pdu.Data, data []byte) {
	h.t.Helper()
	b := make([]byte, pdu.MaxPDO, pdu.MaxPDO+len(data)+pdu.DigestSize)
	b = append(b[:d.Put(b, pdu.TypeH2CData, h.format)], data...)
	h.write(h.digested(b, data))
}
