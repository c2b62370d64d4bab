// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// otherTags expects other tags than the blocks on the disk have.
func (b *protected) otherTags() {
	b.Helper()
	b.seal(8)
	b.writeAll("before other tags are expected", b.checks(), nvme.StatusSuccess)
	x := b.transfer(host.FlagPRCHKApp)
	x.AppTag ^= 0x0100
	b.want("another application tag expected", nvme.StatusApplicationTagCheckError,
		func(r *host.Request) error { return b.ReadExt(b.ns, r, x) })
	x.AppMask = 0x00ff
	b.want("another application tag, where it is masked", nvme.StatusSuccess,
		func(r *host.Request) error { return b.ReadExt(b.ns, r, x) })
	if b.piType == 3 {
		return
	}
	x = b.transfer(host.FlagPRCHKRef | host.FlagRefTag)
	x.RefTag = b.ref + 1
	want := nvme.StatusReferenceTagCheckError
	if b.piType == 1 {
		want = nvme.StatusInvalidProtectionInfo // it has to be the LBA
	}
	b.want("another reference tag expected", want, func(r *host.Request) error { return b.ReadExt(b.ns, r, x) })
}

// escapes writes tags that say that nothing is to be checked.
func (b *protected) escapes() {
	b.Helper()
	b.seal(9)
	pi := b.pi(1)
	b.corrupt(1, 0)
	tag := pi[2:4]
	if b.wide {
		tag = pi[8:10]
	}
	binary.BigEndian.PutUint16(tag, 0xffff)
	want := nvme.StatusSuccess
	if b.piType == 3 { // it needs the reference tag too
		want = nvme.StatusGuardCheckError
	}
	b.writeAll("written without checks", 0, nvme.StatusSuccess)
	b.readAll("application tag FFFFh", b.checks(), want)
	if b.piType == 3 {
		ref := pi[4:]
		if b.wide {
			ref = pi[10:]
		}
		for i := range ref {
			ref[i] = 0xff
		}
		b.writeAll("written without checks", 0, nvme.StatusSuccess)
		b.readAll("application and reference tag all ones", b.checks(), nvme.StatusSuccess)
	}
}

// TestProtectionAction has the controller insert and strip protection
// information. Where that is all of the metadata, the host sees none.
func TestProtectionAction(t *testing.T) {
	for _, p := range protections {
		t.Run(p.String(), func(t *testing.T) {
			b := protect(t, p)
			whole := int(p.meta) == b.piSize()
			want := b.sealed()

			plain := b.transfer(b.checks() | host.FlagPRACT)
			if whole {
				plain.Buf, plain.Meta = buffer(t, b.count*int(p.data)), nil
				for i := range b.count {
					data, _ := b.block(i)
					copy(plain.Buf[i*int(p.data):], data)
				}
			} else {
				for i := range b.count {
					clear(b.pi(i)) // for the controller to write over
				}
			}
			b.want("insert", nvme.StatusSuccess, func(r *host.Request) error { return b.WriteExt(b.ns, r, plain) })
			clear(b.buf)
			clear(b.md)
			b.readAll("what was inserted", b.checks(), nvme.StatusSuccess)
			if got := append(bytes.Clone(b.buf), b.md...); !bytes.Equal(got, want) {
				for i := range b.count {
					t.Errorf("block %d: protection information %x", i, b.pi(i))
				}
			}
			b.strip(plain, whole)
		})
	}
}

// sealed returns data and metadata as they are with the right information,
// which the controller makes of the tags in the command.
func (b *protected) sealed() []byte {
	if b.piType == 3 {
		b.ref = 0 // the driver sends none
	}
	b.seal(20)
	return append(bytes.Clone(b.buf), b.md...)
}

func (b *protected) strip(plain *host.Transfer, whole bool) {
	b.Helper()
	data := bytes.Clone(plain.Buf)
	clear(plain.Buf)
	b.want("strip", nvme.StatusSuccess, func(r *host.Request) error { return b.ReadExt(b.ns, r, plain) })
	if whole && !bytes.Equal(plain.Buf, data) {
		b.Error("the data without protection information are not those written")
	}
	// Stripping checks, too.
	b.seal(21)
	b.corrupt(3, 0)
	b.writeAll("damaged", 0, nvme.StatusSuccess)
	b.want("strip what is damaged", nvme.StatusGuardCheckError, func(r *host.Request) error { return b.ReadExt(b.ns, r, plain) })
}

// TestProtectionSplit moves more than one command carries: the driver has to
// count the reference tag on.
func TestProtectionSplit(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		p := protection{serial: "pi", piType: 1, data: 512, meta: 8, interleaved: interleaved}
		t.Run(p.String(), func(t *testing.T) {
			b := protect(t, p)
			b.count = 2500
			b.buf = buffer(t, b.count*int(b.ns.ExtendedBlockSize()))
			if !interleaved {
				b.md = buffer(t, b.count*8)
			}
			b.seal(5)
			b.writeAll("write in parts", b.checks(), nvme.StatusSuccess)
			want, wantMD := bytes.Clone(b.buf), bytes.Clone(b.md)
			clear(b.buf)
			clear(b.md)
			b.readAll("read in parts", b.checks(), nvme.StatusSuccess)
			if !bytes.Equal(b.buf, want) || !bytes.Equal(b.md, wantMD) {
				t.Error("read back changed")
			}
			x := b.transfer(b.checks() | host.FlagPRACT)
			x.Buf, x.Meta = buffer(t, b.count*512), nil
			b.want("strip in parts", nvme.StatusSuccess, func(r *host.Request) error { return b.ReadExt(b.ns, r, x) })
			for i := range b.count {
				check(t, "stripped", x.Buf[i*512:(i+1)*512], uint64(i)<<16, 5)
			}
			b.corrupt(2400, 2)
			b.writeAll("damage in the last part", b.checks(), nvme.StatusReferenceTagCheckError)
		})
	}
}
