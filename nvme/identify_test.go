// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"math/big"
	"slices"
	"testing"
)

func TestIdentifyController(t *testing.T) {
	p := make([]byte, IdentifySize)
	copy(p[4:], "S1234               ")
	copy(p[24:], "Model               ")
	p[77] = 5                                        // MDTS
	copy(p[80:], []byte{0, 4, 1, 0})                 // VER 1.4
	p[260] = 0x17                                    // FRMW
	p[262] = 63                                      // ELPE
	copy(p[280:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 2}) // TNVMCAP 2^65 + 1
	copy(p[768:], "nqn.2016-06.io.spdk:cnode1\x00junk")
	p[2048+3] = 3
	copy(p[2048:], []byte{0xc4, 0x09})
	id, err := View[IdentifyController](p)
	if err != nil {
		t.Fatal(err)
	}
	if Text(id.SN[:]) != "S1234" || Text(id.MN[:]) != "Model" || Text(id.SUBNQN[:]) != "nqn.2016-06.io.spdk:cnode1" {
		t.Errorf("texts %q %q %q", Text(id.SN[:]), Text(id.MN[:]), Text(id.SUBNQN[:]))
	}
	if id.MaxTransferSize(4096) != 131072 || id.VER.String() != "1.4" || id.FirmwareSlots() != 3 || id.NumErrorEntries() != 64 || id.NumPowerStates() != 1 {
		t.Errorf("mdts %d version %v slots %d entries %d", id.MaxTransferSize(4096), id.VER, id.FirmwareSlots(), id.NumErrorEntries())
	}
	if want, _ := new(big.Int).SetString("36893488147419103233", 10); id.TNVMCAP.Big().Cmp(want) != 0 || id.TNVMCAP.String() != want.String() {
		t.Errorf("TNVMCAP %v", id.TNVMCAP)
	}
	if ps := &id.PSD[0]; ps.MaxPower() != 250 || !ps.NonOperational() {
		t.Errorf("power %v mW", ps.MaxPower())
	}
	id.MDTS, id.NPSS = 0, 200
	if id.MaxTransferSize(4096) != 0 || id.NumPowerStates() != 32 {
		t.Error("no limit, or too many power states")
	}
	id.MDTS = 255
	if id.MaxTransferSize(4096) != 1<<64-1 {
		t.Errorf("huge MDTS gives %d", id.MaxTransferSize(4096))
	}
	PutText(id.FR[:], "1.0")
	if string(id.FR[:]) != "1.0     " {
		t.Errorf("FR %q", id.FR)
	}
	PutText(id.FR[:], "longer than this")
	if string(id.FR[:]) != "longer t" {
		t.Errorf("FR %q", id.FR)
	}
}

func TestIdentifyNamespace(t *testing.T) {
	var n IdentifyNamespace
	n.LBAF[0] = LBAFormat{LBADS: 9}
	n.LBAF[3] = LBAFormat{LBADS: 12, MS: 64}
	n.LBAF[0x25] = LBAFormat{LBADS: 12, MS: 8}
	n.NLBAF = 3
	if n.BlockSize() != 512 || n.ExtendedLBA() || n.NumFormats() != 4 {
		t.Errorf("block size %d", n.BlockSize())
	}
	n.FLBAS = 0x13
	if n.BlockSize() != 4096 || n.MetadataSize() != 64 || !n.ExtendedLBA() {
		t.Errorf("block size %d metadata %d", n.BlockSize(), n.MetadataSize())
	}
	n.FLBAS = 0x45 // the high bits do not count with 16 formats or fewer
	if n.FormatIndex() != 5 {
		t.Errorf("format %d", n.FormatIndex())
	}
	n.NLBAF = 63
	if n.FLBAS = FLBASExtended; true {
		n.SetFormatIndex(0x25)
	}
	if n.FLBAS != 0x55 || n.FormatIndex() != 0x25 || n.MetadataSize() != 8 {
		t.Errorf("FLBAS %#x format %#x", n.FLBAS, n.FormatIndex())
	}
	n.DPS = 0xa
	if n.ProtectionType() != 2 || n.DPS&DPSFirst == 0 {
		t.Errorf("protection type %d", n.ProtectionType())
	}
	for _, bad := range []uint8{0, 8, 31, 255} {
		if (LBAFormat{LBADS: bad}).DataSize() != 0 {
			t.Errorf("LBADS %d gives %d", bad, LBAFormat{LBADS: bad}.DataSize())
		}
	}
	if e := NewExtendedLBAFormat(48, Guard64b); e != 0x130 || e.STS() != 48 || e.PIF() != Guard64b || e.PIF().Size() != 16 {
		t.Errorf("ELBAF %#x", uint32(e))
	}
	z := IdentifyNamespaceZNS{MOR: 0xffffffff, MAR: 13}
	if z.MaxOpenZones() != 0 || z.MaxActiveZones() != 14 {
		t.Errorf("open %d active %d", z.MaxOpenZones(), z.MaxActiveZones())
	}
	if c := (&IdentifyControllerZNS{ZASL: 3}); c.MaxAppendSize(4096) != 32768 {
		t.Errorf("append %d", c.MaxAppendSize(4096))
	}
}

func TestLists(t *testing.T) {
	l := NamespaceList{1, 3, 7}
	if got := l.IDs(); !slices.Equal(got, []uint32{1, 3, 7}) {
		t.Errorf("ids %v", got)
	}
	for i := range l {
		l[i] = uint32(i + 1)
	}
	if len(l.IDs()) != 1024 {
		t.Errorf("%d ids", len(l.IDs()))
	}
	var c ControllerList
	for i := range 2047 {
		if !c.Append(uint16(i)) {
			t.Fatalf("no room for id %d", i)
		}
	}
	if c.Append(1) || len(c.IDs()) != 2047 || !bytes.Equal(Bytes(&c)[:6], []byte{0xff, 0x07, 0, 0, 1, 0}) {
		t.Errorf("%d ids, %x", len(c.IDs()), Bytes(&c)[:6])
	}
	c.NUMCNTL = 0xffff
	if len(c.IDs()) != 2047 {
		t.Errorf("%d ids of a broken list", len(c.IDs()))
	}
}

func TestNamespaceDescriptors(t *testing.T) {
	d := NamespaceDescriptors{EUI64: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, UUID: [16]byte{0: 0xaa, 15: 0xbb}, CSI: CSIZNS, HasCSI: true}
	want := unhex(t, "01080000 0102030405060708 03100000 aa0000000000000000000000000000bb 04010000 02")
	got := d.Append(nil)
	if !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	back, err := ParseNamespaceDescriptors(append(got, make([]byte, 100)...))
	if err != nil || back != d {
		t.Errorf("%+v, %v", back, err)
	}
	unknown := append(unhex(t, "63020000 ffff"), want...)
	if back, err := ParseNamespaceDescriptors(unknown); err != nil || back != d {
		t.Errorf("with an unknown type: %+v, %v", back, err)
	}
	for _, bad := range []string{"01080000 01", "01040000 01020304", "02080000 0102030405060708"} {
		if _, err := ParseNamespaceDescriptors(unhex(t, bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func FuzzParseNamespaceDescriptors(f *testing.F) {
	d := NamespaceDescriptors{NGUID: [16]byte{1}, HasCSI: true}
	f.Add(d.Append(nil))
	f.Add([]byte{1, 8, 0, 0, 1})
	f.Add([]byte{99, 255, 0, 0})
	f.Fuzz(func(t *testing.T, p []byte) {
		d, err := ParseNamespaceDescriptors(p)
		if err != nil {
			return
		}
		if again, err := ParseNamespaceDescriptors(d.Append(nil)); err != nil || again != d {
			t.Errorf("%+v became %+v, %v", d, again, err)
		}
	})
}
