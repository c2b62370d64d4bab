// SPDX-License-Identifier: BSD-3-Clause

package memcopy

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	src, dst, want := make([]byte, 9000), make([]byte, 9000), make([]byte, 9000)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	for range 20000 {
		from, to := src[rng.IntN(200):], rng.IntN(200)
		n, m := rng.IntN(300), rng.IntN(300)
		if rng.IntN(10) == 0 {
			n, m = rng.IntN(8000), rng.IntN(8000)
		}
		if got, copied := Stream(dst[to:to+m], from[:n]), copy(want[to:to+m], from[:n]); got != copied {
			t.Fatalf("%d bytes to %d: copied %d, want %d", n, m, got, copied)
		}
		if !bytes.Equal(dst, want) {
			t.Fatalf("%d bytes to %d at %d: other data than copy", n, m, to)
		}
	}
}

func TestPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	src, dst := make([]byte, 10000), make([]byte, 10000)
	for i := range src {
		src[i] = byte(rng.Uint32())
	}
	for n := range 2000 {
		from1, from2, to1 := rng.IntN(2000), 4000+rng.IntN(2000), rng.IntN(2000)
		to2 := to1 + n + rng.IntN(1000)
		clear(dst)
		Pair(dst[to1:], src[from1:from1+n], dst[to2:], src[from2:])
		want := make([]byte, len(dst))
		copy(want[to1:], src[from1:from1+n])
		copy(want[to2:], src[from2:from2+n])
		if !bytes.Equal(dst, want) {
			t.Fatalf("%d bytes from %d and %d to %d and %d: other data than copy", n, from1, from2, to1, to2)
		}
	}
}

func TestPrefetchTouchesNothing(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 1000, 1 << 20} {
		Prefetch(make([]byte, n))
	}
}

func TestParseSize(t *testing.T) {
	for s, want := range map[string]int{"32768K": 32 << 20, "48K": 48 << 10, "2M": 2 << 20, "512": 512, "": 0, "K": 0, "-1K": 0} {
		if got := parseSize(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

// Copies of 4 KiB to random places, of memory that no cache holds.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1 << 20, 16 << 20, 512 << 20} {
		disk, src := make([]byte, size), make([]byte, 512<<10)
		clear(disk)
		for name, fn := range map[string]func(dst, src []byte) int{"copy": func(d, s []byte) int { return copy(d, s) }, "stream": Stream} {
			b.Run(fmt.Sprintf("%s/%dMiB", name, size>>20), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				b.SetBytes(4096)
				for i := range b.N {
					fn(disk[rng.IntN(size>>12)<<12:][:4096], src[i&127<<12:])
				}
			})
		}
	}
}

// Copies of 4 KiB from random places: one after the other, with a look ahead,
// and two at once.
func BenchmarkRead(b *testing.B) {
	for _, size := range []int{16 << 20, 512 << 20} {
		disk, dst := make([]byte, size), make([]byte, 512<<10)
		for i := range disk {
			disk[i] = 1
		}
		rng := rand.New(rand.NewPCG(1, 2))
		places := make([][]byte, 1<<16)
		for i := range places {
			places[i] = disk[rng.IntN(size>>12)<<12:][:4096]
		}
		at := func(i int) []byte { return places[i&(len(places)-1)] }
		to := func(i int) []byte { return dst[i&127<<12:][:4096] }
		for name, two := range map[string]func(i int){
			"copy": func(i int) {
				copy(to(i), at(i))
				copy(to(i+1), at(i+1))
			},
			"ahead": func(i int) {
				Prefetch(at(i + 1))
				copy(to(i), at(i))
				Prefetch(at(i + 2))
				copy(to(i+1), at(i+1))
			},
			"pair": func(i int) {
				Pair(to(i), at(i), to(i+1), at(i+1))
			},
			"pairAhead": func(i int) {
				Prefetch(at(i + 2))
				Prefetch(at(i + 3))
				Pair(to(i), at(i), to(i+1), at(i+1))
			},
		} {
			b.Run(fmt.Sprintf("%s/%dMiB", name, size>>20), func(b *testing.B) {
				b.SetBytes(4096)
				for i := 0; i < b.N; i += 2 {
					two(i)
				}
			})
		}
	}
}
