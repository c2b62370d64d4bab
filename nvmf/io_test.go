// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func ioCmd(op nvme.Opcode, nsid uint32, lba uint64, blocks uint32) nvme.Command {
	cmd := nvme.Command{Opcode: op, NSID: nsid}
	cmd.SetSLBA(lba)
	cmd.SetNLB(blocks)
	return cmd
}

func read(nsid uint32, lba uint64, n uint32) nvme.Command { return ioCmd(nvme.CmdRead, nsid, lba, n) }
func writeCmd(nsid uint32, lba uint64, n uint32) nvme.Command {
	return ioCmd(nvme.CmdWrite, nsid, lba, n)
}

func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i)*7 + seed
	}
	return p
}

func TestReadWrite(t *testing.T) {
	d := testdisk.New("d", 300)
	g := newRig(t, d)
	data := pattern(16*512, 1)
	wantStatus(t, "write", g.doIO(writeCmd(1, 5, 16), data).Status, 0)
	if !bytes.Equal(d.Data[5*512:21*512], data) {
		t.Error("the data are not on the disk")
	}
	got := make([]byte, len(data))
	wantStatus(t, "read", g.doIO(read(1, 5, 16), got).Status, 0)
	if !bytes.Equal(got, data) {
		t.Error("read gives other data than were written")
	}
	if g.c.Home().Outstanding() != 0 {
		t.Errorf("%d outstanding", g.c.Home().Outstanding())
	}
}

func TestIOStatus(t *testing.T) {
	lba, field, ns, op := nvme.StatusLBAOutOfRange.WithDNR(), nvme.StatusInvalidField.WithDNR(), nvme.StatusInvalidNamespace.WithDNR(), nvme.StatusInvalidOpcode.WithDNR()
	directive := writeCmd(1, 0, 1)
	directive.CDW12 |= 1 << 20
	for _, tt := range []struct {
		what string
		cmd  nvme.Command
		want nvme.Status
	}{
		{"last block", read(1, 599, 1), 0},
		{"block behind the end", read(1, 600, 1), lba},
		{"range over the end", read(1, 598, 3), lba},
		{"range that wraps", read(1, 1<<64-1, 2), lba},
		{"write behind the end", writeCmd(1, 600, 1), lba},
		{"largest transfer", read(1, 0, 256), 0},
		{"more than MDTS", read(1, 0, 257), field},
		{"no namespace", read(0, 0, 1), ns},
		{"unknown namespace", read(2, 0, 1), ns},
		{"namespace beyond NN", read(1000, 0, 1), ns},
		{"broadcast", read(0xffffffff, 0, 1), ns},
		{"write uncorrectable", ioCmd(nvme.CmdWriteUncorrectable, 1, 0, 1), op},
		{"reservation register", ioCmd(nvme.CmdReservationRegister, 1, 0, 1), nvme.StatusCommandSequenceError.WithDNR()},
		{"zone append", ioCmd(nvme.CmdZoneAppend, 1, 0, 1), op},
		{"unknown opcode", ioCmd(0xfe, 1, 0, 1), op},
		{"flush", ioCmd(nvme.CmdFlush, 1, 0, 1), 0},
		{"flush of all", ioCmd(nvme.CmdFlush, 0xffffffff, 0, 1), ns},
		{"directive", directive, field},
		{"write zeroes", ioCmd(nvme.CmdWriteZeroes, 1, 0, 600), 0},
		{"write zeroes over the end", ioCmd(nvme.CmdWriteZeroes, 1, 1, 600), lba},
		{"verify", ioCmd(nvme.CmdVerify, 1, 0, 600), 0},
		{"verify over the end", ioCmd(nvme.CmdVerify, 1, 1, 600), lba},
	} {
		g := newRig(t, testdisk.New("d", 600))
		wantStatus(t, tt.what, g.doIO(tt.cmd, make([]byte, 512*600)).Status, tt.want)
	}
}

func TestUnsupportedByDisk(t *testing.T) {
	d := testdisk.New("d", 100)
	d.Lacks[bdev.OpUnmap] = true
	g := newRig(t, d)
	if g.c.supports(nvme.CmdDatasetManagement) {
		t.Fatal("the controller offers what its disk lacks")
	}
	cmd := nvme.Command{Opcode: nvme.CmdDatasetManagement, NSID: 1, CDW11: dsmDeallocate}
	wantStatus(t, "deallocate", g.doIO(cmd, make([]byte, 16)).Status, nvme.StatusInvalidOpcode.WithDNR())
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSController, 0), p)
	if id, _ := nvme.Read[nvme.IdentifyController](p); id.ONCS&nvme.ONCSDatasetManagement != 0 {
		t.Error("ONCS says that it can deallocate")
	}
}

func TestStatusOfDisk(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	for _, tt := range []struct {
		s    bdev.Status
		want nvme.Status
	}{
		{bdev.StatusFailed, nvme.StatusInternalDeviceError},
		{bdev.StatusNVMe(2, 0x81), nvme.StatusUnrecoveredReadError},
		{bdev.StatusOutOfRange, nvme.StatusLBAOutOfRange.WithDNR()},
		{bdev.StatusAborted, nvme.StatusAbortedByRequest},
	} {
		d.Fail[bdev.OpRead] = tt.s
		wantStatus(t, tt.s.String(), g.doIO(read(1, 0, 1), make([]byte, 512)).Status, tt.want)
	}
	d.Fail[bdev.OpRead] = 0
}

func TestCompare(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	copy(d.Data, pattern(1024, 3))
	cmd := ioCmd(nvme.CmdCompare, 1, 0, 2)
	wantStatus(t, "same", g.doIO(cmd, pattern(1024, 3)).Status, 0)
	wantStatus(t, "other", g.doIO(cmd, pattern(1024, 4)).Status, nvme.StatusCompareFailure)
}

func TestFUAAndWriteCache(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 512, NumBlocks: 100, WriteCache: true})
	g := newRig(t, d)
	run := func(what string, cmd nvme.Command, want ...bdev.Op) {
		t.Helper()
		d.Seen = []bdev.Op{}
		wantStatus(t, what, g.doIO(cmd, make([]byte, 512)).Status, 0)
		if !slices.Equal(d.Seen, want) {
			t.Errorf("%s: %v, want %v", what, d.Seen, want)
		}
	}
	fua := writeCmd(1, 0, 1)
	fua.CDW12 |= forceUnitAccess
	zeroes := ioCmd(nvme.CmdWriteZeroes, 1, 0, 1)
	zeroes.CDW12 |= forceUnitAccess
	run("write", writeCmd(1, 0, 1), bdev.OpWrite)
	run("write with FUA", fua, bdev.OpWrite, bdev.OpFlush)
	run("zeroes with FUA", zeroes, bdev.OpWriteZeroes, bdev.OpFlush)
	run("flush", ioCmd(nvme.CmdFlush, 1, 0, 1), bdev.OpFlush)
	g.doAdmin(nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: uint32(nvme.FeatureVolatileWriteCache)}, nil)
	run("write with the cache off", writeCmd(1, 0, 1), bdev.OpWrite, bdev.OpFlush)
	d.Fail[bdev.OpFlush] = bdev.StatusFailed
	d.Seen = nil
	wantStatus(t, "failing flush", g.doIO(fua, make([]byte, 512)).Status, nvme.StatusInternalDeviceError)
	d.Fail[bdev.OpFlush] = bdev.StatusSuccess // the registry flushes at its end
}

func TestDeallocate(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	for i := range d.Data {
		d.Data[i] = 1
	}
	ranges := func(r ...uint64) []byte {
		p := make([]byte, 16*len(r)/2)
		for i := 0; i < len(r); i += 2 {
			binary.LittleEndian.PutUint32(p[i*8+4:], uint32(r[i+1]))
			binary.LittleEndian.PutUint64(p[i*8+8:], r[i])
		}
		return p
	}
	dsm := func(p []byte, attr uint32) nvme.Status {
		cmd := nvme.Command{Opcode: nvme.CmdDatasetManagement, NSID: 1, CDW10: uint32(len(p)/16 - 1), CDW11: attr}
		return g.doIO(cmd, p).Status
	}
	wantStatus(t, "hints", dsm(ranges(0, 100), 3), 0)
	wantStatus(t, "bad range", dsm(ranges(0, 10, 99, 2), dsmDeallocate), nvme.StatusLBAOutOfRange.WithDNR())
	if bytes.IndexByte(d.Data, 0) >= 0 {
		t.Fatal("a refused or a harmless command deallocated")
	}
	wantStatus(t, "two ranges", dsm(ranges(1, 2, 50, 0, 10, 1), dsmDeallocate), 0)
	for b := range 100 {
		want := byte(1)
		if b == 1 || b == 2 || b == 10 {
			want = 0
		}
		if d.Data[b*512] != want {
			t.Errorf("block %d is %d, want %d", b, d.Data[b*512], want)
		}
	}
	d.Fail[bdev.OpUnmap] = bdev.StatusFailed
	wantStatus(t, "failing", dsm(ranges(1, 2, 3, 4), dsmDeallocate), nvme.StatusInternalDeviceError)
}

func TestCopy(t *testing.T) {
	d := testdisk.New("d", 200)
	g := newRig(t, d)
	copy(d.Data, pattern(20*512, 9))
	source := func(r ...uint64) []byte {
		p := make([]byte, 32*len(r)/2)
		for i := 0; i < len(r); i += 2 {
			binary.LittleEndian.PutUint64(p[i*16+8:], r[i])
			binary.LittleEndian.PutUint16(p[i*16+16:], uint16(r[i+1]-1))
		}
		return p
	}
	do := func(lba uint64, p []byte, format uint32) nvme.Status {
		cmd := nvme.Command{Opcode: nvme.CmdCopy, NSID: 1, CDW12: uint32(len(p)/32-1) | format<<8}
		cmd.SetSLBA(lba)
		return g.doIO(cmd, p).Status
	}
	wantStatus(t, "copy", do(100, source(2, 3, 10, 2), 0), 0)
	if !bytes.Equal(d.Data[100*512:103*512], d.Data[2*512:5*512]) || !bytes.Equal(d.Data[103*512:105*512], d.Data[10*512:12*512]) {
		t.Error("the copy differs")
	}
	out := nvme.StatusLBAOutOfRange.WithDNR()
	wantStatus(t, "source behind the end", do(0, source(199, 2), 0), out)
	wantStatus(t, "destination behind the end", do(199, source(0, 2), 0), out)
	wantStatus(t, "descriptor format", do(0, source(0, 1), 1), nvme.StatusInvalidField.WithDNR())
	wantStatus(t, "too many ranges", do(0, make([]byte, 32*129), 0), nvme.StatusCommandSizeLimitExceeded.WithDNR())
	wantStatus(t, "too long a range", do(0, source(0, 65536), 0), nvme.StatusCommandSizeLimitExceeded.WithDNR())
}

func TestMetadata(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 512, NumBlocks: 10, MDSize: 8})
	g := newRig(t, d)
	r := &Request{}
	r.Init(g.c.Home(), &g.io, g)
	r.Cmd = writeCmd(1, 2, 2)
	g.c.Prepare(r)
	if r.Length != 1024 || r.MetaLength != 16 {
		t.Fatalf("lengths %d and %d", r.Length, r.MetaLength)
	}
	r.Iov, r.Meta = [][]byte{pattern(1024, 1)}, pattern(16, 5)
	g.c.Execute(r)
	if r.Status != 0 || !bytes.Equal(d.Meta[16:32], pattern(16, 5)) {
		t.Errorf("%v %x", r.Status, d.Meta)
	}
}

func TestAllocations(t *testing.T) {
	g := newRig(t, testdisk.New("d", 1000))
	r := &Request{}
	r.Init(g.c.Home(), &g.io, count{})
	r.Iov = [][]byte{make([]byte, 4096)}
	for _, cmd := range []nvme.Command{read(1, 8, 8), writeCmd(1, 8, 8), ioCmd(nvme.CmdFlush, 1, 0, 1)} {
		n := testing.AllocsPerRun(1000, func() {
			r.Cmd = cmd
			g.c.Prepare(r)
			g.c.Execute(r)
		})
		if n != 0 || r.Status != 0 {
			t.Errorf("%v: %v allocations, status %v", cmd.Opcode, n, r.Status)
		}
	}
}

type count struct{}

func (count) CompleteRequest(*Request) {}
