// SPDX-License-Identifier: BSD-3-Clause

package pcinames

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/pci"
)

func TestClass(t *testing.T) {
	for class, want := range map[uint32]string{
		0x010802: "NVMe controller", 0x010899: "Non-volatile memory controller", 0x01ff00: "Mass storage controller",
		0x0c0330: "USB controller (XHCI)", 0x770000: "Class 7700", 0: "Unclassified device",
	} {
		if got := Class(class); got != want {
			t.Errorf("%06x is %q, want %q", class, got, want)
		}
	}
}

const sample = `# comment
1b36  Red Hat, Inc.
	0010  QEMU NVM Express Controller
		1af4 1100  QEMU Virtual Machine
15ad  VM\x1bware
xyz  nobody
	0001  nothing
C 01  Mass storage controller
	08  Non-Volatile memory controller
`

func TestNames(t *testing.T) {
	root := t.TempDir()
	if got := Load(root).Device(pci.ID{Vendor: 0x1b36, Device: 0x10}); got != "Red Hat QEMU NVMe controller" {
		t.Errorf("without a list: %q", got)
	}
	path := filepath.Join(root, lists[1])
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(sample, `\x1b`, "\x1b")), 0o644); err != nil {
		t.Fatal(err)
	}
	n := Load(root)
	for id, want := range map[pci.ID]string{
		{Vendor: 0x1b36, Device: 0x10}:   "Red Hat, Inc. QEMU NVM Express Controller",
		{Vendor: 0x15ad, Device: 0x7f0}:  "VMware NVMe controller",
		{Vendor: 0x144d, Device: 0xa80a}: "Samsung",
		{Vendor: 0x4242, Device: 1}:      "",
	} {
		if got := n.Device(id); got != want {
			t.Errorf("%04x:%04x is %q, want %q", id.Vendor, id.Device, got, want)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add(sample)
	f.Add("\t0000  x\n0000  \n")
	f.Fuzz(func(t *testing.T, s string) {
		for id, name := range parse(strings.NewReader(s)).devices {
			if strings.ContainsAny(name, "\x1b\n") {
				t.Errorf("%v: %q", id, name)
			}
		}
	})
}
