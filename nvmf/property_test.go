// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"errors"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func TestCapabilities(t *testing.T) {
	g := newRig(t)
	c := g.c.CAP()
	if c.MQES() != 255 || !c.CQR() || c.CSS() != 0x41 || c.MPSMIN() != 0 || c.MPSMAX() != 0 || c.DSTRD() != 0 || c.TO() == 0 || !c.CRWMS() || c.CMBS() || c.PMRS() || c.NSSRS() {
		t.Errorf("CAP %#x", uint64(c))
	}
	if v := g.c.VS(); uint32(v) != 0x20000 {
		t.Errorf("VS %#x", uint32(v))
	}
}

func TestEnableDisable(t *testing.T) {
	d := testdisk.New("d", 100)
	g := newRig(t, d)
	if s := g.c.CSTS(); !s.RDY() || s.CFS() || s.SHST() != 0 {
		t.Fatalf("enabled: CSTS %#x", uint32(s))
	}
	d.Hold = true
	r := g.start(&g.io, read(1, 0, 1), make([]byte, 512))
	g.c.WriteCC(g.c.CC().WithEN(false))
	if !g.c.CSTS().RDY() {
		t.Fatal("RDY is 0 while a command is in execution")
	}
	if g.enabled {
		t.Fatal("the transport still fetches")
	}
	d.Release()
	if g.c.CSTS() != 0 || !g.completed(r) {
		t.Fatalf("drained: CSTS %#x", uint32(g.c.CSTS()))
	}
	g.c.WriteCC(g.c.CC().WithEN(true))
	if !g.c.CSTS().RDY() {
		t.Fatal("not ready after it was enabled again")
	}
}

func TestEnableRefused(t *testing.T) {
	for _, cc := range []nvme.CC{
		nvme.CC(0).WithCSS(1), nvme.CC(0).WithCSS(7), nvme.CC(0).WithMPS(1), nvme.CC(0).WithAMS(1), nvme.CC(0).WithAMS(7),
	} {
		g := newRig(t)
		g.c.WriteCC(0)
		g.c.WriteCC(cc.WithEN(true))
		if s := g.c.CSTS(); s.RDY() || !s.CFS() {
			t.Errorf("CC %#x: CSTS %#x, want CFS alone", uint32(cc), uint32(s))
		}
		g.c.WriteCC(0)
		if s := g.c.CSTS(); s != 0 {
			t.Errorf("CC %#x: CSTS %#x after the reset", uint32(cc), uint32(s))
		}
	}
}

func TestEnableTransportFails(t *testing.T) {
	g := newRig(t)
	g.c.WriteCC(0)
	g.enableErr = errors.New("no memory at the admin queue")
	g.c.WriteCC(nvme.CC(0).WithEN(true))
	if s := g.c.CSTS(); s.RDY() || !s.CFS() {
		t.Errorf("CSTS %#x, want CFS alone", uint32(s))
	}
}

func TestAllCommandSets(t *testing.T) {
	g := newRig(t)
	g.c.WriteCC(0)
	g.c.WriteCC(nvme.CC(0).WithCSS(6).WithEN(true))
	if !g.c.CSTS().RDY() {
		t.Error("CC.CSS 110b is refused, though CAP offers it")
	}
}

func TestShutdown(t *testing.T) {
	for _, shn := range []uint8{1, 2} {
		d := testdisk.New("d", 100)
		g := newRig(t, d)
		aer := g.start(&g.admin, nvme.Command{Opcode: nvme.AdminAsyncEventRequest}, nil)
		d.Hold = true
		g.start(&g.io, read(1, 0, 1), make([]byte, 512))
		g.c.WriteCC(g.c.CC().WithSHN(shn))
		if s := g.c.CSTS(); s.SHST() != 1 {
			t.Fatalf("SHN %d: SHST %d, want 1 (occurring)", shn, s.SHST())
		}
		d.Release()
		if s := g.c.CSTS(); s.SHST() != 2 || !s.RDY() {
			t.Fatalf("SHN %d: CSTS %#x, want SHST 2 and RDY", shn, uint32(s))
		}
		if g.completed(aer) {
			t.Error("an event request was completed by the shutdown")
		}
		g.c.WriteCC(0)
		if s := g.c.CSTS(); s != 0 {
			t.Fatalf("CSTS %#x after the reset", uint32(s))
		}
		g.c.WriteCC(nvme.CC(0).WithEN(true))
		if s := g.c.CSTS(); !s.RDY() || s.SHST() != 0 {
			t.Fatalf("CSTS %#x after it was enabled", uint32(s))
		}
	}
}

func TestResetForgets(t *testing.T) {
	g := newRig(t)
	set := nvme.Command{Opcode: nvme.AdminSetFeatures, CDW10: uint32(nvme.FeatureArbitration), CDW11: 3}
	g.doAdmin(set, nil)
	g.c.WriteCC(0)
	g.c.WriteCC(nvme.CC(0).WithEN(true))
	r := g.doAdmin(nvme.Command{Opcode: nvme.AdminGetFeatures, CDW10: uint32(nvme.FeatureArbitration)}, nil)
	if r.CDW0 != defaultArbitration {
		t.Errorf("arbitration %#x after a reset, want the default", r.CDW0)
	}
}
