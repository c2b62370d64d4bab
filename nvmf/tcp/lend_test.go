// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// lender adds namespace 2 on a disk that lends its memory.
func (g *rig) lender() *testdisk.Disk {
	g.t.Helper()
	ctx := context.Background()
	d := testdisk.NewInfo(bdev.Info{Name: "lender", Product: "test", BlockSize: 512, NumBlocks: 8192})
	d.Lend = true
	copy(d.Data, pattern(len(d.Data), 7))
	if err := g.reg.Register(ctx, d); err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.sub.AddNamespace(ctx, "lender", nvmf.NamespaceOptions{}); err != nil {
		g.t.Fatal(err)
	}
	return d
}

// readOf reads from namespace 2.
func readOf(lba uint64, size int) *hostIO {
	io := rw(nvme.CmdRead, lba, make([]byte, size))
	io.cmd.NSID = 2
	return io
}

func TestLentReads(t *testing.T) {
	for _, o := range []hostOptions{{}, {noFlow: true, hdgst: true}, {ddgst: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			g := newRig(t, Options{MaxDataSize: 1 << 20})
			d := g.lender()
			h := g.ioQueue(g.login(o), 1)
			var all []*hostIO
			for i, size := range []int{512, 4096, 128 << 10, 132 << 10, 1 << 20, 512} {
				all = append(all, readOf(uint64(i*8), size))
			}
			for range 3 {
				h.run(4, all...)
				for _, io := range all {
					at := io.cmd.SLBA() * 512
					if io.cpl.IsError() || !bytes.Equal(io.data, d.Data[at:at+uint64(len(io.data))]) {
						t.Errorf("%d bytes at %d: status %v, or other data", len(io.data), at, io.cpl.Status())
					}
					clear(io.data)
					io.got = 0
				}
			}
			// One that fails has no memory to give back.
			g.onThread(func() { d.Fail[bdev.OpRead] = bdev.StatusFailed })
			bad := readOf(0, 4096)
			if h.run(1, bad); !bad.cpl.IsError() {
				t.Error("a failed read ended with success")
			}
			g.onThread(func() { delete(d.Fail, bdev.OpRead) })
		})
	}
}

// TestNamespaceGoesWhileLent removes a namespace whose memory waits to be sent
// to a host that does not read. The host then reads what was there before.
func TestNamespaceGoesWhileLent(t *testing.T) {
	g := newRig(t, Options{MaxDataSize: 1 << 20})
	d := g.lender()
	want := bytes.Clone(d.Data)
	h := g.ioQueue(g.login(hostOptions{noFlow: true}), 1)
	reads := map[uint16]*hostIO{}
	for i := range 100 {
		io := readOf(uint64(i%4)*2048, 1<<20)
		reads[h.start(io)] = io
	}
	stuck := func() (n int) {
		g.onThread(func() {
			for _, c := range g.tr.groups[0].conns {
				if c == nil {
					continue
				}
				for _, s := range c.slots {
					if s.lent && s.state == slotSending {
						n++
					}
				}
			}
		})
		return n
	}
	eventually(t, "all reads are on their way", func() bool { return stuck() > 50 })
	if err := g.sub.RemoveNamespace(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	if n := stuck(); n != 0 {
		t.Errorf("%d reads keep memory of a namespace that has gone", n)
	}
	clear(d.Data) // it belongs to others now
	for len(reads) > 0 {
		cid, done := h.step(reads)
		if !done {
			continue
		}
		io := reads[cid]
		delete(reads, cid)
		if io.cpl.IsError() {
			continue // it had not been begun
		}
		if at := io.cmd.SLBA() * 512; !bytes.Equal(io.data, want[at:at+1<<20]) {
			t.Fatalf("command %d read other data", cid)
		}
	}
}

// TestHostGoesWhileLent closes a connection whose data are not read.
func TestHostGoesWhileLent(t *testing.T) {
	g := newRig(t, Options{MaxDataSize: 1 << 20})
	g.lender()
	admin := g.login(hostOptions{})
	h := g.ioQueue(admin, 1)
	for i := range 100 {
		h.start(readOf(uint64(i%4)*2048, 1<<20))
	}
	eventually(t, "something is sent", func() bool { _, err := h.conn.Read(make([]byte, 1)); return err == nil })
	h.conn.Close()
	if err := g.sub.RemoveNamespace(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	g.ioQueue(admin, 2).transfer(4096, 8, false)
}
