// SPDX-License-Identifier: BSD-3-Clause

package software_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gospdk/gospdk/accel"
	"github.com/gospdk/gospdk/accel/software"
	"github.com/gospdk/gospdk/thread"
)

// rig is a framework with the software module and a channel.
type rig struct {
	t  *testing.T
	f  *accel.Framework
	th *thread.Thread
	ch *accel.Channel
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, f: accel.New(), th: thread.New("test")}
	if err := r.f.AddModule(software.New()); err != nil {
		t.Fatal(err)
	}
	if err := r.f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.ch, err = r.f.Channel(r.th); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.ch.Close(); err != nil {
			t.Error(err)
		}
		r.th.Poll()
		if err := r.f.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// run submits a task and returns how it ended.
func (r *rig) run(task *accel.Task) error {
	r.t.Helper()
	done := new(counter)
	task.Done = done
	r.ch.Submit(task)
	if *done != 1 {
		r.t.Fatalf("%s: completed %d times within Submit", task.Op, *done)
	}
	return task.Err()
}

type counter int

func (c *counter) Complete(*accel.Task) { *c++ }

// random returns n random bytes.
func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// cut copies data into pieces of random lengths, some of them empty, at odd
// addresses. max is the greatest number.
func cut(rng *rand.Rand, data []byte, max int) [][]byte {
	pieces := make([][]byte, 0, max)
	for n := 1 + rng.IntN(max); n > 0; n-- {
		size := len(data)
		if n > 1 {
			size = rng.IntN(len(data) + 1)
		}
		odd := rng.IntN(16)
		room := make([]byte, odd+size)
		p := room[odd:]
		copy(p, data[:size])
		data = data[size:]
		pieces = append(pieces, p)
	}
	return pieces
}

func joined(pieces [][]byte) []byte { return bytes.Join(pieces, nil) }

var sizes = []int{0, 1, 2, 15, 16, 17, 63, 64, 65, 511, 512, 4095, 4096, 4097, 20000, 131072, 140001}

// each runs a check with data of all sizes, cut in many ways.
func each(t *testing.T, check func(t *testing.T, rng *rand.Rand, data []byte)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range sizes {
		for range 8 {
			check(t, rng, random(rng, n))
		}
	}
}

func TestCopy(t *testing.T) {
	r := newRig(t)
	each(t, func(t *testing.T, rng *rand.Rand, data []byte) {
		src, dst, dst2 := cut(rng, data, 5), cut(rng, make([]byte, len(data)), 5), cut(rng, make([]byte, len(data)), 3)
		if err := r.run(&accel.Task{Op: accel.OpCopy, Src: src, Dst: dst}); err != nil || !bytes.Equal(joined(dst), data) {
			t.Fatalf("copy of %d bytes: %v", len(data), err)
		}
		dst = cut(rng, make([]byte, len(data)), 5)
		if err := r.run(&accel.Task{Op: accel.OpDualcast, Src: src, Dst: dst, Dst2: dst2}); err != nil ||
			!bytes.Equal(joined(dst), data) || !bytes.Equal(joined(dst2), data) {
			t.Fatalf("dualcast of %d bytes: %v", len(data), err)
		}
		if !bytes.Equal(joined(src), data) {
			t.Fatal("the source has changed")
		}
	})
}

func TestFill(t *testing.T) {
	r := newRig(t)
	each(t, func(t *testing.T, rng *rand.Rand, data []byte) {
		for _, b := range []byte{0, 1, 255, byte(rng.Uint32())} {
			dst := cut(rng, data, 4)
			if err := r.run(&accel.Task{Op: accel.OpFill, Dst: dst, Fill: b}); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(joined(dst), bytes.Repeat([]byte{b}, len(data))) {
				t.Fatalf("%d bytes were not filled with %#x", len(data), b)
			}
		}
	})
}

// TestFillStays sees to it that fill writes nothing beyond its pieces.
func TestFillStays(t *testing.T) {
	r := newRig(t)
	for n := range 300 {
		room := make([]byte, n+128)
		if err := r.run(&accel.Task{Op: accel.OpFill, Dst: [][]byte{room[64 : 64+n]}, Fill: 7}); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(room, []byte{7}) != n || bytes.Count(room[64:64+n], []byte{7}) != n {
			t.Fatalf("fill of %d bytes wrote elsewhere", n)
		}
	}
}

func TestCompare(t *testing.T) {
	r := newRig(t)
	each(t, func(t *testing.T, rng *rand.Rand, data []byte) {
		a, b := cut(rng, data, 5), cut(rng, data, 5)
		if err := r.run(&accel.Task{Op: accel.OpCompare, Src: a, Src2: b}); err != nil {
			t.Fatalf("equal data of %d bytes: %v", len(data), err)
		}
		if len(data) == 0 {
			return
		}
		other := bytes.Clone(data)
		other[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		task := accel.Task{Op: accel.OpCompare, Src: a, Src2: cut(rng, other, 5)}
		if err := r.run(&task); err == nil || task.Status.Error() != "invalid or incomplete multibyte or wide character" {
			t.Fatalf("data of %d bytes that differ: %v", len(data), err)
		}
	})
}

func TestXOR(t *testing.T) {
	r := newRig(t)
	each(t, func(t *testing.T, rng *rand.Rand, data []byte) {
		n := 2 + rng.IntN(14)
		want := make([]byte, len(data))
		src := make([][]byte, n)
		for i := range src {
			src[i] = random(rng, len(data)+i%3)[i%3:] // at odd addresses
			for j, b := range src[i] {
				want[j] ^= b
			}
		}
		dst := random(rng, len(data))
		if err := r.run(&accel.Task{Op: accel.OpXOR, Src: src, Dst: [][]byte{dst}}); err != nil || !bytes.Equal(dst, want) {
			t.Fatalf("xor of %d sources of %d bytes: %v", n, len(data), err)
		}
		// The destination may be one of the sources: parity is updated so.
		if err := r.run(&accel.Task{Op: accel.OpXOR, Src: src, Dst: src[n-1:]}); err != nil || !bytes.Equal(src[n-1], want) {
			t.Fatalf("xor of %d sources of %d bytes into the last: %v", n, len(data), err)
		}
	})
}

// crcBits is a reflected CRC bit by bit.
func crcBits(crc, poly uint64, data []byte) uint64 {
	for _, b := range data {
		crc ^= uint64(b)
		for range 8 {
			crc = crc>>1 ^ poly&-(crc&1)
		}
	}
	return crc
}

func TestCRC(t *testing.T) {
	r := newRig(t)
	each(t, func(t *testing.T, rng *rand.Rand, data []byte) {
		if len(data) > 70000 {
			return
		}
		seed := uint64(rng.Uint32())
		src := cut(rng, data, 5)
		task := accel.Task{Op: accel.OpCRC32C, Src: src, Seed: seed}
		want := crcBits(uint64(^uint32(seed)), 0x82f63b78, data)
		if err := r.run(&task); err != nil || task.CRC != want {
			t.Fatalf("crc32c of %d bytes: %#x, want %#x: %v", len(data), task.CRC, want, err)
		}
		dst := cut(rng, make([]byte, len(data)), 5)
		task = accel.Task{Op: accel.OpCopyCRC32C, Src: src, Dst: dst, Seed: seed}
		if err := r.run(&task); err != nil || task.CRC != want || !bytes.Equal(joined(dst), data) {
			t.Fatalf("copy_crc32c of %d bytes: %#x, want %#x: %v", len(data), task.CRC, want, err)
		}
		seed = rng.Uint64()
		task = accel.Task{Op: accel.OpCRC64, Src: src, Seed: seed}
		want = ^crcBits(^seed, 0x9a6c9329ac4bc9b5, data)
		if err := r.run(&task); err != nil || task.CRC != want {
			t.Fatalf("crc64 of %d bytes: %#x, want %#x: %v", len(data), task.CRC, want, err)
		}
	})
}

// TestCRCContinues shows what Seed is for.
func TestCRCContinues(t *testing.T) {
	r := newRig(t)
	first := accel.Task{Op: accel.OpCRC32C, Src: [][]byte{[]byte("1234")}}
	if err := r.run(&first); err != nil {
		t.Fatal(err)
	}
	second := accel.Task{Op: accel.OpCRC32C, Src: [][]byte{[]byte("56789")}, Seed: uint64(^uint32(first.CRC))}
	if err := r.run(&second); err != nil || ^uint32(second.CRC) != 0xe3069283 {
		t.Fatalf("CRC-32C of 123456789 in two parts: %#x: %v", ^uint32(second.CRC), err)
	}
	whole := accel.Task{Op: accel.OpCRC64, Src: [][]byte{[]byte("123456789")}}
	if err := r.run(&whole); err != nil || whole.CRC != 0xae8b14860a799888 {
		t.Fatalf("CRC-64/NVMe of 123456789: %#x: %v", whole.CRC, err)
	}
}
