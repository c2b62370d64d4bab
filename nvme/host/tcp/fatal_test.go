// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"io"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// terminated expects a termination request and the end of the connection.
func (p *peer) terminated(name string, want pdu.TermReq) {
	p.t.Helper()
	err := p.failure()
	head, data := p.readPDU()
	if got := pdu.ParseTermReq(head); pdu.Type(head[0]) != pdu.TypeH2CTermReq || got != want || len(data) == 0 {
		p.t.Errorf("%s: %v %+v with %d bytes, want %+v (%v)", name, pdu.Type(head[0]), got, len(data), want, err)
	}
	if _, err := p.conn.Read(make([]byte, 1)); err != io.EOF {
		p.t.Errorf("%s: after the termination request: %v", name, err)
	}
	if err := p.q.Submit(new(host.Request), false); err == nil {
		p.t.Errorf("%s: a command was accepted afterwards", name)
	}
}

func changed(b []byte, at int, v byte) []byte {
	b[at] = v
	return b
}

// TestFatalBeforeReady makes mistakes with the first PDU.
func TestFatalBeforeReady(t *testing.T) {
	icResp := func(at int, v byte) []byte {
		b := make([]byte, pdu.ICSize)
		(&pdu.ICResp{MaxH2CData: 4096}).Put(b)
		return changed(b, at, v)
	}
	response := make([]byte, pdu.CapsuleRespSize)
	pdu.PutCapsuleResp(response, pdu.Format{}, &nvme.Completion{})
	for _, test := range []struct {
		name  string
		bytes []byte
		want  pdu.TermReq
	}{
		{"CapsuleResp first", response, pdu.TermReq{Status: pdu.SequenceError}},
		{"a host's PDU", icResp(0, uint8(pdu.TypeICReq)), pdu.TermReq{Status: pdu.InvalidHeaderField}},
		{"HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), pdu.TermReq{Status: pdu.InvalidHeaderField}},
		{"HLEN", icResp(2, 24), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 2}},
		{"PLEN", icResp(4, 129), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 4}},
		{"PFV", icResp(8, 1), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"CPDA", icResp(10, 32), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 10}},
		{"DGST that nobody asked for", icResp(11, 1), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 11}},
		{"MAXH2CDATA", icResp(13, 0), pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 12}},
	} {
		p := dialPeer(t, Transport{}, host.Options{}, host.LinkConfig{})
		p.send(test.bytes)
		p.terminated(test.name, test.want)
	}
}

// TestFatal makes mistakes on a queue with a read of 8192 bytes (command r)
// and a write of as many (w), of which 4096 were asked for.
func TestFatal(t *testing.T) {
	data := pattern(8192)
	for _, test := range []struct {
		name string
		send func(p *peer, r, w uint16) []byte
		want pdu.TermReq
	}{
		{"second ICResp", func(*peer, uint16, uint16) []byte {
			b := make([]byte, pdu.ICSize)
			return b[:(&pdu.ICResp{MaxH2CData: 4096}).Put(b)]
		}, pdu.TermReq{Status: pdu.SequenceError}},
		{"no header digest", func(p *peer, r, w uint16) []byte {
			return changed(p.response(r, 0), 1, 0)
		}, pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 1}},
		{"response for no command", func(p *peer, r, w uint16) []byte { return p.response(0, 0) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 20}},
		{"response beyond the queue", func(p *peer, r, w uint16) []byte { return p.response(0xffff, 0) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 20}},
		{"second response", func(p *peer, r, w uint16) []byte { return append(p.response(r, 0), p.response(r, 0)...) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 20}},
		{"data for no command", func(p *peer, r, w uint16) []byte { return p.c2hData(pdu.Data{CCCID: 99}, data) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"data for a write", func(p *peer, r, w uint16) []byte {
			return p.c2hData(pdu.Data{CCCID: w, Offset: 4096}, data[:4])
		}, pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"data out of order", func(p *peer, r, w uint16) []byte { return p.c2hData(pdu.Data{CCCID: r, Offset: 4}, data[:4]) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 12}},
		{"data at an odd offset", func(p *peer, r, w uint16) []byte { return p.c2hData(pdu.Data{CCCID: r, Offset: 2}, data[:4]) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 12}},
		{"too much data", func(p *peer, r, w uint16) []byte { return p.c2hData(pdu.Data{CCCID: r}, pattern(8196)) },
			pdu.TermReq{Status: pdu.DataTransferOutOfRange}},
		{"R2T for no command", func(p *peer, r, w uint16) []byte { return p.r2t(pdu.R2T{CCCID: 99, Length: 4}) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"R2T for a read", func(p *peer, r, w uint16) []byte { return p.r2t(pdu.R2T{CCCID: r, Length: 4}) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 8}},
		{"R2T out of order", func(p *peer, r, w uint16) []byte { return p.r2t(pdu.R2T{CCCID: w, Length: 4}) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 12}},
		{"R2T for too much", func(p *peer, r, w uint16) []byte { return p.r2t(pdu.R2T{CCCID: w, Offset: 4096, Length: 4100}) },
			pdu.TermReq{Status: pdu.DataTransferOutOfRange}},
		{"empty R2T", func(p *peer, r, w uint16) []byte { return p.r2t(pdu.R2T{CCCID: w, Offset: 4096}) },
			pdu.TermReq{Status: pdu.InvalidHeaderField, Info: 16}},
	} {
		p := newPeer(t, Transport{}, host.Options{HeaderDigest: true}, 0, 4096)
		_, r, _ := p.command(nvme.CmdRead, make([]byte, len(data)))
		_, w, _ := p.command(nvme.CmdWrite, data)
		p.send(p.r2t(pdu.R2T{CCCID: w.CID, Length: 4096}))
		p.until("data are sent", func() bool { return p.q.slots[w.CID].moved == 4096 && !p.q.tx.pending() })
		p.readPDU()
		p.send(test.send(p, r.CID, w.CID))
		p.terminated(test.name, test.want)
	}
}

// TestHeaderDigest sends back the digest that was wrong.
func TestHeaderDigest(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{HeaderDigest: true}, 0, 4096)
	b := p.response(0, 0)
	b[pdu.CapsuleRespSize] ^= 1
	p.send(b)
	p.terminated("header digest", pdu.TermReq{Status: pdu.HeaderDigestError, Info: pdu.Digest(b[pdu.CapsuleRespSize:])})
}

// TestTooManyR2Ts asks for more at a time than the host allows.
func TestTooManyR2Ts(t *testing.T) {
	p := newPeer(t, Transport{MaxR2T: 2}, host.Options{}, 0, 1<<20)
	data := pattern(64 << 20) // more than sockets hold
	_, w, _ := p.command(nvme.CmdWrite, data)
	const part = 16 << 20
	for i := range uint32(4) { // the first is in the sender by parts of MAXH2CDATA
		p.send(p.r2t(pdu.R2T{CCCID: w.CID, Offset: i * part, Length: part}))
	}
	if err := p.failure(); !strings.Contains(err.Error(), "R2T Limit Exceeded") {
		t.Error(err)
	}
}

// TestTerminated reports why the controller ends the connection, even if the
// host writes at the same time.
func TestTerminated(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 0, 4096)
	b := make([]byte, pdu.MaxTermReqSize)
	n := (&pdu.TermReq{Status: pdu.DataTransferOutOfRange, Info: 3}).Put(b, pdu.TypeC2HTermReq, []byte{1})
	p.send(b[:n])
	p.conn.Close()
	p.submit(nvme.CmdFlush, nil)
	if err := p.failure(); !strings.Contains(err.Error(), "Data Transfer Out of Range (FEI 0x3)") {
		t.Error(err)
	}
}
