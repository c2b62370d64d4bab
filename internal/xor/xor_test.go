// SPDX-License-Identifier: BSD-3-Clause

package xor

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// kinds are all ways of doing it that this machine has.
var kinds = map[string]func(dst []byte, sources [][]byte){"generic": generic, "chosen": blocks}

func buffers(count, n int) [][]byte {
	rng := rand.New(rand.NewPCG(uint64(count), uint64(n)))
	all := make([][]byte, count)
	for i := range all {
		// Different alignment of each; no room behind.
		b := make([]byte, n+i*7)[i*7:]
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		all[i] = b
	}
	return all
}

func bytewise(sources [][]byte, n int) []byte {
	sum := make([]byte, n)
	for _, s := range sources {
		for i := range sum {
			sum[i] ^= s[i]
		}
	}
	return sum
}

// check computes in the middle of a buffer and looks at what is around, then
// with each source as the destination.
func check(t *testing.T, name string, f func([]byte, [][]byte), sources [][]byte, n int) {
	t.Helper()
	want := bytewise(sources, n)
	around := bytes.Repeat([]byte{0xa5}, n+100)
	f(around[31:31+n], sources)
	if !bytes.Equal(around[31:31+n], want) {
		t.Fatalf("%s: %d bytes of %d sources are wrong", name, n, len(sources))
	}
	if !bytes.Equal(around[:31], bytes.Repeat([]byte{0xa5}, 31)) || !bytes.Equal(around[31+n:], bytes.Repeat([]byte{0xa5}, 69)) {
		t.Fatalf("%s: %d bytes of %d sources: written outside", name, n, len(sources))
	}
	for i := range sources {
		saved := bytes.Clone(sources[i])
		f(sources[i][:n], sources)
		if !bytes.Equal(sources[i][:n], want) || !bytes.Equal(sources[i][n:], saved[n:]) {
			t.Fatalf("%s: %d bytes of %d sources, in place of source %d, are wrong", name, n, len(sources), i)
		}
		copy(sources[i], saved)
	}
}

func TestSizes(t *testing.T) {
	for count := range 9 {
		sources := buffers(count+1, 1700)
		for n := 1; n < 1700; n += 1 + n%5*count {
			for name, f := range kinds {
				check(t, name, f, sources, n)
			}
		}
	}
}

func TestBlocks(t *testing.T) {
	dst := []byte{1, 2, 3}
	Blocks(dst[:2], [][]byte{{1, 2}, {3, 4, 5}, {8, 16}})
	if !bytes.Equal(dst, []byte{1 ^ 3 ^ 8, 2 ^ 4 ^ 16, 3}) {
		t.Errorf("%v", dst)
	}
	Blocks(nil, [][]byte{nil})
	for _, sources := range [][][]byte{nil, {{1, 2, 3}, {1, 2}}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d sources of wrong sizes did not panic", len(sources))
				}
			}()
			Blocks(dst, sources)
		}()
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add(bytes.Repeat([]byte{1, 2, 3}, 400), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, count uint8) {
		c := int(count%12) + 1
		n := len(data) / c
		sources := make([][]byte, c)
		for i := range sources {
			sources[i] = data[i*n:][:n]
		}
		for name, f := range kinds {
			if n > 0 {
				check(t, name, f, sources, n)
			}
		}
	})
}

func TestNothingAllocates(t *testing.T) {
	s, dst := buffers(4, 4200), make([]byte, 4200)
	if n := testing.AllocsPerRun(10, func() { Blocks(dst, s); generic(dst, s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBlocks(b *testing.B) {
	for _, count := range []int{2, 4, 8} {
		for _, n := range []int{512, 4096, 65536} {
			s := buffers(count, n)
			for i := range s {
				s[i] = bytes.Clone(s[i]) // aligned, as data usually is
			}
			dst := make([]byte, n)
			b.Run(fmt.Sprintf("%dx%d", count, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				for b.Loop() {
					Blocks(dst, s)
				}
			})
		}
	}
}
