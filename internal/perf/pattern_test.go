// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"errors"
	"strings"
	"testing"
)

func TestPattern(t *testing.T) {
	want := stamp{lba: 1234, generation: 7, run: 0xabcd}
	for _, size := range []int{16, 512, 520, 4096} {
		block := make([]byte, size)
		want.fill(block)
		if err := want.check(block); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
		for i := range block {
			block[i] ^= 1
			if want.check(block) == nil {
				t.Errorf("%d bytes: a changed byte %d was not noticed", size, i)
			}
			block[i] ^= 1
		}
	}
}

func TestPatternError(t *testing.T) {
	block := make([]byte, 512)
	stamp{lba: 99, generation: 3, run: 1}.fill(block)
	err := stamp{lba: 1234, generation: 7, run: 1}.check(block)
	var m *MismatchError
	if !errors.As(err, &m) || m.LBA != 1234 {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"LBA 1234", "lba 1234 generation 7", "got lba 99 generation 3"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
}

func TestSizes(t *testing.T) {
	for in, want := range map[string]uint64{"512": 512, "4k": 4096, "4K": 4096, "1MiB": 1 << 20, "64M": 64 << 20, "0x200": 512, "2g": 2 << 30, "1TB": 1 << 40} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "k", "4q", "-1", "99999999999999999999", "17000000T", "4 k k"} {
		if got, err := ParseSize(in); err == nil || !strings.Contains(err.Error(), in) {
			t.Errorf("ParseSize(%q) = %d, %v", in, got, err)
		}
	}
	sizes, err := ParseIOSizes("128k,512-3000,512")
	if err != nil {
		t.Fatal(err)
	}
	want := []uint32{512, 1024, 2048, 3000, 128 << 10}
	if len(sizes) != len(want) {
		t.Fatalf("got %v, want %v", sizes, want)
	}
	for i := range want {
		if sizes[i] != want[i] {
			t.Fatalf("got %v, want %v", sizes, want)
		}
	}
	for _, in := range []string{"", "0", "2G", "8k-4k", "4k-", "4k,,8k"} {
		if got, err := ParseIOSizes(in); err == nil {
			t.Errorf("ParseIOSizes(%q) = %v", in, got)
		}
	}
}

func TestZipf(t *testing.T) {
	const n = 1000
	z, err := newZipf(n, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	x := xorshift(42)
	var low int
	for range 10000 {
		v := z.draw(&x)
		if v >= n {
			t.Fatalf("drew %d of %d", v, n)
		}
		if v < n/10 {
			low++
		}
	}
	if low < 5000 {
		t.Errorf("only %d of 10000 draws fell on the first tenth", low)
	}
	for _, theta := range []float64{0, 1, -1, 2} {
		if _, err := newZipf(n, theta); err == nil {
			t.Errorf("theta %g was accepted", theta)
		}
	}
}
