// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"testing"
	"time"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/pdu"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// abort sends Abort for a command of queue 1 and returns whether it was
// aborted.
func (h *host) abort(cid uint16) bool {
	h.t.Helper()
	cpl := h.do(nvme.Command{Opcode: nvme.AdminAbort, CDW10: 1 | uint32(cid)<<16}, nil)
	if cpl.IsError() {
		h.t.Fatal(cpl.Status())
	}
	return cpl.CDW0 == 0
}

// aborted reads the completion of a command that was aborted.
func (h *host) aborted(cid uint16) {
	h.t.Helper()
	if cpl := h.completion(cid); !cpl.Status().Is(nvme.StatusAbortedByRequest) {
		h.t.Errorf("command %d: %v, want an abort", cid, cpl.Status())
	}
}

func TestAbortExecuting(t *testing.T) {
	g := newThreads(t, 2)
	admin, q, on := g.apart()
	if admin.abort(99) {
		t.Error("a command that is not there was aborted")
	}
	g.on(on, func() { g.disk.Hold = true })
	cid := q.start(rw(nvme.CmdRead, 0, make([]byte, 4096)))
	eventually(t, "held", func() bool { return g.disk.Held() == 1 })
	if !admin.abort(cid) {
		t.Error("not aborted")
	}
	q.aborted(cid)
	g.on(on, g.disk.Release)
	q.transfer(512, 2, true)
}

// TestAbortWaiting aborts commands that wait for buffers, one of them with data
// in its capsule, which the commands behind it must not suffer from.
func TestAbortWaiting(t *testing.T) {
	g := newRigWith(t, Options{MaxDataSize: 1 << 20}, 2, iobuf.Options{SmallCount: iobuf.MinSmallCount, LargeCount: 8})
	admin, q, on := g.apart()
	g.on(on, func() { g.disk.Hold = true })
	held := q.start(rw(nvme.CmdRead, 0, make([]byte, 1<<20))) // all buffers
	waiting := q.start(rw(nvme.CmdRead, 0, make([]byte, 1<<20)))
	inCapsule := rw(nvme.CmdWrite, 5, pattern(4096, 1))
	inCapsule.inCapsule = true
	last := q.start(inCapsule)
	eventually(t, "the last waits", func() (ok bool) {
		g.on(on, func() {
			for _, o := range g.tr.groups {
				ok = ok || o.thread == on && o.waitLast != nil && o.waitLast.req.Cmd.CID == last
			}
		})
		return ok
	})
	for _, cid := range []uint16{last, waiting} {
		if !admin.abort(cid) {
			t.Error("not aborted")
		}
		q.aborted(cid)
	}
	flush := q.capsule(nvme.Command{Opcode: nvme.CmdFlush, NSID: 1}, nil) // behind the data
	if cpl := q.completion(flush); cpl.IsError() {
		t.Fatal(cpl.Status())
	}
	g.on(on, g.disk.Release)
	read := rw(nvme.CmdRead, 0, make([]byte, 1<<20))
	for out := map[uint16]*hostIO{held: read}; ; {
		if _, done := q.step(out); done {
			break
		}
	}
	after := rw(nvme.CmdRead, 5, make([]byte, 512))
	if q.run(1, after); after.data[0] != 0 {
		t.Error("a write that was aborted has been carried out")
	}
}

// due starts a write and reads the R2T for it.
func (h *host) due(io *hostIO) (uint16, *pdu.R2T) {
	h.t.Helper()
	cid := h.start(io)
	if l, _ := h.read(); l.Type != pdu.TypeR2T {
		h.t.Fatalf("got %v, want R2T", l.Type)
	}
	r, err := pdu.ParseR2T(h.head[:])
	if err != nil {
		h.t.Fatal(err)
	}
	return cid, &r
}

// TestAbortDue aborts a write whose data are due: it ends with the last of
// them, and Abort with it.
func TestAbortDue(t *testing.T) {
	g := newRigWith(t, Options{AbortTimeout: time.Hour}, 2, iobuf.Options{})
	admin, q, _ := g.apart()
	io := rw(nvme.CmdWrite, 5, pattern(4096, 1))
	cid, r := q.due(io)
	abort := admin.capsule(nvme.Command{Opcode: nvme.AdminAbort, CDW10: 1 | uint32(cid)<<16}, nil)
	if v := admin.property(nvme.RegVS, 0); v == 0 { // Abort keeps nobody waiting
		t.Error("no version")
	}
	g.waitForAbort()
	if admin.abort(cid) {
		t.Error("aborted twice")
	}
	q.answer(r, io.data)
	q.aborted(cid)
	if cpl := admin.completion(abort); cpl.IsError() || cpl.CDW0 != 0 {
		t.Errorf("abort: %v, CDW0 %d", cpl.Status(), cpl.CDW0)
	}
	read := rw(nvme.CmdRead, 5, make([]byte, 512))
	if q.run(1, read); read.data[0] != 0 {
		t.Error("a write that was aborted has been carried out")
	}

	// The end of the connection ends both.
	cid, _ = q.due(io)
	abort = admin.capsule(nvme.Command{Opcode: nvme.AdminAbort, CDW10: 1 | uint32(cid)<<16}, nil)
	g.waitForAbort()
	q.conn.Close()
	if cpl := admin.completion(abort); cpl.IsError() || cpl.CDW0 != 0 {
		t.Errorf("abort: %v, CDW0 %d", cpl.Status(), cpl.CDW0)
	}
}

// waitForAbort waits until some command is to be aborted when its data have
// come.
func (g *rig) waitForAbort() {
	g.t.Helper()
	eventually(g.t, "the abort waits", func() (ok bool) {
		for _, o := range g.tr.groups {
			g.on(o.thread, func() {
				for _, c := range o.conns {
					for i := 0; c != nil && i < len(c.slots); i++ {
						ok = ok || c.slots[i].abort != nil
					}
				}
			})
		}
		return ok
	})
}

// TestAbortTimeout has a host that sends no data: Abort ends without having
// aborted anything, and the write is carried out when the data come after all.
func TestAbortTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{time.Millisecond, -1} {
		g := newRigWith(t, Options{AbortTimeout: timeout}, 1, iobuf.Options{})
		admin := g.login(hostOptions{})
		q := g.ioQueue(admin, 1)
		io := rw(nvme.CmdWrite, 5, pattern(4096, 1))
		cid, r := q.due(io)
		if admin.abort(cid) {
			t.Errorf("timeout of %v: aborted", timeout)
		}
		q.answer(r, io.data)
		if cpl := q.completion(cid); cpl.IsError() {
			t.Errorf("timeout of %v: the write: %v", timeout, cpl.Status())
		}
	}
}
