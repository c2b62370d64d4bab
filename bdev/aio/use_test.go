// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// rig is a device that is open, and a thread that the test polls.
type rig struct {
	*testing.T
	reg  *bdev.Registry
	mod  *aio.Module
	desc *bdev.Desc
	t    *thread.Thread
	ch   *bdev.UserChannel
	path string
}

const patience = 10 * time.Second

func newRig(t *testing.T, cfg aio.Config, opts ...thread.Option) *rig {
	t.Helper()
	r := &rig{T: t, reg: bdev.NewRegistry(), t: thread.New(t.Name(), opts...), path: cfg.Filename}
	r.mod = aio.NewModule(r.reg)
	r.reg.AddModule(r.mod)
	ctx := context.Background()
	cfg.Name = "A0"
	name, err := r.mod.Create(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if r.desc, err = r.reg.Open(ctx, name, bdev.Write, nil); err != nil {
		t.Fatal(err)
	}
	if r.ch, err = r.desc.Channel(r.t); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.close)
	return r
}

func (r *rig) close() {
	if err := r.ch.Close(); err != nil {
		r.Error(err)
	}
	r.t.Exit()
	r.until("the thread to exit", r.t.Exited)
	if err := r.desc.Close(); err != nil {
		r.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.reg.Close(ctx); err != nil {
		r.Error(err)
	}
}

func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for deadline := time.Now().Add(patience); !ok(); r.t.Poll() {
		if time.Now().After(deadline) {
			r.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

// mem returns n bytes that any device can transfer.
func mem(t *testing.T, n int) []byte {
	t.Helper()
	b, err := dma.Alloc(n, 4096)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b.Bytes()
}

// random is mem with content.
func random(t *testing.T, n int) []byte {
	t.Helper()
	p := mem(t, n)
	rng := rand.NewChaCha8([32]byte{1})
	if _, err := rng.Read(p); err != nil {
		t.Fatal(err)
	}
	return p
}

type counter struct{ n int }

func (c *counter) Complete(*bdev.IO) { c.n++ }

func (r *rig) do(io *bdev.IO) bdev.Status {
	r.Helper()
	var c counter
	io.Done = &c
	r.ch.Submit(io)
	r.until(io.Op.String(), func() bool { return c.n > 0 })
	return io.Status
}

func (r *rig) must(io *bdev.IO) {
	r.Helper()
	if s := r.do(io); s != bdev.StatusSuccess {
		r.Fatalf("%s of %d blocks at %d: %v", io.Op, io.Blocks, io.Offset, s)
	}
}

// What the device writes is in the file, what is in the file it reads.
func TestBytesAreThoseOfTheFile(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	r := newRig(t, aio.Config{Filename: path, BlockSize: 4096})
	p := random(t, 3*4096)
	r.must(&bdev.IO{Op: bdev.OpWrite, Offset: 7, Blocks: 3, Iov: [][]byte{p[:4096], p[4096:]}})
	r.must(&bdev.IO{Op: bdev.OpFlush})
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 1<<20)
	copy(want[7*4096:], p)
	if !bytes.Equal(content, want) {
		t.Error("the file does not hold what was written")
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(p, 100*4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	got := mem(t, len(p))
	r.must(&bdev.IO{Op: bdev.OpRead, Offset: 100, Blocks: 3, Iov: [][]byte{got}})
	if !bytes.Equal(got, p) {
		t.Error("the device does not read what the file holds")
	}
}

// More IO than the queue takes waits in the block layer and ends well.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, aio.Config{Filename: file(t, t.TempDir(), 4<<20), BlockSize: 512})
	r.many(3000)
}

func (r *rig) many(n int) {
	r.Helper()
	p := random(r.T, 4<<20)
	r.must(&bdev.IO{Op: bdev.OpWrite, Blocks: 8192, Iov: [][]byte{p}})
	got := mem(r.T, n*512)
	var c counter
	ios := make([]bdev.IO, n)
	for i := range ios {
		ios[i] = bdev.IO{Op: bdev.OpRead, Offset: uint64(i), Blocks: 1, Iov: [][]byte{got[i*512:][:512]}, Done: &c}
		r.ch.Submit(&ios[i])
	}
	r.until("all reads", func() bool { return c.n == n })
	for i := range ios {
		if ios[i].Status != bdev.StatusSuccess {
			r.Fatalf("read %d: %v", i, ios[i].Status)
		}
	}
	if !bytes.Equal(got, p[:len(got)]) {
		r.Error("what was read differs")
	}
}

// A file that is shorter than it was fails the reads beyond its end, and the
// next rescan says so.
func TestFileShrinks(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	r := newRig(t, aio.Config{Filename: path, BlockSize: 512})
	if err := os.Truncate(path, 1<<19); err != nil {
		t.Fatal(err)
	}
	r.must(&bdev.IO{Op: bdev.OpRead, Offset: 1023, Blocks: 1, Iov: [][]byte{mem(t, 512)}})
	for _, first := range []uint64{1020, 1024} {
		if s := r.do(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: 8, Iov: [][]byte{mem(t, 4096)}}); s != bdev.StatusFailed {
			t.Errorf("read of blocks %d to %d of 1024: %v", first, first+7, s)
		}
	}
	if err := r.mod.Rescan("A0"); err == nil {
		t.Error("an open device shrank")
	}
}

// A file that has lost all its content is as good as a disk that is pulled.
func TestLostDiskIsRemoved(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	r := newRig(t, aio.Config{Filename: path, BlockSize: 512})
	removed := make(chan bdev.Event, 1)
	desc, err := r.reg.Open(context.Background(), "A0", bdev.Read, func(e bdev.Event) { removed <- e })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s := r.do(&bdev.IO{Op: bdev.OpRead, Blocks: 8, Iov: [][]byte{mem(t, 4096)}}); s != bdev.StatusRemoved {
			t.Errorf("read: %v", s)
		}
	}
	select {
	case e := <-removed:
		if e.Kind != bdev.EventRemove {
			t.Errorf("event %+v", e)
		}
	case <-time.After(patience):
		t.Error("the device is not removed")
	}
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
}

func TestRescan(t *testing.T) {
	path := file(t, t.TempDir(), 1<<20)
	r := newRig(t, aio.Config{Filename: path, BlockSize: 512})
	if err := os.Truncate(path, 2<<20); err != nil {
		t.Fatal(err)
	}
	if err := r.mod.Rescan("A0"); err != nil {
		t.Fatal(err)
	}
	if n := r.desc.Info().NumBlocks; n != 4096 {
		t.Errorf("%d blocks after the rescan", n)
	}
	r.must(&bdev.IO{Op: bdev.OpWrite, Offset: 4095, Blocks: 1, Iov: [][]byte{mem(t, 512)}})
}
