// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func fuse(cmd nvme.Command, f nvme.Fuse) nvme.Command {
	cmd.SetFUSE(f)
	return cmd
}

func TestFused(t *testing.T) {
	first := func(lba uint64, n uint32) nvme.Command {
		return fuse(ioCmd(nvme.CmdCompare, 1, lba, n), nvme.FuseFirst)
	}
	second := func(lba uint64, n uint32) nvme.Command { return fuse(writeCmd(1, lba, n), nvme.FuseSecond) }
	field, failed, missing := nvme.StatusInvalidField, nvme.StatusAbortedFailedFused, nvme.StatusAbortedMissingFused
	for _, tt := range []struct {
		what         string
		a, b         nvme.Command
		seed         byte
		wantA, wantB nvme.Status
	}{
		{"equal", first(3, 1), second(3, 1), 1, 0, 0},
		{"different", first(3, 1), second(3, 1), 2, nvme.StatusCompareFailure, failed},
		{"other blocks", first(3, 1), second(4, 1), 1, field, failed},
		{"other length", first(3, 1), second(3, 2), 1, field, failed},
		{"more than is atomic", first(3, 2), second(3, 2), 1, nvme.StatusAtomicWriteUnitExceeded, failed},
		{"first out of range", first(100, 1), second(100, 1), 1, nvme.StatusLBAOutOfRange, failed},
		{"second out of range", first(99, 1), second(99, 2), 1, failed, nvme.StatusLBAOutOfRange},
		{"not a compare", fuse(read(1, 3, 1), nvme.FuseFirst), second(3, 1), 1, nvme.StatusInvalidOpcode, failed},
		{"not fused", first(3, 1), writeCmd(1, 50, 1), 1, missing, 0},
		{"reserved", first(3, 1), fuse(writeCmd(1, 3, 1), 3), 1, missing, field},
	} {
		d := testdisk.New("d", 100)
		g := newRig(t, d)
		copy(d.Data[3*512:], pattern(512, 1))
		a := g.start(&g.io, tt.a, pattern(1024, tt.seed))
		if g.completed(a) {
			t.Errorf("%s: the first ended before the second came", tt.what)
		}
		b := g.do(&g.io, tt.b, bytes.Repeat([]byte{0xee}, 1024))
		g.eventually("both", func() bool { return g.completed(a) && g.completed(b) })
		if !a.Status.Is(tt.wantA) || !b.Status.Is(tt.wantB) {
			t.Errorf("%s: %v and %v, want %v and %v", tt.what, a.Status, b.Status, tt.wantA, tt.wantB)
		}
		if wrote := d.Data[3*512] == 0xee; wrote != (tt.what == "equal") {
			t.Errorf("%s: written: %v", tt.what, wrote)
		}
		if g.done[0] != a || g.c.Home().Outstanding() != 0 {
			t.Errorf("%s: completions out of order, or %d outstanding", tt.what, g.c.Home().Outstanding())
		}
	}
}

func TestFusedAlone(t *testing.T) {
	g := newRig(t, testdisk.New("d", 100))
	r := g.doIO(fuse(writeCmd(1, 0, 1), nvme.FuseSecond), make([]byte, 512))
	wantStatus(t, "second alone", r.Status, nvme.StatusAbortedMissingFused.WithDNR())
	first := fuse(ioCmd(nvme.CmdCompare, 1, 0, 1), nvme.FuseFirst)
	a := g.start(&g.io, first, make([]byte, 512))
	b := g.start(&g.io, first, make([]byte, 512))
	wantStatus(t, "first twice", a.Status, nvme.StatusAbortedMissingFused.WithDNR())
	if !g.io.FusedPending() {
		t.Fatal("the second first does not wait")
	}
	g.c.AbortFused(&g.io)
	wantStatus(t, "given up", b.Status, nvme.StatusAbortedMissingFused.WithDNR())
	wantStatus(t, "admin", g.doAdmin(fuse(identify(nvme.CNSController, 0), nvme.FuseFirst), make([]byte, 4096)).Status, nvme.StatusInvalidField.WithDNR())
}
