// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/sock"
)

// stalled has a host read more than a connection takes, and waits until answers
// that have been sent without a copy stay the kernel's. It returns the reads.
func (g *rig) stalled(h *host) map[uint16]*hostIO {
	g.t.Helper()
	g.onThread(func() { copy(g.disk.Data, pattern(len(g.disk.Data), 11)) })
	reads := map[uint16]*hostIO{}
	for i := range 100 {
		io := rw(nvme.CmdRead, uint64(i%32)*256, make([]byte, 128<<10))
		reads[h.start(io)] = io
	}
	eventually(g.t, "answers stay pinned", func() bool {
		pinned, waiting := g.pinned()
		return pinned > 1 && waiting
	})
	return reads
}

// pinned returns how many slots the kernel holds, and whether a connection has
// something to send for which there is no room.
func (g *rig) pinned() (n int, waiting bool) {
	g.t.Helper()
	g.onThread(func() {
		for _, c := range g.tr.groups[0].conns {
			if c != nil {
				n += len(c.pinned)
				waiting = waiting || c.writeOn && !c.isDirty
			}
		}
	})
	return n, waiting
}

func withImpls(t *testing.T, test func(t *testing.T, impls *sock.Impls)) {
	for _, name := range []string{sock.Posix, sock.Uring} {
		t.Run(name, func(t *testing.T) {
			if name == sock.Uring {
				probe, err := sock.NewUringGroup()
				if err != nil {
					t.Skip(err) // a container may forbid it
				}
				probe.Close()
			}
			impls := sock.NewImpls()
			o, err := impls.Options(name)
			if err != nil {
				t.Fatal(err)
			}
			o.ZeroCopyServer = true
			if err := impls.SetOptions(name, o); err != nil {
				t.Fatal(err)
			}
			if err := impls.SetDefault(name); err != nil {
				t.Fatal(err)
			}
			test(t, impls)
		})
	}
}

// TestReadsWithoutCopy has a slow host read. What comes is what the disk had,
// although the disk is written and buffers go round meanwhile.
func TestReadsWithoutCopy(t *testing.T) {
	withImpls(t, func(t *testing.T, impls *sock.Impls) {
		for _, o := range []hostOptions{{}, {noFlow: true, hdgst: true, ddgst: true}} {
			t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
				g := newRig(t, Options{Sock: impls})
				admin := g.login(o)
				h := g.ioQueue(admin, 1)
				reads := g.stalled(h)
				want := pattern(len(g.disk.Data), 11)
				busy := g.ioQueue(admin, 2) // buffers that were free too early get its data
				busy.transfer(128<<10, 8, false)
				g.onThread(func() { copy(g.disk.Data, want) })
				for len(reads) > 0 {
					cid, done := h.step(reads)
					if !done {
						continue
					}
					io := reads[cid]
					delete(reads, cid)
					at := io.cmd.SLBA() * 512
					if io.cpl.IsError() || !bytes.Equal(io.data, want[at:at+uint64(len(io.data))]) {
						t.Fatalf("command %d: status %v, or other data", cid, io.cpl.Status())
					}
				}
				eventually(t, "nothing is pinned", func() bool { n, _ := g.pinned(); return n == 0 })
			})
		}
	})
}

// TestHostGoesWhilePinned has the host go that does not read: all buffers come
// back, and it gets no more of what they had.
func TestHostGoesWhilePinned(t *testing.T) {
	withImpls(t, func(t *testing.T, impls *sock.Impls) {
		g := newRig(t, Options{Sock: impls})
		admin := g.login(hostOptions{})
		h := g.ioQueue(admin, 1)
		g.stalled(h)
		h.conn.Close()
		g.ioQueue(admin, 2).transfer(4096, 8, false)
	})
}

// TestTargetClosesWhilePinned ends a connection from this side.
func TestTargetClosesWhilePinned(t *testing.T) {
	withImpls(t, func(t *testing.T, impls *sock.Impls) {
		g := newRig(t, Options{Sock: impls})
		admin := g.login(hostOptions{})
		h := g.ioQueue(admin, 1)
		g.stalled(h)
		g.onThread(func() {
			for _, c := range g.tr.groups[0].conns {
				if c != nil && len(c.pinned) > 0 {
					c.close()
				}
			}
		})
		if n, _ := g.pinned(); n != 0 {
			t.Errorf("%d slots are pinned of a connection that is closed", n)
		}
	})
}
