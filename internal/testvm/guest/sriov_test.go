// SPDX-License-Identifier: BSD-3-Clause

package guest

import (
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/nvme"
	"github.com/gospdk/gospdk/nvme/host"
)

// The physical function as the machine is booted with it.
const (
	sriovFunctions  = 2
	sriovQueues     = 6 // flexible queue resources
	sriovInterrupts = 4 // flexible interrupt resources
)

// Virtualization Management (NVM Express Base 2.0, 5.28).
const (
	virtPrimary = 1
	virtOffline = 7
	virtAssign  = 8
	virtOnline  = 9

	virtQueues     = 0
	virtInterrupts = 1
)

func (p *physical) virt(cntlid uint16, action, kind uint8, n uint16) error {
	return p.admin(nvme.VirtualizationManagement{Action: action, ResourceType: kind, CNTLID: cntlid, Resources: n}.Command(), nil)
}

// TestVirtualFunctions takes flexible resources from the physical function,
// gives them to virtual functions, and drives those.
func TestVirtualFunctions(t *testing.T) {
	p := openPhysical(t, "sriov")
	primary := p.capabilities()
	p.must(p.virt(primary, virtPrimary, virtQueues, 0))
	p.must(p.virt(primary, virtPrimary, virtInterrupts, 0))
	p.close()

	// A function reset lets go of them, and the kernel makes the functions.
	if err := setAttribute("1", pciDevices, p.addr, "reset"); err != nil {
		t.Fatal(err)
	}
	if err := setAttribute("0", pciDevices, p.addr, "sriov_drivers_autoprobe"); err != nil {
		t.Fatal(err)
	}
	setVFs(t, p.addr, "2")
	t.Cleanup(func() { setVFs(t, p.addr, "0") })
	p = openPhysical(t, "sriov")
	list := p.secondaries()
	if len(list) != sriovFunctions {
		t.Fatalf("%d secondary controllers, want %d", len(list), sriovFunctions)
	}
	for _, s := range list {
		if s.PCID != primary || s.SCS != 0 || s.NVQ != 0 || s.NVI != 0 {
			t.Errorf("secondary controller %+v", s)
		}
	}
	a, b := list[0].SCID, list[1].SCID
	p.refused("online without resources", p.virt(a, virtOnline, 0, 0), nvme.StatusInvalidSecondaryControllerState)
	p.refused("more than a function may have", p.virt(a, virtAssign, virtQueues, sriovQueues+1), nvme.StatusInvalidNumberOfControllerResources)
	p.refused("a controller that is none", p.virt(0x77, virtOnline, 0, 0), nvme.StatusInvalidControllerID)
	for _, id := range []uint16{a, b} {
		p.must(p.virt(id, virtAssign, virtQueues, 3))
		p.must(p.virt(id, virtAssign, virtInterrupts, 2))
		p.must(p.virt(id, virtOnline, 0, 0))
	}
	p.refused("resources while it is online", p.virt(a, virtAssign, virtQueues, 2), nvme.StatusInvalidSecondaryControllerState)
	if s := p.secondaries()[0]; s.SCS != 1 || s.NVQ != 3 || s.NVI != 2 {
		t.Errorf("secondary controller %+v", s)
	}
	p.driveFunctions(a)
}

// setVFs has the kernel make the virtual functions, or remove them.
func setVFs(t *testing.T, pf, n string) {
	t.Helper()
	if err := bind(pf, driverNVMe); err != nil {
		t.Fatal(err)
	}
	if err := setAttribute(n, pciDevices, pf, "sriov_numvfs"); err != nil {
		t.Fatal(err)
	}
}

// capabilities checks what the physical function says that it can share, and
// returns its controller identifier.
func (p *physical) capabilities() uint16 {
	p.Helper()
	c, err := nvme.View[nvme.PrimaryControllerCapabilities](p.identify(nvme.CNSPrimaryController))
	p.must(err)
	if c.CRT != 3 || c.VQFRT != sriovQueues || c.VIFRT != sriovInterrupts {
		p.Errorf("primary controller capabilities %+v", c)
	}
	return c.CNTLID
}

func (p *physical) secondaries() []nvme.SecondaryController {
	p.Helper()
	l, err := nvme.View[nvme.SecondaryControllerList](p.identify(nvme.CNSSecondaryControllers))
	p.must(err)
	return l.Entries[:min(int(l.NUMID), len(l.Entries))]
}

// driveFunctions does I/O on the virtual functions beside the physical one.
func (p *physical) driveFunctions(online uint16) {
	p.Helper()
	var vfs []*rig
	for _, link := range []string{"virtfn0", "virtfn1"} {
		dir, err := filepath.EvalSymlinks(filepath.Join(pciDevices, p.addr, link))
		p.must(err)
		vfs = append(vfs, connectAt(p.T, transport, filepath.Base(dir), host.Options{NumIOQueues: 8}))
	}
	if id := vfs[0].ctrlr.Identify(); id.CNTLID != online {
		p.Errorf("the first function is controller %d, want %d", id.CNTLID, online)
	}
	if n := vfs[0].ctrlr.NumIOQueues(); n != 2 {
		p.Errorf("%d I/O queue pairs, want the 2 that were assigned beside the admin queue", n)
	}
	p.write(1)
	for i, vf := range vfs {
		q, ns := vf.queue(host.QPairOptions{}), vf.namespace(1)
		q.sweep(ns, reading, scattered, uint64(i+1))
		vf.must(vf.ctrlr.Reset(vf.ctx))
		q.sweep(ns, writing, contiguous, uint64(i+2))
		q.free()
	}
	p.read(uint64(len(vfs) + 1))
	for _, vf := range vfs {
		vf.close()
	}
	p.must(p.virt(online, virtOffline, 0, 0))
	if s := p.secondaries()[0]; s.SCS != 0 {
		p.Errorf("secondary controller %+v is not offline", s)
	}
}
