// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
	"github.com/gospdk/gospdk/thread/iobuf"
)

func fillRandom(p []byte, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
}

// A copy behaves as memmove, also where its ranges overlap, across lines and
// in buffers that are too small for it.
func TestCopyOverlaps(t *testing.T) {
	for name, change := range map[string]func(*bdev.Info){
		"plain":      func(*bdev.Info) {},
		"boundary":   func(i *bdev.Info) { i.OptimalIOBoundary, i.SplitOnBoundary = 7, true },
		"write unit": func(i *bdev.Info) { i.WriteUnit, i.SplitOnWriteUnit = 4, true },
		"limits":     func(i *bdev.Info) { i.MaxRW, i.MaxSegment, i.MaxSegments = 6, 1024, 3 },
	} {
		t.Run(name, func(t *testing.T) {
			d := newFake(1000)
			change(&d.info)
			b := newTestbed(t, d)
			th := thread.New("t")
			ch := b.channel(th)
			fillRandom(d.mem, 1)
			rng := rand.New(rand.NewPCG(5, 6))
			for range 300 {
				blocks := 1 + rng.Uint64N(1<<rng.IntN(10))
				blocks = min(blocks, 900)
				src := rng.Uint64N(1000 - blocks + 1)
				dst := rng.Uint64N(1000 - blocks + 1)
				if rng.IntN(2) == 0 {
					dst = min(1000-blocks, src+rng.Uint64N(9))
				}
				want := bytes.Clone(d.mem)
				copy(want[dst*512:(dst+blocks)*512], d.mem[src*512:(src+blocks)*512])
				r := newRequest(bdev.OpCopy, dst, blocks)
				r.CopySrc = src
				ch.Submit(&r.IO)
				pollAll(th)
				if r.n != 1 || r.Status != 0 {
					t.Fatalf("copy of %d blocks from %d to %d: %d %v", blocks, src, dst, r.n, r.Status)
				}
				if !bytes.Equal(d.mem, want) {
					t.Fatalf("copy of %d blocks from %d to %d: the device holds something else", blocks, src, dst)
				}
			}
		})
	}
}

// A write of a part of a write unit keeps the rest of it, and waits for
// others who write there.
func TestReadModifyWrite(t *testing.T) {
	d := newFake(64)
	d.manual = true
	d.info.WriteUnit = 8
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1, ch2 := b.channel(t1), b.channel(t2)
	dev1, dev2 := d.chans[0], d.chans[1]
	fillRandom(d.mem, 2)
	want := bytes.Clone(d.mem)

	early := newRequest(bdev.OpWrite, 8, 8) // the next unit
	ch2.Submit(&early.IO)
	w := newRequest(bdev.OpWrite, 5, 6) // two units in part
	fillRandom(w.Iov[0], 3)
	copy(want[8*512:], early.Iov[0])
	copy(want[5*512:], w.Iov[0])
	ch1.Submit(&w.IO)
	pollAll(t1, t2)
	if len(dev1.held) != 0 {
		t.Fatal("the old content was read while another thread wrote there")
	}
	late, r := newRequest(bdev.OpWrite, 0, 8), newRequest(bdev.OpRead, 0, 16)
	ch2.Submit(&late.IO)
	ch2.Submit(&r.IO)
	if len(dev2.held) != 2 || dev2.held[1].Op != bdev.OpRead {
		t.Fatal("a write to the unit did not wait, or a read did")
	}
	for len(dev2.held) > 0 {
		dev2.finish(0)
	}
	pollAll(t1, t2)
	for len(dev1.held) > 0 {
		if io := dev1.held[0]; io.Offset%8 != 0 || io.Blocks != 8 {
			t.Fatalf("%s of %d blocks at %d", io.Op, io.Blocks, io.Offset)
		}
		dev1.finish(0)
	}
	pollAll(t1, t2)
	if w.n != 1 || w.Status != 0 || early.n != 1 || late.n != 0 || !bytes.Equal(d.mem, want) {
		t.Errorf("write %d %v, early %d, late %d; the data are right: %v", w.n, w.Status, early.n, late.n, bytes.Equal(d.mem, want))
	}
	dev2.finish(0)
	if late.n != 1 || late.Status != 0 {
		t.Errorf("late write %d %v", late.n, late.Status)
	}
}

// Memory that is scarce is waited for, by copies for alignment and by reads
// without their own; an abort and a reset end the wait.
func TestScarceMemory(t *testing.T) {
	pool := iobuf.New(iobuf.Options{SmallCount: 64, LargeCount: 8})
	d := newFake(2000, bdev.OpReset)
	d.manual = true
	d.info.Alignment = 64
	b := newTestbedWith(t, d, bdev.WithIobuf(pool))
	th := thread.New("t")
	ch := b.channel(th)
	var rs []*request
	for i := range uint64(20) {
		r := newRequest(bdev.OpRead, i*64, 64) // 32 KiB
		if i%2 == 0 {
			r.Iov = nil
		} else {
			r.Iov = [][]byte{make([]byte, 64*512+1)[1:]}
		}
		rs = append(rs, r)
		ch.Submit(&r.IO)
	}
	c := d.chans[0]
	if len(c.held) != 8 {
		t.Fatalf("the device has %d reads; there are 8 buffers", len(c.held))
	}
	for _, target := range rs[10:12] {
		a := newRequest(bdev.OpAbort, 0, 0)
		a.Target = &target.IO
		ch.Submit(&a.IO)
		th.Poll()
		if a.Status != 0 || target.n != 1 || target.Status != bdev.StatusAborted {
			t.Errorf("abort %v, its target %d %v", a.Status, target.n, target.Status)
		}
	}
	fillRandom(d.mem, 4)
	for i := range 9 {
		c.finish(0)
		if r := rs[i]; r.n != 1 || r.Status != 0 || !bytes.Equal(r.Iov[0], d.mem[r.Offset*512:][:64*512]) {
			t.Fatalf("read %d: %d %v, or other data", i, r.n, r.Status)
		}
		rs[i].ReleaseBuffer()
	}
	reset := newRequest(bdev.OpReset, 0, 0)
	ch.Submit(&reset.IO)
	pollAll(th)
	for i, r := range rs[9:] {
		if r.n != 1 || r.Status != bdev.StatusAborted {
			t.Errorf("read %d after the reset: %d %v", 9+i, r.n, r.Status)
		}
		r.ReleaseBuffer()
	}
	if reset.Status != 0 || reset.n != 1 {
		t.Errorf("reset %d %v", reset.n, reset.Status)
	}
	many := newRequest(bdev.OpRead, 0, 1000)
	many.Iov = nil
	ch.Submit(&many.IO)
	if many.Status != bdev.StatusLength {
		t.Errorf("a read larger than any buffer: %v", many.Status)
	}
}

// Seeking on a device that cannot finds data everywhere.
func TestSeek(t *testing.T) {
	b := newTestbed(t, newFake(100))
	ch := b.channel(thread.New("t"))
	for op, want := range map[bdev.Op]uint64{bdev.OpSeekData: 7, bdev.OpSeekHole: bdev.NoBlock} {
		r := newRequest(op, 7, 0)
		ch.Submit(&r.IO)
		if r.Status != 0 || r.Result != want {
			t.Errorf("%s: %v, block %d", op, r.Status, r.Result)
		}
		r = newRequest(op, 100, 0)
		ch.Submit(&r.IO)
		if r.Status != bdev.StatusOutOfRange {
			t.Errorf("%s beyond the end: %v", op, r.Status)
		}
	}
}

// The arguments of zone operations are checked before the device sees them.
func TestZoneArguments(t *testing.T) {
	ops := []bdev.Op{bdev.OpZoneReport, bdev.OpZoneManagement, bdev.OpZoneAppend}
	d := newFake(100, ops...)
	d.info.Zoned, d.info.ZoneSize, d.info.MaxZoneAppend = true, 20, 5
	d.manual = true
	b := newTestbed(t, d)
	ch := b.channel(thread.New("t"))
	plain := newFake(100, ops...)
	plain.info.Name = "Fake1"
	other := newTestbed(t, plain).channel(thread.New("t"))
	zones, five, six := make([]bdev.Zone, 5), [][]byte{make([]byte, 5*512)}, [][]byte{make([]byte, 6*512)}
	for name, test := range map[string]struct {
		io   bdev.IO
		want bdev.Status
	}{
		"report":           {bdev.IO{Op: bdev.OpZoneReport, Offset: 25, Blocks: 5, Zones: zones}, 0},
		"report past end":  {bdev.IO{Op: bdev.OpZoneReport, Offset: 100, Blocks: 1, Zones: zones}, bdev.StatusOutOfRange},
		"report none":      {bdev.IO{Op: bdev.OpZoneReport, Zones: zones}, bdev.StatusInvalid},
		"little room":      {bdev.IO{Op: bdev.OpZoneReport, Blocks: 6, Zones: zones}, bdev.StatusInvalid},
		"reset":            {bdev.IO{Op: bdev.OpZoneManagement, Offset: 20, ZoneAction: bdev.ZoneActionReset}, 0},
		"within a zone":    {bdev.IO{Op: bdev.OpZoneManagement, Offset: 21}, bdev.StatusInvalid},
		"unknown action":   {bdev.IO{Op: bdev.OpZoneManagement, ZoneAction: 5}, bdev.StatusInvalid},
		"append":           {bdev.IO{Op: bdev.OpZoneAppend, Offset: 40, Blocks: 5, Iov: five}, 0},
		"append too much":  {bdev.IO{Op: bdev.OpZoneAppend, Offset: 40, Blocks: 6, Iov: six}, bdev.StatusInvalid},
		"append to middle": {bdev.IO{Op: bdev.OpZoneAppend, Offset: 41, Blocks: 5, Iov: five}, bdev.StatusInvalid},
		"append nothing":   {bdev.IO{Op: bdev.OpZoneAppend, Offset: 40}, bdev.StatusInvalid},
		"append length":    {bdev.IO{Op: bdev.OpZoneAppend, Offset: 40, Blocks: 4, Iov: five}, bdev.StatusLength},
	} {
		r := &request{IO: test.io}
		r.Done = r
		ch.Submit(&r.IO)
		if n := len(d.chans[0].held); n > 0 {
			d.chans[0].end(0, bdev.StatusSuccess)
		}
		if r.n != 1 || r.Status != test.want {
			t.Errorf("%s: %d %v, want %v", name, r.n, r.Status, test.want)
		}
		r.Done = r
		other.Submit(&r.IO)
		if r.Status != bdev.StatusUnsupported {
			t.Errorf("%s on a device without zones: %v", name, r.Status)
		}
	}
}
