// SPDX-License-Identifier: BSD-3-Clause

package vfio

import (
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/pcibar"
	"github.com/gospdk/gospdk/internal/uapi"
)

func sparse(areas ...uint64) []byte {
	b := binary.NativeEndian.AppendUint64(nil, uint64(len(areas)/2))
	for _, v := range areas {
		b = binary.NativeEndian.AppendUint64(b, v)
	}
	return chain(32, link{2, 1, make([]byte, 8)}, link{uapi.VFIORegionCapSparseMmap, 1, b})
}

// TestBARs has the ways in which kernels offer a BAR.
func TestBARs(t *testing.T) {
	tests := []struct {
		name   string
		flags  uint32
		caps   []byte
		mapped []bool // each page of the BAR
	}{
		{"all", uapi.VFIORegionMmap, chain(32, link{uapi.VFIORegionCapMSIXMappable, 1, nil}), []bool{true, true, true, true}},
		{"MSI-X table in the way", uapi.VFIORegionMmap, nil, []bool{true, true, false, true}},
		{"an unknown capability", uapi.VFIORegionMmap, chain(32, link{99, 1, nil}), []bool{true, true, false, true}},
		{"sparse", uapi.VFIORegionMmap, sparse(0, 0x1000, 0x3000, 0x1000), []bool{true, false, false, true}},
		{"sparse with nothing", uapi.VFIORegionMmap, sparse(), []bool{false, false, false, false}},
		{"sparse and empty", uapi.VFIORegionMmap, sparse(0x1000, 0), []bool{false, false, false, false}},
		{"nothing", 0, nil, []bool{false, false, false, false}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			k, h := newFake(t)
			f := k.add(first, 26)
			f.region = func(index uint32, i *uapi.VFIORegionInfo) []byte {
				if index == 0 {
					i.Size, i.Flags = bar0Size, test.flags|uapi.VFIORegionRead|uapi.VFIORegionWrite
					return test.caps
				}
				return f.mappable(index, i)
			}
			d := mustOpen(t, h, first)
			b, err := d.MapBAR(0)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := d.MapBAR(0); again != b || err != nil || b.Size() != bar0Size {
				t.Errorf("a second MapBAR: %v; size %#x", err, b.Size())
			}
			for page, want := range test.mapped {
				off := uint64(page) * 0x1000
				if got := b.Mem(off, 0x1000) != nil; got != want {
					t.Errorf("page %d is mapped: %v, want %v", page, got, want)
				}
				if err := b.Write32(off+8, 0x11223344); err != nil {
					t.Errorf("page %d: %v", page, err)
				}
				if got := f.peek(int64(off)+8, 4); !slices.Equal(got, []byte{0x44, 0x33, 0x22, 0x11}) {
					t.Errorf("page %d: the function sees % x", page, got)
				}
				f.poke(int64(off)+16, []byte{1, 2, 3, 4, 5, 6, 7, 8})
				if v, err := b.Read64(off + 16); v != 0x0807060504030201 || err != nil {
					t.Errorf("page %d reads %#x, %v", page, v, err)
				}
			}
			if io, err := d.MapBAR(2); err != nil || io.Mem(0, 4) != nil {
				t.Errorf("I/O ports: %v, or they were mapped", err)
			}
			for _, i := range []int{-1, 1, 6} {
				if _, err := d.MapBAR(i); err == nil {
					t.Errorf("BAR %d, which is none, was mapped", i)
				}
			}
		})
	}
}

func TestHostileRegions(t *testing.T) {
	tests := map[string]struct {
		size uint64
		caps []byte
		want string
	}{
		"area outside":    {bar0Size, sparse(0x3000, 0x2000), "0x2000 bytes at offset 0x3000"},
		"area that wraps": {bar0Size, sparse(math.MaxUint64, 0x2000), "0xffffffffffffffff"},
		"too many areas":  {bar0Size, chain(32, link{uapi.VFIORegionCapSparseMmap, 1, []byte{255, 255, 255, 255, 0, 0, 0, 0}}), "4294967295 entries"},
		"cut short":       {bar0Size, chain(32, link{uapi.VFIORegionCapSparseMmap, 1, []byte{1}}), "cut short"},
		"chain outside":   {bar0Size, []byte{1, 0, 1, 0, 0, 0, 1, 0}, "0x10000"},
		"size of no file": {1 << 63, nil, "beyond what a file"},
		"offset and size": {math.MaxInt64, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			k, h := newFake(t)
			f := k.add(first, 26)
			f.region = func(index uint32, i *uapi.VFIORegionInfo) []byte {
				if index == 1 {
					i.Size, i.Flags = test.size, uapi.VFIORegionMmap
					return test.caps
				}
				return f.mappable(index, i)
			}
			d, err := h.open(context.Background(), first)
			if err == nil {
				d.Close()
				t.Fatal("Open succeeded")
			}
			if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "region 1") {
				t.Errorf("error %q does not contain %q", err, test.want)
			}
		})
	}
}

func TestComplement(t *testing.T) {
	type r = pcibar.Range
	for _, test := range []struct{ in, want []r }{
		{nil, []r{{Off: 0, Size: 100}}},
		{[]r{{Off: 0, Size: 100}}, nil},
		{[]r{{Off: 50, Size: 10}, {Off: 10, Size: 10}}, []r{{Off: 0, Size: 10}, {Off: 20, Size: 30}, {Off: 60, Size: 40}}},
		{[]r{{Off: 0, Size: 60}, {Off: 20, Size: 10}, {Off: 50, Size: 50}}, nil},
	} {
		if got := complement(100, test.in); !slices.Equal(got, test.want) {
			t.Errorf("complement of %v is %v, want %v", test.in, got, test.want)
		}
	}
}
