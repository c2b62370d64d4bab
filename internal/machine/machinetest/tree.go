// SPDX-License-Identifier: BSD-3-Clause

// Package machinetest makes directory trees that stand for machines: /sys,
// /proc, /dev and /etc as package machine reads them.
package machinetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Tree is the root directory of such a machine.
type Tree struct {
	Root string
	t    testing.TB
	mnt  int // mounts so far
}

// New makes a machine with one NUMA node, 1024 hugepages of 2 MiB, an IOMMU
// that is off, Debian and its modules, and no PCI functions. Its user is
// root.
func New(t testing.TB) *Tree {
	t.Helper()
	tree := &Tree{Root: t.TempDir(), t: t}
	for path, content := range map[string]string{
		"proc/self/mountinfo":       "21 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n22 21 0:20 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n",
		"proc/self/limits":          "Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         8388608              unlimited            bytes\n",
		"proc/self/status":          "Name:\tgospdk\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n",
		"proc/self/cgroup":          "0::/\n",
		"proc/1/comm":               "systemd\n",
		"proc/swaps":                "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
		"proc/mdstat":               "Personalities : \nunused devices: <none>\n",
		"proc/meminfo":              "MemTotal:       16384000 kB\nHugePages_Total:    1024\nHugePages_Free:     1024\nHugepagesize:       2048 kB\n",
		"proc/filesystems":          "nodev\tsysfs\nnodev\thugetlbfs\n\text4\n",
		"proc/cmdline":              "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n",
		"proc/cpuinfo":              "processor\t: 0\nvendor_id\t: GenuineIntel\n",
		"proc/sys/kernel/osrelease": "6.12.9-amd64\n",
		"lib/modules/6.12.9-amd64/modules.builtin":                                "kernel/fs/ext4/ext4.ko\n",
		"lib/modules/6.12.9-amd64/modules.dep":                                    "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\nkernel/drivers/vfio/vfio.ko.xz:\nkernel/drivers/uio/uio_pci_generic.ko.xz: kernel/drivers/uio/uio.ko.xz\nkernel/drivers/uio/uio.ko.xz:\n",
		"etc/os-release":                                                          "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID=\"13\"\n",
		"etc/passwd":                                                              "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
		"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages":                   "1024\n",
		"sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages":                 "1024\n",
		"sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages":   "1024\n",
		"sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages": "1024\n",
	} {
		tree.Write(path, content)
	}
	for _, dir := range []string{"dev", "sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/class/block", "sys/module", "sys/kernel/iommu_groups"} {
		tree.Mkdir(dir)
	}
	return tree
}

// Path returns where a file of the machine is.
func (tr *Tree) Path(path string) string { return filepath.Join(tr.Root, path) }

// Write makes a file and the directories that it is in.
func (tr *Tree) Write(path, content string) {
	tr.t.Helper()
	tr.Mkdir(filepath.Dir(path))
	tr.must(os.WriteFile(tr.Path(path), []byte(content), 0o644))
}

// Append adds to a file.
func (tr *Tree) Append(path, content string) {
	tr.t.Helper()
	old, err := os.ReadFile(tr.Path(path))
	tr.must(err)
	tr.Write(path, string(old)+content)
}

// Mkdir makes a directory and those that it is in.
func (tr *Tree) Mkdir(path string) {
	tr.t.Helper()
	tr.must(os.MkdirAll(tr.Path(path), 0o755))
}

// Remove removes a file, or a directory with all that is in it.
func (tr *Tree) Remove(path string) {
	tr.t.Helper()
	tr.must(os.RemoveAll(tr.Path(path)))
}

// Link makes a symbolic link to another place of the machine, relative as
// the kernel's are.
func (tr *Tree) Link(path, target string) {
	tr.t.Helper()
	tr.Mkdir(filepath.Dir(path))
	rel, err := filepath.Rel(filepath.Dir(tr.Path(path)), tr.Path(target))
	tr.must(err)
	_ = os.Remove(tr.Path(path)) // it need not be there
	tr.must(os.Symlink(rel, tr.Path(path)))
}

// RawLink makes a symbolic link with any text.
func (tr *Tree) RawLink(path, text string) {
	tr.t.Helper()
	tr.Mkdir(filepath.Dir(path))
	tr.must(os.Symlink(text, tr.Path(path)))
}

func (tr *Tree) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

// Function is what Add makes.
type Function struct {
	Vendor, Device uint16
	Class          uint32
	Driver         string // "": none
	Group          int    // IOMMU group; 0: none
	NUMA           int
	Parent         string // path of the parent device below sys/devices; "": pci0000:00
}

// NVMe, Virtio and IOAT are functions as QEMU and Intel make them.
var (
	NVMe   = Function{Vendor: 0x1b36, Device: 0x0010, Class: 0x010802, Driver: "nvme"}
	Virtio = Function{Vendor: 0x1af4, Device: 0x1042, Class: 0x010000, Driver: "virtio-pci"}
	IOAT   = Function{Vendor: 0x8086, Device: 0x2021, Class: 0x088000, Driver: "ioatdma"}
)

// With returns f with another driver and IOMMU group.
func (f Function) With(driver string, group int) Function {
	f.Driver, f.Group = driver, group
	return f
}

// Add adds a PCI function and returns its directory.
func (tr *Tree) Add(bdf string, f Function) string {
	tr.t.Helper()
	parent := f.Parent
	if parent == "" {
		parent = "pci0000:00"
	}
	dir := "sys/devices/" + parent + "/" + bdf
	for name, content := range map[string]string{
		"vendor": fmt.Sprintf("0x%04x", f.Vendor), "device": fmt.Sprintf("0x%04x", f.Device),
		"subsystem_vendor": "0x1af4", "subsystem_device": "0x1100", "revision": "0x02",
		"class": fmt.Sprintf("0x%06x", f.Class), "numa_node": fmt.Sprint(f.NUMA), "irq": "11", "enable": "1",
		"modalias": fmt.Sprintf("pci:v%08Xd%08Xsv00001AF4sd00001100bc%02Xsc%02Xi%02X", f.Vendor, f.Device, f.Class>>16, f.Class>>8&0xff, f.Class&0xff),
		"resource": "0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n" + strings.Repeat("0x0000000000000000 0x0000000000000000 0x0000000000000000\n", 12),
	} {
		tr.Write(dir+"/"+name, content+"\n")
	}
	tr.Write(dir+"/config", configSpace(f))
	tr.Link("sys/bus/pci/devices/"+bdf, dir)
	if f.Driver != "" {
		tr.Bind(bdf, f.Driver)
	}
	if f.Group > 0 {
		group := fmt.Sprintf("sys/kernel/iommu_groups/%d", f.Group)
		tr.Write(group+"/type", "DMA\n")
		tr.Link(group+"/devices/"+bdf, dir)
		tr.Link(dir+"/iommu_group", group)
	}
	return dir
}

// Bind gives a function to a driver.
func (tr *Tree) Bind(bdf, driver string) {
	tr.t.Helper()
	dir := "sys/bus/pci/drivers/" + driver
	tr.Mkdir(dir)
	tr.Link(dir+"/"+bdf, "sys/bus/pci/devices/"+bdf)
	tr.Link("sys/bus/pci/devices/"+bdf+"/driver", dir)
}

// configSpace makes 256 bytes with PM, MSI-X and PCI Express capabilities.
func configSpace(f Function) string {
	p := make([]byte, 256)
	p[0], p[1], p[2], p[3] = byte(f.Vendor), byte(f.Vendor>>8), byte(f.Device), byte(f.Device>>8)
	p[6] = 0x10 // status: there is a list of capabilities
	p[8], p[9], p[10], p[11] = 2, byte(f.Class), byte(f.Class>>8), byte(f.Class>>16)
	p[0x2c], p[0x2d], p[0x2e], p[0x2f] = 0xf4, 0x1a, 0x00, 0x11
	p[0x34] = 0x40
	copy(p[0x40:], []byte{0x01, 0x50, 0x03, 0})                 // power management
	copy(p[0x50:], []byte{0x11, 0x60, 64, 0x80, 0, 0x20, 0, 0}) // MSI-X: 65 vectors, table in BAR 0
	copy(p[0x58:], []byte{0, 0x30, 0, 0})                       // pending bits
	copy(p[0x60:], []byte{0x10, 0, 2, 0})                       // PCI Express endpoint
	copy(p[0x60+0x0c:], []byte{0x43, 0x0c, 0, 0})               // link capabilities: 8 GT/s, 4 lanes
	copy(p[0x60+0x12:], []byte{0x43, 0x00})                     // link status
	return string(p)
}
