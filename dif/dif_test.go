// SPDX-License-Identifier: BSD-3-Clause

package dif

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/internal/crc32c"
)

// layouts are contexts of all formats and places.
func layouts() (all []Context) {
	for _, f := range []PIFormat{PI16, PI32, PI64} {
		for _, md := range []uint32{f.Size(), 64} {
			for i := range 4 {
				c := Context{BlockSize: 4096, MDSize: md, Interleaved: i&1 == 0, HeadOfMD: i&2 == 0, Type: Type1, PIFormat: f,
					Flags: Guard | AppTag | RefTag, AppTag: 0x1234, AppMask: 0xffff, RefTag: 0x100, GuardSeed: 0x55}
				if c.Interleaved {
					c.BlockSize += md
				}
				all = append(all, c)
			}
		}
	}
	return all
}

func (c Context) String() string {
	return fmt.Sprintf("%s, %d+%d, interleaved %v, head %v", c.PIFormat, c.BlockSize, c.MDSize, c.Interleaved, c.HeadOfMD)
}

// TestInjected finds every kind of injected error.
func TestInjected(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range layouts() {
		for _, kind := range []Flags{RefTag, AppTag, Guard, Data} {
			data, md := contents(5*int(c.BlockSize), 1), contents(5*int(c.MDSize), 2)
			iov := cut(data, 700)
			var block uint64
			var err error
			if c.Interleaved {
				must(t, c.Generate(iov, 5))
				must(t, c.Verify(iov, 5))
				if block, err = c.Inject(iov, 5, kind, rng); err == nil {
					err = c.Verify(iov, 5)
				}
			} else {
				must(t, c.GenerateMeta(iov, md, 5))
				must(t, c.VerifyMeta(iov, md, 5))
				if block, err = c.InjectMeta(iov, md, 5, kind, rng); err == nil {
					err = c.VerifyMeta(iov, md, 5)
				}
			}
			want := kind
			if kind == Data {
				want = Guard
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != want || e.Block != block {
				t.Errorf("%v: error of kind %d in block %d was found as %v", c, kind, block, err)
			}
		}
	}
}

// TestStreams cuts a stream at every place and compares with whole blocks.
func TestStreams(t *testing.T) {
	for _, c := range layouts() {
		if !c.Interleaved {
			continue
		}
		size := uint64(c.dataSize())
		want := contents(3*int(c.BlockSize), 7)
		c.DataOffset = 10 * size
		must(t, c.Generate([][]byte{want}, 3))
		crc, err := c.UpdateCRC32C(3, cut(want, 1000), 3)
		must(t, err)
		for step := uint64(1); step < 3*size; step = step*3/2 + 1 {
			got := contents(len(want), 7)
			iov := cut(got, 900)
			var sum uint32 = 3
			for at := uint64(0); at < 3*size; at += step {
				n := min(step, 3*size-at)
				must(t, c.GenerateStream(iov, at, n))
				sum, err = c.UpdateCRC32CStream(sum, iov, at, n)
				must(t, err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v: parts of %d bytes differ", c, step)
			}
			if sum != crc {
				t.Errorf("%v: CRC of parts of %d bytes is %08x, not %08x", c, step, sum, crc)
			}
			for at := uint64(0); at < 3*size; at += step {
				must(t, c.VerifyStream(iov, at, min(step, 3*size-at)))
			}
			got[int(c.BlockSize)+5] ^= 1
			for at := uint64(0); at < 3*size && err == nil; at += step {
				err = c.VerifyStream(iov, at, min(step, 3*size-at))
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != Guard || e.Block != 1 {
				t.Errorf("%v: parts of %d bytes: %v", c, step, err)
			}
			c.stream = false
			err = nil
		}
	}
}

// TestSegments goes on from one buffer to the next in the middle of a block.
func TestSegments(t *testing.T) {
	c := layouts()[0]
	want := contents(2*int(c.BlockSize), 9)
	must(t, c.Generate([][]byte{want}, 2))
	got := contents(len(want), 9)
	must(t, c.GenerateStream([][]byte{got[:3000]}, 0, 3000))
	c.DataOffset = 3000
	rest := [][]byte{got[3000:]}
	must(t, c.GenerateStream(rest, 0, 500))
	must(t, c.GenerateStream(rest, 500, 2*4096-3500))
	if !bytes.Equal(got, want) {
		t.Error("segments differ")
	}
}

func TestInterleave(t *testing.T) {
	for _, c := range layouts() {
		if !c.Interleaved {
			continue
		}
		c.DataOffset = 1000 // the buffer begins within a block
		buf := contents(4*int(c.BlockSize), 3)
		var data []byte
		for i, b := range buf {
			if (uint32(i)+1000)%c.BlockSize < c.BlockSize-c.MDSize {
				data = append(data, b)
			}
		}
		for _, place := range [][2]uint64{{0, 1}, {0, 3096}, {0, 3097}, {3096, 4096}, {50, 9000}, {7192, 8}} {
			want := data[place[0]:][:place[1]]
			pieces := make([][]byte, 40)
			for _, room := range []int{40, 2} {
				used, mapped, err := c.Interleave(pieces[:room], cut(buf, 2000), place[0], place[1])
				must(t, err)
				got := bytes.Join(pieces[:used], nil)
				if uint64(len(got)) != mapped || !bytes.HasPrefix(want, got) || room == 40 && len(got) != len(want) {
					t.Errorf("%v: %v with %d pieces: %d bytes, not those that were asked for", c, place, room, len(got))
				}
				sum, err := c.UpdateCRC32CStream(0, cut(buf, 2000), place[0], place[1])
				must(t, err)
				if sum != crc32c.Update(0, want) {
					t.Errorf("%v: %v: CRC is wrong", c, place)
				}
			}
		}
		if _, _, err := c.Interleave(nil, cut(buf, 2000), 4096*4, 1); !errors.Is(err, syscall.ERANGE) {
			t.Errorf("beyond the end: %v", err)
		}
	}
}

func TestRange(t *testing.T) {
	c := Context{BlockSize: 520, MDSize: 8, Interleaved: true, Type: Type1}
	for _, v := range [][4]uint64{{0, 0, 0, 0}, {0, 511, 0, 511}, {0, 512, 0, 520}, {512, 512, 520, 520}, {100, 412, 100, 420}, {1000, 1048, 1008, 1072}} {
		if at, n := c.Range(v[0], v[1]); at != v[2] || n != v[3] {
			t.Errorf("Range(%d, %d) is %d, %d", v[0], v[1], at, n)
		}
	}
	if n := c.Length(1025); n != 1041 {
		t.Errorf("Length(1025) is %d", n)
	}
	c.Interleaved = false
	if at, n := c.Range(700, 600); at != 700 || n != 600 {
		t.Errorf("separate: %d, %d", at, n)
	}
}

func TestDisabled(t *testing.T) {
	c := Context{BlockSize: 520, MDSize: 8, Interleaved: true}
	data := contents(1040, 1)
	iov := [][]byte{bytes.Clone(data)}
	must(t, c.Generate(iov, 2))
	must(t, c.Verify(iov, 2))
	must(t, c.Remap(iov, 2, 5, true))
	must(t, c.GenerateStream(iov, 0, 1024))
	if !bytes.Equal(iov[0], data) {
		t.Error("data changed")
	}
	plain, back := contents(1024, 2), make([]byte, 1024)
	must(t, c.GenerateCopy(iov, [][]byte{plain}, 2))
	must(t, c.VerifyCopy([][]byte{back}, iov, 2))
	if !bytes.Equal(plain, back) || !bytes.Equal(iov[0][512:520], data[512:520]) {
		t.Error("copied wrong")
	}
}

func TestInvalid(t *testing.T) {
	good := Context{BlockSize: 520, MDSize: 8, Interleaved: true, Type: Type1}
	for _, v := range []struct {
		words  string
		change func(*Context)
	}{
		{"No valid DIF type", func(c *Context) { c.Type = 4 }},
		{"No valid DIF PI format", func(c *Context) { c.PIFormat = 3 }},
		{"Metadata size is smaller than DIF size", func(c *Context) { c.MDSize = 7 }},
		{"Metadata size is smaller than DIF size", func(c *Context) { c.PIFormat = PI64 }},
		{"Block size is smaller", func(c *Context) { c.MDSize = 521 }},
		{"Zero data block size", func(c *Context) { c.MDSize = 520 }},
		{"multiple of 512 bytes", func(c *Context) { c.BlockSize = 521 }},
		{"multiple of 4096 bytes", func(c *Context) { c.PIFormat, c.MDSize, c.BlockSize = PI32, 16, 528 }},
		{"metadata is separate", func(c *Context) { c.Interleaved, c.BlockSize = false, 512 }},
	} {
		c := good
		v.change(&c)
		err := c.Verify([][]byte{make([]byte, 5000)}, 1)
		if !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), v.words) {
			t.Errorf("%s: %v", v.words, err)
		}
	}
	if err := good.GenerateMeta(nil, nil, 0); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("separate metadata of a context that has it interleaved: %v", err)
	}
	short := [][]byte{make([]byte, 519)}
	for _, blocks := range []uint64{1, 1 << 63} {
		for i, err := range []error{good.Generate(short, blocks), good.Verify(short, blocks), good.Remap(short, blocks, 0, false),
			good.GenerateCopy(short, short, blocks), good.VerifyCopy(short, short, blocks)} {
			if !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%d, too short: %v", i, err)
			}
		}
	}
	if err := good.GenerateStream(short, 1<<63, 1<<63); !errors.Is(err, syscall.ERANGE) {
		t.Errorf("stream: %v", err)
	}
}

// TestIgnored has the application tag that turns off checks.
func TestIgnored(t *testing.T) {
	for _, f := range []PIFormat{PI16, PI32, PI64} {
		c := Context{BlockSize: 4096 + 16, MDSize: 16, Interleaved: true, PIFormat: f, Flags: Guard | AppTag | RefTag, AppMask: 0xffff, AppTag: 1}
		at, size := c.piAt()
		data := contents(int(c.BlockSize), 1)
		for _, v := range []struct {
			typ Type
			ref uint64
			ok  bool
		}{{Type1, 5, true}, {Type2, 5, true}, {Type3, 5, false}, {Type3, f.refMask(), true}} {
			c.Type = v.typ
			f.put(data[at:at+size], 0, AppTagIgnore, v.ref)
			if err := c.Verify([][]byte{data}, 1); (err == nil) != v.ok {
				t.Errorf("%v, %v, reference tag %#x: %v", f, v.typ, v.ref, err)
			}
			out := make([]byte, 4096)
			if err := c.VerifyCopy([][]byte{out}, [][]byte{data}, 1); (err == nil) != v.ok || !bytes.Equal(out, data[:4096]) {
				t.Errorf("%v, %v, reference tag %#x: copied wrong, or %v", f, v.typ, v.ref, err)
			}
		}
	}
}

// TestPRACT copies metadata that is longer than protection information.
func TestPRACT(t *testing.T) {
	for _, c := range layouts() {
		if !c.Interleaved || c.MDSize == c.PIFormat.Size() {
			continue
		}
		c.PRACT = true
		src := contents(2*int(c.BlockSize), 1)
		for _, piece := range []int{1 << 20, 333} {
			dst, back := make([]byte, len(src)), make([]byte, len(src))
			must(t, c.GenerateCopy(cut(dst, piece), cut(src, piece+7), 2))
			must(t, c.Verify([][]byte{dst}, 2))
			must(t, c.VerifyCopy(cut(back, piece), cut(dst, piece+9), 2))
			if !bytes.Equal(dst, back) {
				t.Errorf("%v: VerifyCopy did not copy all", c)
			}
			at, size := c.piAt()
			for b := range 2 {
				copy(dst[b*int(c.BlockSize)+at:], src[b*int(c.BlockSize)+at:][:size])
			}
			if !bytes.Equal(dst, src) {
				t.Errorf("%v: GenerateCopy did not copy the rest", c)
			}
		}
	}
}

func TestError(t *testing.T) {
	err := error(&Error{Kind: RefTag, Block: 3, Expected: 0x10, Actual: 0x11})
	if s := err.Error(); s != "dif: Failed to compare Ref Tag: block 3: Expected=10, Actual=11" || !errors.Is(err, syscall.EILSEQ) {
		t.Error(s)
	}
}

func TestNothingAllocates(t *testing.T) {
	for _, c := range layouts() {
		data, md := make([]byte, 4*int(c.BlockSize)), make([]byte, 4*int(c.MDSize))
		plain := make([]byte, 4*c.dataSize())
		iov, plains := cut(data, 3000), cut(plain, 2500)
		f := func() {
			c.GenerateMeta(iov, md, 4)
			c.VerifyMeta(iov, md, 4)
			c.RemapMeta(md, 4, c.RefTag, true)
		}
		if c.Interleaved {
			f = func() {
				c.Generate(iov, 4)
				c.Verify(iov, 4)
				c.GenerateCopy(iov, plains, 4)
				c.VerifyCopy(plains, iov, 4)
				c.GenerateStream(iov, 0, 5000)
				c.VerifyStream(iov, 0, 5000)
				c.Remap(iov, 4, c.RefTag, true)
			}
		}
		if n := testing.AllocsPerRun(10, f); n != 0 {
			t.Errorf("%v: %v allocations", c, n)
		}
	}
}

// FuzzContext feeds everything with contexts and buffers of any kind.
func FuzzContext(f *testing.F) {
	f.Add(contents(5000, 1), uint32(520), uint32(8), uint8(7), uint8(1), uint8(0), uint64(0), uint64(9), uint64(100), uint64(700))
	f.Add(contents(9000, 2), uint32(4160), uint32(64), uint8(5), uint8(3), uint8(2), uint64(5000), uint64(2), uint64(0), uint64(4096))
	f.Fuzz(func(t *testing.T, data []byte, block, md uint32, bits, typ, format uint8, dataOffset, blocks, offset, n uint64) {
		c := Context{BlockSize: block, MDSize: md, Interleaved: bits&1 != 0, HeadOfMD: bits&2 != 0, PRACT: bits&4 != 0, Type: Type(typ),
			PIFormat: PIFormat(format), Flags: Flags(bits >> 5), DataOffset: dataOffset}
		iov := cut(data, 300)
		half := len(data) / 2
		if c.Interleaved {
			if c.Generate(iov, blocks) == nil {
				must(t, c.Verify(iov, blocks))
			}
			c.Remap(iov, blocks, 1, true)
			c.Inject(iov, blocks, Data|Guard, rand.New(rand.NewPCG(1, 1)))
			c.GenerateCopy(cut(data[:half], 200), cut(data[half:], 111), blocks)
			c.VerifyCopy(cut(data[:half], 200), cut(data[half:], 111), blocks)
			c.GenerateStream(iov, offset, n)
			c.VerifyStream(iov, offset, n)
			c.Interleave(make([][]byte, 5), iov, offset, n)
			c.UpdateCRC32C(0, iov, blocks)
			c.UpdateCRC32CStream(0, iov, offset, n)
			return
		}
		if c.GenerateMeta(cut(data[:half], 99), data[half:], blocks) == nil {
			must(t, c.VerifyMeta(cut(data[:half], 99), data[half:], blocks))
		}
		c.RemapMeta(data, blocks, 1, true)
		c.InjectMeta(cut(data[:half], 99), data[half:], blocks, Data|Guard, rand.New(rand.NewPCG(1, 1)))
	})
}

func BenchmarkDIF(b *testing.B) {
	for _, size := range []uint32{512, 4096} {
		for _, f := range []PIFormat{PI16, PI32, PI64} {
			if f != PI16 && size == 512 {
				continue
			}
			md := f.Size()
			c := Context{BlockSize: size + md, MDSize: md, Interleaved: true, Type: Type1, PIFormat: f, Flags: Guard | AppTag | RefTag, AppMask: 0xffff, AppTag: 7}
			blocks := uint64(4096 / size)
			iov := [][]byte{contents(int(c.BlockSize)*int(blocks), 1)}
			plain := [][]byte{contents(4096, 2)}
			for _, v := range []struct {
				name string
				f    func() error
			}{
				{"Generate", func() error { return c.Generate(iov, blocks) }},
				{"Verify", func() error { return c.Verify(iov, blocks) }},
				{"GenerateCopy", func() error { return c.GenerateCopy(iov, plain, blocks) }},
				{"VerifyCopy", func() error { return c.VerifyCopy(plain, iov, blocks) }},
			} {
				b.Run(fmt.Sprintf("%s/%d/%d", v.name, 16<<f, size), func(b *testing.B) {
					b.SetBytes(4096)
					for b.Loop() {
						if err := v.f(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
