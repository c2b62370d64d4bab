// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const bdf = "0000:0b:00.0"

// healthy makes a machine on which all is well: an IOMMU, vfio-pci, hugepages
// and a controller that is ready.
func healthy(t *testing.T) *machinetest.Tree {
	tr := machinetest.New(t)
	tr.Mkdir("sys/module/vfio_pci")
	tr.Write("dev/vfio/vfio", "")
	mode(tr, "dev/vfio/vfio", 0o666)
	tr.Write("dev/vfio/12", "")
	tr.Add(bdf, machinetest.NVMe.With("vfio-pci", 12))
	return tr
}

// kernelOwned makes one whose only controller the kernel has.
func kernelOwned(t *testing.T) *machinetest.Tree {
	tr := machinetest.New(t)
	tr.Add(bdf, machinetest.NVMe.With("nvme", 12))
	tr.Controller(bdf, "nvme0")
	tr.Namespace("nvme0", "nvme0n1", "259:0")
	tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
	return tr
}

// noIOMMU makes a healthy machine that does without.
func noIOMMU(t *testing.T) *machinetest.Tree {
	tr := machinetest.New(t)
	tr.Mkdir("sys/module/uio_pci_generic")
	tr.Add(bdf, machinetest.NVMe.With("uio_pci_generic", 0))
	return tr
}

func alice(tr *machinetest.Tree) {
	tr.Write("proc/self/status", "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\nGroups:\t4242\nCapEff:\t0\nSeccomp:\t0\n")
	tr.Write("etc/passwd", "alice:x:4242:4242::/home/alice:/bin/sh\n")
}

func examine(tr *machinetest.Tree) *Report {
	return Examine(machine.At(tr.Root), Options{SharedMemory: func() error { return nil }})
}

func TestHealthy(t *testing.T) {
	r := examine(healthy(t))
	if r.Level != OK {
		t.Errorf("level %s: %+v", r.Level, r.Findings)
	}
	if len(r.Controllers) != 1 || !r.Controllers[0].Ready || r.Kernel != "6.12.9-amd64" || r.User != "root" {
		t.Errorf("got %+v", r)
	}
}

type tree = machinetest.Tree

// findingTests are the cases of TestFindings.
var findingTests = []struct {
	name  string
	base  func(*testing.T) *tree
	harm  func(*tree)
	level Level
	what  string
	why   string
	fix   string
}{
	{"old kernel", healthy, func(tr *tree) { tr.Write("proc/sys/kernel/osrelease", "4.9.0-8\n") }, Problem, "kernel", "too old", "apt-get dist-upgrade"},
	{"IOMMU off, Intel", noIOMMU, func(tr *tree) { tr.Write("sys/firmware/acpi/tables/DMAR", "x") }, Warning, "IOMMU", "lacks intel_iommu=on", "sed -i"},
	{"IOMMU off, Fedora", noIOMMU, func(tr *tree) {
		tr.Write("sys/firmware/acpi/tables/DMAR", "x")
		tr.Write("etc/os-release", "ID=fedora\n")
	}, Warning, "IOMMU", "lacks", "grubby --update-kernel=ALL --args=intel_iommu=on"},
	{"IOMMU not in the firmware", noIOMMU, func(*tree) {}, Warning, "IOMMU", "VT-d", "intel_iommu=on"},
	{"IOMMU not in the firmware, AMD", noIOMMU, func(tr *tree) { tr.Write("proc/cpuinfo", "vendor_id : AuthenticAMD\n") }, Warning, "IOMMU", "AMD-Vi", ""},
	{"IOMMU turned off", noIOMMU, func(tr *tree) {
		tr.Write("proc/cpuinfo", "vendor_id : AuthenticAMD\n")
		tr.Write("sys/firmware/acpi/tables/IVRS", "x")
		tr.Write("proc/cmdline", "ro amd_iommu=off\n")
	}, Warning, "IOMMU", "amd_iommu=off", "s/amd_iommu=off//"},
	{"IOMMU off in a virtual machine", noIOMMU, func(tr *tree) { tr.Append("proc/cpuinfo", "flags : fpu hypervisor\n") }, Warning, "IOMMU", "-device intel-iommu", "intel_iommu=on"},
	{"IOMMU off for no reason", noIOMMU, func(tr *tree) { tr.Write("proc/cpuinfo", "CPU part : 0xd0c\n") }, Warning, "IOMMU", "what the kernel says", "dmesg"},
	{"VFIO without IOMMU", noIOMMU, func(tr *tree) { tr.Write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n") }, OK, "driver", "without an IOMMU", ""},
	{"no modules, Debian", noIOMMU, noModules, Problem, "driver", "None of", "apt-get install linux-image-6.12.9-amd64"},
	{"no modules, Ubuntu", noIOMMU, func(tr *tree) { noModules(tr); tr.Write("etc/os-release", "ID=ubuntu\nID_LIKE=debian\n") }, Problem, "driver", "None of", "linux-modules-extra-6.12.9-amd64"},
	{"no modules, Rocky", noIOMMU, func(tr *tree) {
		noModules(tr)
		tr.Write("etc/os-release", "ID=rocky\nID_LIKE=\"rhel centos fedora\"\n")
	}, Problem, "driver", "None of", "kernel-modules"},
	{"no modules, Arch", noIOMMU, func(tr *tree) { noModules(tr); tr.Write("etc/os-release", "ID=arch\n") }, Problem, "driver", "None of", "pacman"},
	{"no modules, cloud kernel", noIOMMU, func(tr *tree) {
		noModules(tr)
		tr.Write("proc/sys/kernel/osrelease", "6.12.9-cloud-amd64\n")
		tr.Write("lib/modules/6.12.9-cloud-amd64/modules.dep", "")
	}, Problem, "driver", "clouds", "linux-image-amd64"},
	{"modules of another kernel", noIOMMU, func(tr *tree) { noModules(tr); tr.Remove("lib/modules/6.12.9-amd64") }, Problem, "driver", "reboot", "reboot"},
	{"no UIO", noIOMMU, func(tr *tree) {
		noModules(tr)
		tr.Write("lib/modules/6.12.9-amd64/modules.dep", "kernel/vfio-pci.ko:\n")
	}, Problem, "driver", "allow VFIO to work without", "enable_unsafe_noiommu_mode=1"},
	{"VFIO loaded, useless", noIOMMU, func(tr *tree) { noModules(tr); tr.Mkdir("sys/module/vfio_pci") }, Problem, "driver", "cannot work without", "modprobe uio_pci_generic"},
	{"IOMMU, UIO only", healthy, func(tr *tree) {
		noModules(tr)
		tr.Remove("sys/module/vfio_pci")
		tr.Remove("sys/bus/pci/drivers/vfio-pci")
		tr.Mkdir("sys/module/uio_pci_generic")
	}, Warning, "driver", "vfio-pci module is missing", "modprobe vfio-pci"},
	{"lockdown without IOMMU", noIOMMU, func(tr *tree) {
		tr.Write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
		tr.Write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\x06\x00\x00\x00\x01")
	}, Problem, "lockdown", "Secure Boot", "mokutil"},
	{"lockdown and a UIO device", noIOMMU, func(tr *tree) { tr.Write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n") }, Problem, bdf, "locked down", ""},
	{"lockdown with IOMMU", healthy, func(tr *tree) { tr.Write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n") }, OK, "lockdown", "VFIO", ""},
	{"no hugepages", healthy, func(tr *tree) { pages(tr, 0, 0) }, Warning, "hugepages", "None is reserved", "gospdk setup"},
	{"no hugepages without IOMMU", noIOMMU, func(tr *tree) { pages(tr, 0, 0) }, Problem, "hugepages", "nothing else", "gospdk setup"},
	{"no free hugepages", noIOMMU, func(tr *tree) { pages(tr, 512, 0) }, Problem, "hugepages", "in use", "HUGEMEM=3072"},
	{"few free hugepages", healthy, func(tr *tree) { pages(tr, 512, 16) }, Warning, "hugepages", "32 MiB of 1024 MiB", "cleanup"},
	{"no support for hugepages", noIOMMU, func(tr *tree) { tr.Write("proc/filesystems", "\text4\n") }, Problem, "hugepages", "CONFIG_HUGETLBFS", ""},
	{"hugepages unreadable", healthy, func(tr *tree) { tr.Write("sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "x") }, Warning, "hugepages", "Cannot be examined", ""},
	{"hugepages on the other node", healthy, func(tr *tree) {
		tr.Write("sys/bus/pci/devices/"+bdf+"/numa_node", "1\n")
		tr.Write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0\n")
		tr.Write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "0\n")
	}, Warning, "hugepages", "NUMA node 1, where " + bdf, "HUGENODE=1"},
	{"memory limit", healthy, func(tr *tree) { alice(tr); memlock(tr, "65536") }, Problem, "memory lock limit", "64 KiB", "alice - memlock unlimited"},
	{"memory limit, middling", healthy, func(tr *tree) { alice(tr); memlock(tr, "134217728") }, Warning, "memory lock limit", "128 MiB", "limits.d"},
	{"memory limit, raised for the next login", healthy, func(tr *tree) {
		alice(tr)
		memlock(tr, "65536")
		tr.Write("etc/security/limits.d/x.conf", "alice - memlock unlimited\n")
	}, Problem, "memory lock limit", "log out", ""},
	{"memory limit in a container", healthy, func(tr *tree) { alice(tr); memlock(tr, "65536"); tr.Write(".dockerenv", "") }, Problem, "memory lock limit", "--ulimit memlock=-1", ""},
	{"memory limit unreadable", healthy, func(tr *tree) { tr.Write("proc/self/limits", "") }, Warning, "memory lock limit", "Cannot be examined", ""},
	{"/dev/vfio of root", healthy, func(tr *tree) { alice(tr); mode(tr, "dev/vfio/12", 0o600) }, Problem, bdf, "may not open /dev/vfio/12", "TARGET_USER=alice"},
	{"/dev/vfio missing", healthy, func(tr *tree) { tr.Remove("dev/vfio/12") }, Problem, bdf, "/dev/vfio/12 is missing", "gospdk setup"},
	{"/dev/vfio missing in a container", healthy, func(tr *tree) { tr.Write(".dockerenv", ""); tr.Remove("dev/vfio/vfio") }, Problem, bdf, "--device /dev/vfio/vfio", ""},
	{"UIO without root", noIOMMU, alice, Problem, "rights", "CAP_SYS_ADMIN", "sudo gospdk"},
	{"UIO in a container without capabilities", noIOMMU, func(tr *tree) {
		tr.Write("proc/self/status", "Uid:\t0\t0\t0\t0\nCapEff:\t0\n")
	}, Problem, "rights", "--privileged", ""},
	{"hugepages limited", noIOMMU, func(tr *tree) { tr.Write("sys/fs/cgroup/hugetlb.2MB.max", "0\n") }, Problem, "control group", "hugepages-2Mi", ""},
	{"container with a read-only sysfs", healthy, func(tr *tree) {
		tr.Write("run/.containerenv", "")
		tr.Append("proc/self/mountinfo", "30 21 0:19 / /sys ro - sysfs sysfs rw\n")
	}, Warning, "container", "--privileged", ""},
	{"no NVMe controller", machinetestNew, func(*tree) {}, Problem, "NVMe", "no NVMe controller", "make vm"},
	{"bound to the kernel", kernelOwned, func(tr *tree) { tr.Remove("sys/class/block/nvme0n1p1") }, Warning, bdf, "driver nvme has it", "PCI_ALLOWED=" + bdf},
	{"none handed over", kernelOwned, func(tr *tree) { tr.Remove("sys/class/block/nvme0n1p1") }, Problem, "NVMe", "No controller has been handed", "gospdk setup"},
	{"no driver", healthy, func(tr *tree) { tr.Remove("sys/bus/pci/devices/" + bdf + "/driver") }, Warning, bdf, "No driver", "PCI_ALLOWED=" + bdf},
	{"mounted", kernelOwned, func(tr *tree) { tr.Mount("self", "259:1", "/dev/nvme0n1p1", "/my\\040data", "ext4") }, Warning, bdf, "mount@nvme0n1:nvme0n1p1 (/my data)", "umount '/my data'"},
	{"the system's own", kernelOwned, func(tr *tree) { tr.Mount("self", "259:1", "/dev/nvme0n1p1", "/boot/efi", "vfat") }, Warning, bdf, "The running system is on it", ""},
	{"mounted in another namespace", kernelOwned, func(tr *tree) {
		tr.Process(77, "container")
		tr.Mount("77", "259:1", "/dev/nvme0n1p1", "/", "ext4")
	}, Warning, bdf, "(/, seen by process 77)", "nsenter --mount --target 77 umount /"},
	{"swap", kernelOwned, func(tr *tree) { tr.Append("proc/swaps", "/dev/nvme0n1p1 partition 1 0 -2\n") }, Warning, bdf, "swap@nvme0n1:nvme0n1p1", "swapoff /dev/nvme0n1p1"},
	{"md", kernelOwned, func(tr *tree) { tr.Stack("nvme0n1p1", "md0", "9:0") }, Warning, bdf, "holder@nvme0n1p1:md0", "mdadm --stop /dev/md0"},
	{"LVM", kernelOwned, func(tr *tree) { dm(tr, "LVM-x") }, Warning, bdf, "holder@nvme0n1p1:dm-0 (vg-lv)", "lvchange -an /dev/mapper/vg-lv"},
	{"dm-crypt", kernelOwned, func(tr *tree) { dm(tr, "CRYPT-x") }, Warning, bdf, "holder@", "cryptsetup close vg-lv"},
	{"multipath", kernelOwned, func(tr *tree) { dm(tr, "mpath-x") }, Warning, bdf, "holder@", "multipath -f vg-lv"},
	{"device-mapper", kernelOwned, func(tr *tree) { dm(tr, "") }, Warning, bdf, "holder@", "dmsetup remove vg-lv"},
	{"data", kernelOwned, func(*tree) {}, Warning, bdf, "this erases it", "wipefs --all /dev/nvme0n1"},
	{"not examined", kernelOwned, func(tr *tree) {
		alice(tr)
		tr.Remove("sys/class/block/nvme0n1p1")
		tr.Remove("dev/nvme0n1")
	}, Warning, bdf, "not known", "sudo gospdk doctor"},
	{"in use by a program", healthy, func(tr *tree) {
		tr.Write("sys/class/vfio/12/dev", "510:0\n")
		tr.Process(31, "nvmf_tgt")
		tr.Open(31, 9, "/dev/vfio/12")
	}, Warning, bdf, "nvmf_tgt (process 31)", "kill 31"},
	{"shared IOMMU group", healthy, func(tr *tree) {
		tr.Add("0000:0b:00.1", machinetest.Function{Vendor: 0x8086, Device: 1, Class: 0x020000, Driver: "e1000e", Group: 12})
	}, Problem, bdf, "0000:0b:00.1 (e1000e)", "UNBIND_ENTIRE_IOMMU_GROUP=yes"},
	{"IOMMU group shared with a bridge", healthy, func(tr *tree) {
		tr.Add("0000:0b:00.1", machinetest.Function{Vendor: 0x8086, Device: 1, Class: 0x060400, Driver: "pcieport", Group: 12})
	}, OK, bdf, "Ready", ""},
	{"no user", healthy, func(tr *tree) { tr.Remove("proc/self/status") }, Problem, "user", "cannot be examined", ""},
}

// TestFindings breaks one thing each and looks for the finding about it, with
// the command that mends it.
func TestFindings(t *testing.T) {
	for _, test := range findingTests {
		t.Run(test.name, func(t *testing.T) {
			tr := test.base(t)
			test.harm(tr)
			r := examine(tr)
			for _, f := range r.Findings {
				fix := strings.Join(f.Fix, "\n")
				if f.What == test.what && f.Level == test.level && strings.Contains(f.Why, test.why) && strings.Contains(fix, test.fix) && (test.fix != "" || fix == "") {
					return
				}
			}
			text, _ := json.MarshalIndent(r.Findings, "", " ")
			t.Errorf("no finding %q of level %s with %q and %q among\n%s", test.what, test.level, test.why, test.fix, text)
		})
	}
}

func machinetestNew(t *testing.T) *machinetest.Tree { return machinetest.New(t) }

func noModules(tr *machinetest.Tree) {
	tr.Write("lib/modules/6.12.9-amd64/modules.dep", "")
	tr.Remove("sys/module/uio_pci_generic")
	tr.Remove("sys/bus/pci/drivers/uio_pci_generic")
}

func pages(tr *machinetest.Tree, total, free int) {
	dir := "sys/devices/system/node/node0/hugepages/hugepages-2048kB/"
	for name, n := range map[string]int{"nr_hugepages": total, "free_hugepages": free} {
		text, _ := json.Marshal(n)
		tr.Write(dir+name, string(text))
	}
}

func memlock(tr *machinetest.Tree, bytes string) {
	tr.Write("proc/self/limits", "Max locked memory         "+bytes+"  "+bytes+"   bytes\n")
}

func mode(tr *machinetest.Tree, path string, bits os.FileMode) {
	if err := os.Chmod(tr.Path(path), bits); err != nil {
		panic(err)
	}
}

func dm(tr *machinetest.Tree, uuid string) {
	tr.Stack("nvme0n1p1", "dm-0", "253:0")
	tr.Write("sys/devices/virtual/block/dm-0/dm/name", "vg-lv\n")
	tr.Write("sys/devices/virtual/block/dm-0/dm/uuid", uuid+"\n")
}

func TestSharedMemory(t *testing.T) {
	tr := healthy(t)
	tr.Append("proc/self/status", "Seccomp:\t2\n")
	r := Examine(machine.At(tr.Root), Options{SharedMemory: func() error { return errors.New("not permitted") }})
	found := false
	for _, f := range r.Findings {
		found = found || f.What == "shared memory" && f.Level == Problem && strings.Contains(f.Why, "seccomp=unconfined")
	}
	if !found {
		t.Errorf("got %+v", r.Findings)
	}
	if err := trySharedMemory(); err != nil {
		t.Error(err)
	}
}

func TestPrint(t *testing.T) {
	r := &Report{
		Kernel: "6.1", Distro: "Debian", User: "alice", Container: "docker", Level: Problem,
		Findings: []Finding{
			{OK, "kernel", "Linux 6.1", nil},
			{Problem, "hugepages", "None is reserved. Devices can use nothing else.", []string{"sudo gospdk setup"}},
		},
		Controllers: []Controller{{Ready: true}, {}},
	}
	var b strings.Builder
	if err := r.Print(&b, Style{Width: 50, Paint: func(l Level, s string) string { return "<" + s + ">" }}); err != nil {
		t.Fatal(err)
	}
	want := `Debian, Linux 6.1, user alice, docker container
<ok       >kernel     Linux 6.1
<problem  >hugepages  None is reserved. Devices can
                    use nothing else.
                    $ sudo gospdk setup
<User-space I/O to devices does not work yet; 1 of 2 NVMe controllers handed to user space.>
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := r.Print(&b, Style{}); err != nil || !strings.Contains(b.String(), "None is reserved. Devices can use nothing else.\n") {
		t.Errorf("%v, without a width:\n%s", err, b.String())
	}
}
