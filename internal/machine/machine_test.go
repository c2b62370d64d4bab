// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
	"github.com/gospdk/gospdk/pci"
)

func TestHugepages(t *testing.T) {
	tr := machinetest.New(t)
	tr.Write("sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages", "4\n")
	tr.Write("sys/devices/system/node/node1/hugepages/hugepages-1048576kB/free_hugepages", "3\n")
	tr.Mkdir("sys/devices/system/node/has_cpu")
	m := At(tr.Root)
	got, err := m.Hugepages()
	if want := "[{0 2048 1024 1024} {1 1048576 3 4}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
	tr.Remove("sys/devices/system/node")
	got, err = m.Hugepages()
	if want := "[{-1 2048 1024 1024}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("without NUMA: got %v, %v; want %s", got, err, want)
	}
	tr.Write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "some\n")
	if _, err := m.Hugepages(); err == nil || !strings.Contains(err.Error(), `"some"`) {
		t.Errorf("a count that is no number: %v", err)
	}
	tr.Remove("sys/kernel/mm/hugepages")
	if got, err := m.Hugepages(); err != nil || len(got) != 0 {
		t.Errorf("without support: %v, %v", got, err)
	}
	if kb, err := m.DefaultHugepageKB(); err != nil || kb != 2048 || !m.HugepagesSupported() {
		t.Errorf("default size %d, %v, supported %v", kb, err, m.HugepagesSupported())
	}
	tr.Write("proc/meminfo", "MemTotal: 1 kB\n")
	if _, err := m.DefaultHugepageKB(); err == nil {
		t.Error("a size was found where none is")
	}
	tr.Mount("self", "0:60", "nodev", "/mnt/huge", "hugetlbfs")
	mounts, err := m.HugetlbfsMounts()
	if want := "[{/dev/hugepages 2048} {/mnt/huge 0}]"; err != nil || fmt.Sprint(mounts) != want {
		t.Errorf("mounts %v, %v; want %s", mounts, err, want)
	}
}

func TestPageSizeOption(t *testing.T) {
	for in, want := range map[string]int{"rw,pagesize=2M": 2048, "pagesize=1G": 1 << 20, "pagesize=64K": 64, "pagesize=2097152": 2048, "rw": 0, "pagesize=": 0, "pagesize=xM": 0} {
		if got := pageSizeOption(in); got != want {
			t.Errorf("%s: got %d, want %d", in, got, want)
		}
	}
}

func TestModule(t *testing.T) {
	tr := machinetest.New(t)
	m := At(tr.Root)
	check := func(name string, want ModuleState) {
		t.Helper()
		if got := m.Module(name); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	check("vfio-pci", ModuleState{Available: true})
	check("vfio_pci", ModuleState{Available: true})
	check("igb_uio", ModuleState{})
	check("ext4", ModuleState{Loaded: true, Builtin: true, Available: true})
	tr.Mkdir("sys/module/vfio_pci")
	check("vfio-pci", ModuleState{Loaded: true, Available: true})
	tr.Mkdir("sys/bus/pci/drivers/igb_uio")
	check("igb_uio", ModuleState{Loaded: true, Available: true})
	if !m.ModulesInstalled() {
		t.Error("the modules are not found")
	}
	tr.Write("proc/sys/kernel/osrelease", "6.13.0\n")
	check("uio_pci_generic", ModuleState{})
	if m.ModulesInstalled() {
		t.Error("the modules of another kernel are taken for the running one's")
	}
	if major, minor, err := m.KernelVersion(); major != 6 || minor != 13 || err != nil {
		t.Errorf("version %d.%d, %v", major, minor, err)
	}
	if s, err := m.KernelRelease(); s != "6.13.0" || err != nil {
		t.Errorf("release %q, %v", s, err)
	}
}

func TestIOMMU(t *testing.T) {
	tr := machinetest.New(t)
	m := At(tr.Root)
	if m.IOMMU() || m.NoIOMMUAllowed() || m.NoIOMMUSupported() {
		t.Error("an IOMMU or the no-IOMMU mode where there is none")
	}
	tr.Write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n")
	if m.NoIOMMUAllowed() || !m.NoIOMMUSupported() {
		t.Error("the mode is possible and not allowed, which was not seen")
	}
	tr.Write("sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n")
	if !m.NoIOMMUAllowed() {
		t.Error("the mode is allowed, which was not seen")
	}
	// A group of the no-IOMMU mode is no IOMMU.
	tr.Write("sys/kernel/iommu_groups/0/name", "vfio-noiommu\n")
	if m.IOMMU() {
		t.Error("a group without IOMMU is taken for one")
	}
	tr.Add("0000:0c:00.0", machinetest.NVMe.With("nvme", 7))
	tr.Add("0000:0b:00.0", machinetest.NVMe.With("nvme", 7))
	tr.Mkdir("sys/kernel/iommu_groups/7/devices/serial8250")
	if !m.IOMMU() {
		t.Error("no IOMMU though there is a group")
	}
	got, err := m.IOMMUGroupMembers(7)
	if want := "[0000:0b:00.0 0000:0c:00.0]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v, %v; want %s", got, err, want)
	}
}

func TestFirmware(t *testing.T) {
	tr := machinetest.New(t)
	m := At(tr.Root)
	if m.Lockdown() != "" || m.SecureBoot() {
		t.Error("a lockdown where there is none")
	}
	tr.Write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
	tr.Write("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\x06\x00\x00\x00\x01")
	if m.Lockdown() != "integrity" || !m.SecureBoot() {
		t.Errorf("lockdown %q, Secure Boot %v", m.Lockdown(), m.SecureBoot())
	}
	if o, err := m.CommandLine(); err != nil || len(o) != 4 || m.CPUVendor() != "GenuineIntel" {
		t.Errorf("command line %q, %v; vendor %q", o, err, m.CPUVendor())
	}
}

func TestUser(t *testing.T) {
	tr := machinetest.New(t)
	m := At(tr.Root)
	u, err := m.User()
	if err != nil || u.UID != 0 || u.Name != "root" || !u.Has(CapSysAdmin) {
		t.Errorf("%+v, %v", u, err)
	}
	l, err := m.Memlock()
	if err != nil || l.Soft != 8<<20 || l.Hard != Unlimited {
		t.Errorf("%+v, %v", l, err)
	}
	tr.Write("etc/security/limits.conf", "alice - memlock 64\n")
	tr.Write("etc/security/limits.d/spdk.conf", "alice - memlock unlimited\n")
	if l, ok, err := m.LoginMemlock("alice", nil); err != nil || !ok || l.Soft != Unlimited {
		t.Errorf("%+v, %v, %v", l, ok, err)
	}
	if d := m.Distro(); d.ID != "debian" || d.Version != "13" {
		t.Errorf("%+v", d)
	}
}

func TestContainer(t *testing.T) {
	tr := machinetest.New(t)
	m := At(tr.Root)
	limit := func(want uint64) {
		t.Helper()
		if got, err := m.HugetlbLimit(2048); err != nil || got != want {
			t.Errorf("hugepages limited to %d, %v; want %d", got, err, want)
		}
	}
	if m.Container() != "" || !m.SysfsWritable() || m.Virtual() {
		t.Errorf("container %q, sysfs writable %v, virtual %v", m.Container(), m.SysfsWritable(), m.Virtual())
	}
	limit(Unlimited)
	tr.Write("proc/self/cgroup", "0::/pod/one\n")
	tr.Write("sys/fs/cgroup/pod/one/hugetlb.2MB.max", "max\n")
	limit(Unlimited)
	tr.Write("sys/fs/cgroup/pod/hugetlb.2MB.max", "67108864\n")
	limit(64 << 20)
	tr.Write("sys/fs/cgroup/hugetlb.2MB.max", "0\n")
	limit(0)
	tr.Write("sys/fs/cgroup/hugetlb.2MB.max", "lots\n")
	if _, err := m.HugetlbLimit(2048); err == nil {
		t.Error("a limit that is no number was accepted")
	}
	tr.Write("proc/self/cgroup", "4:cpu,hugetlb:/a\n3:memory:/b\nbad\n")
	tr.Write("sys/fs/cgroup/hugetlb/a/hugetlb.2MB.limit_in_bytes", "9223372036852678656\n")
	limit(Unlimited)
	tr.Write("sys/fs/cgroup/hugetlb/a/hugetlb.2MB.limit_in_bytes", "4096\n")
	limit(4096)

	tr.Write("proc/1/environ", "PATH=/bin\x00container=lxc\x00")
	tr.Append("proc/self/mountinfo", "30 21 0:19 / /sys ro,nosuid - sysfs sysfs rw\n")
	tr.Write("proc/cpuinfo", "flags : fpu hypervisor\n")
	if m.Container() != "lxc" || m.SysfsWritable() || !m.Virtual() {
		t.Errorf("container %q, sysfs writable %v, virtual %v", m.Container(), m.SysfsWritable(), m.Virtual())
	}
	tr.Write(".dockerenv", "")
	if m.Container() != "docker" {
		t.Errorf("container %q", m.Container())
	}
}

// TestKinds samples the functions that SPDK has drivers for.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		id   pci.ID
		want string
	}{
		{pci.ID{Vendor: 0x15ad, Device: 0x07f0, Class: 0x010802}, KindNVMe},
		{pci.ID{Vendor: 0x15ad, Device: 0x07f0, Class: 0x010801}, ""},
		{pci.ID{Vendor: 0x8086, Device: 0x0e27}, KindIOAT},
		{pci.ID{Vendor: 0x8086, Device: 0x0e28}, ""},
		{pci.ID{Vendor: 0x8086, Device: 0x0b00}, KindIOAT},
		{pci.ID{Vendor: 0x8086, Device: 0x0c53}, KindIOAT},
		{pci.ID{Vendor: 0x8086, Device: 0x0b25}, KindDSA},
		{pci.ID{Vendor: 0x8086, Device: 0x1216}, KindIAA},
		{pci.ID{Vendor: 0x8086, Device: 0x201d}, KindVMD},
		{pci.ID{Vendor: 0x1af4, Device: 0x1001}, KindVirtio},
		{pci.ID{Vendor: 0x1af4, Device: 0x1041}, ""},
		{pci.ID{Vendor: 0x1022, Device: 0x14dc}, KindAE4DMA},
		{pci.ID{Vendor: 0x1234, Device: 0x2021}, ""},
	} {
		if got := Kind(test.id); got != test.want {
			t.Errorf("%04x:%04x is %q, want %q", test.id.Vendor, test.id.Device, got, test.want)
		}
	}
	if !UserDriver("vfio-pci") || UserDriver("nvme") || UserDriver("") {
		t.Error("the drivers of user space are mistaken")
	}
}

// TestModulePackage names a package for each distribution that is common.
func TestModulePackage(t *testing.T) {
	for id, want := range map[string]string{
		"ubuntu": "linux-modules-extra-R", "debian": "linux-image-R", "fedora": "kernel-modules-R", "rhel": "kernel-modules-R", "arch": "linux", "plan9": "",
	} {
		if got := (Distro{ID: id}).ModulePackage("R"); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}
