// SPDX-License-Identifier: BSD-3-Clause

package tcp_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/bdev/malloc"
	"github.com/gospdk/gospdk/dif"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
	"github.com/gospdk/gospdk/nvme/host/tcp"
	target "github.com/gospdk/gospdk/nvmf/tcp"
)

// protected is a namespace whose blocks have protection information.
type protected struct {
	*testing.T
	disk malloc.Config
	ns   *host.Namespace
	qp   *host.QPair
	rnd  *rand.Rand
}

func newProtected(t *testing.T, typ dif.Type, mdSize uint32, head bool) *protected {
	t.Helper()
	disk := malloc.Config{Name: "Malloc0", NumBlocks: 4096, BlockSize: 512, MDSize: mdSize, MDInterleaved: true, DIF: typ, DIFHeadOfMD: head}
	c := newRigOf(t, target.Options{}, disk, nil).connect(host.Options{DisableErrorLogging: true})
	return &protected{T: t, disk: disk, ns: c.Namespace(1), qp: qpair(t, c, host.QPairOptions{}), rnd: rand.New(rand.NewPCG(7, uint64(mdSize)))}
}

// context lays out what the host writes.
func (p *protected) context(ref uint64, app uint16) *dif.Context {
	return &dif.Context{
		BlockSize: p.ns.ExtendedBlockSize(), MDSize: p.disk.MDSize, Interleaved: true, HeadOfMD: p.disk.DIFHeadOfMD, Type: p.disk.DIF,
		Flags: dif.Guard | dif.RefTag | dif.AppTag, AppTag: app, AppMask: 0xffff, RefTag: ref,
	}
}

// blocks makes content with protection information.
func (p *protected) blocks(n int, ref uint64, app uint16) []byte {
	b := make([]byte, n*int(p.ns.ExtendedBlockSize()))
	fill(p.rnd, b)
	must(p, p.context(ref, app).Generate([][]byte{b}, uint64(n)))
	return b
}

// pi returns the protection information of a block.
func (p *protected) pi(b []byte, block int) []byte {
	md := b[block*int(p.ns.ExtendedBlockSize())+512:][:p.disk.MDSize]
	if p.disk.DIFHeadOfMD {
		return md[:8]
	}
	return md[len(md)-8:]
}

// run carries a command out and returns its status.
func (p *protected) run(send func(*host.Namespace, *host.Request, *host.Transfer) error, x host.Transfer) nvme.Status {
	p.Helper()
	r := newRequest()
	must(p, send(p.ns, &r.Request, &x))
	waitEnded(p, p.qp, r)
	return r.Status().Code()
}

func (p *protected) want(what string, got, want nvme.Status) {
	p.Helper()
	if got != want {
		p.Errorf("%s: %v, want %v", what, got, want)
	}
}

const checkAll = host.FlagPRCHKGuard | host.FlagPRCHKRef | host.FlagPRCHKApp

// eachProtection runs a test with namespaces of all shapes.
func eachProtection(t *testing.T, test func(*protected)) {
	for _, typ := range []dif.Type{dif.Type1, dif.Type2, dif.Type3} {
		for _, md := range []uint32{8, 16, 64} {
			for _, head := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v md %d head %t", typ, md, head), func(t *testing.T) { test(newProtected(t, typ, md, head)) })
			}
		}
	}
}

// TestProtectedBlocks has what is right arrive, in one command and in several,
// and what is wrong refused, by the field that is wrong.
func TestProtectedBlocks(t *testing.T) {
	eachProtection(t, func(p *protected) {
		if p.ns.MetadataSize() != p.disk.MDSize || !p.ns.Interleaved() || p.ns.ProtectionType() != uint8(p.disk.DIF) || p.ns.ExtendedBlockSize() != 512+p.disk.MDSize {
			p.Fatalf("metadata of %d bytes, interleaved %t, type %d", p.ns.MetadataSize(), p.ns.Interleaved(), p.ns.ProtectionType())
		}
		d := p.ns.Data()
		if first := d.DPS>>3&1 != 0; first != p.disk.DIFHeadOfMD || d.DPC>>(uint8(p.disk.DIF)-1)&1 == 0 {
			p.Errorf("DPS %#x, DPC %#x", d.DPS, d.DPC)
		}
		checks := checkAll
		if p.disk.DIF == dif.Type3 {
			checks &^= host.FlagPRCHKRef
		}
		for _, n := range []int{1, 7, 1000} { // the last takes several commands
			const lba = 100
			out := p.blocks(n, lba, 0x1234)
			x := host.Transfer{Buf: out, LBA: lba, Count: uint32(n), Flags: checks, AppTag: 0x1234, AppMask: 0xffff}
			p.want("write", p.run(p.qp.WriteExt, x), 0)
			x.Buf = make([]byte, len(out))
			p.want("read", p.run(p.qp.ReadExt, x), 0)
			if !bytes.Equal(x.Buf, out) {
				p.Fatalf("%d blocks: read something else than written", n)
			}
			p.want("compare", p.run(p.qp.CompareExt, x), 0)

			x.AppTag = 0x1200
			p.want("read, another application tag", p.run(p.qp.ReadExt, x), 0x283)
			x.AppMask = 0xff00
			p.want("read, a part of the application tag", p.run(p.qp.ReadExt, x), 0)
			x.AppTag, x.Flags = 0x5678, checks&^host.FlagPRCHKApp
			p.want("read, application tag not checked", p.run(p.qp.ReadExt, x), 0)
		}
	})
}

func TestWrongProtection(t *testing.T) {
	eachProtection(t, func(p *protected) {
		const lba, n, at = 40, 5, 3
		good := p.blocks(n, lba, 0)
		x := host.Transfer{Buf: good, LBA: lba, Count: n, AppMask: 0xffff}
		p.want("write", p.run(p.qp.WriteExt, x), 0)
		for _, tt := range []struct {
			what   string
			byte   int
			flag   host.IOFlags
			status nvme.Status
		}{
			{"guard", 1, host.FlagPRCHKGuard, 0x282},
			{"application tag", 3, host.FlagPRCHKApp, 0x283},
			{"reference tag", 7, host.FlagPRCHKRef, 0x284},
		} {
			if tt.flag == host.FlagPRCHKRef && p.disk.DIF == dif.Type3 {
				continue
			}
			bad := bytes.Clone(good)
			p.pi(bad, at)[tt.byte] ^= 4
			read := x
			read.Buf = make([]byte, len(good))

			x.Buf, x.Flags = bad, tt.flag
			p.want("write, wrong "+tt.what, p.run(p.qp.WriteExt, x), tt.status)
			p.want("read of what was there", p.run(p.qp.ReadExt, read), 0)
			if !bytes.Equal(read.Buf, good) {
				p.Errorf("a write with a wrong %s has changed something", tt.what)
			}
			x.Flags = 0
			p.want("unchecked write, wrong "+tt.what, p.run(p.qp.WriteExt, x), 0)
			read.Flags = checkAll &^ tt.flag
			if p.disk.DIF == dif.Type3 {
				read.Flags &^= host.FlagPRCHKRef
			}
			p.want("read with the other checks", p.run(p.qp.ReadExt, read), 0)
			if !bytes.Equal(read.Buf, bad) {
				p.Errorf("a wrong %s was put right", tt.what)
			}
			read.Flags = tt.flag
			p.want("read, wrong "+tt.what, p.run(p.qp.ReadExt, read), tt.status)
			r := newRequest()
			must(p, p.qp.Verify(p.ns, &r.Request, lba, n, tt.flag))
			waitEnded(p, p.qp, r)
			if tt.flag != host.FlagPRCHKApp {
				p.want("verify, wrong "+tt.what, r.Status().Code(), tt.status)
			}
			x.Buf, x.Flags = good, 0
			p.want("write", p.run(p.qp.WriteExt, x), 0)
		}
	})
}

// The host may choose the first reference tag where that is its own.
func TestChosenReferenceTags(t *testing.T) {
	eachProtection(t, func(p *protected) {
		const lba, n, ref = 9, 4, 0xfffffffe // they wrap
		out := p.blocks(n, ref, 0)
		x := host.Transfer{Buf: out, LBA: lba, Count: n, Flags: checkAll | host.FlagRefTag, RefTag: ref, AppMask: 0xffff}
		if p.disk.DIF == dif.Type1 {
			p.want("write", p.run(p.qp.WriteExt, x), nvme.StatusInvalidProtectionInfo)
			return
		}
		p.want("write", p.run(p.qp.WriteExt, x), 0)
		x.Buf = make([]byte, len(out))
		p.want("read", p.run(p.qp.ReadExt, x), 0)
		if !bytes.Equal(x.Buf, out) {
			p.Error("read something else than written")
		}
		if x.RefTag++; p.disk.DIF == dif.Type2 {
			p.want("read with another tag", p.run(p.qp.ReadExt, x), 0x284)
		}
	})
}

// TestControllerMakesProtection has the controller make what the host does not
// see.
func TestControllerMakesProtection(t *testing.T) {
	eachProtection(t, func(p *protected) {
		const lba, n = 300, 600 // several commands
		data := make([]byte, n*512)
		if p.disk.MDSize != 8 {
			data = p.blocks(n, lba, 0)
		}
		fill(p.rnd, data)
		x := host.Transfer{Buf: data, LBA: lba, Count: n, Flags: host.FlagPRACT | host.FlagPRCHKGuard}
		if p.disk.MDSize != 8 { // the rest of the metadata would be the host's
			p.want("write", p.run(p.qp.WriteExt, x), nvme.StatusInvalidField)
			return
		}
		p.want("write", p.run(p.qp.WriteExt, x), 0)
		whole := host.Transfer{Buf: make([]byte, n*520), LBA: lba, Count: n, Flags: host.FlagPRCHKGuard}
		p.want("read with protection information", p.run(p.qp.ReadExt, whole), 0)
		ctx := p.context(lba, 0)
		if p.disk.DIF == dif.Type3 {
			ctx.Flags &^= dif.RefTag
		}
		must(p, ctx.Verify([][]byte{whole.Buf}, n))
		for i := range n {
			if !bytes.Equal(whole.Buf[i*520:][:512], data[i*512:][:512]) {
				p.Fatalf("block %d has other data", i)
			}
		}
		x.Buf = make([]byte, len(data))
		p.want("read", p.run(p.qp.ReadExt, x), 0)
		if !bytes.Equal(x.Buf, data) {
			p.Error("read something else than written")
		}
		p.want("compare", p.run(p.qp.CompareExt, x), 0)
		x.Buf[5]++
		p.want("compare with something else", p.run(p.qp.CompareExt, x), nvme.StatusCompareFailure)

		p.pi(whole.Buf, 7)[0]++
		whole.Flags = 0
		p.want("unchecked write", p.run(p.qp.WriteExt, whole), 0)
		p.want("read, wrong guard", p.run(p.qp.ReadExt, x), 0x282)
		x.Flags &^= host.FlagPRCHKGuard
		p.want("unchecked read", p.run(p.qp.ReadExt, x), 0)
		if !bytes.Equal(x.Buf, data) {
			p.Error("an unchecked read has other data")
		}
		x.Flags, x.AppTag = host.FlagPRACT, 1
		p.want("write with an application tag", p.run(p.qp.WriteExt, x), nvme.StatusInvalidField)
	})
}

// A disk with metadata beside the data does not come with TCP.
func TestSeparateMetadata(t *testing.T) {
	disk := malloc.Config{Name: "Malloc0", NumBlocks: 4096, BlockSize: 512, MDSize: 8, DIF: dif.Type1}
	g := newRigOf(t, target.Options{}, disk, nil)
	c, err := host.Connect(t.Context(), tcp.Transport{}, g.trid(), host.Options{})
	if err == nil {
		t.Errorf("%v", c.Namespace(1))
		must(t, c.Detach(t.Context()))
	} else if !strings.Contains(err.Error(), "refused to connect") {
		t.Error(err)
	}
}
