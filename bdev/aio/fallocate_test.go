// SPDX-License-Identifier: BSD-3-Clause

package aio_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/aio"
)

// However many blocks are unmapped and zeroed at once, few goroutines do it.
func TestManyUnmaps(t *testing.T) {
	const blocks, stride = 8192, 4
	r := newRig(t, aio.Config{Filename: file(t, t.TempDir(), blocks*512), BlockSize: 512, Fallocate: true})
	want := random(t, blocks*512)
	r.must(&bdev.IO{Op: bdev.OpWrite, Blocks: blocks, Iov: [][]byte{want}})
	before := runtime.NumGoroutine()
	var c counter
	ios := make([]bdev.IO, blocks/stride)
	for i := range ios {
		op := bdev.OpUnmap
		if i%2 == 0 {
			op = bdev.OpWriteZeroes
		}
		ios[i] = bdev.IO{Op: op, Offset: uint64(i * stride), Blocks: 1, Done: &c}
		clear(want[i*stride*512:][:512])
		r.ch.Submit(&ios[i])
		if n := runtime.NumGoroutine() - before; n > 8 {
			t.Fatalf("%d goroutines for %d operations", n, i+1)
		}
	}
	r.until("all operations", func() bool { return c.n == len(ios) })
	for i := range ios {
		if ios[i].Status != bdev.StatusSuccess {
			t.Fatalf("%v of block %d: %v", ios[i].Op, ios[i].Offset, ios[i].Status)
		}
	}
	got := mem(t, len(want))
	r.must(&bdev.IO{Op: bdev.OpRead, Blocks: blocks, Iov: [][]byte{got}})
	if !bytes.Equal(got, want) {
		t.Error("not the blocks that were unmapped are zeroes, or they alone")
	}
}
