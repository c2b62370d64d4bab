// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/uuid"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func identify(cns nvme.CNS, nsid uint32) nvme.Command {
	return nvme.Command{Opcode: nvme.AdminIdentify, NSID: nsid, CDW10: uint32(cns)}
}

func TestIdentifyStatus(t *testing.T) {
	ok, dnr := nvme.StatusSuccess, nvme.Status.WithDNR
	badField, badNS := dnr(nvme.StatusInvalidField), dnr(nvme.StatusInvalidNamespace)
	for _, tt := range []struct {
		cns   nvme.CNS
		nsid  uint32
		cdw11 uint32
		want  nvme.Status
	}{
		{nvme.CNSNamespace, 1, 0, ok},
		{nvme.CNSNamespace, 5, 0, ok}, // not active: zeroes
		{nvme.CNSNamespace, 0, 0, badNS},
		{nvme.CNSNamespace, 33, 0, badNS},
		{nvme.CNSNamespace, 0xffffffff, 0, badNS},
		{nvme.CNSController, 0, 0, ok},
		{nvme.CNSActiveNamespaces, 0, 0, ok},
		{nvme.CNSActiveNamespaces, 0xfffffffd, 0, ok},
		{nvme.CNSActiveNamespaces, 0xfffffffe, 0, badNS},
		{nvme.CNSActiveNamespaces, 0xffffffff, 0, badNS},
		{nvme.CNSNamespaceDescriptors, 1, 0, ok},
		{nvme.CNSNamespaceDescriptors, 5, 0, badNS},
		{nvme.CNSNamespaceDescriptors, 0xffffffff, 0, badNS},
		{nvme.CNSNVMSets, 0, 0, badField},
		{nvme.CNSIOCSNamespace, 1, 0, ok},
		{nvme.CNSIOCSNamespace, 1, 2 << 24, dnr(nvme.StatusInvalidIOCS)},
		{nvme.CNSIOCSNamespace, 0, 0, badNS},
		{nvme.CNSIOCSController, 0, 0, ok},
		{nvme.CNSIOCSController, 0, 2 << 24, dnr(nvme.StatusInvalidIOCS)},
		{nvme.CNSIOCSActiveNamespaces, 0, 0, ok},
		{nvme.CNSIOCSActiveNamespaces, 0, 1 << 24, badField},
		{nvme.CNSIndependentNamespace, 1, 0, ok},
		{nvme.CNSIndependentNamespace, 0, 0, badNS},
		{nvme.CNSFormatNamespace, 1, 0, badField},
		{nvme.CNSAllocatedNamespaces, 0, 0, ok},
		{nvme.CNSAllocatedNamespace, 1, 0, ok},
		{nvme.CNSAllocatedNamespace, 0xffffffff, 0, badNS},
		{nvme.CNSNamespaceControllers, 1, 0, ok},
		{nvme.CNSNamespaceControllers, 9, 0, badField},
		{nvme.CNSControllers, 0, 0, ok},
		{nvme.CNSPrimaryController, 0, 0, badField},
		{nvme.CNSSecondaryControllers, 0, 0, badField},
		{nvme.CNSNamespaceGranularity, 0, 0, badField},
		{nvme.CNSUUIDList, 0, 0, badField},
		{nvme.CNSDomains, 0, 0, badField},
		{nvme.CNSEnduranceGroups, 0, 0, badField},
		{nvme.CNSIOCSAllocatedNamespaces, 0, 0, ok},
		{nvme.CNSIOCSAllocatedNamespace, 1, 0, ok},
		{0xff, 0, 0, badField},
	} {
		g := newRig(t, testdisk.New("d", 100))
		cmd := identify(tt.cns, tt.nsid)
		cmd.CDW11 = tt.cdw11
		r := g.doAdmin(cmd, make([]byte, 4096))
		wantStatus(t, "CNS "+string("0123456789abcdef"[tt.cns>>4])+string("0123456789abcdef"[tt.cns&15]), r.Status, tt.want)
	}
}

func TestIdentifyController(t *testing.T) {
	g := newRigWith(t, SubsystemOptions{Serial: "S1", Model: "M", Firmware: "F"}, testdisk.New("d", 100))
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSController, 0), p)
	id, err := nvme.Read[nvme.IdentifyController](p)
	if err != nil {
		t.Fatal(err)
	}
	if string(id.SN[:]) != "S1                  " || !bytes.HasPrefix(id.MN[:], []byte("M   ")) || string(id.FR[:]) != "F       " {
		t.Errorf("SN %q MN %q FR %q", id.SN, id.MN, id.FR)
	}
	if id.VID != 0x4e58 || id.MDTS != 5 || id.CNTLID != g.c.ID() || id.NN != 32 || id.SQES != 0x66 || id.CQES != 0x44 || uint32(id.VER) != 0x20000 || id.AERL != 3 {
		t.Errorf("%+v", id)
	}
	want := uint16(nvme.ONCSCompare | nvme.ONCSDatasetManagement | nvme.ONCSWriteZeroes | nvme.ONCSSaveSelect | nvme.ONCSTimestamp | nvme.ONCSVerify | nvme.ONCSCopy | nvme.ONCSReservations)
	if id.ONCS != want {
		t.Errorf("ONCS %#x, want %#x", id.ONCS, want)
	}
	if id.VWC&nvme.VWCPresent != 0 || id.FUSES != 1 {
		t.Errorf("VWC %#x FUSES %#x", id.VWC, id.FUSES)
	}
	if got := string(bytes.TrimRight(id.SUBNQN[:], "\x00")); got != testNQN {
		t.Errorf("SUBNQN %q", got)
	}
}

func TestIdentifyNamespace(t *testing.T) {
	d := testdisk.NewInfo(bdev.Info{Name: "d", BlockSize: 4096, NumBlocks: 64, PhysicalBlockSize: 8192, OptimalIOBoundary: 16, ZeroesAfterUnmap: true, MDSize: 8})
	g := newRig(t, d)
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSNamespace, 1), p)
	id, _ := nvme.Read[nvme.IdentifyNamespace](p)
	if id.NSZE != 64 || id.NCAP != 64 || id.NUSE != 64 || id.LBAF[0].LBADS != 12 || id.LBAF[0].MS != 8 || id.NOIOB != 16 || id.NPWG != 1 || id.DLFEAT != 1 || id.MC != mcSeparate || id.FLBAS != 0 {
		t.Errorf("%+v", id.NSZE)
	}
	if id.NVMCAP.Lo() != 64*4096 || id.NMIC != 1 {
		t.Errorf("NVMCAP %v NMIC %d", id.NVMCAP, id.NMIC)
	}
	// A host looks at NACWU only if this bit is set.
	if id.NSFEAT&nsfeatAtomics == 0 || uint32(id.NACWU) != g.c.namespace(1).fusedLimit()-1 {
		t.Errorf("NSFEAT %#x, NACWU %d", id.NSFEAT, id.NACWU)
	}
	g.doAdmin(identify(nvme.CNSNamespace, 7), p)
	if !bytes.Equal(p, make([]byte, 4096)) {
		t.Error("an identifier without namespace gives more than zeroes")
	}
}

func TestNamespaceDescriptors(t *testing.T) {
	g := newRig(t)
	id := uuid.MustParse("d1f0a3b2-0000-4000-8000-1234567890ab")
	if err := g.reg.Register(t.Context(), testdisk.New("x", 10)); err != nil {
		t.Fatal(err)
	}
	nsid := must(t, g, func() (uint32, error) {
		return g.sub.AddNamespace(t.Context(), "x", NamespaceOptions{NSID: 4, UUID: id, NGUID: [16]byte{1}, EUI64: [8]byte{2}})
	})
	p := make([]byte, 4096)
	g.doAdmin(identify(nvme.CNSNamespaceDescriptors, nsid), p)
	want := append([]byte{1, 8, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 16, 0, 0, 1}, make([]byte, 15)...)
	want = append(want, 3, 16, 0, 0)
	want = append(want, id[:]...)
	want = append(want, 4, 1, 0, 0, 0, 0)
	if !bytes.Equal(p[:len(want)], want) || p[len(want)+1] != 0 {
		t.Errorf("%x", p[:80])
	}
}

func TestNamespaceLists(t *testing.T) {
	g := newRig(t, testdisk.New("a", 10), testdisk.New("b", 10), testdisk.New("c", 10))
	g.run(func() error { return g.sub.RemoveNamespace(t.Context(), 2) })
	list := func(cns nvme.CNS, above uint32) (ids []uint32) {
		p := make([]byte, 4096)
		g.doAdmin(identify(cns, above), p)
		for ; binary.LittleEndian.Uint32(p) != 0; p = p[4:] {
			ids = append(ids, binary.LittleEndian.Uint32(p))
		}
		return ids
	}
	for _, cns := range []nvme.CNS{nvme.CNSActiveNamespaces, nvme.CNSAllocatedNamespaces, nvme.CNSIOCSActiveNamespaces} {
		if got := list(cns, 0); len(got) != 2 || got[0] != 1 || got[1] != 3 {
			t.Errorf("CNS %#x from 0: %v, want 1 and 3", cns, got)
		}
		if got := list(cns, 1); len(got) != 1 || got[0] != 3 {
			t.Errorf("CNS %#x from 1: %v, want 3", cns, got)
		}
		if got := list(cns, 1000); len(got) != 0 {
			t.Errorf("CNS %#x from 1000: %v", cns, got)
		}
	}
}

func TestControllerList(t *testing.T) {
	g := newRig(t, testdisk.New("a", 10))
	second := g.connect()
	list := func(from uint32) []byte {
		p := make([]byte, 4096)
		cmd := identify(nvme.CNSControllers, 0)
		cmd.CDW10 |= from << 16
		g.doAdmin(cmd, p)
		return p[:6]
	}
	if got := list(0); !bytes.Equal(got, []byte{2, 0, 1, 0, 2, 0}) {
		t.Errorf("%x", got)
	}
	if got := list(2); !bytes.Equal(got, []byte{1, 0, 2, 0, 0, 0}) {
		t.Errorf("from 2: %x", got)
	}
	g.run(func() error { return second.Close(t.Context()) })
	if got := list(0); !bytes.Equal(got, []byte{1, 0, 1, 0, 0, 0}) {
		t.Errorf("after the second has gone: %x", got)
	}
}

func TestCommandSetCombination(t *testing.T) {
	g := newRig(t)
	p := make([]byte, 4096)
	cmd := identify(nvme.CNSIOCommandSets, 0)
	cmd.CDW10 |= 0xffff << 16
	r := g.doAdmin(cmd, p)
	if r.Status != 0 || binary.LittleEndian.Uint64(p) != 1 || binary.LittleEndian.Uint64(p[8:]) != 0 {
		t.Errorf("%v %x", r.Status, p[:16])
	}
	cmd.CDW10 = uint32(nvme.CNSIOCommandSets) | 77<<16
	wantStatus(t, "another controller", g.doAdmin(cmd, p).Status, nvme.StatusInvalidField.WithDNR())
}
