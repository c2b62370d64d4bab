// SPDX-License-Identifier: BSD-3-Clause

package crc32c

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"
)

func random(n int) []byte {
	p := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// bitwise is the definition.
func bitwise(crc uint32, p []byte) uint32 {
	crc = ^crc
	for _, b := range p {
		crc ^= uint32(b)
		for range 8 {
			crc = crc>>1 ^ 0x82f63b78*(crc&1)
		}
	}
	return ^crc
}

// TestKnown has the examples of RFC 3720, appendix B.4.
func TestKnown(t *testing.T) {
	for _, test := range []struct {
		data []byte
		want uint32
	}{
		{[]byte("123456789"), 0xe3069283},
		{make([]byte, 32), 0x8a9136aa},
		{bytes.Repeat([]byte{0xff}, 32), 0x62a8ab43},
	} {
		if got := Update(0, test.data); got != test.want {
			t.Errorf("CRC of % x is %#x, not %#x", test.data, got, test.want)
		}
	}
}

func TestLengths(t *testing.T) {
	data := random(2700)
	dst := make([]byte, len(data))
	for n := range 2600 {
		p := data[n%67:][:n]
		seed := uint32(n) * 2654435761
		want := bitwise(seed, p)
		if got := Update(seed, p); got != want {
			t.Fatalf("%d bytes: %#x, not %#x", n, got, want)
		}
		clear(dst)
		if got := Copy(seed, dst[n%7:], p); got != want {
			t.Fatalf("%d bytes, copied: %#x, not %#x", n, got, want)
		}
		if !bytes.Equal(dst[n%7:][:n], p) || !bytes.Equal(dst[n%7+n:], make([]byte, len(dst)-n-n%7)) {
			t.Fatalf("%d bytes were not copied right", n)
		}
	}
}

func TestLong(t *testing.T) {
	data := random(80000)
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	for n := 2500; n < len(data); n += 511 + n%2 {
		want := crc32.Update(9, castagnoli, data[:n])
		if got := Update(9, data[:n]); got != want {
			t.Fatalf("%d bytes: %#x, not %#x", n, got, want)
		}
		dst := make([]byte, n)
		if got := Copy(9, dst, data[:n]); got != want || !bytes.Equal(dst, data[:n]) {
			t.Fatalf("%d bytes, copied: %#x, not %#x", n, got, want)
		}
	}
}

func TestCopyInPlace(t *testing.T) {
	p := random(4096 + 24)
	q := bytes.Clone(p)
	if got, want := Copy(1, p, p), bitwise(1, q); got != want || !bytes.Equal(p, q) {
		t.Fatalf("%#x, not %#x; or data changed", got, want)
	}
}

func FuzzUpdate(f *testing.F) {
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	f.Add(uint32(0), []byte("123456789"), uint16(3))
	f.Add(uint32(1), random(1100), uint16(513))
	f.Fuzz(func(t *testing.T, crc uint32, p []byte, cut uint16) {
		want := crc32.Update(crc, castagnoli, p)
		n := min(int(cut), len(p))
		if got := Update(Update(crc, p[:n]), p[n:]); got != want {
			t.Errorf("%#x, not %#x", got, want)
		}
		dst := make([]byte, len(p))
		if got := Copy(crc, dst, p); got != want || !bytes.Equal(dst, p) {
			t.Errorf("copy: %#x, not %#x", got, want)
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	src, dst := random(4200), make([]byte, 4200)
	if n := testing.AllocsPerRun(10, func() { Update(0, src); Copy(0, dst, src) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{512, 520, 4096, 65536} {
		p := random(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Update(0, p)
			}
		})
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, n := range []int{512, 4096} {
		p, q := random(n), make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Copy(0, q, p)
			}
		})
	}
}

// BenchmarkCopyAndUpdate is for comparison: two passes.
func BenchmarkCopyAndUpdate(b *testing.B) {
	p, q := random(4096), make([]byte, 4096)
	b.SetBytes(4096)
	for b.Loop() {
		copy(q, p)
		Update(0, p)
	}
}
