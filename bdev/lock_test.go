// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

// While a compare and write is under way on one thread, another thread's
// writes to the range wait, and everything else goes on.
func TestCompareAndWriteKeepsOtherWritesOut(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1, ch2 := b.channel(t1), b.channel(t2)
	dev1, dev2 := d.chans[0], d.chans[1]

	early := newRequest(bdev.OpWrite, 8, 1) // under way before
	ch2.Submit(&early.IO)
	cw := newRequest(bdev.OpCompareAndWrite, 8, 1)
	cw.WriteIov[0][0] = 1
	ch1.Submit(&cw.IO)
	pollAll(t1, t2)
	if len(dev1.held) != 0 {
		t.Fatal("the compare did not wait for a write of another thread")
	}
	late := newRequest(bdev.OpWrite, 8, 1)
	late.Iov[0][0] = 2
	beside, read := newRequest(bdev.OpWrite, 9, 1), newRequest(bdev.OpRead, 8, 1)
	for _, r := range []*request{late, beside, read} {
		ch2.Submit(&r.IO)
	}
	if len(dev2.held) != 3 {
		t.Fatalf("%d IOs with the device, want the early write, the one beside and the read", len(dev2.held))
	}
	dev2.finish(0)
	pollAll(t1, t2)
	if len(dev1.held) != 1 || dev1.held[0].Op != bdev.OpRead {
		t.Fatal("the compare did not begin after the drain")
	}
	dev1.finish(0)
	pollAll(t1, t2)
	if len(dev1.held) != 1 || dev1.held[0].Op != bdev.OpWrite || late.n != 0 {
		t.Fatal("the write did not follow the compare")
	}
	dev1.finish(0)
	pollAll(t1, t2)
	if cw.n != 1 || cw.Status != bdev.StatusSuccess || d.mem[8*512] != 1 {
		t.Fatalf("compare and write completed %d times with %v", cw.n, cw.Status)
	}
	for len(dev2.held) > 0 {
		dev2.finish(0)
	}
	if late.n != 1 || beside.n != 1 || read.n != 1 || d.mem[8*512] != 2 {
		t.Errorf("after the unlock: late %d, beside %d, read %d, byte %d", late.n, beside.n, read.n, d.mem[8*512])
	}
}

// A second lock waits for what was submitted while the first was waiting.
func TestLocksDrainOneAfterTheOther(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1, ch2 := b.channel(t1), b.channel(t2)
	dev1, dev2 := d.chans[0], d.chans[1]
	early, beside := newRequest(bdev.OpWrite, 8, 1), newRequest(bdev.OpWrite, 9, 1)
	first, second := newRequest(bdev.OpCompareAndWrite, 8, 1), newRequest(bdev.OpCompareAndWrite, 9, 1)
	ch2.Submit(&early.IO)
	ch1.Submit(&first.IO)
	pollAll(t1, t2)
	ch2.Submit(&beside.IO)
	dev2.finish(0) // early
	pollAll(t1, t2)
	dev1.finish(0)
	pollAll(t1, t2)
	dev1.finish(0)
	pollAll(t1, t2)
	if first.n != 1 {
		t.Fatal("the first compare and write has not ended")
	}
	ch1.Submit(&second.IO)
	pollAll(t1, t2)
	if len(dev1.held) != 0 {
		t.Error("the second compare did not wait for a write that began before it")
	}
	d.manual = false
	pollAll(t1, t2)
	if second.n != 1 || second.Status != 0 || beside.n != 1 {
		t.Errorf("second %d %v, beside %d", second.n, second.Status, beside.n)
	}
}

// A waiting write can be aborted, and a channel that is opened while a range
// is locked knows of the lock.
func TestLockedWriteOnALateChannelAborts(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1 := b.channel(t1)
	cw := newRequest(bdev.OpCompareAndWrite, 0, 1)
	ch1.Submit(&cw.IO)
	pollAll(t1)
	ch2 := b.channel(t2)
	w := newRequest(bdev.OpWrite, 0, 1)
	ch2.Submit(&w.IO)
	if !w.Submitted() || len(d.chans[1].held) != 0 {
		t.Fatal("the write did not wait")
	}
	a := newRequest(bdev.OpAbort, 0, 0)
	a.Target = &w.IO
	ch2.Submit(&a.IO)
	if a.Status != bdev.StatusSuccess || w.n != 1 || w.Status != bdev.StatusAborted {
		t.Errorf("abort: %v, the write completed %d times with %v", a.Status, w.n, w.Status)
	}
	d.manual = false
	pollAll(t1, t2)
	if cw.n != 1 {
		t.Error("the compare and write did not end")
	}
}

// A reset of a device that knows none waits for what is outstanding on all
// threads, and refuses IO meanwhile.
func TestResetByDraining(t *testing.T) {
	d := newFake(100)
	d.manual = true
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1, ch2 := b.channel(t1), b.channel(t2)
	old := newRequest(bdev.OpRead, 0, 1)
	ch2.Submit(&old.IO)
	reset, second := newRequest(bdev.OpReset, 0, 0), newRequest(bdev.OpReset, 0, 0)
	ch1.Submit(&reset.IO)
	ch2.Submit(&second.IO)
	pollAll(t1, t2)
	refused := newRequest(bdev.OpRead, 0, 1)
	ch1.Submit(&refused.IO)
	if refused.n != 1 || refused.Status != bdev.StatusAborted {
		t.Errorf("read during a reset: completed %d times with %v", refused.n, refused.Status)
	}
	if reset.n != 0 {
		t.Fatal("the reset did not wait for another thread's read")
	}
	d.chans[1].finish(0)
	pollAll(t1, t2)
	if reset.n != 1 || second.n != 1 || reset.Status != 0 || second.Status != 0 || old.Status != 0 {
		t.Errorf("reset %d %v, second %d %v, read %v", reset.n, reset.Status, second.n, second.Status, old.Status)
	}
	again := newRequest(bdev.OpRead, 0, 1)
	ch1.Submit(&again.IO)
	d.chans[0].finish(0)
	if again.n != 1 || again.Status != 0 {
		t.Errorf("read after the reset: completed %d times with %v", again.n, again.Status)
	}
}

// A device that knows reset ends its own IO; what waits in the core is
// aborted.
func TestResetByTheDevice(t *testing.T) {
	d := newFake(100, bdev.OpReset)
	d.manual = true
	d.info.OptimalIOBoundary, d.info.SplitOnBoundary = 1, true
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	long := newRequest(bdev.OpWrite, 0, 90)
	ch.Submit(&long.IO)
	reset := newRequest(bdev.OpReset, 0, 0)
	ch.Submit(&reset.IO)
	pollAll(th)
	if long.n != 1 || long.Status != bdev.StatusAborted || reset.n != 1 || reset.Status != 0 {
		t.Errorf("write %d %v, reset %d %v", long.n, long.Status, reset.n, reset.Status)
	}
}
