// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/thread"
)

func TestQuiesce(t *testing.T) {
	ctx := context.Background()
	d := newFake(100)
	d.manual = true
	d.info.Module = "fake"
	b := newTestbed(t, d)
	t1, t2 := thread.New("t1"), thread.New("t2")
	ch1, ch2 := b.channel(t1), b.channel(t2)
	early := newRequest(bdev.OpRead, 15, 1)
	ch2.Submit(&early.IO)
	quiet := make(chan error, 1)
	go func() { quiet <- b.reg.Quiesce(ctx, b.name, "fake", 10, 10) }()
	beside, inside, w := newRequest(bdev.OpRead, 9, 1), newRequest(bdev.OpRead, 10, 1), newRequest(bdev.OpWrite, 19, 1)
	submitted := false
	for deadline := time.Now().Add(10 * time.Second); ; {
		t1.Poll()
		t2.Poll()
		if !submitted && ch1.Locks() == 1 && ch2.Locks() == 1 {
			submitted = true
			for _, r := range []*request{beside, inside, w} {
				ch1.Submit(&r.IO)
			}
			if n := len(d.chans[0].held); n != 1 {
				t.Fatalf("the device has %d IOs; only the read beside the range may pass", n)
			}
			if len(quiet) != 0 {
				t.Fatal("quiet with a read of the range under way")
			}
			d.chans[1].finish(0)
		}
		select {
		case err := <-quiet:
			if err != nil {
				t.Fatal(err)
			}
		default:
			if time.Now().After(deadline) {
				t.Fatal("Quiesce does not return")
			}
			continue
		}
		break
	}
	if early.n != 1 || inside.n != 0 || w.n != 0 {
		t.Errorf("early %d, inside %d, write %d", early.n, inside.n, w.n)
	}
	late := b.channel(thread.New("t3")) // knows of the range
	r := newRequest(bdev.OpRead, 12, 1)
	late.Submit(&r.IO)
	if n := len(d.chans[2].held); n != 0 {
		t.Error("a new channel reads what is quiesced")
	}
	for _, args := range [][2]uint64{{10, 9}, {0, 0}, {200, 1}} {
		if err := b.reg.Unquiesce(ctx, b.name, "fake", args[0], args[1]); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Unquiesce of another range = %v", err)
		}
	}
	if err := b.reg.Quiesce(ctx, b.name, "other", 0, 1); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Quiesce by another module = %v", err)
	}
	if err := b.reg.Unquiesce(ctx, b.name, "fake", 10, 10); err != nil {
		t.Fatal(err)
	}
	d.manual = false
	pollAll(t1, t2, late.Thread())
	for i, r := range []*request{beside, inside, w, r} {
		if r.n != 1 || r.Status != 0 {
			t.Errorf("IO %d completed %d times with %v", i, r.n, r.Status)
		}
	}
}

// A Quiesce that is given up lets IO go on.
func TestQuiesceGivenUp(t *testing.T) {
	d := newFake(100)
	b := newTestbed(t, d)
	th := thread.New("t")
	ch := b.channel(th)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.reg.Quiesce(ctx, b.name, "any", 0, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Quiesce = %v", err)
	}
	r := newRequest(bdev.OpWrite, 0, 1)
	ch.Submit(&r.IO)
	pollAll(th)
	if r.n != 1 || r.Status != 0 || ch.Locks() != 0 {
		t.Errorf("write %d %v, %d locks", r.n, r.Status, ch.Locks())
	}
}

// A reset of a device that is given time waits for what is outstanding, and
// then spares the device.
func TestResetDrains(t *testing.T) {
	for name, drained := range map[string]bool{"drained": true, "timeout": false} {
		t.Run(name, func(t *testing.T) {
			d := newFake(100, bdev.OpReset)
			d.manual = true
			d.info.ResetDrainTimeout = 5 * time.Second
			b := newTestbed(t, d)
			clock := &manualClock{}
			t1, t2 := thread.New("t1", thread.WithClock(clock)), thread.New("t2")
			ch1, ch2 := b.channel(t1), b.channel(t2)
			old := newRequest(bdev.OpRead, 0, 1)
			ch1.Submit(&old.IO)
			reset, joined := newRequest(bdev.OpReset, 0, 0), newRequest(bdev.OpReset, 0, 0)
			ch1.Submit(&reset.IO)
			ch2.Submit(&joined.IO)
			pollAll(t1, t2)
			clock.now += 4 * time.Second
			pollAll(t1, t2)
			if reset.n != 0 || old.n != 0 {
				t.Fatal("the reset did not wait")
			}
			want := bdev.StatusAborted
			if drained {
				want = bdev.StatusSuccess
				d.chans[0].finish(0)
			} else {
				clock.now += 2 * time.Second
			}
			pollAll(t1, t2)
			if old.n != 1 || old.Status != want || reset.n != 1 || reset.Status != 0 || joined.n != 1 || joined.Status != 0 {
				t.Errorf("read %d %v, resets %d %v, %d %v", old.n, old.Status, reset.n, reset.Status, joined.n, joined.Status)
			}
			d.manual = false
			again := newRequest(bdev.OpRead, 0, 1)
			ch2.Submit(&again.IO)
			pollAll(t1, t2)
			if again.Status != 0 || again.n != 1 {
				t.Errorf("read after the reset: %d %v", again.n, again.Status)
			}
		})
	}
}

// resubmitter submits another IO when its own ends.
type resubmitter struct {
	request
	next *request
	ch   *bdev.UserChannel
}

func (r *resubmitter) Complete(*bdev.IO) {
	r.n++
	r.ch.Submit(&r.next.IO)
}

// Whoever is told of the end of a reset may submit at once.
func TestSubmitAtTheEndOfAReset(t *testing.T) {
	d := newFake(100)
	b := newTestbed(t, d)
	th := thread.New("t")
	r := &resubmitter{ch: b.channel(th), next: newRequest(bdev.OpRead, 0, 1)}
	r.IO = bdev.IO{Op: bdev.OpReset, Done: r}
	r.ch.Submit(&r.IO)
	pollAll(th)
	if r.n != 1 || r.next.n != 1 || r.next.Status != 0 {
		t.Errorf("reset %d, read %d %v", r.n, r.next.n, r.next.Status)
	}
}
