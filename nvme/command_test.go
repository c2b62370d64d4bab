// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

// unhex reads a hex dump with blanks.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCommandBytes(t *testing.T) {
	c := Command{
		Opcode: CmdWrite, CID: 0x0bbf, NSID: 1, MPTR: 0x1122334455667788,
		PRP1: 0xdeadbe000, PRP2: 0xcafe1000, CDW10: 0x10, CDW11: 0x20, CDW12: 0x40000007, CDW13: 0x30, CDW14: 0x40, CDW15: 0x50,
	}
	c.SetFUSE(FuseSecond)
	want := unhex(t, `01 02 bf0b 01000000 00000000 00000000 8877665544332211
		00e0dbea0d000000 0010feca00000000
		10000000 20000000 07000040 30000000 40000000 50000000`)
	if got := Bytes(&c); !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
	back, err := Read[Command](want)
	if err != nil || back != c {
		t.Errorf("read back %+v, %v", back, err)
	}
	if c.SLBA() != 0x2000000010 || c.NLB() != 8 || c.FUSE() != FuseSecond || c.PSDT() != PSDTPRP {
		t.Errorf("slba %#x nlb %d fuse %d psdt %d", c.SLBA(), c.NLB(), c.FUSE(), c.PSDT())
	}
	c.SetNLB(65536)
	if c.CDW12 != 0x4000ffff {
		t.Errorf("CDW12 %#x after SetNLB", c.CDW12)
	}
	c.SetSLBA(0x123456789abcdef0)
	if c.CDW10 != 0x9abcdef0 || c.CDW11 != 0x12345678 {
		t.Errorf("CDW10 %#x CDW11 %#x after SetSLBA", c.CDW10, c.CDW11)
	}
}

func TestFlags(t *testing.T) {
	var c Command
	c.SetPSDT(PSDTSGLMPTRSGL)
	c.SetFUSE(FuseFirst)
	if c.Flags != 0x81 || c.PSDT() != PSDTSGLMPTRSGL || c.FUSE() != FuseFirst {
		t.Errorf("flags %#x", c.Flags)
	}
	c.SetFUSE(FuseNone)
	c.SetPSDT(PSDTPRP)
	if c.Flags != 0 {
		t.Errorf("flags %#x, want 0", c.Flags)
	}
}

func TestSGLBytes(t *testing.T) {
	for _, tt := range []struct {
		d    SGLDescriptor
		want string
	}{
		{NewSGL(SGLTypeDataBlock, SGLSubtypeAddress, 0x1000, 0x200), "0010000000000000 00020000 000000 00"},
		{NewSGL(SGLTypeLastSegment, SGLSubtypeAddress, 0x8000, 0x40), "0080000000000000 40000000 000000 30"},
		{NewSGL(SGLTypeTransportDataBlock, SGLSubtypeTransport, 0, 0x1000), "0000000000000000 00100000 000000 5a"},
		{NewKeyedSGL(SGLSubtypeInvalidateKey, 0x1122334455667788, 0x123456, 0xaabbccdd), "8877665544332211 563412 ddccbbaa 4f"},
	} {
		want := unhex(t, tt.want)
		if got := Bytes(&tt.d); !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
		var c Command
		c.SetSGL1(tt.d)
		if c.SGL1() != tt.d {
			t.Errorf("SGL1 %+v, want %+v", c.SGL1(), tt.d)
		}
		if got := Bytes(&c)[24:40]; !bytes.Equal(got, want) {
			t.Errorf("in the command %x, want %x", got, want)
		}
	}
	k := NewKeyedSGL(SGLSubtypeAddress, 1, 0xabcdef, 0x01020304)
	if k.KeyedLength() != 0xabcdef || k.Key() != 0x01020304 || k.Type() != SGLTypeKeyedDataBlock || k.Subtype() != SGLSubtypeAddress {
		t.Errorf("keyed %#x %#x %v %v", k.KeyedLength(), k.Key(), k.Type(), k.Subtype())
	}
}

func TestCompletionBytes(t *testing.T) {
	c := NewCompletion(9, 1, 191, StatusLBAOutOfRange.WithDNR())
	c.CDW0 = 0x01020304
	want := unhex(t, "04030201 00000000 0900 0100 bf00 0081")
	if got := Bytes(&c); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if c.Phase() || !c.IsError() || c.Status() != StatusLBAOutOfRange.WithDNR() {
		t.Errorf("phase %v status %v", c.Phase(), c.Status())
	}
	c.SetStatus(StatusSuccess, true)
	if !c.Phase() || c.IsError() || c.StatusPhase != 1 {
		t.Errorf("status %#x", c.StatusPhase)
	}
	c.SetResult64(0x1122334455667788)
	if c.CDW0 != 0x55667788 || c.CDW1 != 0x11223344 || c.Result64() != 0x1122334455667788 {
		t.Errorf("result %#x", c.Result64())
	}
}

func TestTransfer(t *testing.T) {
	for op, want := range map[Opcode]Transfer{
		CmdFlush: TransferNone, CmdWrite: TransferHostToController, CmdRead: TransferControllerToHost,
		AdminIdentify: TransferControllerToHost, AdminSetFeatures: TransferHostToController,
		CmdCopy: TransferHostToController, CmdZoneManagementReceive: TransferControllerToHost, AdminCreateIOCQ: TransferHostToController,
	} {
		if got := op.Transfer(); got != want {
			t.Errorf("%v: %d, want %d", op, got, want)
		}
	}
	c := Connect{}.Command()
	if got := c.Transfer(); got != TransferHostToController {
		t.Errorf("Connect: %d", got)
	}
	c = PropertyGet{}.Command()
	if got := c.Transfer(); got != TransferNone {
		t.Errorf("Property Get: %d", got)
	}
}

func TestViewAndRead(t *testing.T) {
	p := make([]byte, 4097)
	id, err := View[IdentifyController](p[:4096])
	if err != nil {
		t.Fatal(err)
	}
	id.VID = 0x4e58
	if p[0] != 0x58 || p[1] != 0x4e {
		t.Errorf("view does not alias: %x", p[:2])
	}
	if _, err := View[IdentifyController](p[:4095]); err == nil {
		t.Error("View of a short slice succeeded")
	}
	if _, err := View[IdentifyController](p[1:]); err == nil {
		t.Error("View of a misaligned slice succeeded")
	}
	if _, err := Read[IdentifyController](p[1:]); err != nil {
		t.Error(err)
	}
	if _, err := Read[Command](p[:63]); err == nil {
		t.Error("Read of a short slice succeeded")
	}
	if _, err := Read[Command](nil); err == nil {
		t.Error("Read of nothing succeeded")
	}
}

// TestNoAllocation covers what the data path calls.
func TestNoAllocation(t *testing.T) {
	var c Command
	var cpl Completion
	buf := make([]byte, 64)
	n := testing.AllocsPerRun(100, func() {
		c = ReadWrite{Opcode: CmdRead, NSID: 1, SLBA: 7, Blocks: 8, FUA: true}.Command()
		rw := ParseReadWrite(&c)
		c.SetSGL1(NewSGL(SGLTypeDataBlock, SGLSubtypeAddress, 0x1000, rw.Blocks*512))
		copy(buf, Bytes(&c))
		c, _ = Read[Command](buf)
		cpl = NewCompletion(1, 1, c.CID, StatusInvalidField.WithDNR())
		if cpl.Status().Is(StatusSuccess) {
			t.Fail()
		}
		_, _ = ParseCopyRange(0, buf)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
