// SPDX-License-Identifier: BSD-3-Clause

package malloc_test

import (
	"context"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/thread"
)

// A read without Iov is answered out of the disk's memory: what is written
// later is there, too.
func TestReadsLend(t *testing.T) {
	d, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 64})
	if err != nil {
		t.Fatal(err)
	}
	r, ctx := bdev.NewRegistry(), context.Background()
	if err := r.Register(ctx, d); err != nil {
		t.Fatal(err)
	}
	desc, err := r.Open(ctx, "Malloc0", bdev.Write, nil)
	if err != nil {
		t.Fatal(err)
	}
	th := thread.New("t")
	ch, err := desc.Channel(th)
	if err != nil {
		t.Fatal(err)
	}
	var n done
	do := func(io *bdev.IO) {
		t.Helper()
		io.Done = &n
		before := n.n
		ch.Submit(io)
		th.Poll()
		if n.n != before+1 || io.Status != bdev.StatusSuccess {
			t.Fatalf("%s: completed %d times with %v", io.Op, n.n-before, io.Status)
		}
	}
	block := func(b byte) [][]byte {
		p := make([]byte, 512)
		for i := range p {
			p[i] = b
		}
		return [][]byte{p}
	}
	do(&bdev.IO{Op: bdev.OpWrite, Offset: 5, Blocks: 1, Iov: block(1)})
	read := bdev.IO{Op: bdev.OpRead, Offset: 4, Blocks: 3}
	do(&read)
	if p := read.Iov[0]; len(read.Iov) != 1 || len(p) != 3*512 || cap(p) != len(p) || p[511] != 0 || p[512] != 1 || p[1024] != 0 {
		t.Fatalf("read %d pieces, the first of %d bytes", len(read.Iov), len(p))
	}
	do(&bdev.IO{Op: bdev.OpWrite, Offset: 6, Blocks: 1, Iov: block(2)})
	if read.Iov[0][1024] != 2 {
		t.Error("the read has a copy")
	}
	if ch.Close() == nil {
		t.Error("the channel was closed while its memory was lent")
	}
	read.ReleaseBuffer()
	if read.Iov != nil {
		t.Error("memory is there after its release")
	}
	if err := ch.Close(); err != nil {
		t.Error(err)
	}
	th.Poll()
	if err := desc.Close(); err != nil {
		t.Error(err)
	}
	if err := r.Close(ctx); err != nil {
		t.Error(err)
	}
}
