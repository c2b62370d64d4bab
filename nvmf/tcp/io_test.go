// SPDX-License-Identifier: BSD-3-Clause

package tcp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/thread/iobuf"
)

// pattern is n bytes that depend on their place and a seed.
func pattern(n int, seed uint64) []byte {
	p := make([]byte, n)
	r := rand.New(rand.NewPCG(seed, uint64(n)))
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], r.Uint64())
	}
	return p
}

// transfer writes and reads back with one size at one depth.
func (h *host) transfer(size, depth int, inCapsule bool) {
	h.t.Helper()
	const area = 4 << 20
	n := min(area/size, 2*depth)
	writes, reads := make([]*hostIO, n), make([]*hostIO, n)
	for i := range n {
		lba := uint64(i * size / 512)
		writes[i] = rw(nvme.CmdWrite, lba, pattern(size, uint64(i)))
		writes[i].inCapsule = inCapsule
		reads[i] = rw(nvme.CmdRead, lba, make([]byte, size))
	}
	h.run(depth, writes...)
	h.run(depth, reads...)
	for i := range n {
		if writes[i].cpl.IsError() || reads[i].cpl.IsError() {
			h.t.Fatalf("%d bytes, depth %d: write %v, read %v", size, depth, writes[i].cpl.Status(), reads[i].cpl.Status())
		}
		if !bytes.Equal(reads[i].data, writes[i].data) {
			h.t.Fatalf("%d bytes, depth %d: block %d differs", size, depth, i)
		}
	}
}

func TestReadWrite(t *testing.T) {
	for _, o := range []hostOptions{
		{},
		{noFlow: true},
		{hdgst: true},
		{ddgst: true, hpda: 3},
		{hdgst: true, ddgst: true, noFlow: true, hpda: 31},
	} {
		for _, cpda := range []uint8{0, 31} {
			t.Run(fmt.Sprintf("%+v cpda %d", o, cpda), func(t *testing.T) {
				g := newRig(t, Options{MaxDataSize: 1 << 20, CPDA: cpda})
				h := g.ioQueue(g.login(o), 1)
				for _, size := range []int{512, 4096} {
					h.transfer(size, 1, true)
					h.transfer(size, 64, true)
				}
				for _, size := range []int{512, 4096, 8192, 65536, 128 << 10, 132 << 10, 1 << 20} {
					h.transfer(size, 1, false)
					h.transfer(size, 16, false)
				}
			})
		}
	}
}

// TestFewBuffers has more commands outstanding than there are buffers, on two
// queues of two threads.
func TestFewBuffers(t *testing.T) {
	g := newRigWith(t, Options{MaxDataSize: 1 << 20}, 2, iobuf.Options{SmallCount: iobuf.MinSmallCount, LargeCount: 16})
	done := make(chan struct{})
	for range 2 {
		admin := g.login(hostOptions{noFlow: true})
		one, two := g.ioQueue(admin, 1), g.ioQueue(admin, 2)
		for _, h := range []*host{one, two} {
			go func() {
				defer func() { done <- struct{}{} }()
				h.transfer(4096, 100, true)
				for _, size := range []int{4096, 128 << 10} {
					h.checkReads(size, 40)
				}
			}()
		}
	}
	for range 4 {
		<-done
	}
	h := g.ioQueue(g.login(hostOptions{}), 1)
	h.transfer(1<<20, 8, false)
}

// checkReads keeps reads and flushes going.
func (h *host) checkReads(size, depth int) {
	h.t.Helper()
	ios := make([]*hostIO, 2*depth)
	for i := range ios {
		ios[i] = rw(nvme.CmdRead, 0, make([]byte, size))
	}
	h.run(depth, ios...)
	for _, io := range ios {
		if io.cpl.IsError() || io.got != size {
			h.t.Errorf("read: %v, %d bytes", io.cpl.Status(), io.got)
		}
	}
}

// TestSmallPieces has each byte come alone.
func TestSmallPieces(t *testing.T) {
	g := newRig(t, Options{})
	h := g.ioQueue(g.login(hostOptions{hdgst: true, ddgst: true}), 1)
	h.conn = drip{h.conn}
	h.transfer(512, 1, true)
	h.transfer(1024, 2, false)
}

// TestTooDeep has more commands outstanding than the queue has entries; they
// wait. (Such a host must not expect R2Ts: their data would come behind the
// commands that wait.)
func TestTooDeep(t *testing.T) {
	g := newRig(t, Options{})
	h := g.ioQueue(g.login(hostOptions{entries: 4, noFlow: true}), 1)
	h.transfer(512, 200, true)
	h.checkReads(4096, 60)
}

// TestCompareAndWrite sends fused pairs whose data come in either order.
func TestCompareAndWrite(t *testing.T) {
	g := newRig(t, Options{})
	h := g.ioQueue(g.login(hostOptions{}), 1)
	old := make([]byte, 512)
	for i, inCapsule := range [][2]bool{{true, true}, {false, true}, {true, false}, {false, false}} {
		want := pattern(512, uint64(i))
		compare, write := rw(nvme.CmdCompare, 7, old), rw(nvme.CmdWrite, 7, want)
		compare.cmd.SetFUSE(nvme.FuseFirst)
		write.cmd.SetFUSE(nvme.FuseSecond)
		compare.inCapsule, write.inCapsule = inCapsule[0], inCapsule[1]
		h.run(2, compare, write)
		if compare.cpl.IsError() || write.cpl.IsError() {
			t.Fatalf("%v: compare %v, write %v", inCapsule, compare.cpl.Status(), write.cpl.Status())
		}
		read := rw(nvme.CmdRead, 7, make([]byte, 512))
		h.run(1, read)
		if !bytes.Equal(read.data, want) {
			t.Fatalf("%v: not written", inCapsule)
		}
		old = want
	}
}
