// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const (
	nic    = "0000:13:00.1"
	bridge = "0000:12:00.0"
)

// ethernet adds a network card, up or not, to IOMMU group 5.
func (b *bench) ethernet(up bool) {
	b.Tree.Add(nic, machinetest.Function{Vendor: 0x8086, Device: 0x10d3, Class: 0x020000, Driver: "e1000e", Group: 5})
	flags := "0x1002\n"
	if up {
		flags = "0x1003\n"
	}
	b.Tree.Write("sys/bus/pci/devices/"+nic+"/net/eth0/flags", flags)
}

// TestGroupTogether: functions of one group go together, and bridges do not
// matter.
func TestGroupTogether(t *testing.T) {
	b := newBench(t, 4, 5, 5)
	b.Tree.Add(bridge, machinetest.Function{Vendor: 0x8086, Device: 0x3420, Class: 0x060400, Driver: "pcieport", Group: 5})
	b.config(parse(t, "SKIP_HUGE=yes"))
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:0b:00.0 (15ad 07f0): nvme -> vfio-pci
0000:13:00.0 (15ad 07f0): nvme -> vfio-pci
0000:0b:00.0 (15ad 07f0): WARNING: detected multiple devices (3) under the same IOMMU group!
0000:13:00.0 (15ad 07f0): WARNING: detected multiple devices (3) under the same IOMMU group!
`)
	b.drivers("nvme", vfioPCI, vfioPCI)
}

// TestGroupRefused: a member that must stay keeps the whole group.
func TestGroupRefused(t *testing.T) {
	for _, test := range []struct {
		name    string
		groups  []int
		prepare func(*bench)
		options string
		reason  string
	}{
		{"mounted", []int{5, 5, 5}, func(*bench) {}, "", mounted + " (nvme) in the same IOMMU group 5 must stay with the kernel: Active devices: mount@nvme0n1:nvme0n1p1"},
		{"blocked", []int{4, 5, 5}, func(*bench) {}, "PCI_BLOCKED=" + spare1, spare1 + " (nvme) in the same IOMMU group 5 must stay with the kernel: denied by PCI_BLOCKED"},
		{"up", []int{4, 6, 5}, func(b *bench) { b.ethernet(true) }, "UNBIND_ENTIRE_IOMMU_GROUP=yes", nic + " (e1000e) in the same IOMMU group 5 must stay with the kernel: network interface eth0 is up"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, test.groups...)
			test.prepare(b)
			b.config(parse(t, "SKIP_HUGE=yes;"+test.options))
			if got := b.driver(spare2); got != "nvme" {
				t.Errorf("%s is bound to %q", spare2, got)
			}
			if want := spare2 + " (15ad 07f0): " + test.reason + ", so not binding PCI dev\n"; !strings.Contains(b.out.String(), want) {
				t.Errorf("printed:\n%s\nwant:\n%s", &b.out, want)
			}
		})
	}
}

// TestGroupStranger: a member of another kind is named, and unbound if the
// user wants that. A failure later gives it back.
func TestGroupStranger(t *testing.T) {
	const warnings = `0000:0b:00.0 (15ad 07f0): nvme -> vfio-pci
0000:13:00.0 (15ad 07f0): nvme -> vfio-pci
0000:13:00.0 (15ad 07f0): WARNING: detected multiple devices (2) under the same IOMMU group!
0000:13:00.0 (15ad 07f0): WARNING: 0000:13:00.1 not bound to vfio-pci (e1000e)
0000:13:00.0 (15ad 07f0): WARNING All devices in the IOMMU group must be bound to the same driver or unbound
`
	const o = "SKIP_HUGE=yes;PCI_BLOCKED=" + mounted
	b := newBench(t, 4, 6, 5)
	b.ethernet(false)
	b.config(parse(t, o))
	_, out, _ := strings.Cut(b.out.String(), "so not binding PCI dev\n")
	if out != warnings || b.driver(nic) != "e1000e" {
		t.Errorf("printed:\n%s%s", out, b.driver(nic))
	}

	b = newBench(t, 4, 6, 5)
	b.ethernet(false)
	b.config(parse(t, o+";UNBIND_ENTIRE_IOMMU_GROUP=yes"))
	_, out, _ = strings.Cut(b.out.String(), "so not binding PCI dev\n")
	want := warnings + "0000:13:00.0 (15ad 07f0): WARNING: Attempting to unbind 0000:13:00.1\n0000:13:00.1 (8086 10d3): e1000e -> none\n"
	if out != want || b.driver(nic) != "" {
		t.Errorf("printed:\n%s\nwant:\n%s", out, want)
	}

	b = newBench(t, 4, 6, 5)
	b.ethernet(false)
	b.load(vfioPCI)
	b.aliases[b.read("sys/bus/pci/devices/"+nic+"/modalias")] = "e1000e"
	before := b.tree()
	b.fail["/sys/bus/pci/rescan"] = syscall.EIO
	if err := b.host.Config(context.Background(), parse(t, o+";UNBIND_ENTIRE_IOMMU_GROUP=yes")); err == nil {
		t.Error("no error")
	}
	b.same(before)
}

// TestBehindVMD: a controller behind a VMD is left alone where the two share
// an IOMMU group, and what holds it holds the VMD.
func TestBehindVMD(t *testing.T) {
	vmd := machinetest.Function{Vendor: 0x8086, Device: 0x201d, Class: 0x010400, Driver: "vmd", Group: 7}
	const vmdAt, ssd = "0000:5d:05.5", "10000:01:00.0"
	build := func(t *testing.T, group int) *bench {
		b := newBench(t, 1, 2, 3)
		b.Tree.Add(vmdAt, vmd)
		f := machinetest.NVMe.With("nvme", group)
		f.Parent = "pci0000:00/" + vmdAt + "/pci10000:00"
		b.Tree.Add(ssd, f)
		b.Controller(ssd, "nvme5")
		b.Namespace("nvme5", "nvme5n1", "259:50")
		b.aliases[b.read("sys/bus/pci/devices/"+ssd+"/modalias")] = "nvme"
		return b
	}
	b := build(t, 7)
	b.config(parse(t, "SKIP_HUGE=yes"))
	if got := b.driver(ssd); got != "nvme" || !strings.Contains(b.out.String(), ssd+" (1b36 0010): Skipping nvme behind VMD ("+vmdAt+")\n") {
		t.Errorf("%s is bound to %q:\n%s", ssd, got, &b.out)
	}
	b = build(t, 8)
	b.config(parse(t, "SKIP_HUGE=yes;PCI_ALLOWED="+vmdAt))
	if got := b.driver(vmdAt); got != vfioPCI || !strings.Contains(b.out.String(), "Binding new driver to VMD device with NVMe SSDs attached to the kernel:\n  "+ssd+"\n") {
		t.Errorf("the VMD is bound to %q:\n%s", got, &b.out)
	}
	b = build(t, 8)
	b.Mount("self", "259:50", "/dev/nvme5n1", "/ssd", "ext4")
	b.config(parse(t, "SKIP_HUGE=yes;PCI_ALLOWED="+vmdAt))
	if got := b.driver(vmdAt); got != "vmd" || !strings.Contains(b.out.String(), vmdAt+" (8086 201d): Active devices: mount@nvme5n1") {
		t.Errorf("the VMD of a mounted controller is bound to %q:\n%s", got, &b.out)
	}
}
