// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const missionConfig = `0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:0b:00.0 (15ad 07f0): nvme -> uio_pci_generic
0000:13:00.0 (15ad 07f0): nvme -> uio_pci_generic
`

// TestMission is the transcript of the mission.
func TestMission(t *testing.T) {
	b := newBench(t)
	before := b.tree()
	b.config(Defaults())
	b.golden(missionConfig)
	b.drivers("nvme", uioPCI, uioPCI)
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "1024" {
		t.Errorf("%s hugepages, want 1024", got)
	}
	b.config(Defaults())
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:0b:00.0 (15ad 07f0): Already using the uio_pci_generic driver
0000:13:00.0 (15ad 07f0): Already using the uio_pci_generic driver
INFO: Requested 1024 hugepages but 1024 already allocated ` + `
`)
	b.reset(Defaults())
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:0b:00.0 (15ad 07f0): uio_pci_generic -> nvme
0000:13:00.0 (15ad 07f0): uio_pci_generic -> nvme
`)
	b.same(before)
	if b.errs.Len() > 0 {
		t.Errorf("warnings:\n%s", &b.errs)
	}
}

func TestDriverChoice(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*bench)
		options string
		want    string // driver
		lines   string // that are printed besides
		changes []string
	}{
		{"vfio behind an IOMMU", func(b *bench) { b.Mkdir("sys/kernel/iommu_groups/0") }, "", "", "", nil},
		{"vfio without one", func(b *bench) {
			b.Mkdir("sys/module/vfio")
			b.Tree.Write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
			b.noGroup = true
		}, "", vfioPCI, "", []string{"modprobe vfio-pci"}},
		{"vfio does not allow it", func(b *bench) {
			b.Tree.Write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
		}, "", uioPCI, "", []string{"modprobe uio_pci_generic"}},
		{"loaded already", func(b *bench) { b.load(uioPCI) }, "", uioPCI, "", nil},
		{"igb_uio", func(b *bench) {
			b.Tree.Write("lib/modules/6.12.9-amd64/modules.dep", "extra/igb_uio.ko: kernel/drivers/uio/uio.ko\n")
		}, "", igbUIO, "WARNING: uio_pci_generic not detected - using igb_uio\n", []string{"modprobe igb_uio"}},
		{"override", func(b *bench) { b.load(igbUIO) }, "DRIVER_OVERRIDE=igb_uio", igbUIO, "", nil},
		{"a file", func(b *bench) { b.Tree.Write("home/igb_uio.ko", "") }, "DRIVER_OVERRIDE=/home/igb_uio.ko", igbUIO, "",
			[]string{"modprobe uio", "insmod /home/igb_uio.ko"}},
		{"none", func(b *bench) {}, "DRIVER_OVERRIDE=none", DriverNone, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			test.prepare(b)
			b.config(parse(t, test.options+";SKIP_HUGE=yes;PCI_ALLOWED="+spare1))
			out := b.out.String()
			if test.want == "" {
				if !strings.Contains(out, spare1+" (15ad 07f0): The IOMMU does not know it, so not binding PCI dev\n") {
					t.Errorf("printed:\n%s", out)
				}
				return
			}
			bound := strings.TrimPrefix(test.want, DriverNone)
			if got := b.driver(spare1); got != bound {
				t.Errorf("bound to %q", got)
			}
			if want := fmt.Sprintf("%s (15ad 07f0): nvme -> %s\n", spare1, test.want); !strings.HasSuffix(out, test.lines+want) {
				t.Errorf("printed:\n%s\nwant at the end:\n%s", out, test.lines+want)
			}
			var loads []string
			for _, l := range b.log {
				if strings.HasPrefix(l, "modprobe") || strings.HasPrefix(l, "insmod") {
					loads = append(loads, l)
				}
			}
			if !slices.Equal(loads, test.changes) {
				t.Errorf("loaded %q, want %q", loads, test.changes)
			}
		})
	}
}

func TestNoDriver(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("lib/modules/6.12.9-amd64/modules.dep", "")
	before := b.tree()
	err := b.host.Config(context.Background(), Defaults())
	if !errors.Is(err, ErrNoDriver) {
		t.Errorf("got %v", err)
	}
	out := b.out.String()
	for _, want := range []string{
		"No valid drivers found [vfio-pci, uio_pci_generic, igb_uio]. Please enable one of the kernel modules.\n",
		"  Debian: apt-get install linux-image-6.12.9-amd64\n",
		"  Ubuntu: apt-get install linux-modules-extra-6.12.9-amd64\n",
		"  Fedora: dnf install kernel-modules-6.12.9-amd64",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %s\nprinted:\n%s", want, out)
		}
	}
	b.same(before)
	// Without a function to bind no driver is missed.
	b.out.Reset()
	b.config(parse(t, "PCI_ALLOWED=none;HUGEMEM=2"))
	if strings.Contains(b.out.String(), "No valid drivers") {
		t.Errorf("printed:\n%s", &b.out)
	}
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "1" {
		t.Errorf("%s hugepages, want 1", got)
	}
}

func TestLists(t *testing.T) {
	for _, test := range []struct{ options, want string }{
		{"PCI_ALLOWED=none", "nvme nvme nvme"},
		{"SKIP_PCI=1", "nvme nvme nvme"},
		{"PCI_ALLOWED=" + spare2, "nvme nvme uio_pci_generic"},
		{"PCI_ALLOWED=" + spare1 + " " + spare2, "nvme uio_pci_generic uio_pci_generic"},
		{"PCI_BLOCKED=" + spare2, "nvme uio_pci_generic nvme"},
		{"PCI_ALLOWED=" + spare2 + ";PCI_BLOCKED=" + spare2, "nvme nvme nvme"},
		{"PCI_ALLOWED=" + mounted, "nvme nvme nvme"},
		{"NVME_ALLOWED=" + spare1, "nvme uio_pci_generic nvme"},
		{"DEV_TYPE=ioat", "nvme nvme nvme"},
		{"DEV_TYPE=nvme", "nvme uio_pci_generic uio_pci_generic"},
	} {
		b := newBench(t)
		b.config(parse(t, "SKIP_HUGE=yes;"+test.options))
		if got := strings.Join([]string{b.driver(mounted), b.driver(spare1), b.driver(spare2)}, " "); got != test.want {
			t.Errorf("%s: %s, want %s", test.options, got, test.want)
		}
		for _, bdf := range []string{spare1, spare2} {
			says := strings.Contains(b.out.String(), fmt.Sprintf("%s (15ad 07f0): Skipping denied controller at %s\n", bdf, bdf))
			if denied := b.driver(bdf) == "nvme" && !strings.Contains(test.options, "DEV_TYPE"); says != denied {
				t.Errorf("%s: printed:\n%s", test.options, &b.out)
			}
		}
	}
	b := newBench(t)
	b.config(parse(t, "SKIP_HUGE=yes;PCI_ALLOWED=0000:7f:00.0"))
	if !strings.Contains(b.errs.String(), "0000:7f:00.0") {
		t.Errorf("an allowed function that there is not is not named: %q", &b.errs)
	}
}

// TestHeld: whatever holds a controller, it is not touched.
func TestHeld(t *testing.T) {
	for name, test := range map[string]struct {
		hold func(*bench)
		want string
	}{
		"swap": {func(b *bench) {
			b.Partition("nvme1n1", "nvme1n1p3", "259:11")
			b.Append("proc/swaps", "/dev/nvme1n1p3 partition 1048572 0 -2\n")
		}, "Active devices: swap@nvme1n1:nvme1n1p3, so"},
		"lvm": {func(b *bench) {
			b.Partition("nvme1n1", "nvme1n1p2", "259:11")
			b.Stack("nvme1n1p2", "dm-0", "253:0")
		}, "Active devices: holder@nvme1n1p2:dm-0, so"},
		"unexamined": {func(b *bench) { b.Remove("dev/nvme1n1") }, "Cannot be examined ("},
		"connecting": {func(b *bench) { b.Tree.Write("sys/class/nvme/nvme1/state", "connecting\n") }, "Cannot be examined ("},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			test.hold(b)
			b.config(parse(t, "SKIP_HUGE=yes"))
			b.drivers("nvme", "nvme", uioPCI)
			out := b.out.String()
			if !strings.Contains(out, spare1+" (15ad 07f0): "+test.want) || strings.Count(out, "so not binding PCI dev\n") != 2 {
				t.Errorf("printed:\n%s", out)
			}
		})
	}
}

// TestUsed: what a process drives is left to it, by config and reset.
func TestUsed(t *testing.T) {
	b := newBench(t)
	b.config(parse(t, "SKIP_HUGE=yes"))
	b.Process(77, "spdk_tgt")
	for _, dir := range b.glob("sys/bus/pci/devices/" + spare1 + "/uio/*") {
		b.Open(77, 5, "/dev/"+filepath.Base(dir))
	}
	b.out.Reset()
	b.reset(parse(t, "SKIP_HUGE=yes"))
	b.drivers("nvme", uioPCI, "nvme")
	if !strings.Contains(b.out.String(), spare1+" (15ad 07f0): Used by spdk_tgt[77], so not binding PCI dev\n") {
		t.Errorf("printed:\n%s", &b.out)
	}
}

// TestUndo lets every change fail in turn, and checks that nothing is left.
func TestUndo(t *testing.T) {
	count := func(t *testing.T, b *bench) int {
		b.config(parse(t, options))
		return len(b.log)
	}
	whole := newBench(t, 1, 2, 3)
	prepareUndo(whole)
	n := count(t, whole)
	if n < 15 {
		t.Fatalf("only %d changes: %q", n, whole.log)
	}
	for i := range n {
		b := newBench(t, 1, 2, 3)
		prepareUndo(b)
		before := b.tree()
		made := 0
		b.before = func(change string) {
			clear(b.fail)
			if made++; made == i+1 {
				b.fail[change] = syscall.EIO
			}
		}
		err := b.host.Config(context.Background(), parse(t, options))
		if err == nil {
			if !strings.Contains(b.log[i], "drivers_probe") && !strings.Contains(b.log[i], spare1) && !strings.Contains(b.log[i], spare2) {
				t.Errorf("%q failed, and config did not", b.log[i])
			}
			continue // a probe is tried again
		}
		if strings.Contains(err.Error(), "not undone") {
			t.Errorf("%q: %v", b.log[i], err)
		}
		b.same(before)
	}
}

const options = "TARGET_USER=alice;CLEAR_HUGE=yes;PERSIST_HUGE=yes"

func prepareUndo(b *bench) {
	b.Tree.Write("proc/self/mountinfo", "21 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
	b.Mount("self", "259:9", "/dev/nvme0n1p1", "/data", "ext4")
	b.pages(0, 7)
	b.Tree.Write(sysctlFile[1:], "vm.nr_hugepages=7\n")
}

// TestInterrupt: after ^C everything is as it was.
func TestInterrupt(t *testing.T) {
	for _, at := range []string{"modprobe", "/sys/bus/pci/devices/" + spare1 + "/driver/unbind", "/sys/bus/pci/rescan", "/proc/sys/vm", "memlock"} {
		b := newBench(t, 1, 2, 3)
		before := b.tree()
		ctx, cancel := context.WithCancel(context.Background())
		b.before = func(change string) {
			if strings.HasPrefix(change, at) {
				cancel()
			}
		}
		err := b.host.Config(ctx, parse(t, "SHRINK_HUGE=yes;PERSIST_HUGE=yes;TARGET_USER=alice"))
		if !errors.Is(err, errInterrupted) {
			t.Errorf("%s: %v", at, err)
		}
		b.same(before)
		if strings.Contains(fmt.Sprint(err), "not undone") {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestRefused: a function that its new driver does not take goes back.
func TestRefused(t *testing.T) {
	b := newBench(t)
	b.refuse[spare2] = true
	before := b.tree()
	err := b.host.Config(context.Background(), Defaults())
	if err == nil || !strings.Contains(err.Error(), spare2) || !strings.Contains(err.Error(), "PCI_BLOCKED="+spare2) {
		t.Errorf("got %v", err)
	}
	out := b.out.String()
	for _, want := range []string{
		"nvme -> uio_pci_generic\n", "failed to bind to uio_pci_generic, retrying (1)\n", "failed to bind to uio_pci_generic, retrying (10)\n",
		"failed to bind to uio_pci_generic, aborting\n",
	} {
		if !strings.Contains(out, spare2+" (15ad 07f0): "+want) {
			t.Errorf("not printed: %s\n%s", want, out)
		}
	}
	if !strings.HasSuffix(out, spare2+" (15ad 07f0): no driver -> nvme\n"+spare1+" (15ad 07f0): uio_pci_generic -> nvme\n") {
		t.Errorf("printed:\n%s", out)
	}
	b.same(before)
}

// TestMountedMeanwhile: a file system is mounted between the look and the
// change.
func TestMountedMeanwhile(t *testing.T) {
	b := newBench(t)
	b.before = func(change string) {
		if strings.HasPrefix(change, "modprobe") {
			b.Mount("self", "259:4", "/dev/nvme2n1", "/late", "ext4")
		}
	}
	err := b.host.Config(context.Background(), Defaults())
	if err == nil || !strings.Contains(err.Error(), "mount@nvme2n1") {
		t.Errorf("got %v", err)
	}
	b.drivers("nvme", "nvme", "nvme")
}

// TestPermission: the error names the file and sudo.
func TestPermission(t *testing.T) {
	b := newBench(t)
	file := "/sys/bus/pci/devices/" + spare1 + "/driver/unbind"
	b.fail["/sys/bus/pci/devices/*/driver/unbind"] = syscall.EACCES
	err := b.host.Config(context.Background(), Defaults())
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("got %v", err)
	}
}

// TestDryRun: everything is said, nothing is done.
func TestDryRun(t *testing.T) {
	b := newBench(t, 1, 2, 3)
	prepareUndo(b)
	before := b.tree()
	b.host.DryRun = true
	b.config(parse(t, options))
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
would load the module vfio-pci
would bind 0000:0b:00.0 (15ad 07f0): nvme -> vfio-pci
would bind 0000:13:00.0 (15ad 07f0): nvme -> vfio-pci
would write 1 to /sys/bus/pci/rescan
would mount hugetlbfs at /mnt/huge
would set /proc/sys/vm/nr_hugepages to 0
would remove /usr/local/lib/sysctl.d/99-spdk.conf
would set /proc/sys/vm/nr_hugepages to 1024 (it is 0)
would write the number of hugepages to /usr/local/lib/sysctl.d/99-spdk.conf
would let user alice use the VFIO group of 0000:0b:00.0
would let user alice use the VFIO group of 0000:13:00.0
would let user alice use the hugetlbfs mounts
`)
	if err := b.host.Reset(context.Background(), Defaults()); err != nil {
		t.Error(err)
	}
	if err := b.host.Cleanup(context.Background(), Defaults(), ""); err == nil {
		t.Error("cleanup without open files")
	}
	if len(b.log) > 0 {
		t.Errorf("done: %q", b.log)
	}
	b.same(before)
}

// TestKinds: VMD, DSA and IAA must be allowed by name, others not.
func TestKinds(t *testing.T) {
	b := newBench(t)
	b.Tree.Add("0000:00:05.0", machinetest.Function{Vendor: 0x8086, Device: 0x0b25, Class: 0x088000, Driver: "idxd"})
	b.Tree.Add("0000:00:06.0", machinetest.IOAT)
	b.Tree.Add("0000:00:07.0", machinetest.Virtio)
	b.Tree.Add("0000:00:08.0", machinetest.Function{Vendor: 0x8086, Device: 0x201d, Class: 0x010400, Driver: "vmd"})
	b.config(parse(t, "SKIP_HUGE=yes"))
	b.golden(`0000:00:05.0 (8086 0b25): Skipping not allowed DSA controller at 0000:00:05.0
0000:00:08.0 (8086 201d): Skipping not allowed VMD controller at 0000:00:08.0
0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:00:06.0 (8086 2021): ioatdma -> uio_pci_generic
0000:00:07.0 (1af4 1042): virtio-pci -> uio_pci_generic
0000:0b:00.0 (15ad 07f0): nvme -> uio_pci_generic
0000:13:00.0 (15ad 07f0): nvme -> uio_pci_generic
`)
	b.load("idxd")
	b.load("virtio-pci")
	b.load("ioatdma")
	b.config(parse(t, "SKIP_HUGE=yes;PCI_ALLOWED=0000:00:05.0"))
	if got := b.driver("0000:00:05.0"); got != uioPCI {
		t.Errorf("the allowed DSA is bound to %q", got)
	}
	b.out.Reset()
	b.reset(parse(t, "DEV_TYPE=DSA;PCI_ALLOWED=0000:00:05.0"))
	b.golden("0000:00:05.0 (8086 0b25): uio_pci_generic -> idxd\n")
	if !machine.UserDriver(b.driver("0000:00:06.0")) {
		t.Error("DEV_TYPE did not keep reset from the others")
	}
}
