// SPDX-License-Identifier: BSD-3-Clause

package dd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/internal/dd"
	"github.com/gospdk/gospdk/reactor"
	"github.com/gospdk/gospdk/thread"
)

// bench has devices, and files in a directory.
type bench struct {
	*testing.T
	reg *bdev.Registry
	bg  *reactor.Background
	dir string
	rng *rand.Rand
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, reg: bdev.NewRegistry(), dir: t.TempDir(), rng: rand.New(rand.NewPCG(1, 2))}
	var err error
	if b.bg, err = reactor.StartBackground("dd"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.bg.Stop()
		if err := b.reg.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// random returns n bytes of which none is 0.
func (b *bench) random(n int) []byte {
	p := make([]byte, n+7)
	for i := 0; i < n; i += 8 {
		binary.LittleEndian.PutUint64(p[i:], b.rng.Uint64()|0x0101010101010101)
	}
	return p[:n:n]
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// file makes a file.
func (b *bench) file(name string, content []byte) string {
	b.Helper()
	b.must(os.WriteFile(b.path(name), content, 0o600))
	return b.path(name)
}

// disk makes a device with this content.
func (b *bench) disk(name string, blockSize, blocks int, content []byte) bdev.Device {
	b.Helper()
	d, err := malloc.New(malloc.Config{Name: name, NumBlocks: uint64(blocks), BlockSize: uint32(blockSize)})
	b.must(err)
	return b.register(d, content)
}

func (b *bench) register(d bdev.Device, content []byte) bdev.Device {
	b.Helper()
	b.must(b.reg.Register(context.Background(), d))
	b.open(d.Info().Name, func(f *bdev.Blocking) error {
		_, err := f.WriteAt(content, 0)
		return err
	})
	return d
}

func (b *bench) open(name string, fn func(*bdev.Blocking) error) {
	b.Helper()
	desc, err := b.reg.Open(context.Background(), name, bdev.Write, nil)
	b.must(err)
	f := desc.Blocking()
	b.must(errors.Join(fn(f), f.Close(), desc.Close()))
}

// content is what is on a side.
func (b *bench) content(s dd.Side) (p []byte) {
	b.Helper()
	if s.File != "" {
		p, err := os.ReadFile(s.File)
		b.must(err)
		return p
	}
	b.open(s.Bdev, func(f *bdev.Blocking) error {
		p = make([]byte, f.Size())
		_, err := f.ReadAt(p, 0)
		return err
	})
	return p
}

func (b *bench) copy(c dd.Config) dd.Progress {
	b.Helper()
	p, err := dd.Copy(context.Background(), b.reg, b.bg.Thread(), c)
	if err != nil {
		b.Fatalf("%+v: %v", c, err)
	}
	return p
}

func (b *bench) same(what string, got, want []byte) {
	b.Helper()
	if bytes.Equal(got, want) {
		return
	}
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	b.Fatalf("%s: %d bytes, want %d; they differ from byte %d on", what, len(got), len(want), i)
}

// Every byte arrives, in every direction, and nothing else changes.
func TestCopies(t *testing.T) {
	const disk = 1 << 20
	b := newBench(t)
	b.disk("Small", 512, disk/512, nil)
	b.disk("Large", 4096, disk/4096, nil)
	b.disk("Odd", 1536, disk/1536, nil)
	for round := range 30 {
		unit := []int{12288, 24576, 49152, 12288 * 10}[b.rng.IntN(4)]
		data, old := b.random(b.rng.IntN(400000)), b.random(disk)
		if round == 0 {
			data = nil
		}
		c := dd.Config{
			Unit: unit, Depth: 1 + b.rng.IntN(9), AIO: b.rng.IntN(3) == 0, Sparse: b.rng.IntN(2) == 0,
			Skip: b.rng.Uint64N(2), Seek: b.rng.Uint64N(3),
		}
		if len(data) < unit {
			c.Skip = 0
		}
		first := b.file("in", data)
		want := data[int(c.Skip)*unit:]
		if units := (len(want) + unit - 1) / unit; units > 0 && b.rng.IntN(2) == 0 {
			c.Count = 1 + b.rng.Uint64N(uint64(units))
			want = want[:min(len(want), int(c.Count)*unit)]
		}
		sides := []dd.Side{{File: b.path("1")}, {Bdev: "Small"}, {Bdev: "Large"}, {Bdev: "Odd"}, {File: b.path("2"), Flags: direct(t)}}
		c.In = dd.Side{File: first}
		seek := int(c.Seek) * unit
		for _, i := range b.rng.Perm(len(sides)) {
			c.Out = sides[i]
			b.write(c.Out, old)
			p := b.copy(c)
			if p.Done != uint64(len(want)) {
				t.Errorf("%+v: %d bytes are done, want %d", c, p.Done, len(want))
			}
			got := b.content(c.Out)
			if c.Out.File != "" {
				b.same("file", got, append(bytes.Clone(old[:seek]), want...))
			} else {
				b.same("copied", got[seek:seek+len(want)], want)
				b.same("before", got[:seek], old[:seek])
				b.same("behind", got[seek+len(want):], old[seek+len(want):len(got)])
			}
			// The next copy is from there.
			c.In, c.Skip = c.Out, c.Seek
			if c.Out.Bdev != "" || len(want)%unit != 0 {
				want = got[seek:min(len(got), seek+(len(want)+unit-1)/unit*unit)]
				c.Count = uint64((len(want) + unit - 1) / unit)
			}
			if c.Count == 0 || len(want) == 0 || len(want)%unit != 0 && c.In.Bdev != "" {
				break
			}
		}
	}
}

// direct is the flag for transfers past the page cache, where there is one.
func direct(t *testing.T) dd.Flags {
	f, err := dd.ParseFlags("direct")
	if err != nil {
		t.Fatal(err)
	}
	probe := filepath.Join(t.TempDir(), "probe")
	fd, err := syscall.Open(probe, syscall.O_CREAT|syscall.O_RDWR|int(f), 0o600)
	if err != nil {
		return 0
	}
	_ = syscall.Close(fd)
	return f
}

// write fills a side with what a copy must not touch.
func (b *bench) write(s dd.Side, old []byte) {
	b.Helper()
	if s.File != "" {
		b.must(os.WriteFile(s.File, old, 0o600))
		return
	}
	b.open(s.Bdev, func(f *bdev.Blocking) error {
		_, err := f.WriteAt(old[:min(int64(len(old)), f.Size())], 0)
		return err
	})
}

// sparse makes a file of data at some places.
func (b *bench) sparse(name string, size int64, at ...int64) string {
	b.Helper()
	path := b.file(name, nil)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	b.must(err)
	b.must(f.Truncate(size))
	for _, off := range at {
		_, err := f.WriteAt(b.random(5000), off)
		b.must(err)
	}
	b.must(f.Close())
	return path
}

func (b *bench) allocated(path string) int64 {
	b.Helper()
	var st syscall.Stat_t
	b.must(syscall.Stat(path, &st))
	return st.Blocks * 512
}

// Holes stay holes in a file, and are zeroes on a device.
func TestSparse(t *testing.T) {
	b := newBench(t)
	const size = 20<<20 + 777
	for i, last := range []int64{size - 5000, 12 << 20} { // the end is data, and a hole
		b.sparseCopies(b.sparse(fmt.Sprint("in", i), size, 3<<20-100, 9<<20, last), size)
	}
}

func (b *bench) sparseCopies(in string, size int) {
	b.Helper()
	if b.allocated(in) > 1<<20 {
		b.Skip("this filesystem has no holes")
	}
	want := b.content(dd.Side{File: in})
	out := b.file("out", b.random(size+100))
	for _, unit := range []int{4096, 1 << 20} {
		p := b.copy(dd.Config{In: dd.Side{File: in}, Out: dd.Side{File: out}, Sparse: true, Unit: unit, Depth: 5})
		b.same("file", b.content(dd.Side{File: out}), want)
		if n := b.allocated(out); n > 1<<20 || p.Holes < 19<<20 || p.Done != uint64(size) {
			b.Errorf("%d bytes are allocated; %+v", n, p)
		}
		old := b.random(22 << 20)
		b.disk("D", 4096, len(old)/4096, old)
		b.copy(dd.Config{In: dd.Side{File: in}, Out: dd.Side{Bdev: "D"}, Sparse: true, Unit: unit, Depth: 5})
		b.same("device", b.content(dd.Side{Bdev: "D"}), append(bytes.Clone(want), old[size:]...))
		b.must(b.reg.Unregister(context.Background(), "D"))
	}
	// Blocks that lie across the edges of holes.
	old := b.random(22 << 20 / 1536 * 1536)
	b.disk("Odd", 1536, len(old)/1536, old)
	b.copy(dd.Config{In: dd.Side{File: in}, Out: dd.Side{Bdev: "Odd"}, Sparse: true, Unit: 153600, Depth: 5})
	b.same("odd device", b.content(dd.Side{Bdev: "Odd"}), append(bytes.Clone(want), old[size:]...))
	b.must(b.reg.Unregister(context.Background(), "Odd"))
}

// A copy in two pieces is the same as one.
func TestTakenUpAgain(t *testing.T) {
	b := newBench(t)
	in := b.sparse("in", 10<<20, 0, 1<<20, 5<<20-2000, 8<<20)
	c := dd.Config{In: dd.Side{File: in}, Out: dd.Side{File: b.path("out")}, Sparse: true, Unit: 64 << 10, Depth: 4}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p, err := dd.Copy(ctx, b.reg, b.bg.Thread(), c)
	if !errors.Is(err, context.Canceled) || p.Done == 10<<20 {
		t.Fatalf("%+v, %v", p, err)
	}
	c.Count = 83
	b.copy(c)
	c.Count, c.Skip, c.Seek = 0, 83, 83
	b.copy(c)
	b.same("file", b.content(c.Out), b.content(c.In))
	if b.allocated(b.path("out")) > 1<<20 {
		t.Error("the holes are gone")
	}
}

// Streams keep their order, whatever the depth, and their pieces may be small.
func TestStreams(t *testing.T) {
	b := newBench(t)
	data := b.random(300001)
	in, out := b.path("in"), b.path("out")
	b.must(syscall.Mkfifo(in, 0o600))
	b.must(syscall.Mkfifo(out, 0o600))
	go func() {
		f, err := os.OpenFile(in, os.O_WRONLY, 0)
		if err == nil {
			for p := data; len(p) > 0 && err == nil; {
				n := min(len(p), 1+len(p)%7777)
				_, err = f.Write(p[:n])
				p = p[n:]
			}
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}()
	got := make(chan []byte)
	go func() {
		p, err := os.ReadFile(out)
		if err != nil {
			t.Error(err)
		}
		got <- p
	}()
	b.copy(dd.Config{In: dd.Side{File: in}, Out: dd.Side{File: out}, Unit: 4096, Depth: 16, Skip: 3})
	b.same("stream", <-got, data[3*4096:])

	log := b.file("log", []byte("first\n"))
	more := b.file("more", data)
	b.copy(dd.Config{In: dd.Side{File: more}, Out: dd.Side{File: log, Flags: dd.Append}, Unit: 1000, Depth: 16})
	b.same("appended", b.content(dd.Side{File: log}), append([]byte("first\n"), data...))

	b.copy(dd.Config{In: dd.Side{File: "/dev/zero"}, Out: dd.Side{File: log}, Unit: 1000, Depth: 16, Count: 33})
	b.same("zeroes", b.content(dd.Side{File: log}), make([]byte, 33000))
	b.copy(dd.Config{In: dd.Side{File: more}, Out: dd.Side{File: "/dev/null"}, Unit: 1000})

	// A file whose size is known at its end only.
	version := dd.Side{File: "/proc/version"}
	b.copy(dd.Config{In: version, Out: dd.Side{File: log}, Unit: 4096, Sparse: true})
	b.same("/proc/version", b.content(dd.Side{File: log}), b.content(version))
}

// A stream that waits is interrupted, and what has come is not lost.
func TestInterruptedStream(t *testing.T) {
	b := newBench(t)
	in := b.path("in")
	b.must(syscall.Mkfifo(in, 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	hold := make(chan *os.File, 1)
	go func() {
		f, err := os.OpenFile(in, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.Write(make([]byte, 4196))
		}
		if err != nil {
			t.Error(err)
		}
		hold <- f // open: the copy waits for more
	}()
	out := dd.Side{File: b.path("out")}
	done := make(chan error)
	go func() {
		_, err := dd.Copy(ctx, b.reg, b.bg.Thread(), dd.Config{In: dd.Side{File: in}, Out: out})
		done <- err
	}()
	f := <-hold
	for empty(in) != nil { // until the copy has taken all that there is
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	b.must(f.Close())
	if n := len(b.content(out)); n != 4196 {
		t.Errorf("%d bytes, want 4196", n)
	}
}

// empty says whether a pipe holds nothing: without taking anything from it.
func empty(fifo string) error {
	f, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var held int
	if e := raw.Control(func(fd uintptr) { held, err = unread(fd) }); e != nil || err != nil || held > 0 {
		return fmt.Errorf("%d bytes are there (%w)", held, errors.Join(e, err))
	}
	return nil
}

// failing is a device that fails beyond a block.
type failing struct {
	*malloc.Disk
	from uint64
}

func (d *failing) OpenChannel(t *thread.Thread) (bdev.Channel, error) {
	ch, err := d.Disk.OpenChannel(t)
	return failingChannel{ch, d.from}, err
}

type failingChannel struct {
	bdev.Channel
	from uint64
}

func (c failingChannel) Submit(io *bdev.IO) {
	if io.Offset+io.Blocks > c.from {
		io.Complete(bdev.StatusFailed)
		return
	}
	c.Channel.Submit(io)
}

// Errors name the side and the place.
func TestErrors(t *testing.T) {
	b := newBench(t)
	b.disk("D", 4096, 100, nil)
	bad, err := malloc.New(malloc.Config{Name: "Bad", NumBlocks: 100, BlockSize: 4096})
	b.must(err)
	b.must(b.reg.Register(context.Background(), &failing{bad, 10}))
	data := b.random(50 * 4096)
	in := dd.Side{File: b.file("in", data)}
	out, none := dd.Side{File: b.path("out")}, dd.Side{File: b.path("none")}
	for want, c := range map[string]dd.Config{
		"one of --if (a file) and --ib": {Out: out},
		"one of --of (a file) and --ob": {In: in, Out: dd.Side{File: "x", Bdev: "y"}},
		"--iflag direct goes with --if": {In: dd.Side{Bdev: "D", Flags: direct(t) | 0o40000}, Out: out},
		"--bs 2000":                     {In: in, Out: dd.Side{Bdev: "D"}, Unit: 2000},
		"--bs -1":                       {In: in, Out: out, Unit: -1},
		"--qd -1":                       {In: in, Out: out, Depth: -1},
		"--skip 51":                     {In: in, Out: none, Skip: 51},
		"--count 51":                    {In: in, Out: none, Count: 51},
		"--count 7: " + in.File:         {In: in, Out: none, Count: 7, Skip: 1, Unit: 32768},
		"--seek 101":                    {In: in, Out: dd.Side{Bdev: "D"}, Seek: 101},
		"room for 163840 from there on; limit them with --count 40": {In: in, Out: dd.Side{Bdev: "D"}, Seek: 60},
		"--count 101":                              {In: dd.Side{Bdev: "D"}, Out: out, Count: 101},
		"--count 18446744073709551615":             {In: in, Out: out, Count: 1<<64 - 1},
		"--sparse leaves out":                      {In: in, Out: dd.Side{File: "x", Flags: dd.Append}, Sparse: true},
		"--oflag append writes at the end":         {In: in, Out: dd.Side{File: "x", Flags: dd.Append}, Seek: 1},
		"are the same file":                        {In: in, Out: in},
		"are the same block device D and overlap":  {In: dd.Side{Bdev: "D"}, Out: dd.Side{Bdev: "D"}, Seek: 5, Count: 10},
		"is a directory":                           {In: dd.Side{File: b.dir}, Out: out},
		"nowhere":                                  {In: dd.Side{Bdev: "nowhere"}, Out: out},
		"no such file":                             {In: dd.Side{File: b.path("none")}, Out: out},
		"write block device Bad at byte 40960":     {In: in, Out: dd.Side{Bdev: "Bad"}, Depth: 1},
		"read block device Bad at byte 40960":      {In: dd.Side{Bdev: "Bad"}, Out: out, Depth: 1},
		"write /dev/full at byte 0: no space left": {In: in, Out: dd.Side{File: "/dev/full"}},
	} {
		if _, err := dd.Copy(context.Background(), b.reg, b.bg.Thread(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	b.same("input", b.content(in), data)
	if _, err := os.Stat(none.File); err == nil {
		t.Error("an output was made for a copy that was refused")
	}
	if _, err := dd.Copy(context.Background(), b.reg, b.bg.Thread(), dd.Config{In: dd.Side{File: "/dev/zero"}, Out: dd.Side{Bdev: "D"}, Depth: 7}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("endless input: %v", err)
	}
}

// The last report is of all, and a report's rate is bytes a second.
func TestProgress(t *testing.T) {
	b := newBench(t)
	in := dd.Side{File: b.file("in", b.random(100000))}
	var last dd.Progress
	p := b.copy(dd.Config{In: in, Out: dd.Side{File: b.path("out")}, Progress: func(p dd.Progress) { last = p }})
	if !last.Last || last.Done != 100000 || last.Total != 100000 || p.Done != 100000 {
		t.Errorf("%+v, %+v", last, p)
	}
	if r := (&dd.Progress{Done: 3000, Time: 2e9}).Rate(); r != 1500 {
		t.Errorf("rate %v", r)
	}
}

func FuzzParseFlags(f *testing.F) {
	f.Add("direct,sync")
	f.Add("append,,x")
	f.Fuzz(func(t *testing.T, s string) {
		flags, err := dd.ParseFlags(s)
		if err != nil {
			return
		}
		if again, err := dd.ParseFlags(flags.String()); err != nil || again != flags {
			t.Errorf("%q is %v, and that %v, %v", s, flags, again, err)
		}
	})
}
