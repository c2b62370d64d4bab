// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"strings"
	"syscall"
	"testing"
)

func TestTargetUser(t *testing.T) {
	b := newBench(t, 4, 5, 6)
	b.memlock = 8192
	b.config(parse(t, "TARGET_USER=alice;HUGEMEM=2"))
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
0000:0b:00.0 (15ad 07f0): nvme -> vfio-pci
0000:13:00.0 (15ad 07f0): nvme -> vfio-pci
"alice" user memlock limit: 8 MB

This is the maximum amount of memory you will be
able to use with DPDK and VFIO if run as user "alice".
To change this, please adjust limits.conf memlock limit for user "alice".

## WARNING: memlock limit is less than 64MB
## DPDK with VFIO may not be able to initialize if run as user "alice".

For every login from now on:  echo 'alice - memlock unlimited' | sudo tee /etc/security/limits.d/99-gospdk.conf
For the shell that you are in: sudo prlimit --pid $$ --memlock=unlimited
`)
	for _, file := range []string{"/dev/vfio/5", "/dev/vfio/6", "/dev/hugepages"} {
		if b.owners[file] != 1000 {
			t.Errorf("%s belongs to %d", file, b.owners[file])
		}
	}
	if _, ok := b.owners["/dev/vfio/4"]; ok {
		t.Error("the group of the mounted controller was given away")
	}
	if b.modes["/dev/hugepages"] != 0o775 {
		t.Errorf("/dev/hugepages has mode %o", b.modes["/dev/hugepages"])
	}
}

func TestTargetUserUndo(t *testing.T) {
	b := newBench(t, 4, 5, 6)
	b.fail["chmod /dev/hugepages 775"] = syscall.EPERM
	err := b.host.Config(context.Background(), parse(t, "TARGET_USER=alice"))
	if err == nil || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("got %v", err)
	}
	for file, uid := range b.owners {
		if uid != 0 {
			t.Errorf("%s belongs to %d", file, uid)
		}
	}
	b.drivers("nvme", "nvme", "nvme")
}

func TestTargetUserElse(t *testing.T) {
	b := newBench(t)
	if err := b.host.Config(context.Background(), parse(t, "TARGET_USER=mallory")); err == nil || !strings.Contains(err.Error(), `TARGET_USER="mallory"`) {
		t.Errorf("got %v", err)
	}
	if len(b.log) > 0 || b.out.Len() > 0 {
		t.Errorf("done %q, printed %q", b.log, &b.out)
	}
	// Without an IOMMU the user is told that it is of no use.
	b.config(parse(t, "TARGET_USER=alice;SKIP_HUGE=yes"))
	b.golden(missionConfig + "INFO: without an IOMMU and vfio-pci only root can use these functions, and user \"alice\" cannot\n")
	// root needs nothing.
	b = newBench(t)
	b.config(parse(t, "TARGET_USER=root;SKIP_HUGE=yes"))
	b.golden(missionConfig)
}

func TestBadOverride(t *testing.T) {
	for _, v := range []string{"nonsense", "/no/such/file.ko"} {
		b := newBench(t)
		err := b.host.Config(context.Background(), parse(t, "DRIVER_OVERRIDE="+v))
		if err == nil || !strings.Contains(err.Error(), v) || !strings.Contains(err.Error(), "none") {
			t.Errorf("%s: %v", v, err)
		}
		if len(b.log) > 0 || b.out.Len() > 0 {
			t.Errorf("done %q, printed %q", b.log, &b.out)
		}
	}
}
