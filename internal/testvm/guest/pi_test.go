// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// protection is how a namespace is formatted.
type protection struct {
	serial      string // of its controller
	piType      uint8
	data, meta  uint32
	interleaved bool
	first       bool // protection information is the first bytes of the metadata
	wide        bool // 64-bit guard
}

func (p protection) String() string {
	layout, place := "separate", "last"
	if p.interleaved {
		layout = "interleaved"
	}
	if p.first {
		place = "first"
	}
	guard := 16
	if p.wide {
		guard = 64
	}
	return fmt.Sprintf("type %d %d+%d %s %s %d-bit guard", p.piType, p.data, p.meta, layout, place, guard)
}

// protected are blocks of a namespace with protection information.
type protected struct {
	*queue
	protection
	ns    *host.Namespace
	lba   uint64
	count int
	buf   []byte // data, with interleaved metadata
	md    []byte // separate metadata
	ref   uint32 // initial reference tag
}

const appTag = 0xbeef

// protect formats the namespace and prepares blocks.
func protect(t *testing.T, p protection) *protected {
	t.Helper()
	r := connect(t, p.serial, host.Options{})
	q := r.queue(host.QPairOptions{})
	r.must(r.ctrlr.Format(r.ctx, 1, host.FormatOptions{
		Format: r.formatOf(1, p.data, p.meta), Interleaved: p.interleaved, Protection: p.piType, ProtectionEnd: p.first,
	}))
	b := &protected{queue: q, protection: p, ns: r.namespace(1), lba: 1000, count: 8}
	if got := b.ns.ProtectionType(); got != p.piType {
		t.Fatalf("protection type %d, want %d", got, p.piType)
	}
	b.buf = buffer(t, b.count*int(b.ns.ExtendedBlockSize()))
	if !p.interleaved {
		b.md = buffer(t, b.count*int(p.meta))
	}
	b.ref = uint32(b.lba)
	if p.piType == 2 {
		b.ref = 0xcafe0000 // of the host's choice
	}
	b.seal(1)
	return b
}

// block returns the data and the metadata of block i.
func (b *protected) block(i int) (data, meta []byte) {
	size := int(b.ns.ExtendedBlockSize())
	block := b.buf[i*size : (i+1)*size]
	if b.interleaved {
		return block[:b.data], block[b.data:]
	}
	return block, b.md[i*int(b.meta) : (i+1)*int(b.meta)]
}

// onlyData returns the data without the metadata.
func (b *protected) onlyData() (all []byte) {
	for i := range b.count {
		data, _ := b.block(i)
		all = append(all, data...)
	}
	return all
}

func (b *protected) piSize() int {
	if b.wide {
		return 16
	}
	return 8
}

// pi returns the protection information within the metadata.
func (b *protected) pi(i int) []byte {
	_, meta := b.block(i)
	if b.first {
		return meta[:b.piSize()]
	}
	return meta[len(meta)-b.piSize():]
}

// seal fills the blocks and gives them the right protection information.
func (b *protected) seal(seed uint64) {
	for i := range b.count {
		data, meta := b.block(i)
		fill(data, uint64(i)<<16, seed)
		fill(meta, uint64(i)<<16+1<<15, seed)
		covered := data
		if !b.first {
			covered = append(bytes.Clone(data), meta[:len(meta)-b.piSize()]...)
		}
		pi := b.pi(i)
		ref := b.ref + uint32(i)
		if b.piType == 3 {
			ref = b.ref
		}
		if b.wide {
			binary.BigEndian.PutUint64(pi, crc64.Checksum(covered, nvmeCRC64))
			binary.BigEndian.PutUint16(pi[8:], appTag)
			copy(pi[10:], []byte{0, 0})
			binary.BigEndian.PutUint32(pi[12:], ref)
			continue
		}
		binary.BigEndian.PutUint16(pi, crc16(covered))
		binary.BigEndian.PutUint16(pi[2:], appTag)
		binary.BigEndian.PutUint32(pi[4:], ref)
	}
}

// corrupt damages the guard (0), the application tag (1) or the reference tag
// (2) of a block in memory.
func (b *protected) corrupt(i, what int) {
	if b.wide {
		b.pi(i)[[]int{7, 9, 15}[what]] ^= 1
		return
	}
	b.pi(i)[[]int{1, 3, 7}[what]] ^= 1
}

// nvmeCRC64 is the polynomial of the 64-bit guard (NVM Command Set 1.0,
// 5.2.1.3), bits reversed.
var nvmeCRC64 = crc64.MakeTable(0x9a6c9329ac4bc9b5)

// crc16Table is for CRC T10-DIF, polynomial 8BB7h.
var crc16Table = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			carry := crc&0x8000 != 0
			crc <<= 1
			if carry {
				crc ^= 0x8bb7
			}
		}
		table[i] = crc
	}
	return table
}()

// crc16 is the 16-bit guard.
func crc16(p []byte) (crc uint16) {
	for _, b := range p {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^b]
	}
	return crc
}

func (b *protected) transfer(flags host.IOFlags) *host.Transfer {
	x := &host.Transfer{
		Buf: b.buf, Meta: b.md, LBA: b.lba, Count: uint32(b.count),
		Flags: flags, AppTag: appTag, AppMask: 0xffff,
	}
	if b.piType == 2 {
		x.Flags |= host.FlagRefTag
		x.RefTag = b.ref
	}
	return x
}

func (b *protected) writeAll(what string, flags host.IOFlags, s nvme.Status) {
	b.Helper()
	x := b.transfer(flags)
	b.want(what, s, func(r *host.Request) error { return b.WriteExt(b.ns, r, x) })
}

func (b *protected) readAll(what string, flags host.IOFlags, s nvme.Status) {
	b.Helper()
	x := b.transfer(flags)
	b.want(what, s, func(r *host.Request) error { return b.ReadExt(b.ns, r, x) })
}

// checks returns every check that the type has.
func (b *protected) checks() host.IOFlags {
	if b.piType == 3 {
		return host.FlagPRCHKGuard | host.FlagPRCHKApp
	}
	return host.FlagPRCHKGuard | host.FlagPRCHKApp | host.FlagPRCHKRef
}

// tags are the fields of protection information with their checks.
var tags = []struct {
	name   string
	flag   host.IOFlags
	status nvme.Status
}{
	{"guard", host.FlagPRCHKGuard, nvme.StatusGuardCheckError},
	{"application tag", host.FlagPRCHKApp, nvme.StatusApplicationTagCheckError},
	{"reference tag", host.FlagPRCHKRef, nvme.StatusReferenceTagCheckError},
}

var protections = func() (all []protection) {
	for _, piType := range []uint8{1, 2, 3} {
		for _, interleaved := range []bool{false, true} {
			all = append(all, protection{serial: "pi", piType: piType, data: 512, meta: 8, interleaved: interleaved})
		}
	}
	return append(all,
		protection{serial: "pi", piType: 1, data: 512, meta: 16},
		protection{serial: "pi", piType: 1, data: 4096, meta: 16, interleaved: true},
		protection{serial: "pi", piType: 2, data: 4096, meta: 64, first: true},
		protection{serial: "pi", piType: 3, data: 512, meta: 64, interleaved: true, first: true},
		protection{serial: "pi64", piType: 1, data: 512, meta: 16, wide: true},
		protection{serial: "pi64", piType: 2, data: 4096, meta: 64, interleaved: true, wide: true},
		protection{serial: "pi64", piType: 1, data: 4096, meta: 64, first: true, wide: true},
	)
}()

// TestProtection: right information passes every check; a corrupted field is
// caught by its own check, in what the host writes and in what the disk holds,
// and by no other.
func TestProtection(t *testing.T) {
	for _, p := range protections {
		t.Run(p.String(), func(t *testing.T) {
			b := protect(t, p)
			b.writeAll("right information", b.checks(), nvme.StatusSuccess)
			want, wantMD := bytes.Clone(b.buf), bytes.Clone(b.md)
			clear(b.buf)
			clear(b.md)
			b.readAll("right information", b.checks(), nvme.StatusSuccess)
			if !bytes.Equal(b.buf, want) || !bytes.Equal(b.md, wantMD) {
				t.Error("data or metadata were read back changed")
			}
			for i, tag := range tags {
				if tag.flag&b.checks() != 0 {
					b.corruptedOnce(i, tag.name, tag.flag, tag.status)
				}
			}
			if p.piType == 3 {
				b.seal(1)
				b.writeAll("reference tag check of type 3", host.FlagPRCHKRef, nvme.StatusInvalidProtectionInfo)
			}
			b.otherTags()
			b.escapes()
		})
	}
}

// corruptedOnce damages one field of one block, first on the way to the disk,
// then on the disk.
func (b *protected) corruptedOnce(what int, name string, flag host.IOFlags, status nvme.Status) {
	b.Helper()
	b.seal(uint64(what + 2))
	b.corrupt(2, what)
	b.writeAll(name+" corrupted in memory", flag, status)
	b.writeAll(name+" corrupted, other checks", b.checks()&^flag, nvme.StatusSuccess)
	b.writeAll(name+" corrupted, no checks", 0, nvme.StatusSuccess)
	clear(b.buf)
	clear(b.md)
	b.readAll(name+" corrupted on the disk", flag, status)
	b.readAll(name+" corrupted on the disk, all checks", b.checks(), status)
	b.readAll(name+" corrupted on the disk, other checks", b.checks()&^flag, nvme.StatusSuccess)
	b.verifyAll(name+" corrupted on the disk: verify", flag, status)
	b.readAll(name+" corrupted on the disk, no checks", 0, nvme.StatusSuccess)
	// It was read as it was written: undoing the damage makes it right.
	b.corrupt(2, what)
	b.writeAll(name+" repaired", b.checks(), nvme.StatusSuccess)
	b.verifyAll(name+" repaired: verify", b.checks(), nvme.StatusSuccess)
}

// verifyAll has the controller check what it holds. The driver's Verify takes
// no tags, so those of the host's choice go into a raw command.
func (b *protected) verifyAll(what string, flags host.IOFlags, s nvme.Status) {
	b.Helper()
	x := b.transfer(flags)
	ref := b.ref
	if b.piType == 3 {
		ref = 0
	}
	b.want(what, s, func(r *host.Request) error {
		return b.Raw(r, nvme.Command{
			Opcode: nvme.CmdVerify, NSID: 1, CDW10: uint32(x.LBA), CDW12: x.Count - 1 | uint32(flags),
			CDW14: ref, CDW15: uint32(x.AppMask)<<16 | uint32(x.AppTag),
		}, nil, nil)
	})
}
