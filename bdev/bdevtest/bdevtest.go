// SPDX-License-Identifier: BSD-3-Clause

// Package bdevtest is the conformance suite of block devices. A module's test
// calls [Run]; what passes behaves as users of package bdev may expect.
//
//	func TestConformance(t *testing.T) {
//		bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
//			d, err := mydev.New(...)
//			...
//			return d, func() {}
//		})
//	}
package bdevtest

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/thread"
)

// Maker makes a fresh device with arbitrary content, of at least 256 blocks,
// and a function that is called after the device has been closed.
type Maker func(t *testing.T) (bdev.Device, func())

// Option is an option of Run.
type Option func(*options)

type options struct {
	discards bool
	seed     uint64
}

// Discards says that the device keeps no data: what is read is not looked at.
func Discards() Option { return func(o *options) { o.discards = true } }

// Seed makes the random tests repeat a run that has printed this seed.
func Seed(s uint64) Option { return func(o *options) { o.seed = s } }

// minBlocks is how large a device must be.
const minBlocks = 256

// patience bounds the wait for one IO. A test fails after it.
const patience = 10 * time.Second

// Run runs the suite, each test on a device of its own.
func Run(t *testing.T, maker Maker, opts ...Option) {
	o := options{seed: uint64(time.Now().UnixNano())}
	for _, opt := range opts {
		opt(&o)
	}
	tests := []struct {
		name string
		run  func(*rig)
	}{
		{"Info", testInfo},
		{"Patterns", testPatterns},
		{"ScatterGather", testScatterGather},
		{"AnyAddress", testAnyAddress},
		{"LentMemory", testLentMemory},
		{"Refusals", testRefusals},
		{"ReadOnly", testReadOnly},
		{"WriteZeroes", testWriteZeroes},
		{"Unmap", testUnmap},
		{"Compare", testCompare},
		{"CompareAndWrite", testCompareAndWrite},
		{"CompareAndWriteIsAtomic", testCompareAndWriteIsAtomic},
		{"Copy", testCopy},
		{"Metadata", testMetadata},
		{"FlushAndReset", testFlushAndReset},
		{"Abort", testAbort},
		{"TwoThreads", testTwoThreads},
		{"Removal", testRemoval},
		{"Blocking", testBlocking},
		{"History", testHistory},
		{"NoAllocations", testNoAllocations},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(newRig(t, maker, o)) })
	}
}

// rig is a device that is registered and open, with a thread that the test
// polls.
type rig struct {
	*testing.T
	options
	reg  *bdev.Registry
	desc *bdev.Desc
	info bdev.Info
	user *user
}

func newRig(t *testing.T, maker Maker, o options) *rig {
	dev, cleanup := maker(t)
	r := &rig{T: t, options: o, reg: bdev.NewRegistry()}
	ctx := context.Background()
	if err := r.reg.Register(ctx, dev); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := r.reg.Close(ctx); err != nil {
			t.Error(err)
		}
		cleanup()
	})
	r.desc = r.open(bdev.Write)
	r.info = r.desc.Info()
	if r.info.NumBlocks < minBlocks {
		t.Fatalf("the device has %d blocks; the suite needs %d", r.info.NumBlocks, minBlocks)
	}
	r.user = r.newUser(r.desc)
	return r
}

func (r *rig) open(mode bdev.Mode) *bdev.Desc {
	r.Helper()
	desc, err := r.reg.Open(context.Background(), r.lookupName(), mode, nil)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := desc.Close(); err != nil {
			r.Error(err)
		}
	})
	return desc
}

func (r *rig) lookupName() string { return r.reg.List()[0].Name }

// needs skips the test if the device cannot do op, even with the core's help.
func (r *rig) needs(op bdev.Op) {
	r.Helper()
	if !r.desc.Supports(op) {
		r.Skipf("%s does not support %s", r.info.Name, op)
	}
}

// bytes returns n blocks as bytes.
func (r *rig) bytes(n uint64) int { return int(n) * int(r.info.BlockSize) }

// mem returns n bytes of DMA memory.
func (r *rig) mem(n int) []byte {
	r.Helper()
	buf, err := dma.Alloc(max(n, 1), max(4096, int(r.info.Alignment)))
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(buf.Free)
	return buf.Bytes()[:n]
}

// user is a thread with a channel.
type user struct {
	r  *rig
	t  *thread.Thread
	ch *bdev.UserChannel
}

// newUser makes a thread that the test polls by hand; the channel is closed
// at the end of the test.
func (r *rig) newUser(desc *bdev.Desc) *user {
	r.Helper()
	u := &user{r: r, t: thread.New(r.Name())}
	ch, err := desc.Channel(u.t)
	if err != nil {
		r.Fatal(err)
	}
	u.ch = ch
	r.Cleanup(u.close)
	return u
}

// close closes the channel and lets the thread exit.
func (u *user) close() {
	u.until("the channel's IO to end", func() bool { return u.ch.Outstanding() == 0 })
	if err := u.ch.Close(); err != nil {
		u.r.Error(err)
	}
	u.t.Exit()
	u.until("the thread to exit", u.t.Exited)
}

// until polls the thread until ok.
func (u *user) until(what string, ok func() bool) {
	u.r.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if u.t.Poll() == 0 {
			runtime.Gosched()
		}
		if time.Now().After(deadline) {
			u.r.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

// waiter counts completions.
type waiter struct{ n int }

func (w *waiter) Complete(*bdev.IO) { w.n++ }

// do submits io and waits for its end.
func (u *user) do(io *bdev.IO) bdev.Status {
	u.r.Helper()
	var w waiter
	io.Done = &w
	u.ch.Submit(io)
	u.until(io.Op.String()+" to end", func() bool { return w.n > 0 })
	if w.n != 1 {
		u.r.Fatalf("%s was completed %d times", io.Op, w.n)
	}
	return io.Status
}

// must is do for what has to succeed.
func (u *user) must(io *bdev.IO) {
	u.r.Helper()
	if s := u.do(io); s != bdev.StatusSuccess {
		u.r.Fatalf("%s of %d blocks at %d: %v", io.Op, io.Blocks, io.Offset, s)
	}
}

// write writes the pattern of gen, read and checks it.
func (u *user) write(first, blocks uint64, gen uint32) {
	u.r.Helper()
	p := u.r.mem(u.r.bytes(blocks))
	fill(p, first, gen, int(u.r.info.BlockSize))
	u.must(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: [][]byte{p}})
}

func (u *user) expect(first, blocks uint64, gen uint32) {
	u.r.Helper()
	p := u.read(first, blocks)
	if !u.r.discards {
		if err := check(p, first, gen, int(u.r.info.BlockSize)); err != nil {
			u.r.Fatal(err)
		}
	}
}

func (u *user) expectZeroes(first, blocks uint64) {
	u.r.Helper()
	for i, v := range u.read(first, blocks) {
		if v != 0 && !u.r.discards {
			u.r.Fatalf("byte %d from block %d on is %#x, not 0", i, first, v)
		}
	}
}

func (u *user) read(first, blocks uint64) []byte {
	u.r.Helper()
	p := u.r.mem(u.r.bytes(blocks))
	for i := range p {
		p[i] = 0xee
	}
	u.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: [][]byte{p}})
	return p
}
