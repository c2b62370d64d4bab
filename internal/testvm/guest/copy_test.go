// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// sources are what the copies take: blocks and where they come from.
var sources = []struct {
	lba   uint64
	count uint32
}{{1000, 8}, {3, 1}, {2000, 100}, {500, 17}}

const (
	sourceBlocks = 126
	copyTo       = 8000
)

// copied checks the destination of a copy of sources.
func copied(q *queue, ns *host.Namespace, buf []byte, seed uint64) {
	q.Helper()
	q.read(ns, buf, copyTo, sourceBlocks)
	at := 0
	for _, s := range sources {
		check(q, fmt.Sprintf("copied from %d", s.lba), buf[at:at+int(s.count)*512], s.lba*512, seed)
		at += int(s.count) * 512
	}
}

// TestCopy has no copies that fail on their way: QEMU 11.1 then counts a write
// that it never began, with a type that it never set, and may abort.
func TestCopy(t *testing.T) {
	q, ns, buf := disk(t)
	id := ns.Data()
	if id.MSSRL != 128 || id.MCL != 128 || id.MSRC != 127 {
		t.Errorf("MSSRL %d MCL %d MSRC %d", id.MSSRL, id.MCL, id.MSRC)
	}
	fill(buf, 0, 1)
	for lba := uint64(0); lba < 4096; lba += 2048 {
		fill(buf, lba*512, 1)
		q.write(ns, buf, lba, 2048)
	}
	ranges := buffer(t, 4096)
	for i, s := range sources {
		host.PutCopyRange(ranges, i, s.lba, s.count)
	}
	q.ok("copy", func(r *host.Request) error { return q.Copy(ns, r, copyTo, ranges[:len(sources)*32]) })
	copied(q, ns, buf, 1)

	host.PutCopyRange(ranges, 0, 0, 100)
	host.PutCopyRange(ranges, 1, 0, 29)
	q.want("beyond MCL", nvme.StatusCommandSizeLimitExceeded, func(r *host.Request) error { return q.Copy(ns, r, copyTo, ranges[:64]) })
}

// TestCopyNamespaces uses descriptor format 2, which names the namespace of
// each source, and which the host has to enable.
func TestCopyNamespaces(t *testing.T) {
	q, ns, buf := disk(t)
	other := q.namespace(2)
	if ocfs := q.ctrlr.Identify().OCFS; ocfs&(1<<2) == 0 {
		t.Fatalf("OCFS %#x: no descriptor format 2", ocfs)
	}
	for lba := uint64(0); lba < 4096; lba += 2048 {
		fill(buf, lba*512, 22)
		q.write(other, buf, lba, 2048)
	}
	ranges := buffer(t, 4096)
	for i, s := range sources {
		host.PutCopyRange(ranges, i, s.lba, s.count)
		le.PutUint32(ranges[i*32:], 2)
	}
	cmd := nvme.Copy{NSID: 1, SDLBA: copyTo, Ranges: uint16(len(sources)), Format: 2}.Command()
	send := func(r *host.Request) error { return q.Raw(r, cmd, ranges[:len(sources)*32], nil) }
	q.want("format 2 before it is enabled", nvme.StatusInvalidField, send)
	behavior := nvme.HostBehaviorSupport{CDFE: 1<<2 | 1<<3}
	_, err := q.ctrlr.SetFeatures(q.ctx, uint8(nvme.FeatureHostBehaviorSupport), false, 0, 0, 0, nvme.Bytes(&behavior))
	q.must(err)
	q.ok("format 2", send)
	copied(q, ns, buf, 22)
}

// TestCopyProtected copies blocks with protection information of both widths:
// descriptors have format 0 and 1 there. What is copied of type 1 needs new
// reference tags, which the controller makes.
func TestCopyProtected(t *testing.T) {
	for _, p := range []protection{
		{serial: "pi", piType: 1, data: 512, meta: 8},
		{serial: "pi", piType: 2, data: 512, meta: 8, interleaved: true},
		{serial: "pi64", piType: 2, data: 512, meta: 16, wide: true},
	} {
		t.Run(p.String(), func(t *testing.T) {
			const to = 2000
			const checks = nvme.PRInfoCheckGuard | nvme.PRInfoCheckApp | nvme.PRInfoCheckRef
			b := protect(t, p)
			b.writeAll("source", b.checks(), nvme.StatusSuccess)
			desc, format := b.source()
			cmd := nvme.Copy{
				NSID: 1, SDLBA: to, Ranges: 1, Format: format, PRINFOR: checks, PRINFOW: checks,
				BlockTags: nvme.BlockTags{TagLow: b.ref, AppTag: appTag, AppTagMask: 0xffff},
			}
			if p.piType == 1 {
				cmd.TagLow = to
				cmd.PRINFOR, cmd.PRINFOW = checks|nvme.PRInfoAction, checks|nvme.PRInfoAction
			}
			b.ok("copy", func(r *host.Request) error { return b.Raw(r, cmd.Command(), desc, nil) })
			want := b.onlyData()
			clear(b.buf)
			b.lba = to
			b.readAll("the copy", b.checks(), nvme.StatusSuccess)
			if !bytes.Equal(b.onlyData(), want) {
				t.Error("the copy differs")
			}
		})
	}
}

// source describes the blocks for Copy.
func (b *protected) source() (desc []byte, format uint8) {
	desc = buffer(b, 32)
	if b.wide {
		desc, format = buffer(b, 40), 1
		binary.BigEndian.PutUint32(desc[32:], b.ref)
	} else {
		le.PutUint32(desc[24:], b.ref)
	}
	le.PutUint64(desc[8:], b.lba)
	le.PutUint16(desc[16:], uint16(b.count-1))
	le.PutUint16(desc[len(desc)-4:], appTag)
	le.PutUint16(desc[len(desc)-2:], 0xffff)
	return desc, format
}
