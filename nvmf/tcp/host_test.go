// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// host is one queue of a small initiator.
type host struct {
	t      testing.TB
	conn   net.Conn
	opts   hostOptions
	sub    string
	rules  pdu.Rules  // for what comes
	format pdu.Format // of what goes
	maxH2C uint32
	cntlid uint16
	next   uint16

	head [256]byte // of the PDU that was read last
}

const ccEnable = 1 | 6<<16 | 4<<20

func (h *host) write(bufs ...[]byte) {
	h.t.Helper()
	for _, b := range bufs {
		if _, err := h.conn.Write(b); err != nil {
			h.t.Fatal(err)
		}
	}
}

// read reads a PDU and checks its digests.
func (h *host) read() (pdu.Layout, []byte) {
	h.t.Helper()
	l, data, err := h.tryRead()
	if err != nil {
		h.t.Fatal(err)
	}
	return l, data
}

func (h *host) tryRead() (l pdu.Layout, data []byte, err error) {
	if _, err = io.ReadFull(h.conn, h.head[:pdu.CommonSize]); err != nil {
		return l, nil, err
	}
	l, bad := h.rules.Check(h.head[:])
	if bad != nil {
		return l, nil, bad
	}
	if _, err = io.ReadFull(h.conn, h.head[pdu.CommonSize:l.Head]); err != nil {
		return l, nil, err
	}
	if bad := l.CheckHeader(h.head[:]); bad != nil {
		return l, nil, bad
	}
	data = make([]byte, l.Data)
	if _, err = io.ReadFull(h.conn, data); err != nil {
		return l, nil, err
	}
	if l.DataDigest {
		var b [pdu.DigestSize]byte
		if _, err = io.ReadFull(h.conn, b[:]); err != nil {
			return l, nil, err
		}
		if pdu.Digest(b[:]) != pdu.DataDigest(0, data) {
			return l, nil, errors.New("data digest is wrong")
		}
	}
	return l, data, nil
}

// initialize sends ICReq.
func (h *host) initialize() {
	h.t.Helper()
	req := pdu.ICReq{HPDA: h.opts.hpda, HeaderDigest: h.opts.hdgst, DataDigest: h.opts.ddgst, MaxR2T: 1}
	b := make([]byte, pdu.ICSize)
	h.write(b[:req.Put(b)])
	l, _ := h.read()
	if l.Type != pdu.TypeICResp {
		h.t.Fatalf("got %v, want ICResp", l.Type)
	}
	resp, err := pdu.ParseICResp(h.head[:], &req)
	if err != nil {
		h.t.Fatal(err)
	}
	if resp.HeaderDigest != req.HeaderDigest || resp.DataDigest != req.DataDigest {
		h.t.Fatalf("asked for %+v, got %+v", req, resp)
	}
	h.maxH2C = resp.MaxH2CData
	h.rules.Format = pdu.Format{HeaderDigest: resp.HeaderDigest, DataDigest: resp.DataDigest, PDA: req.HPDA}
	h.format = pdu.Format{HeaderDigest: resp.HeaderDigest, DataDigest: resp.DataDigest, PDA: resp.CPDA}
}

// capsule sends a command with in-capsule data, perhaps none, and returns its
// identifier.
func (h *host) capsule(cmd nvme.Command, data []byte) uint16 {
	h.t.Helper()
	cmd.CID = h.next
	h.next++
	cmd.SetPSDT(nvme.PSDTSGLMPTRContig)
	if len(data) > 0 {
		cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, 0, uint32(len(data))))
	}
	h.rawCapsule(&cmd, data)
	return cmd.CID
}

func (h *host) rawCapsule(cmd *nvme.Command, data []byte) {
	h.t.Helper()
	b := make([]byte, pdu.MaxPDO, pdu.MaxPDO+len(data)+pdu.DigestSize)
	b = append(b[:pdu.PutCapsuleCmd(b, h.format, cmd, uint32(len(data)))], data...)
	h.write(h.digested(b, data))
}

// digested appends the digest of data to b, if that was agreed on.
func (h *host) digested(b, data []byte) []byte {
	if h.format.DataDigest && len(data) > 0 {
		b = append(b, 0, 0, 0, 0)
		pdu.PutDigest(b[len(b)-pdu.DigestSize:], pdu.DataDigest(0, data))
	}
	return b
}

// transport sets the data pointer to n bytes that go by PDUs of their own.
func transport(cmd nvme.Command, n int) nvme.Command {
	cmd.SetSGL1(nvme.NewSGL(nvme.SGLTypeTransportDataBlock, nvme.SGLSubtypeTransport, 0, uint32(n)))
	return cmd
}

// do executes a command; data that the command returns are put into p, data
// that it needs are taken from there.
func (h *host) do(cmd nvme.Command, p []byte) nvme.Completion {
	h.t.Helper()
	io := &hostIO{cmd: cmd, data: p}
	h.run(1, io)
	return io.cpl
}

func (h *host) connect(id uint16, entries uint32, cntlid uint16) nvme.Completion {
	h.t.Helper()
	return h.completion(h.startConnect(id, entries, cntlid))
}

func (h *host) startConnect(id uint16, entries uint32, cntlid uint16) (cid uint16) {
	h.t.Helper()
	c := nvme.Connect{QID: id, SQSize: entries, KATO: 120000}
	if h.opts.noFlow {
		c.Attributes = nvme.ConnectNoSQFlow
	}
	data := nvme.ConnectData{HOSTID: [16]byte{1, 2, 3}, CNTLID: cntlid}
	copy(data.SUBNQN[:], h.sub)
	copy(data.HOSTNQN[:], hostNQN)
	return h.capsule(c.Command(), nvme.Bytes(&data))
}

// completion reads a response capsule.
func (h *host) completion(cid uint16) (cpl nvme.Completion) {
	h.t.Helper()
	l, _ := h.read()
	if l.Type != pdu.TypeCapsuleResp {
		h.t.Fatalf("got %v (% x), want CapsuleResp", l.Type, h.head[:l.Head])
	}
	if pdu.ParseCapsuleResp(h.head[:], &cpl); cpl.CID != cid {
		h.t.Fatalf("completion of command %d, want %d", cpl.CID, cid)
	}
	return cpl
}

func (h *host) connectOK(id uint16, entries uint32, cntlid uint16) nvme.Completion {
	h.t.Helper()
	cpl := h.connect(id, entries, cntlid)
	if cpl.IsError() {
		h.t.Fatalf("connect of queue %d: %v, CDW0 %#x", id, cpl.Status(), cpl.CDW0)
	}
	return cpl
}

func (h *host) property(off uint32, wide uint8) uint64 {
	h.t.Helper()
	cpl := h.do(nvme.PropertyGet{Wide: wide, Offset: off}.Command(), nil)
	if cpl.IsError() {
		h.t.Fatalf("property %#x: %v", off, cpl.Status())
	}
	return cpl.Result64()
}

func (h *host) setCC(v uint64) {
	h.t.Helper()
	if cpl := h.do(nvme.PropertySet{Offset: nvme.RegCC, Value: v}.Command(), nil); cpl.IsError() {
		h.t.Fatalf("CC <- %#x: %v", v, cpl.Status())
	}
}

// terminated reads a termination request, and then the end of the connection.
func (h *host) terminated(what string, want pdu.TermReq) {
	h.t.Helper()
	for {
		l, _, err := h.tryRead()
		if err != nil {
			h.t.Errorf("%s: %v, want a C2HTermReq", what, err)
			return
		}
		if l.Type == pdu.TypeC2HTermReq {
			break
		}
	}
	if got := pdu.ParseTermReq(h.head[:]); got != want {
		h.t.Errorf("%s: got %v, FEI %#x, want %v, FEI %#x", what, got.Status, got.Info, want.Status, want.Info)
	}
	h.conn.Close()
}
