// SPDX-License-Identifier: BSD-3-Clause

package machinetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Controller gives the NVMe function bdf the kernel's controller name, with a
// subsystem of its own.
func (tr *Tree) Controller(bdf, name string) {
	tr.t.Helper()
	dir := tr.device(bdf) + "/nvme/" + name
	n := strings.TrimPrefix(name, "nvme")
	for file, content := range map[string]string{
		"address": bdf, "state": "live", "transport": "pcie", "dev": "241:" + n, "model": "QEMU NVMe Ctrl",
		"serial": "serial" + n, "subsysnqn": NQN(name),
	} {
		tr.Write(dir+"/"+file, content+"\n")
	}
	tr.Link("sys/class/nvme/"+name, dir)
}

// NQN returns the subsystem's name that Controller gives.
func NQN(controller string) string { return "nqn.2019-08.org.qemu:" + controller }

// device returns the real directory of a function.
func (tr *Tree) device(bdf string) string {
	tr.t.Helper()
	p, err := filepath.EvalSymlinks(tr.Path("sys/bus/pci/devices/" + bdf))
	tr.must(err)
	rel, err := filepath.Rel(tr.Root, p)
	tr.must(err)
	return rel
}

// DiskSize is the size of the disks that Disk makes, in bytes.
const DiskSize = 8 << 20

// Disk adds a block device named name, whose directory is below parent, and
// a node of zeroes for it. It returns its directory.
func (tr *Tree) Disk(parent, name, dev string) string {
	tr.t.Helper()
	dir := parent + "/" + name
	tr.Write(dir+"/dev", dev+"\n")
	tr.Write(dir+"/size", fmt.Sprintln(DiskSize/512))
	tr.Write(dir+"/queue/logical_block_size", "512\n")
	tr.Mkdir(dir + "/holders")
	tr.Mkdir(dir + "/slaves")
	tr.Link("sys/class/block/"+name, dir)
	tr.Write("dev/"+name, "")
	tr.must(os.Truncate(tr.Path("dev/"+name), DiskSize))
	return dir
}

// Namespace adds a namespace's disk to a controller that Controller made,
// for a kernel without multipath.
func (tr *Tree) Namespace(controller, name, dev string) {
	tr.t.Helper()
	p, err := filepath.EvalSymlinks(tr.Path("sys/class/nvme/" + controller))
	tr.must(err)
	parent, err := filepath.Rel(tr.Root, p)
	tr.must(err)
	dir := tr.Disk(parent, name, dev)
	tr.Link(dir+"/device", parent)
	tr.Write(dir+"/wwid", "eui."+name+"\n")
}

// Partition adds a partition to a disk.
func (tr *Tree) Partition(disk, name, dev string) {
	tr.t.Helper()
	p, err := filepath.EvalSymlinks(tr.Path("sys/class/block/" + disk))
	tr.must(err)
	parent, err := filepath.Rel(tr.Root, p)
	tr.must(err)
	dir := parent + "/" + name
	tr.Write(dir+"/dev", dev+"\n")
	tr.Write(dir+"/partition", "1\n")
	tr.Write(dir+"/size", "2048\n")
	tr.Mkdir(dir + "/holders")
	tr.Link("sys/class/block/"+name, dir)
	tr.Write("dev/"+name, "")
}

// Stack makes the device upper stand on lower, as device-mapper and md do.
// Upper is made if it is not there.
func (tr *Tree) Stack(lower, upper, dev string) {
	tr.t.Helper()
	dir := "sys/devices/virtual/block/" + upper
	if _, err := os.Stat(tr.Path(dir)); err != nil {
		tr.Disk("sys/devices/virtual/block", upper, dev)
	}
	tr.Link("sys/class/block/"+lower+"/holders/"+upper, dir)
	tr.Link(dir+"/slaves/"+lower, "sys/class/block/"+lower)
}

// Mount enters a mount in the table of a process: "self" or a number.
func (tr *Tree) Mount(process, dev, source, dir, fstype string) {
	tr.t.Helper()
	tr.mnt++
	line := fmt.Sprintf("%d 21 %s / %s rw,relatime - %s %s rw\n", 100+tr.mnt, dev, dir, fstype, source)
	tr.Append("proc/"+process+"/mountinfo", line)
}

// Process adds a process in a mount namespace of its own.
func (tr *Tree) Process(pid int, name string) {
	tr.t.Helper()
	dir := fmt.Sprintf("proc/%d", pid)
	tr.Write(dir+"/comm", name+"\n")
	tr.Write(dir+"/mountinfo", "")
	tr.Write(dir+"/maps", "")
	tr.Mkdir(dir + "/fd")
	tr.RawLink(dir+"/ns/mnt", fmt.Sprintf("mnt:[%d]", 4026531840+pid))
	tr.RawLink(dir+"/fd/0", "socket:[1234]")
}

// Open lets a process have a device open.
func (tr *Tree) Open(pid, fd int, path string) {
	tr.t.Helper()
	tr.RawLink(fmt.Sprintf("proc/%d/fd/%d", pid, fd), path)
}
