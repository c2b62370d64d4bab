// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/bdevtest"
	"github.com/gospdk/gospdk/thread"
)

// strictDisk is a device that complains of every IO which its Info does not
// allow, has room for few at once, and answers later in random order.
type strictDisk struct {
	t      *testing.T
	info   bdev.Info
	ops    []bdev.Op
	mem    []byte
	meta   []byte
	room   int // IOs at once on a channel
	seed   uint64
	opened uint64
	checks bool // protection information
}

func (d *strictDisk) Info() bdev.Info             { return d.info }
func (d *strictDisk) Close(context.Context) error { return nil }
func (d *strictDisk) Supports(op bdev.Op) bool    { return slices.Contains(d.ops, op) }

func (d *strictDisk) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	d.opened++
	c := &strictChannel{d: d, rng: rand.New(rand.NewPCG(d.seed, d.opened))}
	c.poller = t.NewPoller(thread.PollerConfig{Name: "strict", Poll: c.poll})
	return c, nil
}

type strictChannel struct {
	d      *strictDisk
	poller *thread.Poller
	held   []*bdev.IO
	rng    *rand.Rand
}

func (c *strictChannel) Close() { c.poller.Stop() }

func (c *strictChannel) Submit(io *bdev.IO) {
	if why := c.d.wrong(io); why != "" {
		c.d.t.Errorf("%s of %d blocks at %d: %s", io.Op, io.Blocks, io.Offset, why)
	}
	switch {
	case io.Op == bdev.OpReset:
		for _, h := range c.held {
			h.Complete(bdev.StatusAborted)
		}
		c.held = nil
		io.Complete(bdev.StatusSuccess)
	case len(c.held) >= c.d.room || c.rng.IntN(20) == 0:
		io.Complete(bdev.StatusNoMemory)
	default:
		c.held = append(c.held, io)
	}
}

// wrong says what the device does not allow.
func (d *strictDisk) wrong(io *bdev.IO) string {
	i := &d.info
	if !d.Supports(io.Op) {
		return "not supported"
	}
	over := func(limit uint64) bool { return limit != 0 && io.Blocks > limit }
	crosses := func(line uint32) bool {
		return line != 0 && io.Offset/uint64(line) != (io.Offset+io.Blocks-1)/uint64(line)
	}
	switch io.Op {
	case bdev.OpReset, bdev.OpFlush:
		return ""
	case bdev.OpUnmap:
		if over(i.MaxUnmap * uint64(max(1, i.MaxUnmapSegments))) {
			return "longer than MaxUnmap"
		}
		return ""
	case bdev.OpWriteZeroes:
		if over(i.MaxWriteZeroes) {
			return "longer than MaxWriteZeroes"
		}
		return ""
	case bdev.OpCopy:
		if over(i.MaxCopy) {
			return "longer than MaxCopy"
		}
		return ""
	}
	line := uint32(0)
	if i.SplitOnBoundary {
		line = i.OptimalIOBoundary
	}
	if io.Op == bdev.OpWrite {
		if u := uint64(max(1, i.WriteUnit)); io.Offset%u != 0 || io.Blocks%u != 0 && io.Offset+io.Blocks != i.NumBlocks {
			return "not whole write units"
		}
		if i.SplitOnWriteUnit {
			line = i.WriteUnit
		}
	}
	switch {
	case crosses(line):
		return fmt.Sprintf("crosses a line of %d", line)
	case over(i.MaxRW):
		return "longer than MaxRW"
	case i.MaxSegments > 0 && len(io.Iov) > int(i.MaxSegments):
		return fmt.Sprintf("%d segments", len(io.Iov))
	}
	var sum uint64
	for _, p := range io.Iov {
		sum += uint64(len(p))
		if i.MaxSegment > 0 && len(p) > int(i.MaxSegment) {
			return fmt.Sprintf("a segment of %d bytes", len(p))
		}
		if at := uintptr(unsafe.Pointer(unsafe.SliceData(p))); i.Alignment > 1 && at%uintptr(i.Alignment) != 0 {
			return fmt.Sprintf("address %#x", at)
		}
	}
	if sum != io.Blocks*uint64(i.BlockSize) {
		return fmt.Sprintf("%d bytes", sum)
	}
	if io.Meta != nil && uint64(len(io.Meta)) != io.Blocks*uint64(i.MDSize) {
		return fmt.Sprintf("%d bytes of metadata", len(io.Meta))
	}
	return ""
}

func (c *strictChannel) poll() int {
	if len(c.held) == 0 {
		return 0
	}
	n := 1 + c.rng.IntN(len(c.held))
	for k := 0; k < n && len(c.held) > 0; k++ {
		i := c.rng.IntN(len(c.held))
		io := c.held[i]
		c.held = slices.Delete(c.held, i, i+1)
		io.Complete(c.d.run(io))
	}
	return n
}

// run carries io out.
func (d *strictDisk) run(io *bdev.IO) bdev.Status {
	bs, md := uint64(d.info.BlockSize), uint64(d.info.MDSize)
	if d.info.MDInterleaved {
		md = 0
	}
	data := d.mem[io.Offset*bs : (io.Offset+io.Blocks)*bs]
	meta := d.meta[io.Offset*md : (io.Offset+io.Blocks)*md]
	switch io.Op {
	case bdev.OpRead:
		for _, p := range io.Iov {
			data = data[copy(p, data):]
		}
		copy(io.Meta, meta)
		if d.checks {
			return io.VerifyDIF()
		}
	case bdev.OpWrite:
		if s := io.VerifyDIF(); d.checks && s != bdev.StatusSuccess {
			d.t.Errorf("write of %d blocks at %d: %v", io.Blocks, io.Offset, s)
		}
		for _, p := range io.Iov {
			data = data[copy(data, p):]
		}
		copy(meta, io.Meta)
	case bdev.OpCompare:
		got := slices.Concat(io.Iov...)
		if string(got) != string(data) || io.Meta != nil && string(io.Meta) != string(meta) {
			return bdev.StatusMiscompare
		}
	case bdev.OpWriteZeroes:
		clear(data)
		clear(meta)
	case bdev.OpCopy:
		copy(data, d.mem[io.CopySrc*bs:(io.CopySrc+io.Blocks)*bs])
		copy(meta, d.meta[io.CopySrc*md:(io.CopySrc+io.Blocks)*md])
	}
	return bdev.StatusSuccess
}

// newStrict makes a device with random limits.
func newStrict(t *testing.T, seed uint64) *strictDisk {
	rng := rand.New(rand.NewPCG(seed, 77))
	pick := func(v ...uint64) uint64 { return v[rng.IntN(len(v))] }
	i := bdev.Info{
		Name: "Strict0", Product: "Strict disk", NumBlocks: 600 + rng.Uint64N(100),
		BlockSize: uint32(pick(512, 512, 520, 4096)), Alignment: uint32(pick(0, 1, 4, 512, 4096, 16384)),
		WriteUnit: uint32(pick(0, 1, 4, 7, 40)), SplitOnWriteUnit: rng.IntN(2) == 0,
		OptimalIOBoundary: uint32(pick(0, 1, 5, 8, 64)), SplitOnBoundary: rng.IntN(2) == 0,
		MaxRW: pick(0, 0, 3, 32), MaxUnmap: pick(0, 9), MaxUnmapSegments: uint32(pick(0, 3)),
		MaxWriteZeroes: pick(0, 11), MaxCopy: pick(0, 5),
		MaxSegment: uint32(pick(0, 0, 4096, 8192, 300)), MaxSegments: uint32(pick(0, 0, 1, 3, 16)),
	}
	if rng.IntN(3) == 0 {
		i.MDSize = uint32(pick(8, 64))
	}
	// What cannot be is no device: a write must be possible in one piece.
	u := uint64(max(1, i.WriteUnit))
	if i.MaxRW != 0 {
		i.MaxRW = max(i.MaxRW, u)
	}
	if i.SplitOnBoundary && i.OptimalIOBoundary > 0 && u > 1 {
		i.OptimalIOBoundary = uint32(u) * (1 + i.OptimalIOBoundary)
	}
	if i.Alignment > 1 && i.MaxSegment > 0 {
		i.MaxSegment = max(i.MaxSegment, i.Alignment) &^ (i.Alignment - 1)
	}
	for i.MaxSegment > 0 && i.MaxSegments > 0 && uint64(i.MaxSegment)*uint64(i.MaxSegments) < u*uint64(i.BlockSize) {
		i.MaxSegments *= 2
	}
	i.NumBlocks -= i.NumBlocks % u
	d := &strictDisk{t: t, info: i, room: 1 + rng.IntN(12), seed: seed, ops: []bdev.Op{bdev.OpRead, bdev.OpWrite}}
	for _, op := range []bdev.Op{bdev.OpCompare, bdev.OpWriteZeroes, bdev.OpCopy, bdev.OpUnmap, bdev.OpFlush, bdev.OpReset} {
		if rng.IntN(2) == 0 {
			d.ops = append(d.ops, op)
		}
	}
	d.mem = make([]byte, i.NumBlocks*uint64(i.BlockSize))
	d.meta = make([]byte, i.NumBlocks*uint64(i.MDSize))
	return d
}

// Whatever a device's limits are, it gets nothing that they do not allow, and
// its users see none of them.
func TestLimitsAreKept(t *testing.T) {
	for seed := range uint64(8) {
		if testing.Short() && seed > 3 {
			return
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bdevtest.Run(t, func(t *testing.T) (bdev.Device, func()) {
				d := newStrict(t, seed)
				return d, func() {
					if t.Failed() {
						t.Logf("%+v, operations %v, room for %d", d.info, d.ops, d.room)
					}
				}
			}, bdevtest.Seed(seed))
		})
	}
}
