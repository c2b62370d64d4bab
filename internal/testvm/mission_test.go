// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"regexp"
	"strings"
	"testing"
)

// The machine of the mission: two spare controllers of 10 GB, and one whose
// partition is mounted.
const (
	mounted = "0000:03:00.0"
	spare1  = "0000:0b:00.0"
	spare2  = "0000:13:00.0"
)

func missionArgs(t *testing.T) []string {
	t.Helper()
	disks := []string{Disk(t, 10<<30), Disk(t, 10<<30), Disk(t, 10<<30)}
	if err := writeMBR(disks[0]); err != nil {
		t.Fatal(err)
	}
	return threeControllers(disks)
}

func TestMission(t *testing.T) {
	for _, c := range []struct {
		driver string
		iommu  bool
	}{{"uio_pci_generic", false}, {"vfio-pci", true}} {
		t.Run(c.driver, func(t *testing.T) { mission(t, c.driver, c.iommu) })
	}
}

func mission(t *testing.T, driver string, iommu bool) {
	vm := Start(t, Config{
		Memory: 3072, IOMMU: iommu, Args: missionArgs(t), Modules: []string{"nvme", "ext4"},
		Files: map[string]string{"/bin/gospdk": Binary(t)}, Programs: []string{"mkfs.ext4"},
	})
	vm.MustShell(t, `mkdir /dev/hugepages && mount -t hugetlbfs none /dev/hugepages`) // as systemd does
	vm.Until(t, `test $(ls /dev | grep -c '^nvme[0-9]n1$') = 3`)
	vm.MustShell(t, `p=$(ls /dev/nvme*p1); mkfs.ext4 -q $p && mkdir -p /mnt && mount $p /mnt && echo precious > /mnt/file`)

	out := vm.MustRun(t, "gospdk", "setup")
	want := regexp.MustCompile(`^` + mounted + ` \(1b36 0010\): Active devices: mount@(nvme\dn1):nvme\dn1p1, so not binding PCI dev
` + spare1 + ` \(1b36 0010\): nvme -> ` + driver + `
` + spare2 + ` \(1b36 0010\): nvme -> ` + driver + `
$`)
	if !want.MatchString(out) {
		t.Errorf("gospdk setup printed\n%s\nwant\n%s", out, want)
	}
	if got := vm.MustShell(t, `cat /mnt/file; ls /dev | grep -c '^nvme[0-9]n1$'; cat /proc/sys/vm/nr_hugepages`); got != "precious\n1\n1024\n" {
		t.Errorf("after setup: %q", got)
	}

	hello := `Initializing NVMe Controllers
Attaching to ` + spare1 + `
Attaching to ` + spare2 + `
Attached to ` + spare1 + `
  Namespace ID: 1 size: 10GB
Attached to ` + spare2 + `
  Namespace ID: 1 size: 10GB
Initialization complete.
INFO: using host memory buffer for IO
Hello world!
INFO: using host memory buffer for IO
Hello world!
`
	for range 2 { // the second time everything has been used before
		if got := vm.MustRun(t, "gospdk", "hello_world"); got != hello {
			t.Errorf("gospdk hello_world printed\n%s\nwant\n%s", got, hello)
		}
	}

	out = vm.MustRun(t, "gospdk", "setup", "reset")
	for _, a := range []string{spare1, spare2} {
		if line := a + " (1b36 0010): " + driver + " -> nvme\n"; !strings.Contains(out, line) {
			t.Errorf("gospdk setup reset printed\n%s\nwithout\n%s", out, line)
		}
	}
	// The kernel has its namespaces back, and finds the greeting on them.
	vm.Until(t, `test $(ls /dev | grep -c '^nvme[0-9]n1$') = 3`)
	got := vm.MustShell(t, `for n in $(ls /dev | grep '^nvme[0-9]n1$'); do head -c 12 /dev/$n | grep -c 'Hello world!' || true; done | sort
		cat /mnt/file /proc/sys/vm/nr_hugepages`)
	if got != "0\n1\n1\nprecious\n0\n" {
		t.Errorf("after reset: %q", got)
	}
}
