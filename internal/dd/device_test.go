// SPDX-License-Identifier: BSD-3-Clause

package dd_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/dd"
	"github.com/gospdk/gospdk/thread"
)

// odd is a device with holes, whose operations overtake each other. Those of
// all such devices of a test wait in one queue.
type odd struct {
	*malloc.Disk
	q    *queue
	data [][2]uint64 // blocks from and to
	bad  uint64      // the block that fails, 0 for none
}

type queue struct {
	*bench
	waiting []func()
	most    int // that have waited
}

func (b *bench) odd(q *queue, name string, blockSize, blocks int, content []byte, data ...[2]uint64) *odd {
	b.Helper()
	m, err := malloc.New(malloc.Config{Name: name, NumBlocks: uint64(blocks), BlockSize: uint32(blockSize)})
	b.must(err)
	d := &odd{Disk: m, q: q, data: data}
	b.register(d, content)
	return d
}

func (d *odd) Supports(op bdev.Op) bool {
	return d.Disk.Supports(op) || len(d.data) > 0 && (op == bdev.OpSeekData || op == bdev.OpSeekHole)
}

func (d *odd) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	ch, err := d.Disk.OpenChannel(t)
	c := &oddChannel{Channel: ch, d: d}
	c.poller = t.NewPoller(thread.PollerConfig{Name: "odd", Poll: d.q.release})
	return c, err
}

// release lets one operation go on, any one.
func (q *queue) release() int {
	if len(q.waiting) == 0 {
		return 0
	}
	i, last := q.rng.IntN(len(q.waiting)), len(q.waiting)-1
	fn := q.waiting[i]
	q.waiting[i] = q.waiting[last]
	q.waiting = q.waiting[:last]
	fn()
	return 1
}

type oddChannel struct {
	bdev.Channel
	d      *odd
	poller *thread.Poller
}

func (c *oddChannel) Close() {
	c.poller.Stop()
	c.Channel.Close()
}

func (c *oddChannel) Submit(io *bdev.IO) {
	q := c.d.q
	q.waiting = append(q.waiting, func() { c.do(io) })
	q.most = max(q.most, len(q.waiting))
}

func (c *oddChannel) do(io *bdev.IO) {
	switch {
	case io.Op == bdev.OpSeekData || io.Op == bdev.OpSeekHole:
		io.Result = c.d.seek(io.Op == bdev.OpSeekHole, io.Offset)
		io.Complete(bdev.StatusSuccess)
	case c.d.bad > 0 && io.Offset <= c.d.bad && c.d.bad < io.Offset+io.Blocks:
		io.Complete(bdev.StatusFailed)
	default:
		c.Channel.Submit(io)
	}
}

func (d *odd) seek(hole bool, at uint64) uint64 {
	for _, e := range d.data {
		switch {
		case at >= e[1]:
		case hole && at < e[0]:
			return at
		case hole:
			return e[1]
		default:
			return max(at, e[0])
		}
	}
	if hole && at < d.Info().NumBlocks {
		return at
	}
	return bdev.NoBlock
}

// As many units are under way as the queue is deep, and never more.
func TestDepth(t *testing.T) {
	b := newBench(t)
	q := &queue{bench: b}
	data := b.random(300 * 4096)
	b.odd(q, "A", 512, 2400, data)
	b.odd(q, "B", 4096, 300, nil)
	for _, depth := range []int{1, 2, 7, 32} {
		b.write(dd.Side{Bdev: "B"}, make([]byte, len(data)))
		q.most = 0
		b.copy(dd.Config{In: dd.Side{Bdev: "A"}, Out: dd.Side{Bdev: "B"}, Depth: depth})
		b.same("copy", b.content(dd.Side{Bdev: "B"}), data)
		if q.most != depth {
			t.Errorf("%d operations at once, want %d", q.most, depth)
		}
	}
}

// Holes of a device are not copied: what the output had there is gone all the
// same, to the byte.
func TestHolesOfDevice(t *testing.T) {
	b := newBench(t)
	q := &queue{bench: b}
	const block, blocks = 512, 9000
	extents := [][2]uint64{{3, 9}, {1000, 1001}, {1003, 1004}, {4000, 6001}}
	content, want := b.random(block*blocks), make([]byte, block*blocks)
	for _, e := range extents { // holes read as something else, so that their copy would be seen
		copy(want[e[0]*block:], content[e[0]*block:e[1]*block])
	}
	b.odd(q, "Holes", block, blocks, content, extents...)
	for _, depth := range []int{1, 5} {
		c := dd.Config{In: dd.Side{Bdev: "Holes"}, Out: dd.Side{File: b.path("out")}, Unit: 30 * block, Depth: depth, Sparse: true}
		p := b.copy(c)
		b.same("file", b.content(c.Out), want)
		if data := uint64(6+1+1+2001) * block; p.Done != block*blocks || p.Holes != p.Done-data {
			t.Errorf("%+v, want all but %d bytes to be holes", p, data)
		}
		old := b.random(block * (blocks + 100))
		b.odd(q, "Out", block, blocks+100, old)
		c.Out = dd.Side{Bdev: "Out"}
		b.copy(c)
		b.same("device", b.content(c.Out), append(bytes.Clone(want), old[len(want):]...))
		b.must(b.reg.Unregister(context.Background(), "Out"))

		// The second half, taken up.
		c.Out, c.Count = dd.Side{File: b.path("out")}, 140
		b.copy(c)
		c.Count, c.Skip, c.Seek = 0, 135, 135
		b.copy(c)
		b.same("taken up", b.content(c.Out), want)
	}
}

// After an error, what has overtaken the unit that failed does not count, and
// is not in the file.
func TestNoGaps(t *testing.T) {
	b := newBench(t)
	q := &queue{bench: b}
	data := b.random(200 * 4096)
	in := b.odd(q, "In", 4096, 200, data)
	out := dd.Side{File: b.path("out")}
	for depth := 1; depth < 40; depth += 6 {
		in.bad = 50
		c := dd.Config{In: dd.Side{Bdev: "In"}, Out: out, Depth: depth, Count: 190}
		p, err := dd.Copy(context.Background(), b.reg, b.bg.Thread(), c)
		if err == nil || !strings.Contains(err.Error(), "read block device In at byte 204800") {
			t.Errorf("error %v", err)
		}
		if p.Done > 50*4096 || p.Done%4096 != 0 {
			t.Errorf("%d bytes are done, of which only %d can be read", p.Done, 50*4096)
		}
		b.same("file", b.content(out), data[:p.Done])

		in.bad = 0
		rest, left := c.Rest(p)
		if !left || !p.Again || rest.Skip != p.Done/4096 || rest.Count != 190-p.Done/4096 {
			t.Errorf("after %+v, what is left is %v, %+v", p, left, rest)
		}
		p = b.copy(rest)
		b.same("taken up", b.content(out), data[:190*4096])
		if _, left := rest.Rest(p); left {
			t.Error("something is left of a whole copy")
		}
	}
}

// A device that is removed ends the copy, which lets go of it.
func TestRemoved(t *testing.T) {
	b := newBench(t)
	b.disk("D", 4096, 100, nil)
	in := b.path("in")
	b.must(syscall.Mkfifo(in, 0o600))
	done := make(chan error)
	go func() {
		_, err := dd.Copy(context.Background(), b.reg, b.bg.Thread(), dd.Config{In: dd.Side{File: in}, Out: dd.Side{Bdev: "D"}})
		done <- err
	}()
	f, err := os.OpenFile(in, os.O_WRONLY, 0)
	b.must(err)
	defer f.Close()
	_, err = f.Write(make([]byte, 300000)) // more than a pipe holds: it is being read
	b.must(err)
	b.must(b.reg.Unregister(context.Background(), "D"))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "D was removed") {
		t.Errorf("error %v", err)
	}
}

// Nobody has to open the other end of a pipe for a copy to be interrupted.
func TestInterruptedOpen(t *testing.T) {
	b := newBench(t)
	in, out := b.path("in"), b.path("out")
	for fifo, c := range map[string]dd.Config{
		in:  {In: dd.Side{File: in}, Out: dd.Side{File: "/dev/null"}},
		out: {In: dd.Side{File: "/dev/zero"}, Out: dd.Side{File: out}},
	} {
		b.must(syscall.Mkfifo(fifo, 0o600))
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		if _, err := dd.Copy(ctx, b.reg, b.bg.Thread(), c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		cancel()
		f, err := os.OpenFile(fifo, os.O_RDWR, 0) // the other end
		b.must(err)
		b.must(f.Close())
	}
}

// What cannot go past the page cache goes through it.
func TestDirectAppend(t *testing.T) {
	b := newBench(t)
	data := b.random(100001)
	in := dd.Side{File: b.file("in", data)}
	for _, old := range [][]byte{nil, b.random(5), b.random(4096)} {
		out := dd.Side{File: b.file("out", old), Flags: dd.Append | direct(t)}
		b.copy(dd.Config{In: in, Out: out, Unit: 8192})
		b.same("appended", b.content(out), append(bytes.Clone(old), data...))
	}
}
