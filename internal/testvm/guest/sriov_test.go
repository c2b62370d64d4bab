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

func (r *rig) virt(cntlid uint16, action, kind uint8, n uint16) error {
	_, err := r.ctrlr.Admin(r.ctx, nvme.VirtualizationManagement{Action: action, ResourceType: kind, CNTLID: cntlid, Resources: n}.Command(), nil)
	return err
}

// TestVirtualFunctions takes flexible resources from the physical function,
// gives them to virtual functions, and drives one of those.
func TestVirtualFunctions(t *testing.T) {
	pf := need(t, "sriov")
	setVFs := func(n string) {
		t.Helper()
		if err := bind(pf, driverNVMe); err != nil {
			t.Fatal(err)
		}
		if err := setAttribute(n, pciDevices, pf, "sriov_numvfs"); err != nil {
			t.Fatal(err)
		}
	}
	r := connect(t, "sriov", host.Options{})
	primary := r.ctrlr.Identify().CNTLID
	r.capabilities()
	r.must(r.virt(primary, virtPrimary, virtQueues, 0))
	r.must(r.virt(primary, virtPrimary, virtInterrupts, 0))
	r.close()

	// A function reset lets go of them, and the kernel makes the functions.
	if err := setAttribute("1", pciDevices, pf, "reset"); err != nil {
		t.Fatal(err)
	}
	if err := setAttribute("0", pciDevices, pf, "sriov_drivers_autoprobe"); err != nil {
		t.Fatal(err)
	}
	setVFs("2")
	t.Cleanup(func() { setVFs("0") })
	r = connect(t, "sriov", host.Options{})
	list := r.secondaries()
	if len(list) != sriovFunctions {
		t.Fatalf("%d secondary controllers, want %d", len(list), sriovFunctions)
	}
	for _, s := range list {
		if s.PCID != primary || s.SCS != 0 || s.NVQ != 0 || s.NVI != 0 {
			t.Errorf("secondary controller %+v", s)
		}
	}
	a, b := list[0].SCID, list[1].SCID
	r.refused("online without resources", r.virt(a, virtOnline, 0, 0), nvme.StatusInvalidSecondaryControllerState)
	r.refused("more than a function may have", r.virt(a, virtAssign, virtQueues, sriovQueues+1), nvme.StatusInvalidNumberOfControllerResources)
	r.refused("a controller that is none", r.virt(0x77, virtOnline, 0, 0), nvme.StatusInvalidControllerID)
	for _, id := range []uint16{a, b} {
		r.must(r.virt(id, virtAssign, virtQueues, 3))
		r.must(r.virt(id, virtAssign, virtInterrupts, 2))
		r.must(r.virt(id, virtOnline, 0, 0))
	}
	r.refused("resources while it is online", r.virt(a, virtAssign, virtQueues, 2), nvme.StatusInvalidSecondaryControllerState)
	if s := r.secondaries()[0]; s.SCS != 1 || s.NVQ != 3 || s.NVI != 2 {
		t.Errorf("secondary controller %+v", s)
	}
	driveFunctions(t, r, pf, a)
}

// capabilities checks what the physical function says that it can share.
func (r *rig) capabilities() {
	r.Helper()
	page := make([]byte, nvme.IdentifySize)
	r.must(r.ctrlr.IdentifyData(r.ctx, nvme.CNSPrimaryController, 0, 0, 0, page))
	c, err := nvme.View[nvme.PrimaryControllerCapabilities](page)
	r.must(err)
	if c.CRT != 3 || c.VQFRT != sriovQueues || c.VIFRT != sriovInterrupts || c.CNTLID != r.ctrlr.Identify().CNTLID {
		r.Errorf("primary controller capabilities %+v", c)
	}
}

func (r *rig) secondaries() []nvme.SecondaryController {
	r.Helper()
	page := make([]byte, nvme.IdentifySize)
	r.must(r.ctrlr.IdentifyData(r.ctx, nvme.CNSSecondaryControllers, 0, 0, 0, page))
	l, err := nvme.View[nvme.SecondaryControllerList](page)
	r.must(err)
	return l.Entries[:min(int(l.NUMID), len(l.Entries))]
}

// driveFunctions does I/O on the virtual functions beside the physical one.
func driveFunctions(t *testing.T, r *rig, pf string, online uint16) {
	t.Helper()
	var vfs []*rig
	for _, link := range []string{"virtfn0", "virtfn1"} {
		dir, err := filepath.EvalSymlinks(filepath.Join(pciDevices, pf, link))
		if err != nil {
			t.Fatal(err)
		}
		vfs = append(vfs, connectAt(t, transport, filepath.Base(dir), host.Options{NumIOQueues: 8}))
	}
	id := vfs[0].ctrlr.Identify()
	if id.CNTLID != online {
		t.Errorf("the first function is controller %d, want %d", id.CNTLID, online)
	}
	if n := vfs[0].ctrlr.NumIOQueues(); n != 2 {
		t.Errorf("%d I/O queue pairs, want the 2 that were assigned beside the admin queue", n)
	}
	q, ns := r.queue(host.QPairOptions{}), r.namespace(1)
	q.sweep(ns, writing, contiguous, 1)
	for i, vf := range vfs {
		vq, vns := vf.queue(host.QPairOptions{}), vf.namespace(1)
		vq.sweep(vns, reading, scattered, uint64(i+1))
		vf.must(vf.ctrlr.Reset(vf.ctx))
		vq.sweep(vns, writing, contiguous, uint64(i+2))
		vq.free()
	}
	q.sweep(ns, reading, contiguous, uint64(len(vfs)+1))
	for _, vf := range vfs {
		vf.close()
	}
	r.must(r.virt(online, virtOffline, 0, 0))
	if s := r.secondaries()[0]; s.SCS != 0 {
		t.Errorf("secondary controller %+v is not offline", s)
	}
}
