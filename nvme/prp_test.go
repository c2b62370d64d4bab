// SPDX-License-Identifier: BSD-3-Clause

package nvme

import "testing"

func TestPRP(t *testing.T) {
	for _, tt := range []struct {
		p            PRP
		length, page int
		offset       int
		base         uint64
		entries      int
		list         int
	}{
		{0x10000, 4096, 4096, 0, 0x10000, 1, 512},
		{0x10000, 4097, 4096, 0, 0x10000, 2, 512},
		{0x10e00, 512, 4096, 0xe00, 0x10000, 1, 64},
		{0x10e04, 512, 4096, 0xe04, 0x10000, 2, 63},
		{0x10ff8, 1 << 20, 4096, 0xff8, 0x10000, 257, 1},
		{0x1fff8, 16, 65536, 0xfff8, 0x10000, 2, 1},
		{0x10000, 0, 4096, 0, 0x10000, 0, 512},
	} {
		if got := tt.p.Offset(tt.page); got != tt.offset {
			t.Errorf("%#x: offset %#x, want %#x", uint64(tt.p), got, tt.offset)
		}
		if got := tt.p.Page(tt.page); got != tt.base {
			t.Errorf("%#x: page %#x, want %#x", uint64(tt.p), got, tt.base)
		}
		if got := tt.p.Entries(tt.length, tt.page); got != tt.entries {
			t.Errorf("%#x: %d entries for %d bytes, want %d", uint64(tt.p), got, tt.length, tt.entries)
		}
		if got := tt.p.ListEntries(tt.page); got != tt.list {
			t.Errorf("%#x: %d list entries, want %d", uint64(tt.p), got, tt.list)
		}
	}
}
