// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
	"github.com/gospdk/gospdk/pci"
)

// TestMultipath has a subsystem with two controllers: the disk is in the
// subsystem, and each controller has a hidden path to it.
func TestMultipath(t *testing.T) {
	const other = "0000:0c:00.0"
	tr := machinetest.New(t)
	subsystem := "sys/devices/virtual/nvme-subsystem/nvme-subsys0"
	tr.Write(subsystem+"/subsysnqn", "nqn.shared\n")
	for i, a := range []string{bdf, other} {
		dir := tr.Add(a, machinetest.NVMe)
		name := fmt.Sprintf("nvme%d", i)
		tr.Controller(a, name)
		tr.Write("sys/class/nvme/"+name+"/subsysnqn", "nqn.shared\n")
		path := fmt.Sprintf("nvme0c%dn1", i)
		tr.Disk(dir+"/nvme/"+name, path, "")
		tr.Write("sys/class/block/"+path+"/hidden", "1\n")
	}
	head := func(name, dev string) {
		tr.Link(tr.Disk(subsystem, name, dev)+"/device", subsystem)
	}
	head("nvme0n1", "259:0")
	tr.Mount("self", "259:0", "/dev/nvme0n1", "/mnt", "ext4")
	for _, a := range []string{bdf, other} {
		if f := at(t, tr, a); holders(f) != "mount@nvme0n1:nvme0n1" || fmt.Sprint(f.Blocks) != "[nvme0n1]" || f.ExamineErr != nil {
			t.Errorf("%s: %v, %s, %v", a, f.Blocks, holders(f), f.ExamineErr)
		}
	}

	// A disk that only the second controller reaches.
	tr.Disk("sys/devices/pci0000:00/"+other+"/nvme/nvme1", "nvme0c1n2", "")
	tr.Write("sys/class/block/nvme0c1n2/hidden", "1\n")
	head("nvme0n2", "259:1")
	// And one whose paths nobody shows: it may be anyone's.
	head("nvme0n3", "259:2")
	if f := at(t, tr, bdf); fmt.Sprint(f.Blocks) != "[nvme0n1 nvme0n3]" {
		t.Errorf("%s has %v", bdf, f.Blocks)
	}
	if f := at(t, tr, other); fmt.Sprint(f.Blocks) != "[nvme0n1 nvme0n2 nvme0n3]" {
		t.Errorf("%s has %v", other, f.Blocks)
	}
}

// TestSharedWithoutMultipath: a namespace that is mounted through one
// controller is not free at the other.
func TestSharedWithoutMultipath(t *testing.T) {
	const other = "0000:0c:00.0"
	tr := oneController(t)
	tr.Add(other, machinetest.NVMe)
	tr.Controller(other, "nvme1")
	tr.Namespace("nvme1", "nvme1n1", "259:5")
	tr.Mount("self", "259:0", "/dev/nvme0n1", "/mnt", "ext4")
	if f := at(t, tr, other); f.InUse() {
		t.Errorf("two subsystems are taken for one: %s, %v", holders(f), f.ExamineErr)
	}
	tr.Write("sys/class/nvme/nvme1/subsysnqn", machinetest.NQN("nvme0")+"\n")
	if f := at(t, tr, other); f.InUse() {
		t.Errorf("two namespaces are taken for one: %s, %v", holders(f), f.ExamineErr)
	}
	tr.Write("sys/class/block/nvme1n1/wwid", "eui.nvme0n1\n")
	if f := at(t, tr, other); holders(f) != "mount@nvme0n1:nvme0n1" {
		t.Errorf("got %s, %v", holders(f), f.ExamineErr)
	}
	tr.Remove("sys/class/block/nvme1n1/wwid")
	if f := at(t, tr, other); holders(f) != "mount@nvme0n1:nvme0n1" {
		t.Errorf("without an identifier: %s, %v", holders(f), f.ExamineErr)
	}
}

func TestVirtualFunctions(t *testing.T) {
	const vf = "0000:0b:00.1"
	tr := oneController(t)
	tr.Add(vf, machinetest.NVMe)
	tr.Link("sys/bus/pci/devices/"+bdf+"/virtfn0", "sys/bus/pci/devices/"+vf)
	tr.Controller(vf, "nvme1")
	tr.Namespace("nvme1", "nvme1n1", "259:5")
	tr.Mount("self", "259:5", "/dev/nvme1n1", "/mnt", "ext4")
	if f := at(t, tr, bdf); holders(f) != "mount@nvme1n1:nvme1n1" {
		t.Errorf("the physical function: %s, %v", holders(f), f.ExamineErr)
	}
}

func TestVirtio(t *testing.T) {
	tr := machinetest.New(t)
	blk := tr.Add("0000:00:05.0", machinetest.Virtio)
	tr.Disk(blk+"/virtio2/block", "vda", "254:0")
	tr.Partition("vda", "vda1", "254:1") // what New has as root
	scsi := tr.Add("0000:00:06.0", machinetest.Function{Vendor: 0x1af4, Device: 0x1048, Driver: "virtio-pci"})
	tr.Disk(scsi+"/virtio3/host0/target0:0:0/0:0:0:0/block", "sda", "8:0")
	tr.Add("0000:00:07.0", machinetest.Function{Vendor: 0x1af4, Device: 0x1041, Driver: "virtio-pci"}) // a network card
	if f := at(t, tr, "0000:00:05.0"); holders(f) != "mount@vda:vda1" || f.KernelDriver != "virtio-pci" || f.Kind != KindVirtio {
		t.Errorf("virtio-blk: %s, %v", holders(f), f.ExamineErr)
	}
	if f := at(t, tr, "0000:00:06.0"); f.InUse() || fmt.Sprint(f.Blocks) != "[sda]" {
		t.Errorf("virtio-scsi: %v, %s, %v", f.Blocks, holders(f), f.ExamineErr)
	}
	all, err := At(tr.Root).Functions()
	if err != nil || len(all) != 2 {
		t.Errorf("%d functions, %v; want 2", len(all), err)
	}
}

// TestBlocksUnreadable: if no block device can be seen, a function of any kind
// that the kernel drives may have some.
func TestBlocksUnreadable(t *testing.T) {
	for _, f := range []machinetest.Function{machinetest.Virtio, machinetest.NVMe, {Vendor: 0x8086, Device: 0x2922, Class: 0x010601, Driver: "ahci"}} {
		tr := machinetest.New(t)
		tr.Add(bdf, f)
		tr.Remove("sys/class/block")
		a, err := pci.ParseAddress(bdf)
		if err != nil {
			t.Fatal(err)
		}
		m := At(tr.Root)
		if got, err := m.FunctionAt(a); err != nil || !got.InUse() {
			t.Errorf("%s is free, %v", f.Driver, err)
		}
		tr.Remove("sys/bus/pci/devices/" + bdf + "/driver")
		if got, err := m.FunctionAt(a); err != nil || got.InUse() {
			t.Errorf("without a driver it is in use: %v, %v", got.ExamineErr, err)
		}
	}
}

// TestSATA: FunctionAt examines functions that SPDK has no driver for too,
// such as those that share an IOMMU group.
func TestSATA(t *testing.T) {
	tr := machinetest.New(t)
	dir := tr.Add(bdf, machinetest.Function{Vendor: 0x8086, Device: 0x2922, Class: 0x010601, Driver: "ahci"})
	tr.Disk(dir+"/ata1/host0/target0:0:0/0:0:0:0/block", "sda", "8:0")
	tr.Mount("self", "8:0", "/dev/sda", "/mnt", "ext4")
	a, err := pci.ParseAddress(bdf)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := At(tr.Root).FunctionAt(a); err != nil || f.Kind != "" || holders(f) != "mount@sda:sda" {
		t.Errorf("%q, %s, %v", f.Kind, holders(f), err)
	}
}

func TestVirtioFS(t *testing.T) {
	const a = "0000:00:08.0"
	tr := machinetest.New(t)
	dir := tr.Add(a, machinetest.Function{Vendor: 0x1af4, Device: 0x105a, Driver: "virtio-pci"})
	tr.Mkdir(dir + "/virtio4")
	if f := at(t, tr, a); f.InUse() {
		t.Errorf("not mounted: %s, %v", holders(f), f.ExamineErr)
	}
	tr.Mount("self", "0:50", "share", "/mnt", "virtiofs")
	if f := at(t, tr, a); f.ExamineErr == nil {
		t.Error("a mounted virtio-fs file system on a kernel that does not tell its device: the function is free")
	}
	tr.Link("sys/fs/virtiofs/2/device", dir+"/virtio4")
	tr.Write("sys/fs/virtiofs/2/tag", "share\n")
	if f := at(t, tr, a); holders(f) != "mount@virtio4:share" || f.ExamineErr != nil {
		t.Errorf("mounted: %s, %v", holders(f), f.ExamineErr)
	}
}

func TestVMD(t *testing.T) {
	const vmd, behind = "0000:0e:05.5", "10000:01:00.0"
	tr := machinetest.New(t)
	tr.Add(vmd, machinetest.Function{Vendor: 0x8086, Device: 0x28c0, Class: 0x010400, Driver: "vmd"})
	nvme := machinetest.NVMe
	nvme.Parent = "pci0000:00/" + vmd + "/pci10000:00/10000:00:02.0"
	tr.Add(behind, nvme)
	tr.Controller(behind, "nvme3")
	tr.Namespace("nvme3", "nvme3n1", "259:7")
	tr.Mount("self", "259:7", "/dev/nvme3n1", "/mnt", "ext4")
	if f := at(t, tr, behind); f.VMD != vmd {
		t.Errorf("it is behind %q", f.VMD)
	}
	if f := at(t, tr, vmd); holders(f) != "mount@nvme3n1:nvme3n1" {
		t.Errorf("the VMD itself: %s, %v", holders(f), f.ExamineErr)
	}
}

func TestFunctionAt(t *testing.T) {
	tr := oneController(t)
	tr.Mount("self", "259:0", "/dev/nvme0n1", "/mnt", "ext4")
	m := At(tr.Root)
	f, err := m.FunctionAt(at(t, tr, bdf).Address)
	if err != nil || holders(f) != "mount@nvme0n1:nvme0n1" {
		t.Errorf("%s, %v", holders(f), err)
	}
}

func TestNatural(t *testing.T) {
	names := []string{"nvme10n1", "nvme0n10", "nvme0n2", "nvme0n1p10", "nvme0n1p9", "nvme0n1", "sda", "md127", "md9", "nvme00n1"}
	slices.SortFunc(names, natural)
	want := "[md9 md127 nvme0n1 nvme00n1 nvme0n1p9 nvme0n1p10 nvme0n2 nvme0n10 nvme10n1 sda]"
	if got := fmt.Sprint(names); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMultipathHead(t *testing.T) {
	for path, want := range map[string]string{"nvme0c1n2": "nvme0n2", "nvme12c3n40": "nvme12n40", "nvme0n1": "", "sdc": "", "nvme0c1": ""} {
		if got := multipathHead(path); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
	}
}
