// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

func TestCleanup(t *testing.T) {
	b := newBench(t)
	b.Process(500, "spdk_tgt")
	for _, f := range []string{
		"var/run/dpdk/spdk0/config", "var/run/dpdk/spdk_pid12/config", "var/run/dpdk/other/config",
		"tmp/dpdk/spdk_pid500/config", "tmp/dpdk/spdkx/config", "run/user/1000/dpdk/spdk_pid13/config",
		"dev/shm/spdk_tgt_trace.pid1", "dev/shm/nvmf_trace.0", "dev/shm/spdk_iscsi_conns.3", "dev/shm/firefox_trace",
		"var/tmp/spdk_pci_lock_0000:0b:00.0", "var/tmp/spdk_cpu_lock_001", "var/tmp/other",
		"tmp/gospdk-1/cntrl", "tmp/gospdk-2/cntrl", "tmp/gospdk-3/else",
	} {
		b.Tree.Write(f, "")
	}
	b.Open(500, 4, "/tmp/dpdk/spdk_pid500/config")
	b.Open(500, 5, "/var/tmp/spdk_cpu_lock_001")
	b.Tree.Write("proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 1234 /tmp/gospdk-2/cntrl\n")
	b.Tree.Write(sysctlFile[1:], "vm.nr_hugepages=7\n")
	b.config(parse(t, "PCI_ALLOWED=none;NRHUGE=7"))
	b.out.Reset()
	if err := b.host.Cleanup(context.Background(), Defaults(), "/run/user/1000"); err != nil {
		t.Fatal(err)
	}
	b.golden(`Cleaning
Removing:    /var/run/dpdk/spdk0/config
Removing:    /var/run/dpdk/spdk_pid12/config
Still open: /tmp/dpdk/spdk_pid500/config
Removing:    /run/user/1000/dpdk/spdk_pid13/config
Removing:    /tmp/gospdk-1/cntrl
Removing:    /dev/shm/nvmf_trace.0
Removing:    /dev/shm/spdk_iscsi_conns.3
Removing:    /dev/shm/spdk_tgt_trace.pid1
Removing:    /var/tmp/spdk_pci_lock_0000:0b:00.0
Still open: /var/tmp/spdk_cpu_lock_001
Removing:    /var/run/dpdk/spdk0
Removing:    /var/run/dpdk/spdk_pid12
Still open: /tmp/dpdk/spdk_pid500
Removing:    /run/user/1000/dpdk/spdk_pid13
Removing:    /tmp/gospdk-1
Clean
`)
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "0" || b.host.exists(sysctlFile) || b.host.exists(stateFile) {
		t.Errorf("%s hugepages, or files of them, stay", got)
	}
	for _, f := range []string{"/var/run/dpdk/other/config", "/tmp/dpdk/spdkx/config", "/dev/shm/firefox_trace", "/var/tmp/other", "/tmp/gospdk-2/cntrl", "/tmp/gospdk-3/else"} {
		if !b.host.exists(f) {
			t.Errorf("%s was removed", f)
		}
	}
}

func TestCleanupBlind(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("dev/shm/spdk_tgt_trace.pid1", "")
	if err := b.host.Cleanup(context.Background(), Defaults(), ""); err == nil {
		t.Error("no error")
	}
	b.golden("Can't get list of opened files!\n")
	if !b.host.exists("/dev/shm/spdk_tgt_trace.pid1") {
		t.Error("removed")
	}
}

func TestStatus(t *testing.T) {
	b := newBench(t, 0, 5)
	b.pages(0, 1024)
	b.Tree.Add("0000:00:06.0", machinetest.IOAT.With("", 0))
	s, err := b.host.Status(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s.Print(&out, &out)
	// The headings, and each column as wide as setup.sh has it.
	const want = `Hugepages
node     hugesize     free /  total
node0      2048kB     1024 /   1024

Type                      BDF             Vendor Device NUMA    Driver           Device     Block devices    Held by
I/OAT                     0000:00:06.0    8086   2021   0       -                -          -                -
NVMe                      0000:03:00.0    15ad   07f0   0       nvme             nvme0      nvme0n1          mount@nvme0n1:nvme0n1p1
NVMe                      0000:0b:00.0    15ad   07f0   0       nvme             nvme1      nvme1n1          -
NVMe                      0000:13:00.0    15ad   07f0   0       nvme             nvme2      nvme2n1          -
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", &out, want)
	}
	out.Reset()
	if err := s.JSON(&out); err != nil {
		t.Fatal(err)
	}
	checkFields(t, out.Bytes())
	if strings.Contains(out.String(), "null") {
		t.Errorf("null in %s", &out)
	}
}

// checkFields checks the names that the help promises.
func checkFields(t *testing.T, text []byte) {
	t.Helper()
	var s struct {
		Hugepages map[string]any
		Functions []map[string]any
		Drivers   []string
		IOMMU     *bool
	}
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"supported", "default_size_kb", "nodes", "mounts"} {
		if _, ok := s.Hugepages[name]; !ok {
			t.Errorf("hugepages has no %s", name)
		}
	}
	if len(s.Functions) != 4 || len(s.Drivers) != 2 || s.IOMMU == nil || !*s.IOMMU {
		t.Fatalf("%s", text)
	}
	for _, name := range []string{"address", "type", "vmd", "vendor", "device", "numa_node", "iommu_group", "driver",
		"kernel_driver", "controller", "block_devices", "holders", "users", "examine_error"} {
		if _, ok := s.Functions[1][name]; !ok {
			t.Errorf("functions has no %s", name)
		}
	}
	if s.Functions[1]["address"] != mounted || s.Functions[2]["iommu_group"] != 5.0 {
		t.Errorf("%s", text)
	}
}

func TestStatusUnsupported(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("proc/filesystems", "\text4\n")
	s, err := b.host.Status(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	s.Print(&out, &errs)
	if !strings.HasPrefix(out.String(), "Hugepages\n  NOT SUPPORTED\nNVMe") {
		t.Errorf("printed:\n%s", out.String())
	}
}
