// SPDX-License-Identifier: BSD-3-Clause

package crc16

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// bitwise is the definition.
func bitwise(crc uint16, p []byte) uint16 {
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc >> 15
			crc = crc<<1 ^ 0x8bb7*carry
		}
	}
	return crc
}

func random(n int) []byte {
	p := make([]byte, n)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// TestKnown has the check value of the catalogue of parametrised CRC
// algorithms, and three that SBC-4 gives (section 4.22.4.5).
func TestKnown(t *testing.T) {
	up := make([]byte, 32)
	for i := range up {
		up[i] = byte(i)
	}
	for _, test := range []struct {
		data []byte
		want uint16
	}{
		{[]byte("123456789"), 0xd0db},
		{make([]byte, 32), 0},
		{bytes.Repeat([]byte{0xff}, 32), 0xa293},
		{up, 0x0224},
	} {
		if got := Update(0, test.data); got != test.want {
			t.Errorf("CRC of % x is %#x, not %#x", test.data, got, test.want)
		}
	}
}

// TestLengths compares every length and alignment with the definition.
func TestLengths(t *testing.T) {
	data := random(2200)
	dst := make([]byte, len(data))
	for n := range 2100 {
		p := data[n%67:][:n]
		seed := uint16(n * 40503)
		want := bitwise(seed, p)
		if got := Update(seed, p); got != want {
			t.Fatalf("%d bytes: %#x, not %#x", n, got, want)
		}
		if got := updateGeneric(seed, p); got != want {
			t.Fatalf("%d bytes, generic: %#x, not %#x", n, got, want)
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

func TestCopyInPlace(t *testing.T) {
	p := random(4096 + 24)
	q := bytes.Clone(p)
	if got, want := Copy(1, p, p), bitwise(1, q); got != want || !bytes.Equal(p, q) {
		t.Fatalf("%#x, not %#x; or data changed", got, want)
	}
}

func TestBlocks(t *testing.T) {
	data := random(5000)
	for _, n := range []int{0, 8, 512, 520, 1024, 1536} {
		for _, stride := range []int{n, n + 8, n / 2} {
			for count := range 4 {
				sums := make([]uint64, count+1)
				Blocks(sums[:count], 7, data[3:], n, stride)
				for i, sum := range sums[:count] {
					if want := bitwise(7, data[3+i*stride:][:n]); sum != uint64(want) {
						t.Errorf("%d bytes, stride %d, block %d: %#x, not %#x", n, stride, i, sum, want)
					}
				}
				if sums[count] != 0 {
					t.Error("one too many")
				}
			}
		}
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add(uint16(0), []byte("123456789"), uint16(3))
	f.Add(uint16(1), random(1100), uint16(513))
	f.Fuzz(func(t *testing.T, crc uint16, p []byte, cut uint16) {
		want := bitwise(crc, p)
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
	for _, n := range []int{64, 512, 520, 4096, 65536} {
		p := random(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				Update(0, p)
			}
		})
	}
}

func BenchmarkBlocks(b *testing.B) {
	p := random(8 * 520)
	sums := make([]uint64, 8)
	b.SetBytes(4096)
	for b.Loop() {
		Blocks(sums, 0, p, 512, 520)
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
