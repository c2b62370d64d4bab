// SPDX-License-Identifier: BSD-3-Clause

package bdevtest

import (
	"math/rand/v2"

	"github.com/gospdk/gospdk/bdev"
)

func testInfo(r *rig) {
	if r.info.Product == "" {
		r.Error("Info.Product is empty")
	}
	if r.info.DataSize() == 0 || r.info.DataSize() > r.info.BlockSize {
		r.Errorf("blocks of %d bytes hold %d bytes of data", r.info.BlockSize, r.info.DataSize())
	}
	if b := r.info.PhysicalBlockSize; b != 0 && b%r.info.DataSize() != 0 {
		r.Errorf("physical blocks of %d bytes are no multiple of the data size %d", b, r.info.DataSize())
	}
	for _, op := range []bdev.Op{bdev.OpRead, bdev.OpReset} {
		if !r.desc.Supports(op) {
			r.Errorf("%s is not supported", op)
		}
	}
	for _, name := range append(r.info.Aliases, r.info.Name, r.info.UUID.String()) {
		if info, err := r.reg.Get(name); err != nil || info.Name != r.info.Name {
			r.Errorf("Get(%q) = %q, %v", name, info.Name, err)
		}
	}
}

// ranges are places to try: first and last blocks, and sizes up to what a
// device is likely to split.
func (r *rig) ranges() (all [][2]uint64) {
	n := r.info.NumBlocks
	large := min(minBlocks, max(1, (1<<20)/uint64(r.info.BlockSize)))
	for _, blocks := range []uint64{1, 2, 3, 7, 8, 64, large} {
		if blocks > large {
			continue
		}
		for _, first := range []uint64{0, 1, 5, n/2 - 1, n - blocks} {
			if first <= n-blocks {
				all = append(all, [2]uint64{first, blocks})
			}
		}
	}
	return all
}

func testPatterns(r *rig) {
	r.needs(bdev.OpWrite)
	for gen, at := range r.ranges() {
		first, blocks := at[0], at[1]
		r.user.write(first, blocks, uint32(gen))
		r.user.expect(first, blocks, uint32(gen))
	}
	// Neighbours stay.
	r.user.write(10, 30, 1)
	r.user.write(20, 10, 2)
	r.user.expect(10, 10, 1)
	r.user.expect(20, 10, 2)
	r.user.expect(30, 10, 1)
}

// pieces cuts p into a list of odd pieces, some of them empty. Half of the
// lists keep to the device's alignment.
func (r *rig) pieces(rng *rand.Rand, p []byte) (iov [][]byte) {
	unit := int(max(1, r.info.Alignment))
	if rng.IntN(2) == 0 {
		unit = 1
	}
	for len(p) > 0 {
		n := unit * (1 + rng.IntN(1<<rng.IntN(10)))
		n = min(n, len(p))
		iov = append(iov, p[:n:n])
		p = p[n:]
		if rng.IntN(8) == 0 {
			iov = append(iov, p[:0:0])
		}
	}
	return iov
}

func testScatterGather(r *rig) {
	r.needs(bdev.OpWrite)
	rng := rand.New(rand.NewPCG(r.seed, 1))
	r.Logf("seed %d", r.seed)
	for gen := range uint32(20) {
		blocks := 1 + rng.Uint64N(40)
		first := rng.Uint64N(minBlocks - blocks)
		p := r.mem(r.bytes(blocks))
		fill(p, first, gen, int(r.info.BlockSize))
		r.user.must(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: r.pieces(rng, p)})
		r.user.expect(first, blocks, gen)
		clear(p)
		r.user.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: r.pieces(rng, p)})
		if !r.discards {
			if err := check(p, first, gen, int(r.info.BlockSize)); err != nil {
				r.Fatal(err)
			}
		}
	}
	// One byte a piece.
	p := r.mem(r.bytes(1))
	fill(p, 3, 99, int(r.info.BlockSize))
	iov := make([][]byte, len(p))
	for i := range p {
		iov[i] = p[i : i+1]
	}
	r.user.must(&bdev.IO{Op: bdev.OpWrite, Offset: 3, Blocks: 1, Iov: iov})
	r.user.expect(3, 1, 99)
}

// testAnyAddress moves data to and from odd addresses.
func testAnyAddress(r *rig) {
	r.needs(bdev.OpWrite)
	for _, at := range r.ranges() {
		first, blocks := at[0], at[1]
		p := r.mem(r.bytes(blocks) + 1)[1:]
		fill(p, first, 5, int(r.info.BlockSize))
		r.user.must(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: [][]byte{p}})
		r.user.expect(first, blocks, 5)
		clear(p)
		r.user.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: [][]byte{p}})
		if !r.discards {
			if err := check(p, first, 5, int(r.info.BlockSize)); err != nil {
				r.Fatal(err)
			}
		}
	}
}

// testLentMemory reads without memory of its own.
func testLentMemory(r *rig) {
	r.needs(bdev.OpWrite)
	r.user.write(7, 12, 6)
	for range 3 {
		io := bdev.IO{Op: bdev.OpRead, Offset: 7, Blocks: 12}
		if r.bytes(12) > 64<<10 {
			io.Blocks = 1
		}
		r.user.must(&io)
		if len(io.Iov) != 1 || len(io.Iov[0]) != r.bytes(io.Blocks) {
			r.Fatalf("a read of %d blocks was given %d pieces", io.Blocks, len(io.Iov))
		}
		if !r.discards {
			if err := check(io.Iov[0], 7, 6, int(r.info.BlockSize)); err != nil {
				r.Fatal(err)
			}
		}
		if err := r.user.ch.Close(); err == nil {
			r.Fatal("the channel was closed while memory of it was lent")
		}
		io.ReleaseBuffer()
		io.ReleaseBuffer() // does nothing
	}
}

func testWriteZeroes(r *rig) {
	r.needs(bdev.OpWriteZeroes)
	for _, at := range r.ranges() {
		first, blocks := at[0], at[1]
		r.user.write(first, blocks, 7)
		r.user.must(&bdev.IO{Op: bdev.OpWriteZeroes, Offset: first, Blocks: blocks})
		r.user.expectZeroes(first, blocks)
	}
	r.user.write(0, 12, 8)
	r.user.must(&bdev.IO{Op: bdev.OpWriteZeroes, Offset: 4, Blocks: 4})
	r.user.expect(0, 4, 8)
	r.user.expectZeroes(4, 4)
	r.user.expect(8, 4, 8)
	// More than an emulation writes at once.
	r.user.must(&bdev.IO{Op: bdev.OpWriteZeroes, Blocks: r.size()})
	r.user.expectZeroes(0, minBlocks)
}

// size is as much of the device as is worth going over, in blocks.
func (r *rig) size() uint64 { return min(r.info.NumBlocks, (4<<20)/uint64(r.info.BlockSize)+1) }

func testUnmap(r *rig) {
	r.needs(bdev.OpUnmap)
	r.user.write(0, 24, 1)
	r.user.must(&bdev.IO{Op: bdev.OpUnmap, Offset: 8, Blocks: 8})
	r.user.expect(0, 8, 1)
	r.user.expect(16, 8, 1)
	if r.info.ZeroesAfterUnmap {
		r.user.expectZeroes(8, 8)
	}
	r.user.write(10, 3, 2)
	r.user.expect(10, 3, 2)
	r.user.must(&bdev.IO{Op: bdev.OpUnmap, Blocks: r.info.NumBlocks})
}

func testCopy(r *rig) {
	r.needs(bdev.OpCopy)
	r.user.write(0, 16, 1)
	r.user.must(&bdev.IO{Op: bdev.OpCopy, CopySrc: 2, Offset: 100, Blocks: 5})
	if r.discards {
		return
	}
	for i := range uint64(5) {
		p := r.user.read(100+i, 1)
		if err := check(p, 2+i, 1, int(r.info.BlockSize)); err != nil {
			r.Fatal(err)
		}
	}
	r.user.expect(0, 16, 1)
}

func testMetadata(r *rig) {
	if r.info.MDSize == 0 || r.info.MDInterleaved {
		r.Skip("the device has no separate metadata")
	}
	r.needs(bdev.OpWrite)
	md := int(r.info.MDSize)
	const first, blocks = 3, 20
	data, meta := r.mem(r.bytes(blocks)), r.mem(md*blocks)
	fill(data, first, 1, int(r.info.BlockSize))
	fill(meta, first, 2, md)
	r.user.must(&bdev.IO{Op: bdev.OpWrite, Offset: first, Blocks: blocks, Iov: [][]byte{data}, Meta: meta})
	got := r.mem(len(meta))
	r.user.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: [][]byte{data}, Meta: got})
	if err := check(got, first, 2, md); err != nil && !r.discards {
		r.Fatal("metadata: ", err)
	}
	if r.desc.Supports(bdev.OpCompare) && !r.discards {
		io := bdev.IO{Op: bdev.OpCompare, Offset: first, Blocks: blocks, Iov: [][]byte{data}, Meta: got}
		r.user.must(&io)
		got[len(got)-1] ^= 1
		if s := r.user.do(&io); s != bdev.StatusMiscompare {
			r.Errorf("compare with other metadata: %v", s)
		}
	}
	r.user.must(&bdev.IO{Op: bdev.OpWriteZeroes, Offset: first + 1, Blocks: 2})
	r.user.must(&bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: [][]byte{data}, Meta: got})
	for i, v := range got[md : 3*md] {
		if v != 0 && !r.discards {
			r.Fatalf("byte %d of the metadata of zeroed blocks is %#x", i, v)
		}
	}
	short := bdev.IO{Op: bdev.OpRead, Offset: first, Blocks: blocks, Iov: [][]byte{data}, Meta: meta[:1]}
	if s := r.user.do(&short); s != bdev.StatusLength {
		r.Errorf("read with too short metadata: %v", s)
	}
}
