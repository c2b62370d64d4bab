// SPDX-License-Identifier: BSD-3-Clause

package pcinames

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/pci"
)

// vendors are the names of those whose storage SPDK often meets, for machines
// that have no list of names.
var vendors = map[uint16]string{
	0x1022: "AMD", 0x10de: "NVIDIA", 0x1179: "Toshiba", 0x11ab: "Marvell", 0x1234: "QEMU", 0x126f: "Silicon Motion",
	0x1344: "Micron", 0x1414: "Microsoft", 0x144d: "Samsung", 0x14e4: "Broadcom", 0x15ad: "VMware", 0x15b3: "Mellanox", 0x15b7: "Sandisk",
	0x1987: "Phison", 0x19e5: "Huawei", 0x1af4: "Red Hat virtio", 0x1b36: "Red Hat QEMU", 0x1b96: "Western Digital",
	0x1bb1: "Seagate", 0x1c58: "HGST", 0x1c5c: "SK hynix", 0x1c5f: "Memblaze", 0x1cc1: "ADATA", 0x1cc4: "Union Memory",
	0x1d0f: "Amazon", 0x1d1d: "CNEX Labs", 0x1e0f: "KIOXIA", 0x1e3b: "DapuStor", 0x1e95: "Solid State Storage", 0x1ae0: "Google",
	0x2646: "Kingston", 0x4e58: "Nutanix", 0x8086: "Intel", 0x80ee: "VirtualBox", 0xc0a9: "Crucial", 0x025e: "Solidigm",
}

// devices are those that QEMU and other hypervisors emulate.
var devices = map[[2]uint16]string{
	{0x1b36, 0x0010}: "NVMe controller", {0x8086, 0x5845}: "QEMU NVMe controller", {0x15ad, 0x07f0}: "NVMe controller",
	{0x1af4, 0x1000}: "network", {0x1af4, 0x1001}: "block", {0x1af4, 0x1002}: "balloon", {0x1af4, 0x1003}: "console",
	{0x1af4, 0x1004}: "SCSI", {0x1af4, 0x1005}: "entropy", {0x1af4, 0x1009}: "9p",
	{0x1af4, 0x1041}: "network", {0x1af4, 0x1042}: "block", {0x1af4, 0x1043}: "console", {0x1af4, 0x1044}: "entropy",
	{0x1af4, 0x1045}: "balloon", {0x1af4, 0x1048}: "SCSI", {0x1af4, 0x1049}: "9p", {0x1af4, 0x1050}: "GPU",
	{0x1af4, 0x1052}: "input", {0x1af4, 0x1053}: "vsock", {0x1af4, 0x105a}: "file system", {0x1af4, 0x105b}: "persistent memory",
	{0x1d0f, 0x8061}: "EBS NVMe controller", {0x1d0f, 0xcd01}: "instance storage NVMe controller", {0x1ae0, 0x001f}: "NVMe controller",
}

// Names are the vendors and devices that a list names.
type Names struct {
	vendors map[uint16]string
	devices map[[2]uint16]string
}

// lists are where distributions put the list of the PCI ID project.
var lists = []string{"usr/share/hwdata/pci.ids", "usr/share/misc/pci.ids", "usr/share/pci.ids"}

// Load reads the list of names that the machine below root has; without one
// there are those that are built in.
func Load(root string) *Names {
	for _, path := range lists {
		f, err := os.Open(filepath.Join(root, "/", path))
		if err != nil {
			continue
		}
		defer f.Close()
		if n := parse(f); len(n.vendors) > 0 {
			return n
		}
	}
	return &Names{}
}

// parse reads a list. A line without indentation names a vendor, and those
// with one tab below it its devices; the class names at the end begin with a
// letter of their own.
func parse(r io.Reader) *Names {
	n := &Names{make(map[uint16]string), make(map[[2]uint16]string)}
	var vendor uint16
	valid := false // the last line without indentation was a vendor's
	for s := bufio.NewScanner(r); s.Scan(); {
		line := s.Text()
		switch {
		case line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "\t\t"):
		case !strings.HasPrefix(line, "\t"):
			var name string
			if vendor, name, valid = entry(line); valid {
				n.vendors[vendor] = name
			}
		case valid:
			if device, name, ok := entry(line[1:]); ok {
				n.devices[[2]uint16{vendor, device}] = name
			}
		}
	}
	return n
}

// entry splits four hexadecimal digits from a name.
func entry(line string) (uint16, string, bool) {
	id, name, ok := strings.Cut(line, "  ")
	v, err := strconv.ParseUint(id, 16, 16)
	return uint16(v), printable(name), ok && err == nil && len(id) == 4
}

// printable drops what is no text: names go to terminals.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
}

// Device returns the name of vendor and device, "" if neither is known.
func (n *Names) Device(id pci.ID) string {
	vendor := n.vendors[id.Vendor]
	if vendor == "" {
		vendor = vendors[id.Vendor]
	}
	key := [2]uint16{id.Vendor, id.Device}
	device := n.devices[key]
	if device == "" {
		device = devices[key]
	}
	return strings.TrimSpace(vendor + " " + device)
}
