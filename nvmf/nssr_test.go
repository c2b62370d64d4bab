// SPDX-License-Identifier: BSD-3-Clause

package nvmf

import (
	"context"
	"slices"
	"testing"

	"github.com/gospdk/gospdk/bdev"
	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvmf/internal/testdisk"
)

func TestSubsystemReset(t *testing.T) {
	d := testdisk.New("d", 100)
	d.Seen = []bdev.Op{}
	g := newRigWith(t, SubsystemOptions{SubsystemReset: true}, d)
	if !g.c.CAP().NSSRS() {
		t.Fatal("CAP.NSSRS is not set")
	}
	// tr is the transport of the controllers, which end nothing.
	other, err := g.connectAs(hostB, &guest{rig: g})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.run(func() error { return other.Close(context.Background()) }) })
	g.c.WriteNSSR(1) // means nothing
	g.thread.Poll()
	if !g.c.CSTS().RDY() || slices.Contains(d.Seen, bdev.OpReset) {
		t.Error("reset by another value")
	}
	d.Hold = true
	g.c.WriteNSSR(nvme.NSSRReset)
	g.eventually("the controller is being disabled", func() bool { return !g.c.CC().EN() })
	if g.c.CSTS().NSSRO() || !slices.Contains(d.Seen, bdev.OpReset) {
		t.Errorf("CSTS %#x before the disk has been reset: %v", uint32(g.c.CSTS()), d.Seen)
	}
	d.Release()
	g.eventually("the resets have ended", func() bool { return g.c.CSTS().NSSRO() && other.CSTS().NSSRO() })
	if s := g.c.CSTS(); s.RDY() || g.c.Home().Outstanding() != 0 {
		t.Errorf("CSTS %#x, %d outstanding", uint32(s), g.c.Home().Outstanding())
	}
	g.c.WriteCC(nvme.CC(0).WithEN(true).WithIOSQES(6).WithIOCQES(4))
	if s := g.c.CSTS(); !s.RDY() || !s.NSSRO() {
		t.Errorf("CSTS %#x after it was enabled", uint32(s))
	}
	g.c.WriteCSTS(nvme.CSTS(0).WithNSSRO(true))
	if s := g.c.CSTS(); !s.RDY() || s.NSSRO() {
		t.Errorf("CSTS %#x after it was cleared", uint32(s))
	}
	wantStatus(t, "read", g.doIO(read(1, 0, 1), make([]byte, 512)).Status, 0)
}

func TestSubsystemResetByProperty(t *testing.T) {
	g := fabricsRig(t, func(g *rig) *Subsystem { return g.sub })
	set := nvme.PropertySet{Offset: nvme.RegNSSR, Value: uint64(nvme.NSSRReset)}.Command()
	wantStatus(t, "without enable_nssr", g.doAdmin(set, nil).Status, nvme.StatusFabricsInvalidParam.WithDNR())
	g.c.cap = g.c.cap.WithNSSRS(true)
	wantStatus(t, "with it", g.doAdmin(set, nil).Status, nvme.StatusSuccess)
	g.eventually("it is reset", func() bool { return g.c.CSTS().NSSRO() })
	set = nvme.PropertySet{Offset: nvme.RegCSTS, Value: 1 << 4}.Command()
	wantStatus(t, "CSTS", g.doAdmin(set, nil).Status, nvme.StatusSuccess)
	if g.c.CSTS().NSSRO() {
		t.Error("NSSRO was not cleared")
	}
}
