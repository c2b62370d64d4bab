// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// TestICReq looks at what a host asks for.
func TestICReq(t *testing.T) {
	p := dialPeer(t, Transport{MaxR2T: 3}, host.Options{HeaderDigest: true, DataDigest: true}, host.LinkConfig{})
	if want := (pdu.ICReq{HeaderDigest: true, DataDigest: true, MaxR2T: 3}); p.req != want {
		t.Errorf("ICReq %+v, want %+v", p.req, want)
	}
	p = dialPeer(t, Transport{}, host.Options{}, host.LinkConfig{})
	if want := (pdu.ICReq{MaxR2T: 1}); p.req != want {
		t.Errorf("ICReq %+v, want %+v", p.req, want)
	}
}

// TestDigestsDeclined has the controller leave digests out.
func TestDigestsDeclined(t *testing.T) {
	p := dialPeer(t, Transport{}, host.Options{HeaderDigest: true, DataDigest: true}, host.LinkConfig{})
	b := make([]byte, pdu.ICSize)
	p.send(b[:(&pdu.ICResp{MaxH2CData: 4096}).Put(b)])
	p.until("the queue is ready", p.q.Established)
	_, capsule, _ := p.command(nvme.CmdFlush, nil)
	p.send(p.response(capsule.CID, nvme.StatusSuccess))
	p.ended()
}

// TestCapsules looks at the SGLs and at which data are in the capsule.
func TestCapsules(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 4096, 8192)
	transport := func(n uint32) nvme.SGLDescriptor {
		return nvme.NewSGL(nvme.SGLTypeTransportDataBlock, nvme.SGLSubtypeTransport, 0, n)
	}
	inside := nvme.NewSGL(nvme.SGLTypeDataBlock, nvme.SGLSubtypeOffset, 0, 4096)
	for _, test := range []struct {
		name  string
		op    nvme.Opcode
		size  int
		sgl   nvme.SGLDescriptor
		holds int
	}{
		{"no data", nvme.CmdFlush, 0, transport(0), 0},
		{"read", nvme.CmdRead, 512, transport(512), 0},
		{"write that fits", nvme.CmdWrite, 4096, inside, 4096},
		{"write that does not", nvme.CmdWrite, 4100, transport(4100), 0},
	} {
		data := pattern(test.size)
		r, capsule, got := p.command(test.op, data)
		if capsule.SGL1() != test.sgl || capsule.PSDT() != nvme.PSDTSGLMPTRContig || len(got) != test.holds || test.holds > 0 && !bytes.Equal(got, data) {
			t.Errorf("%s: %+v with %d bytes", test.name, capsule, len(got))
		}
		p.send(p.response(capsule.CID, nvme.StatusInvalidField.WithDNR()))
		if e := p.ended(); e != r || e.Status() != nvme.StatusInvalidField.WithDNR() {
			t.Errorf("%s: ended with %v", test.name, e.Status())
		}
	}
	if p.q.Free() != p.q.Trackers() {
		t.Errorf("%d of %d slots are free", p.q.Free(), p.q.Trackers())
	}
}

// TestR2T has the controller ask for data in parts, several at a time, and
// offer less in one H2CData than in a part.
func TestR2T(t *testing.T) {
	for _, digests := range []bool{false, true} {
		p := newPeer(t, Transport{MaxR2T: 2}, host.Options{HeaderDigest: digests, DataDigest: digests}, 0, 4096)
		data := pattern(20000)
		_, capsule, _ := p.command(nvme.CmdWrite, data)
		p.send(append(p.r2t(pdu.R2T{CCCID: capsule.CID, TTAG: 7, Length: 9000}),
			p.r2t(pdu.R2T{CCCID: capsule.CID, TTAG: 8, Offset: 9000, Length: 1000})...))
		want := []pdu.Data{
			{TTAG: 7, Length: 4096}, {TTAG: 7, Offset: 4096, Length: 4096}, {TTAG: 7, Offset: 8192, Length: 808, Last: true},
			{TTAG: 8, Offset: 9000, Length: 1000, Last: true},
			{TTAG: 9, Offset: 10000, Length: 4096}, {TTAG: 9, Offset: 14096, Length: 4096}, {TTAG: 9, Offset: 18192, Length: 1808, Last: true},
		}
		p.until("data are sent", func() bool { return p.q.slots[capsule.CID].moved == 10000 && !p.q.tx.pending() })
		for i, w := range want {
			if i == 4 {
				p.send(p.r2t(pdu.R2T{CCCID: capsule.CID, TTAG: 9, Offset: 10000, Length: 10000}))
				p.until("data are sent", func() bool { return p.q.slots[capsule.CID].moved == 20000 && !p.q.tx.pending() })
			}
			head, got := p.readPDU()
			l, _ := p.rules.Check(head)
			d, err := pdu.ParseData(head, &l)
			if w.CCCID = capsule.CID; err != nil || d != w || !bytes.Equal(got, data[w.Offset:w.Offset+w.Length]) {
				t.Fatalf("H2CData %d: %+v, %v, want %+v", i, d, err, w)
			}
		}
		p.send(p.response(capsule.CID, nvme.StatusSuccess))
		if r := p.ended(); r.Err() != nil {
			t.Error(r.Err())
		}
	}
}

// TestC2HData gets data in parts, ended by a response or by SUCCESS.
func TestC2HData(t *testing.T) {
	for _, size := range []int{4096, 100000} {
		for _, success := range []bool{false, true} {
			p := newPeer(t, Transport{}, host.Options{DataDigest: true}, 0, 4096)
			data, got := pattern(size), make([]byte, size)
			_, capsule, _ := p.command(nvme.CmdRead, got)
			half := size / 8 * 4
			b := p.c2hData(pdu.Data{CCCID: capsule.CID}, data[:half])
			b = append(b, p.c2hData(pdu.Data{CCCID: capsule.CID, Offset: uint32(half), Last: true, Success: success}, data[half:])...)
			if !success {
				b = append(b, p.response(capsule.CID, nvme.StatusSuccess)...)
			}
			go func() { // more than the socket holds, and in odd pieces
				for len(b) > 0 {
					n := min(len(b), 777)
					if _, err := p.conn.Write(b[:n]); err != nil {
						t.Error(err)
					}
					b = b[n:]
				}
			}()
			if r := p.ended(); r.Err() != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, success %t: %v", size, success, r.Err())
			}
		}
	}
}

// TestBadDataDigest fails the command, not the connection.
func TestBadDataDigest(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{DataDigest: true}, 0, 4096)
	_, capsule, _ := p.command(nvme.CmdRead, make([]byte, 4096))
	b := p.c2hData(pdu.Data{CCCID: capsule.CID, Last: true, Success: true}, pattern(4096))
	b[len(b)-1] ^= 1
	p.send(b)
	if s := p.ended().Status(); s != nvme.StatusTransientTransportError {
		t.Errorf("ended with %v", s)
	}
	_, capsule, _ = p.command(nvme.CmdFlush, nil)
	p.send(p.response(capsule.CID, nvme.StatusSuccess))
	if err := p.ended().Err(); err != nil {
		t.Error(err)
	}
}

// TestMissingData does not let a read succeed that has not read all.
func TestMissingData(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 0, 4096)
	_, capsule, _ := p.command(nvme.CmdRead, make([]byte, 4096))
	p.send(append(p.c2hData(pdu.Data{CCCID: capsule.CID, Last: true}, pattern(4092)), p.response(capsule.CID, nvme.StatusSuccess)...))
	if s := p.ended().Status(); s != nvme.StatusDataTransferError {
		t.Errorf("ended with %v", s)
	}
}

// TestEarlyResponse keeps a command whose data are still being sent from
// ending: its buffer is in use.
func TestEarlyResponse(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 0, 64<<20)
	data := pattern(32 << 20) // more than sockets hold
	r, capsule, _ := p.command(nvme.CmdWrite, data)
	p.send(append(p.r2t(pdu.R2T{CCCID: capsule.CID, Length: uint32(len(data))}), p.response(capsule.CID, nvme.StatusWriteFault)...))
	s := &p.q.slots[capsule.CID]
	if ended := p.until("the response has come", func() bool { return s.ended }); len(ended) != 0 || !s.sending {
		t.Fatalf("%d commands ended while data are being sent", len(ended))
	}
	got := make(chan []byte)
	go func() {
		_, b := p.readPDU()
		got <- b
	}()
	if e := p.ended(); e != r || e.Status() != nvme.StatusWriteFault {
		t.Errorf("ended with %v", e.Status())
	}
	if !bytes.Equal(<-got, data) {
		t.Error("data differ")
	}
}

// TestRefusedRequests submits what NVMe/TCP cannot carry.
func TestRefusedRequests(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 0, 4096)
	for name, change := range map[string]func(*host.Request){
		"metadata":  func(r *host.Request) { r.Payload().Meta = make([]byte, 8) },
		"too short": func(r *host.Request) { r.Payload().Len = 513 },
		"iov too short": func(r *host.Request) {
			*r.Payload() = host.Payload{Iov: [][]byte{make([]byte, 512)}, Offset: 1, Len: 512}
		},
		"bidirectional": func(r *host.Request) { r.Command().Opcode = 0x83 },
	} {
		r := new(host.Request)
		r.Command().Opcode = nvme.CmdWrite
		*r.Payload() = host.Payload{Buf: make([]byte, 512), Len: 512}
		change(r)
		if err := p.q.Submit(r, false); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if p.q.Free() != p.q.Trackers() {
		t.Error("a slot was lost")
	}
	for range p.q.Trackers() {
		p.submit(nvme.CmdFlush, nil)
	}
	if err := p.q.Submit(new(host.Request), false); err != host.ErrNoTracker {
		t.Errorf("a full queue: %v", err)
	}
}

// TestDisconnectForgets ends a connection within data in both directions:
// nothing of it comes up in the next one.
func TestDisconnectForgets(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 0, 4096)
	got := make([]byte, 4096)
	r, capsule, _ := p.command(nvme.CmdRead, got)
	b := p.c2hData(pdu.Data{CCCID: capsule.CID, Last: true, Success: true}, pattern(4096))
	p.send(b[:2000])
	p.until("data come", func() bool { return got[1900] != 0 })
	w := p.submit(nvme.CmdWrite, pattern(4096))
	for _, r := range p.q.Outstanding(nil) {
		p.q.Forget(r)
	}
	if p.q.conn != nil {
		t.Error("the connection is still there")
	}
	x := &p.q.rx
	if p.q.Reset(); x.part != partHead || x.slot != nil || len(x.into) != 0 || x.rest != 0 || p.q.tx.pending() || p.q.largeReads != 0 {
		t.Errorf("after the end of the connection: %+v, %d buffers to send", x.layout, len(p.q.tx.bufs))
	}
	if n := len(p.q.free); n != p.q.Trackers() || p.q.slots[r.Slot()].req != nil || p.q.slots[w.Slot()].req != nil {
		t.Errorf("%d of %d slots are free", n, p.q.Trackers())
	}
}

// TestR2TForSentData asks for data that were in the capsule.
func TestR2TForSentData(t *testing.T) {
	p := newPeer(t, Transport{}, host.Options{}, 4096, 4096)
	_, capsule, _ := p.command(nvme.CmdWrite, pattern(4096))
	p.send(p.r2t(pdu.R2T{CCCID: capsule.CID, Length: 4096}))
	p.terminated("R2T for sent data", pdu.TermReq{Status: pdu.InvalidHeaderField, Info: pdu.OffsetOffset})
}
