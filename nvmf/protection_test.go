// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

// TestSeparateProtection checks protection information that lies beside the
// data, on a device that leaves all of that to others.
func TestSeparateProtection(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", Product: "test", BlockSize: 512, MDSize: 8, NumBlocks: 100, DIF: dif.Type1})
	g := newRig(t, d)
	ctx := d.Config.DIFContext(20, allChecks)
	ctx.AppTag = 7
	data, meta := pattern(3*512, 1), make([]byte, 3*8)
	if err := ctx.GenerateMeta([][]byte{data}, meta, 3); err != nil {
		t.Fatal(err)
	}
	run := func(op nvme.Opcode, flags uint32, meta []byte) nvme.Status {
		cmd := ioCmd(op, 1, 20, 3)
		cmd.CDW12 |= flags
		cmd.CDW14, cmd.CDW15 = 20, 0xffff0007
		r := g.prepare(&g.io, cmd)
		if r.Status == 0 && (r.Length != 3*512 || r.MetaLength != 3*8) {
			t.Errorf("%v moves %d bytes and %d of metadata", op, r.Length, r.MetaLength)
		}
		r.Iov, r.Meta = [][]byte{data}, meta
		n := len(g.done)
		g.c.Execute(r)
		g.eventually("the command ends", func() bool { return len(g.done) > n })
		return r.Status.Code()
	}
	const checks = checkGuard | checkRefTag | checkAppTag
	for what, at := range map[string]struct {
		byte   int
		flag   uint32
		status nvme.Status
	}{"guard": {8, checkGuard, 0x282}, "application tag": {11, checkAppTag, 0x283}, "reference tag": {15, checkRefTag, 0x284}} {
		if s := run(nvme.CmdWrite, checks, meta); s != 0 {
			t.Fatalf("write: %v", s)
		}
		if !bytes.Equal(d.Meta[20*8:23*8], meta) {
			t.Fatal("the metadata are not on the disk")
		}
		bad := bytes.Clone(meta)
		bad[at.byte]++
		if s := run(nvme.CmdWrite, at.flag, bad); s != at.status || !bytes.Equal(d.Meta[20*8:23*8], meta) {
			t.Errorf("write, wrong %s: %v", what, s)
		}
		if s := run(nvme.CmdCompare, at.flag, bad); s != at.status {
			t.Errorf("compare, wrong %s: %v", what, s)
		}
		copy(d.Meta[20*8:], bad)
		if s := run(nvme.CmdRead, at.flag, make([]byte, 24)); s != at.status {
			t.Errorf("read, wrong %s: %v", what, s)
		}
		if s := run(nvme.CmdRead, checks&^at.flag, make([]byte, 24)); s != 0 {
			t.Errorf("read, wrong %s that is not checked: %v", what, s)
		}
	}
	if s := run(nvme.CmdWrite, actPI, meta); s != nvme.StatusInvalidField {
		t.Errorf("protection information made by the controller: %v", s)
	}
}

// A fused pair moves both its halves with metadata, or neither.
func TestFusedProtection(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", Product: "test", BlockSize: 520, MDSize: 8, MDInterleaved: true, NumBlocks: 100, DIF: dif.Type1, DIFCheck: dif.Guard | dif.RefTag, AtomicCompareWrite: 8})
	g := newRig(t, d)
	data, other := pattern(512, 1), pattern(512, 2)
	protected := func(op nvme.Opcode, fuse uint8, flags uint32) nvme.Command {
		cmd := ioCmd(op, 1, 5, 1)
		cmd.CDW12 |= flags
		cmd.CDW14 = 5
		cmd.Flags |= fuse
		return cmd
	}
	wantStatus(t, "write", g.doIO(protected(nvme.CmdWrite, 0, actPI), data).Status, 0)
	for _, tt := range []struct {
		what          string
		first, second uint32
		want          nvme.Status
	}{
		{"one with metadata", actPI, 0, nvme.StatusInvalidField.WithDNR()},
		{"both without", actPI, actPI, 0},
	} {
		n := len(g.done)
		first := g.start(&g.io, protected(nvme.CmdCompare, 1, tt.first), data)
		g.start(&g.io, protected(nvme.CmdWrite, 2, tt.second), append(bytes.Clone(other), make([]byte, 8)...))
		g.eventually("the pair ends", func() bool { return len(g.done) >= n+2 })
		wantStatus(t, tt.what, first.Status, tt.want)
	}
	ctx := d.Config.DIFContext(5, dif.Guard|dif.RefTag)
	block := d.Data[5*520 : 6*520]
	if err := ctx.Verify([][]byte{block}, 1); err != nil || !bytes.Equal(block[:512], other) {
		t.Errorf("the block on the disk: %v", err)
	}
}
