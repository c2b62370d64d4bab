// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"encoding/binary"
	"errors"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/uapi"
)

// greedy is a kernel whose answers want more room each time.
type greedy struct {
	linux
	want  []uint32
	calls int
}

func (g *greedy) ioctl(_ int, _ uint32, arg unsafe.Pointer) (int, error) {
	if g.calls == len(g.want) {
		return 0, unix.EIO
	}
	*at[uint32](arg) = g.want[g.calls]
	g.calls++
	return 0, nil
}

func TestQuery(t *testing.T) {
	for _, test := range []struct {
		want []uint32
		ok   bool
	}{
		{[]uint32{24}, true},
		{[]uint32{0}, true}, // the kernel has not set it
		{[]uint32{48, 48}, true},
		{[]uint32{48, 64, 64}, true},
		{[]uint32{maxInfo + 1}, false},
		{[]uint32{1 << 31}, false},
		{nil, false},
	} {
		g := &greedy{want: test.want}
		_, answer, err := query(g, 0, 0, uapi.VFIOType1Info{})
		if (err == nil) != test.ok {
			t.Errorf("%v: error %v", test.want, err)
		}
		if last := len(test.want) - 1; err == nil && len(answer) < int(test.want[last]) {
			t.Errorf("%v: an answer of %d bytes", test.want, len(answer))
		}
	}
}

func TestCapabilities(t *testing.T) {
	good := append(make([]byte, 32), chain(32, link{2, 1, []byte{1, 2, 3, 4, 5, 6, 7, 8}}, link{1, 2, []byte{9, 9, 9, 9}}, link{1, 1, nil})...)
	all, err := capabilities(good, 32)
	if err != nil || len(all) != 3 || all[0].id != 2 || all[0].data[0] != 1 || all[1].version != 2 {
		t.Fatalf("got %+v, %v", all, err)
	}
	if c, ok := find(all, 1); !ok || c.version != 1 {
		t.Errorf("found %+v", c)
	}
	if _, ok := find(all, 7); ok {
		t.Error("found what is not there")
	}
	if all, err := capabilities(good, 0); all != nil || err != nil {
		t.Errorf("no chain: %v, %v", all, err)
	}
	loop := append([]byte(nil), good...)
	binary.NativeEndian.PutUint32(loop[36:], 32)
	for name, test := range map[string]struct {
		b     []byte
		first uint32
	}{
		"loop": {loop, 32}, "first outside": {good, uint32(len(good))}, "first at the very end": {good, uint32(len(good)) - 7},
		"cut": {good[:44], 32}, "far": {good, 1<<32 - 1}, "empty": {nil, 8},
	} {
		if _, err := capabilities(test.b, test.first); !errors.Is(err, errChain) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func FuzzCapabilities(f *testing.F) {
	f.Add(chain(0, link{1, 1, []byte{2, 0, 0, 0, 0, 0, 0, 0}}), uint32(0))
	f.Add(append(make([]byte, 24), chain(24, link{3, 1, make([]byte, 8)}, link{1, 1, make([]byte, 40)})...), uint32(24))
	f.Add(append(make([]byte, 32), sparse(0, 4096, 8192, 4096)...), uint32(32))
	f.Add([]byte{1, 0, 1, 0, 1, 0, 0, 0, 0}, uint32(1))
	f.Fuzz(func(t *testing.T, b []byte, first uint32) {
		all, err := capabilities(b, first)
		if err != nil {
			return
		}
		if len(all) > len(b)/8 {
			t.Fatalf("%d capabilities in %d bytes", len(all), len(b))
		}
		for _, c := range all {
			areas, err := sparseAreas(c)
			if err == nil && 16*len(areas)+8 > len(c.data) {
				t.Fatalf("%d areas in %d bytes", len(areas), len(c.data))
			}
			if ranges, err := areasWithin(areas, 1<<20); err == nil {
				for _, r := range ranges {
					if r.Size == 0 || r.Off+r.Size > 1<<20 || r.Off+r.Size < r.Off {
						t.Fatalf("area %+v", r)
					}
				}
				complement(1<<20, ranges)
			}
			if ranges, err := iovaRanges(c); err == nil && 16*len(ranges)+8 > len(c.data) {
				t.Fatalf("%d ranges in %d bytes", len(ranges), len(c.data))
			}
		}
	})
}
