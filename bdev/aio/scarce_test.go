// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/internal/linuxaio"
	"github.com/gospdk/gospdk/thread"
)

// The kernel takes fewer operations than the queue has: EAGAIN.
func TestKernelHasNoRoom(t *testing.T) {
	defer aio.SetSetup(func(int) (*linuxaio.Context, error) { return linuxaio.Setup(1) })()
	r := newRig(t, aio.Config{Filename: file(t, t.TempDir(), 4<<20), BlockSize: 512})
	r.many(3000)
}

// The kernel refuses every operation: each fails alone.
func TestKernelRefuses(t *testing.T) {
	defer aio.SetSetup(func(n int) (*linuxaio.Context, error) {
		c, err := linuxaio.Setup(n)
		if err != nil {
			return nil, err
		}
		return c, c.Destroy()
	})()
	path := file(t, t.TempDir(), 1<<20)
	d, err := aio.New(aio.Config{Name: "A0", Filename: path, BlockSize: 512})
	if err != nil {
		t.Fatal(err)
	}
	th := thread.New("t")
	r := &rig{T: t, reg: bdev.NewRegistry(), t: th}
	ctx := context.Background()
	if err := r.reg.Register(ctx, d); err != nil {
		t.Fatal(err)
	}
	if r.desc, err = r.reg.Open(ctx, "A0", bdev.Write, nil); err != nil {
		t.Fatal(err)
	}
	if r.ch, err = r.desc.Channel(th); err != nil {
		t.Fatal(err)
	}
	var c counter
	ios := make([]bdev.IO, 300)
	p := [][]byte{mem(t, 512)}
	for i := range ios {
		ios[i] = bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: p, Done: &c}
		r.ch.Submit(&ios[i])
	}
	r.until("all reads", func() bool { return c.n == len(ios) })
	for i := range ios {
		if e, _ := ios[i].Status.Errno(); e != syscall.EINVAL {
			t.Fatalf("read %d: %v", i, ios[i].Status)
		}
	}
	if err := errors.Join(r.ch.Close(), r.desc.Close()); err != nil {
		t.Error(err)
	}
	r.t.Exit()
	r.until("the thread to exit", r.t.Exited)
	if err := r.reg.Close(ctx); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("the flush of the end: %v", err)
	}
}

// A thread that cannot have a context says what to do.
func TestNoContext(t *testing.T) {
	defer aio.SetSetup(func(int) (*linuxaio.Context, error) { return linuxaio.Setup(1 << 30) })()
	d, err := aio.New(aio.Config{Name: "A0", Filename: file(t, t.TempDir(), 1<<20), BlockSize: 512})
	if err != nil {
		t.Fatal(err)
	}
	before := count(t)
	if _, err := d.OpenChannel(thread.New("t")); err == nil {
		t.Error("a channel without a context")
	}
	if n := count(t); n != before {
		t.Errorf("%d descriptors, %d before", n, before)
	}
	if err := d.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
