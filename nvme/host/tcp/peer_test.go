// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
)

const patience = 20 * time.Second // for what takes microseconds

// peer is a controller's end of a queue, which says what a test wants.
type peer struct {
	t     testing.TB
	q     *queue
	link  *link
	conn  net.Conn
	req   pdu.ICReq
	rules pdu.Rules
}

// dialPeer connects a queue as far as TCP.
func dialPeer(t testing.TB, tr Transport, o host.Options, config host.LinkConfig) *peer {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	addr := ln.Addr().(*net.TCPAddr)
	trid, err := nvme.ParseTransportID("trtype:TCP adrfam:IPv4 traddr:127.0.0.1 trsvcid:" + addr.AddrPort().String()[len("127.0.0.1:"):])
	if err != nil {
		t.Fatal(err)
	}
	l, err := tr.Open(context.Background(), trid, &o)
	if err != nil {
		t.Fatal(err)
	}
	l.Configure(config)
	q, err := l.NewQueue(host.QueueConfig{ID: 1, Entries: 8, Name: "queue"})
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, q: q.(*queue), link: l.(*link)}
	p.rules = pdu.Rules{FromHost: true, MaxInCapsule: adminInCapsule, MaxData: maxTransfer}
	if err := p.q.Dial(); err != nil {
		t.Fatal(err)
	}
	if p.conn, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	p.conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() {
		p.conn.Close()
		if err := p.q.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	p.until("ICReq is sent", func() bool { return p.q.state == stateInit })
	head, _ := p.readPDU()
	var fatal *pdu.FatalError
	if p.req, fatal = pdu.ParseICReq(head); fatal != nil {
		t.Fatal(fatal)
	}
	return p
}

// newPeer connects a queue.
func newPeer(t testing.TB, tr Transport, o host.Options, inCapsule, maxH2C uint32) *peer {
	t.Helper()
	p := dialPeer(t, tr, o, host.LinkConfig{InCapsule: inCapsule})
	r := pdu.ICResp{HeaderDigest: p.req.HeaderDigest, DataDigest: p.req.DataDigest, MaxH2CData: maxH2C}
	b := make([]byte, pdu.ICSize)
	p.send(b[:r.Put(b)])
	p.until("the queue is ready", p.q.Established)
	p.rules.Format = pdu.Format{HeaderDigest: r.HeaderDigest, DataDigest: r.DataDigest}
	p.q.Connected()
	return p
}

// until polls until ok and returns the commands that have ended.
func (p *peer) until(what string, ok func() bool) (ended []*host.Request) {
	p.t.Helper()
	done := make([]*host.Request, 16)
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		n, err := p.q.Poll(done)
		if ended = append(ended, done[:n]...); err != nil {
			p.t.Fatalf("%s: %v", what, err)
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %v", what, patience)
		}
	}
	return ended
}

// failure polls until the connection is given up and returns why.
func (p *peer) failure() error {
	p.t.Helper()
	done := make([]*host.Request, 16)
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if _, err := p.q.Poll(done); err != nil {
			return err
		}
	}
	p.t.Fatalf("the queue has not failed within %v", patience)
	return nil
}

// ended polls until a command has ended.
func (p *peer) ended() *host.Request {
	p.t.Helper()
	done := make([]*host.Request, 1)
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		n, err := p.q.Poll(done)
		if err != nil {
			p.t.Fatal(err)
		}
		if n == 1 {
			return done[0]
		}
	}
	p.t.Fatalf("no command has ended within %v", patience)
	return nil
}

func (p *peer) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// readPDU reads a PDU of the host, whose header and digests are checked.
func (p *peer) readPDU() (head, data []byte) {
	p.t.Helper()
	head = make([]byte, pdu.CommonSize)
	p.read(head)
	l, fatal := p.rules.Check(head)
	if fatal != nil {
		p.t.Fatal(fatal)
	}
	head = append(head, make([]byte, int(l.Head)-len(head))...)
	p.read(head[pdu.CommonSize:])
	if fatal := l.CheckHeader(head); fatal != nil {
		p.t.Fatal(fatal)
	}
	data = make([]byte, l.Data)
	p.read(data)
	if l.DataDigest {
		digest := make([]byte, pdu.DigestSize)
		p.read(digest)
		if got, want := pdu.Digest(digest), pdu.DataDigest(0, data); got != want {
			p.t.Fatalf("data digest %#x, want %#x", got, want)
		}
	}
	return head, data
}

func (p *peer) read(b []byte) {
	p.t.Helper()
	if _, err := io.ReadFull(p.conn, b); err != nil {
		p.t.Fatal(err)
	}
}

// command submits a command and reads its capsule.
func (p *peer) command(op nvme.Opcode, data []byte) (r *host.Request, capsule nvme.Command, inCapsule []byte) {
	p.t.Helper()
	r = p.submit(op, data)
	p.q.Kick()
	head, inCapsule := p.readPDU()
	pdu.ParseCapsuleCmd(head, &capsule)
	return r, capsule, inCapsule
}

func (p *peer) submit(op nvme.Opcode, data []byte) *host.Request {
	p.t.Helper()
	r := new(host.Request)
	r.Command().Opcode = op
	*r.Payload() = host.Payload{Buf: data, Len: uint32(len(data))}
	if err := p.q.Submit(r, false); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// PDUs that a controller sends.

func (p *peer) response(cid uint16, s nvme.Status) []byte {
	b := make([]byte, pdu.CapsuleRespSize+pdu.DigestSize)
	cpl := nvme.NewCompletion(0, 1, cid, s)
	return b[:pdu.PutCapsuleResp(b, p.rules.Format, &cpl)]
}

func (p *peer) c2hData(d pdu.Data, data []byte) []byte {
	b := make([]byte, pdu.MaxPDO)
	d.Length = uint32(len(data))
	b = append(b[:d.Put(b, pdu.TypeC2HData, p.rules.Format)], data...)
	if p.rules.Format.DataDigest {
		b = append(b, 0, 0, 0, 0)
		pdu.PutDigest(b[len(b)-pdu.DigestSize:], pdu.DataDigest(0, data))
	}
	return b
}

func (p *peer) r2t(r pdu.R2T) []byte {
	b := make([]byte, pdu.R2TSize+pdu.DigestSize)
	return b[:r.Put(b, p.rules.Format)]
}
