// SPDX-License-Identifier: BSD-3-Clause

package bdev_test

import (
	"slices"
	"testing"

	"github.com/gospdk/gospdk/bdev"
)

func TestIOTypes(t *testing.T) {
	seen := map[bdev.Op]string{}
	for _, name := range bdev.IOTypes() {
		op, ok := bdev.OpOfIOType(name)
		if !ok || op != 0 && op != bdev.OpNVMeIO && op.IOType() != name {
			t.Errorf("%s: %v, %v, %q", name, op, ok, op.IOType())
		}
		seen[op] = name
	}
	for _, op := range bdev.Ops() {
		if seen[op] == "" {
			t.Errorf("%v has no name of SPDK's", op)
		}
	}
	if _, ok := bdev.OpOfIOType("rd"); ok || bdev.Op(0).IOType() != "" {
		t.Error("a name for nothing")
	}
}

// typer says that it has an abort, and no write.
type typer struct{ *fakeDisk }

func (typer) SupportsIOType(name string, native bool) bool {
	return name == "abort" || native && name != "write"
}

func TestSupportsIOType(t *testing.T) {
	shown := func(d bdev.Device) (names []string) {
		b := newTestbed(t, d)
		for _, name := range append(bdev.IOTypes(), "rd") {
			if b.desc.SupportsIOType(name) {
				names = append(names, name)
			}
		}
		return names
	}
	// The emulation of compare and reset is not shown; that of write zeroes
	// is.
	if got, want := shown(newFake(10)), []string{"read", "write", "write_zeroes"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	nvme := newFake(10, bdev.OpNVMeAdmin, bdev.OpNVMeIO)
	if got, want := shown(nvme), []string{"read", "write", "nvme_admin", "nvme_io", "write_zeroes", "nvme_iov_md"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	all := newFake(10, bdev.OpReset, bdev.OpAbort, bdev.OpZoneReport, bdev.OpSeekData, bdev.OpCopy)
	if got, want := shown(all), []string{"read", "write", "reset", "write_zeroes", "get_zone_info", "abort", "seek_data", "copy"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := shown(typer{newFake(10)}), []string{"read", "abort"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
