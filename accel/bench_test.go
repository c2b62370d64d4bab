// SPDX-License-Identifier: BSD-3-Clause

package accel_test

import (
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/thread"
)

// ring keeps 32 tasks on their way, as accel_perf does.
type ring struct {
	c    *accel.Channel
	left int
}

func (r *ring) Complete(t *accel.Task) {
	if r.left > 0 {
		r.left--
		r.c.Submit(t)
	}
}

func benchmark(b *testing.B, size int, make func() accel.Task) {
	f := accel.New()
	if err := f.AddModule(software.New()); err != nil {
		b.Fatal(err)
	}
	if err := f.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	th := thread.New("bench")
	c, err := f.Channel(th)
	if err != nil {
		b.Fatal(err)
	}
	r := &ring{c: c, left: b.N}
	var tasks [32]accel.Task
	for i := range tasks {
		tasks[i] = make()
		tasks[i].Done = r
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range tasks {
		if r.left > 0 {
			r.left--
			c.Submit(&tasks[i])
		}
	}
	for c.Outstanding() > 0 {
		th.Poll()
	}
}

func piece(n int) [][]byte { return [][]byte{make([]byte, n)} }

// BenchmarkFramework is what the framework costs: the operation is nothing.
func BenchmarkFramework(b *testing.B) {
	benchmark(b, 0, func() accel.Task { return accel.Task{Op: accel.OpFill} })
}

func BenchmarkFill(b *testing.B) {
	benchmark(b, 4096, func() accel.Task { return accel.Task{Op: accel.OpFill, Fill: 255, Dst: piece(4096)} })
}

func BenchmarkCRC32C(b *testing.B) {
	benchmark(b, 4096, func() accel.Task { return accel.Task{Op: accel.OpCRC32C, Src: piece(4096)} })
}

func BenchmarkXOR(b *testing.B) {
	benchmark(b, 4096, func() accel.Task {
		return accel.Task{Op: accel.OpXOR, Src: append(piece(4096), piece(4096)...), Dst: piece(4096)}
	})
}

func BenchmarkDIFGenerate(b *testing.B) {
	c := &dif.Context{BlockSize: 520, MDSize: 8, Interleaved: true, HeadOfMD: true, Type: dif.Type1,
		Flags: dif.Guard | dif.AppTag | dif.RefTag, AppMask: 0xffff}
	benchmark(b, 4096, func() accel.Task {
		return accel.Task{Op: accel.OpDIFGenerate, Src: piece(4160), DIF: c, Blocks: 8}
	})
}

func BenchmarkEncrypt512(b *testing.B) { benchmarkEncrypt(b, 512) }

func BenchmarkEncrypt4096(b *testing.B) { benchmarkEncrypt(b, 4096) }

func benchmarkEncrypt(b *testing.B, block uint32) {
	f := accel.New()
	if err := f.AddModule(software.New()); err != nil {
		b.Fatal(err)
	}
	if err := f.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	if err := f.CreateKey(accel.KeyParams{Name: "k", Cipher: accel.AESXTS, Key: hex16, Key2: other}); err != nil {
		b.Fatal(err)
	}
	k, err := f.HoldKey("k")
	if err != nil {
		b.Fatal(err)
	}
	benchmark(b, 4096, func() accel.Task {
		return accel.Task{Op: accel.OpEncrypt, Src: piece(4096), Dst: piece(4096), Key: k, BlockSize: block}
	})
}
