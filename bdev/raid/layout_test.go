// SPDX-License-Identifier: BSD-3-Clause

package raid

import (
	"fmt"
	"slices"
	"testing"
)

// place is a block of a base device.
type place struct {
	base  int
	block uint64
}

// mapped returns where each block of the array must be: the definition of the
// levels, block by block.
func mapped(level Level, strip uint64, sizes []uint64) (places []place) {
	if level == Concat {
		for i, s := range sizes {
			for b := range s / strip * strip {
				places = append(places, place{i, b})
			}
		}
		return places
	}
	for s := range slices.Min(sizes) / strip {
		for i := range sizes {
			for b := range strip {
				places = append(places, place{i, s*strip + b})
			}
		}
	}
	return places
}

func TestLayout(t *testing.T) {
	for _, level := range []Level{RAID0, Concat} {
		for _, sizes := range [][]uint64{{20}, {16, 16}, {17, 24, 13}, {5, 4, 8, 9}} {
			for _, strip := range []uint32{1, 2, 4} {
				t.Run(fmt.Sprint(level, sizes, strip), func(t *testing.T) { testLayout(t, level, strip, sizes) })
			}
		}
	}
}

func testLayout(t *testing.T, level Level, strip uint32, sizes []uint64) {
	want := mapped(level, uint64(strip), sizes)
	l, used := newLayout(level, strip, sizes)
	if l.size() != uint64(len(want)) {
		t.Fatalf("size %d, want %d", l.size(), len(want))
	}
	for i, u := range used {
		if u > sizes[i] || u%uint64(strip) != 0 {
			t.Errorf("base %d: %d of %d blocks are used", i, u, sizes[i])
		}
	}
	boundary := uint64(l.boundary())
	for first := range l.size() {
		for blocks := uint64(1); first+blocks <= l.size(); blocks++ {
			if boundary == 0 || first%boundary+blocks <= boundary {
				check(t, want, first, blocks, []extent{l.locate(first, blocks)})
			}
			var parts []extent
			for i := range l.parts(first, blocks) {
				parts = append(parts, l.part(first, blocks, i))
			}
			check(t, want, first, blocks, parts)
		}
	}
}

// check wants the extents to be the places of a range, each once.
func check(t *testing.T, want []place, first, blocks uint64, got []extent) {
	t.Helper()
	seen := map[place]bool{}
	bases := map[int]bool{}
	for _, e := range got {
		if bases[e.base] {
			t.Fatalf("%d blocks at %d: two extents on base %d: %v", blocks, first, e.base, got)
		}
		bases[e.base] = true
		for b := range e.blocks {
			seen[place{e.base, e.first + b}] = true
		}
	}
	ok := uint64(len(seen)) == blocks
	for _, p := range want[first : first+blocks] {
		ok = ok && seen[p]
	}
	if !ok {
		t.Fatalf("%d blocks at %d: extents %v are not %v", blocks, first, got, want[first:first+blocks])
	}
}
