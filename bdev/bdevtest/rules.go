// SPDX-License-Identifier: BSD-3-Clause

package bdevtest

import (
	"math"
	"testing"

	"github.com/gospdk/gospdk/bdev"
)

// testRefusals submits what is wrong and wants the status that says so.
func testRefusals(r *rig) {
	n := r.info.NumBlocks
	one := [][]byte{r.mem(r.bytes(1))}
	two := [][]byte{r.mem(r.bytes(2))}
	tests := []struct {
		name string
		io   bdev.IO
		want bdev.Status
	}{
		{"at the end", bdev.IO{Op: bdev.OpRead, Offset: n, Blocks: 1, Iov: one}, bdev.StatusOutOfRange},
		{"across the end", bdev.IO{Op: bdev.OpRead, Offset: n - 1, Blocks: 2, Iov: two}, bdev.StatusOutOfRange},
		{"largest offset", bdev.IO{Op: bdev.OpRead, Offset: math.MaxUint64, Blocks: 1, Iov: one}, bdev.StatusOutOfRange},
		{"sum wraps", bdev.IO{Op: bdev.OpRead, Offset: math.MaxUint64, Blocks: 2, Iov: two}, bdev.StatusOutOfRange},
		{"largest length", bdev.IO{Op: bdev.OpRead, Offset: 1, Blocks: math.MaxUint64, Iov: one}, bdev.StatusOutOfRange},
		{"no blocks", bdev.IO{Op: bdev.OpRead}, bdev.StatusInvalid},
		{"no data", bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: [][]byte{}}, bdev.StatusLength},
		{"little data", bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: [][]byte{one[0][:r.bytes(1)-1]}}, bdev.StatusLength},
		{"much data", bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: two}, bdev.StatusLength},
		{"no operation", bdev.IO{}, bdev.StatusUnsupported},
		{"unknown operation", bdev.IO{Op: 200, Blocks: 1}, bdev.StatusUnsupported},
		{"operation 33", bdev.IO{Op: 33, Blocks: 1, Iov: one}, bdev.StatusUnsupported},
	}
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes, bdev.OpCompare, bdev.OpCompareAndWrite, bdev.OpCopy} {
		want := bdev.StatusOutOfRange
		if !r.desc.Supports(op) {
			want = bdev.StatusUnsupported
		}
		tests = append(tests, struct {
			name string
			io   bdev.IO
			want bdev.Status
		}{op.String() + " across the end", bdev.IO{Op: op, Offset: n - 1, Blocks: 2, Iov: two, WriteIov: two}, want})
	}
	if r.info.MDSize == 0 || r.info.MDInterleaved {
		tests = append(tests, struct {
			name string
			io   bdev.IO
			want bdev.Status
		}{"metadata", bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: one, Meta: two[0]}, bdev.StatusInvalid})
	}
	for _, test := range tests {
		if s := r.user.do(&test.io); s != test.want {
			r.Errorf("%s: %v, want %v", test.name, s, test.want)
		}
	}
}

func testReadOnly(r *rig) {
	u := r.newUser(r.open(bdev.Read))
	p := [][]byte{r.mem(r.bytes(1))}
	for _, op := range []bdev.Op{bdev.OpWrite, bdev.OpUnmap, bdev.OpWriteZeroes, bdev.OpCompareAndWrite, bdev.OpCopy} {
		if !r.desc.Supports(op) {
			continue
		}
		if s := u.do(&bdev.IO{Op: op, Blocks: 1, Iov: p, WriteIov: p}); s != bdev.StatusReadOnly {
			r.Errorf("%s with a descriptor for reading: %v", op, s)
		}
	}
	u.must(&bdev.IO{Op: bdev.OpRead, Blocks: 1, Iov: p})
}

func testCompare(r *rig) {
	r.needs(bdev.OpCompare)
	r.needs(bdev.OpWrite)
	if r.discards {
		r.Skip("the device keeps no data")
	}
	for _, at := range r.ranges() {
		first, blocks := at[0], at[1]
		r.user.write(first, blocks, 3)
		p := r.mem(r.bytes(blocks))
		fill(p, first, 3, int(r.info.BlockSize))
		io := bdev.IO{Op: bdev.OpCompare, Offset: first, Blocks: blocks, Iov: [][]byte{p}}
		r.user.must(&io)
		for _, i := range []int{0, len(p) / 2, len(p) - 1} {
			p[i] ^= 0x80
			if s := r.user.do(&io); s != bdev.StatusMiscompare {
				r.Errorf("compare of %d blocks at %d with byte %d changed: %v", blocks, first, i, s)
			}
			p[i] ^= 0x80
		}
	}
}

func testCompareAndWrite(r *rig) {
	r.needs(bdev.OpCompareAndWrite)
	if r.discards {
		r.Skip("the device keeps no data")
	}
	blocks := min(r.maxCompareWrite(), 8)
	r.user.write(4, blocks, 1)
	old, data := r.mem(r.bytes(blocks)), r.mem(r.bytes(blocks))
	fill(old, 4, 1, int(r.info.BlockSize))
	fill(data, 4, 2, int(r.info.BlockSize))
	io := bdev.IO{Op: bdev.OpCompareAndWrite, Offset: 4, Blocks: blocks, Iov: [][]byte{old}, WriteIov: [][]byte{data}}
	r.user.must(&io)
	r.user.expect(4, blocks, 2)
	fill(data, 4, 3, int(r.info.BlockSize))
	if s := r.user.do(&io); s != bdev.StatusMiscompare {
		r.Errorf("compare and write over other data: %v", s)
	}
	r.user.expect(4, blocks, 2)
	io.WriteIov = nil
	if s := r.user.do(&io); s != bdev.StatusLength {
		r.Errorf("compare and write without data to write: %v", s)
	}
	many := r.maxCompareWrite() + 1
	if many <= r.info.NumBlocks {
		p := [][]byte{r.mem(r.bytes(many))}
		if s := r.user.do(&bdev.IO{Op: bdev.OpCompareAndWrite, Blocks: many, Iov: p, WriteIov: p}); s != bdev.StatusInvalid {
			r.Errorf("compare and write of %d blocks: %v", many, s)
		}
	}
}

func testFlushAndReset(r *rig) {
	r.user.must(&bdev.IO{Op: bdev.OpReset})
	if r.desc.Supports(bdev.OpWrite) {
		r.user.write(0, 4, 1)
	}
	if r.desc.Supports(bdev.OpFlush) {
		r.user.must(&bdev.IO{Op: bdev.OpFlush, Blocks: r.info.NumBlocks})
		r.user.must(&bdev.IO{Op: bdev.OpFlush})
		r.user.must(&bdev.IO{Op: bdev.OpFlush, Offset: 1, Blocks: 2})
		if s := r.user.do(&bdev.IO{Op: bdev.OpFlush, Offset: r.info.NumBlocks, Blocks: 1}); s != bdev.StatusOutOfRange {
			r.Errorf("flush beyond the end: %v", s)
		}
	} else if r.info.WriteCache {
		r.Error("the device has a write cache but no flush")
	}
	r.user.must(&bdev.IO{Op: bdev.OpReset})
	if r.desc.Supports(bdev.OpWrite) {
		r.user.expect(0, 4, 1)
	}
}

// testAbort wants that an IO which is aborted ends once, and that aborting
// one which is not outstanding fails.
func testAbort(r *rig) {
	var w waiter
	target := bdev.IO{Op: bdev.OpRead, Blocks: 8, Iov: [][]byte{r.mem(r.bytes(8))}, Done: &w}
	if s := r.user.do(&bdev.IO{Op: bdev.OpAbort, Target: &target}); s == bdev.StatusSuccess {
		r.Error("abort of an IO that is not outstanding succeeded")
	}
	if s := r.user.do(&bdev.IO{Op: bdev.OpAbort}); s == bdev.StatusSuccess {
		r.Error("abort of nothing succeeded")
	}
	r.user.ch.Submit(&target)
	s := r.user.do(&bdev.IO{Op: bdev.OpAbort, Target: &target})
	r.user.until("the aborted read to end", func() bool { return w.n > 0 })
	if w.n != 1 || target.Status != bdev.StatusSuccess && target.Status != bdev.StatusAborted {
		r.Errorf("abort: %v; the read ended %d times, with %v", s, w.n, target.Status)
	}
}

// testNoAllocations wants none for reads and writes.
func testNoAllocations(r *rig) {
	if raceDetector {
		r.Skip("the race detector has every sync.Pool lose some of what it holds, so its users allocate")
	}
	var w waiter
	blocks := uint64(8)
	if r.info.WriteUnit > 1 {
		blocks = uint64(r.info.WriteUnit) // what is less takes a lock
	}
	io := bdev.IO{Blocks: blocks, Iov: [][]byte{r.mem(r.bytes(blocks))}, Done: &w}
	ops := []bdev.Op{bdev.OpRead}
	if r.desc.Supports(bdev.OpWrite) {
		ops = append(ops, bdev.OpWrite)
	}
	for _, op := range ops {
		n := testing.AllocsPerRun(200, func() {
			io.Op = op
			done := w.n
			r.user.ch.Submit(&io)
			for w.n == done {
				r.user.t.Poll()
			}
		})
		if n != 0 {
			r.Errorf("%s: %v allocations an IO", op, n)
		}
	}
}

func (r *rig) maxCompareWrite() uint64 {
	if n := r.info.AtomicCompareWrite; n > 0 {
		return uint64(n)
	}
	return uint64(max(1, r.info.WriteUnit))
}
