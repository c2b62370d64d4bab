// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread"
)

// protected is a strict device that checks protection information.
func newProtected(t *testing.T, interleaved bool, format dif.PIFormat) *strictDisk {
	i := bdev.Info{
		Name: "Strict0", Product: "Strict disk", BlockSize: 4096, NumBlocks: 400, MDSize: 32, MDInterleaved: interleaved,
		DIF: dif.Type1, DIFPIFormat: format, DIFHeadOfMD: format == dif.PI32, DIFCheck: dif.Guard | dif.RefTag,
		OptimalIOBoundary: 9, SplitOnBoundary: true,
	}
	if interleaved {
		i.BlockSize += i.MDSize
	}
	d := &strictDisk{t: t, info: i, room: 7, seed: 3, checks: true, ops: []bdev.Op{bdev.OpRead, bdev.OpWrite}}
	d.mem = make([]byte, i.NumBlocks*uint64(i.BlockSize))
	d.meta = make([]byte, i.NumBlocks*uint64(i.MDSize))
	return d
}

// sync submits io and polls until it has ended.
func syncIO(t *testing.T, th *thread.Thread, ch *bdev.UserChannel, io bdev.IO) (bdev.Status, *bdev.IO) {
	t.Helper()
	r := &request{IO: io}
	r.Done = r
	ch.Submit(&r.IO)
	for i := 0; r.n == 0; i++ {
		if th.Poll(); i > 10_000_000 {
			t.Fatalf("%s does not end", io.Op)
		}
	}
	return r.Status, &r.IO
}

// Who hides metadata sees blocks of data; the device gets protected blocks.
func TestHideMetadata(t *testing.T) {
	for format := range dif.PI64 + 1 {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			d := newProtected(t, true, format)
			b := newTestbed(t, d)
			th := thread.New("t")
			whole := b.channel(th)
			if s, _ := syncIO(t, th, whole, bdev.IO{Op: bdev.OpWriteZeroes, Blocks: 400}); s != 0 {
				t.Fatalf("write zeroes: %v", s)
			}
			desc := b.open(bdev.Write)
			defer desc.Close()
			if err := desc.HideMetadata(); err != nil {
				t.Fatal(err)
			}
			if i := desc.Info(); i.BlockSize != 4096 || i.MDSize != 0 || i.DIF != dif.Disabled {
				t.Errorf("the descriptor shows blocks of %d bytes, metadata of %d, %v", i.BlockSize, i.MDSize, i.DIF)
			}
			ch, err := desc.Channel(th)
			if err != nil {
				t.Fatal(err)
			}
			defer ch.Close()
			model := make([]byte, 400*4096)
			rng := rand.New(rand.NewPCG(4, 5))
			for range 300 {
				blocks := 1 + rng.Uint64N(40)
				at := rng.Uint64N(400 - blocks)
				p := make([]byte, blocks*4096)
				cut := rng.IntN(len(p))
				io := bdev.IO{Offset: at, Blocks: blocks, Iov: [][]byte{p[:cut], p[cut:]}}
				part := model[at*4096:][:len(p)]
				switch rng.IntN(5) {
				case 0:
					io.Op = bdev.OpWrite
					fillRandom(p, rng.Uint64())
					copy(part, p)
				case 1:
					io.Op, io.Iov = bdev.OpWriteZeroes, nil
					clear(part)
				case 2:
					io.Op, io.Iov = bdev.OpCopy, nil
					io.CopySrc = rng.Uint64N(400 - blocks)
					copy(part, model[io.CopySrc*4096:][:len(p)])
				case 3:
					io.Op = bdev.OpCompare
					copy(p, part)
				default:
					io.Op = bdev.OpRead
				}
				if s, _ := syncIO(t, th, ch, io); s != 0 {
					t.Fatalf("%s of %d blocks at %d: %v", io.Op, blocks, at, s)
				}
				if io.Op == bdev.OpRead && !bytes.Equal(p, part) {
					t.Fatalf("read of %d blocks at %d: other data", blocks, at)
				}
			}
			p := bytes.Clone(model[:2*4096])
			p[5000] ^= 1
			if s, _ := syncIO(t, th, ch, bdev.IO{Op: bdev.OpCompare, Blocks: 2, Iov: [][]byte{p}}); s != bdev.StatusMiscompare {
				t.Errorf("compare with other data: %v", s)
			}
			s, io := syncIO(t, th, ch, bdev.IO{Op: bdev.OpRead, Offset: 3, Blocks: 5})
			if s != 0 || len(io.Iov[0]) != 5*4096 || !bytes.Equal(io.Iov[0], model[3*4096:8*4096]) {
				t.Errorf("read without memory: %v", s)
			}
			io.ReleaseBuffer()
			d.checks = false // the core finds it
			d.mem[7] ^= 1
			read := bdev.IO{Op: bdev.OpRead, Blocks: 2, Iov: [][]byte{p}}
			if s, _ := syncIO(t, th, ch, read); s != bdev.StatusNVMe(2, 0x82) {
				t.Errorf("read of a block that has changed: %v", s)
			}
			read.DIFExclude = dif.Guard
			if s, _ := syncIO(t, th, ch, read); s != 0 {
				t.Errorf("the same without the check: %v", s)
			}
		})
	}
}

// Protected blocks that the core writes have the right tags, in metadata
// beside, too; an IO may leave checks out.
func TestProtectedEmulation(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		t.Run(fmt.Sprintf("interleaved %v", interleaved), func(t *testing.T) {
			d := newProtected(t, interleaved, dif.PI16)
			d.info.WriteUnit = 3
			d.info.OptimalIOBoundary = 9
			d.info.NumBlocks = 399
			b := newTestbed(t, d)
			th := thread.New("t")
			ch := b.channel(th)
			for _, io := range []bdev.IO{
				{Op: bdev.OpWriteZeroes, Blocks: 399},
				{Op: bdev.OpWriteZeroes, Offset: 10, Blocks: 31},
				{Op: bdev.OpCopy, Offset: 100, Blocks: 77, CopySrc: 5},
				{Op: bdev.OpCopy, Offset: 110, Blocks: 77, CopySrc: 100},
				{Op: bdev.OpRead, Blocks: 399},
			} {
				if io.Op == bdev.OpRead {
					io.Iov = [][]byte{make([]byte, 399*d.info.BlockSize)}
					if !interleaved {
						io.Meta = make([]byte, 399*32)
					}
				}
				if s, _ := syncIO(t, th, ch, io); s != 0 {
					t.Fatalf("%s of %d blocks at %d: %v", io.Op, io.Blocks, io.Offset, s)
				}
			}
			d.mem[0] ^= 1
			io := bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: [][]byte{make([]byte, d.info.BlockSize)}}
			if !interleaved {
				io.Meta = make([]byte, 32)
			}
			if s, _ := syncIO(t, th, ch, io); s != bdev.StatusNVMe(2, 0x82) {
				t.Errorf("read of a block that has changed: %v", s)
			}
			io.DIFExclude = dif.Guard
			if s, _ := syncIO(t, th, ch, io); s != 0 {
				t.Errorf("the same without the check: %v", s)
			}
			desc := b.open(bdev.Read)
			defer desc.Close()
			if err := desc.HideMetadata(); !interleaved && !errors.Is(err, syscall.EINVAL) {
				t.Errorf("HideMetadata of metadata beside = %v", err)
			}
		})
	}
}
