// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"context"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/bdev/null"
	"github.com/gospdk/gospdk/thread"
)

// loop keeps one IO going.
type loop struct {
	io    bdev.IO
	iov   [1][]byte
	ch    *bdev.UserChannel
	count *int
	left  *int
	next  uint64
}

func (l *loop) Complete(io *bdev.IO) {
	*l.count++
	if *l.left == 0 {
		return
	}
	*l.left--
	l.next = (l.next*1103515245 + 12345) & 0xffff
	io.Offset = l.next
	l.ch.Submit(io)
}

func benchmark(b *testing.B, dev bdev.Device, depth, size int, op bdev.Op) {
	ctx := context.Background()
	r := bdev.NewRegistry()
	if err := r.Register(ctx, dev); err != nil {
		b.Fatal(err)
	}
	desc, err := r.Open(ctx, dev.Info().Name, bdev.Write, nil)
	if err != nil {
		b.Fatal(err)
	}
	t := thread.New("bench")
	ch, err := desc.Channel(t)
	if err != nil {
		b.Fatal(err)
	}
	count, left := 0, b.N
	loops := make([]loop, depth)
	for i := range loops {
		l := &loops[i]
		l.ch, l.count, l.left = ch, &count, &left
		l.iov[0] = make([]byte, size)
		l.io = bdev.IO{Op: op, Blocks: uint64(size / 512), Iov: l.iov[:], Done: l}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range loops {
		loops[i].ch.Submit(&loops[i].io)
	}
	for count < b.N+depth {
		t.Poll()
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mio/s")
	if err := ch.Close(); err != nil {
		b.Fatal(err)
	}
	t.Poll()
	if err := desc.Close(); err != nil {
		b.Fatal(err)
	}
	if err := r.Close(ctx); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkNull(b *testing.B) {
	for _, depth := range []int{1, 128} {
		b.Run(map[int]string{1: "qd1", 128: "qd128"}[depth], func(b *testing.B) {
			d, err := null.New(null.Config{Name: "Null0", NumBlocks: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			benchmark(b, d, depth, 512, bdev.OpRead)
		})
	}
}

func BenchmarkMalloc4KiB(b *testing.B) {
	for _, op := range []bdev.Op{bdev.OpRead, bdev.OpWrite} {
		b.Run(op.String(), func(b *testing.B) {
			d, err := malloc.New(malloc.Config{Name: "Malloc0", NumBlocks: 1<<16 + 8})
			if err != nil {
				b.Fatal(err)
			}
			benchmark(b, d, 128, 4096, op)
		})
	}
}
