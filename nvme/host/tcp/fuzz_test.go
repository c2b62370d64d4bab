// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/pdu"
)

// FuzzController feeds a queue what a hostile controller says: before ICResp
// if state is 0, else with commands of each kind outstanding, with digests if
// bits 1 and 2 of state are set. Nothing but the connection may suffer.
func FuzzController(f *testing.F) {
	log.SetPrintLevel(log.LevelDisabled)
	p := &peer{}
	ic := make([]byte, pdu.ICSize)
	(&pdu.ICResp{MaxH2CData: 4096}).Put(ic)
	f.Add(uint8(0), uint8(9), ic)
	for _, state := range []uint8{1, 3, 5, 7} {
		p.rules.Format = pdu.Format{HeaderDigest: state&2 != 0, DataDigest: state&4 != 0}
		f.Add(state, uint8(1), p.response(0, nvme.StatusSuccess))
		f.Add(state, uint8(50), append(p.response(3, nvme.StatusSuccess), p.response(4, nvme.StatusInvalidField)...))
		f.Add(state, uint8(255), p.c2hData(pdu.Data{CCCID: 6, Last: true, Success: true}, pattern(512)))
		f.Add(state, uint8(100), append(p.c2hData(pdu.Data{CCCID: 6}, pattern(256)), p.c2hData(pdu.Data{CCCID: 6, Offset: 256, Last: true, Success: true}, pattern(256))...))
		f.Add(state, uint8(7), append(p.r2t(pdu.R2T{CCCID: 5, Length: 4096}), p.response(5, nvme.StatusSuccess)...))
		f.Add(state, uint8(7), append(p.r2t(pdu.R2T{CCCID: 5, Length: 4}), p.r2t(pdu.R2T{CCCID: 5, Offset: 4, Length: 8188})...))
		f.Add(state, uint8(0), changed(p.response(0, 0), 0, uint8(pdu.TypeC2HTermReq)))
	}
	f.Fuzz(func(t *testing.T, state, step uint8, said []byte) {
		if len(said) > 64<<10 {
			return
		}
		h := newVictim(t, state)
		for len(said) > 0 && h.q.conn != nil {
			n := min(len(said), int(step)+1)
			h.q.consume(bytes.Clone(said[:n]))
			said = said[n:]
			h.check()
			if n%2 == 0 { // now and then all that is queued goes
				h.flush()
			}
		}
		h.flush()
		h.finish()
	})
}

// victim is a queue with commands outstanding, whose buffers are watched.
type victim struct {
	t     *testing.T
	q     *queue
	alive map[*host.Request]bool
	bufs  []watched
}

// watched is a buffer with margins that nobody may touch.
type watched struct {
	all    []byte
	before []byte
	read   bool
}

const margin = 32

func newVictim(t *testing.T, state uint8) *victim {
	v := &victim{t: t, alive: map[*host.Request]bool{}}
	if state == 0 {
		v.q = dialPeer(t, Transport{}, host.Options{}, host.LinkConfig{}).q
		return v
	}
	p := newPeer(t, Transport{MaxR2T: 2}, host.Options{HeaderDigest: state&2 != 0, DataDigest: state&4 != 0}, 1024, 4096)
	v.q = p.q
	v.submit(nvme.CmdRead, 512)    // command 6, since slots are a stack
	v.submit(nvme.CmdWrite, 8192)  // 5
	v.submit(nvme.CmdWrite, 512)   // 4
	v.submit(nvme.CmdFlush, 0)     // 3
	v.submit(nvme.CmdRead, 32<<10) // 2
	v.flush()
	v.submit(nvme.CmdCompare, 4096) // 1, whose capsule has not gone
	return v
}

func (v *victim) submit(op nvme.Opcode, n int) {
	all := pattern(n + 2*margin)
	r := new(host.Request)
	r.Command().Opcode = op
	*r.Payload() = host.Payload{Buf: all[margin : margin+n], Len: uint32(n)}
	if err := v.q.Submit(r, false); err != nil {
		v.t.Fatal(err)
	}
	v.alive[r] = true
	_, read := direction(r.Command())
	v.bufs = append(v.bufs, watched{all, bytes.Clone(all), read})
}

// flush pretends that the socket takes everything.
func (v *victim) flush() {
	for v.q.tx.pending() {
		b := v.q.tx.bufs[v.q.tx.at]
		v.q.advance(len(b))
	}
	v.q.tx.compact()
}

// check takes what has ended and looks at the bookkeeping and the buffers.
func (v *victim) check() {
	done := make([]*host.Request, 4)
	for n := v.q.tell(done); n > 0; n = v.q.tell(done) {
		for _, r := range done[:n] {
			if !v.alive[r] {
				v.t.Fatalf("request %d ended twice", r.Slot())
			}
			delete(v.alive, r)
		}
	}
	if got := v.q.Trackers() - len(v.q.free); got != len(v.alive) {
		v.t.Fatalf("%d slots in use for %d requests", got, len(v.alive))
	}
	for _, w := range v.bufs {
		n := len(w.all) - margin
		if !bytes.Equal(w.all[:margin], w.before[:margin]) || !bytes.Equal(w.all[n:], w.before[n:]) || !w.read && !bytes.Equal(w.all, w.before) {
			v.t.Fatal("memory was written that is not the controller's to write")
		}
	}
}

// finish ends the connection: each request is still there or has been told.
func (v *victim) finish() {
	v.check()
	for _, r := range v.q.Outstanding(nil) {
		if !v.alive[r] {
			v.t.Fatalf("request %d is outstanding and has been told", r.Slot())
		}
		delete(v.alive, r)
		v.q.Forget(r)
	}
	if len(v.alive) > 0 || len(v.q.free) != v.q.Trackers() || v.q.largeReads != 0 || v.q.tx.pending() {
		v.t.Fatalf("%d requests lost, %d of %d slots free, %d large reads", len(v.alive), len(v.q.free), v.q.Trackers(), v.q.largeReads)
	}
}
