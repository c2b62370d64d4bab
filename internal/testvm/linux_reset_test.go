// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvmf/vfiouser"
)

// resets resets the controller and the function while data are verified,
// which goes on over each as if nothing had been.
func (x *linuxTarget) resets(t *testing.T) {
	path := x.disk(t, 1)
	busy := x.busy(t, endless(path))
	x.running(t, path)
	for range 3 {
		x.guest.MustShell(t, "echo 1 > /sys/class/nvme/nvme0/reset_controller")
		x.live(t)
		x.running(t, path)
		x.guest.MustShell(t, "dev=$(readlink -f /sys/class/nvme/nvme0/device); echo flr > $dev/reset_method; echo 1 > $dev/reset")
		x.live(t)
		x.running(t, path)
	}
	if out := x.guest.Run(t, "nvme", "subsystem-reset", "/dev/nvme0"); out.Code == 0 {
		t.Errorf("a subsystem reset, which CAP.NSSRS does not offer: %+v", out)
	}
	stopFio(t, busy)
	x.same(t, "main", path, mainSize)
}

// rebind takes the driver from the controller and gives it back, with a reset
// of the function while it has none.
func (x *linuxTarget) rebind(t *testing.T) {
	for range 3 {
		x.guest.MustShell(t, `
dev=$(basename $(readlink -f /sys/class/nvme/nvme0/device))
echo $dev > /sys/bus/pci/drivers/nvme/unbind
test ! -e /dev/nvme0
echo 1 > /sys/bus/pci/devices/$dev/reset
echo $dev > /sys/bus/pci/drivers/nvme/bind`)
		x.live(t)
		x.guest.MustRun(t, fio(x.disk(t, 1), "randrw", "4k", "libaio", 16, "--size=2M")...)
	}
	x.same(t, "main", x.disk(t, 1), mainSize)
}

// reboot has the guest restart itself during I/O.
func (x *linuxTarget) reboot(t *testing.T) {
	path := x.disk(t, 1)
	x.busy(t, endless(path))
	x.running(t, path)
	x.guest.Reboot(t)
	x.recognised(t)
	x.guest.MustRun(t, fio(x.disk(t, 1), "randrw", "4k", "libaio", 16, "--size=2M")...)
	x.same(t, "main", x.disk(t, 1), mainSize)
}

// systemReset pulls the machine's reset line during I/O.
func (x *linuxTarget) systemReset(t *testing.T) {
	path := x.disk(t, 1)
	x.busy(t, endless(path))
	x.running(t, path)
	x.guest.QMP(t).Execute(t, "system_reset", nil, nil)
	x.guest.WaitReset(t)
	x.recognised(t)
	x.guest.MustRun(t, fio(x.disk(t, 1), "randrw", "4k", "libaio", 16, "--size=2M")...)
	x.same(t, "main", x.disk(t, 1), mainSize)
	if s := x.smart(t); s.PowerCycles != 1 || s.UnsafeShutdowns != 0 {
		t.Errorf("after resets alone: %d power cycles, %d unsafe shutdowns", s.PowerCycles, s.UnsafeShutdowns)
	}
}

// killed ends the guest during I/O as kill -9 does.
func (x *linuxTarget) killed(t *testing.T) {
	path := x.disk(t, 1)
	x.busy(t, endless(path))
	x.running(t, path)
	x.guest.Kill()
}

// afterKill looks at what the next guest finds.
func (x *linuxTarget) afterKill(t *testing.T) {
	x.live(t)
	x.same(t, "main", x.disk(t, 1), 8<<20)
	s := x.smart(t)
	if s.PowerCycles != 2 || s.UnsafeShutdowns != 1 {
		t.Errorf("after a guest was killed: %d power cycles, %d unsafe shutdowns, want 2 and 1", s.PowerCycles, s.UnsafeShutdowns)
	}
	if s.UnitsWritten < 100 || s.ErrorLogEntries == 0 {
		t.Errorf("the device has forgotten what it did for the other guest: %+v", s)
	}
}

// behindIOMMU verifies data in a guest that maps memory for each command, and
// unmaps it afterwards.
func (x *linuxTarget) behindIOMMU(t *testing.T) {
	if log := x.guest.MustShell(t, "dmesg | grep -E 'nvme|iommu'"); !strings.Contains(log, "Adding to iommu group") || !strings.Contains(log, "2/0/0 default/read/poll queues") {
		t.Errorf("the controller is not behind the IOMMU with its queues:\n%s", log)
	}
	path := x.disk(t, 1)
	x.guest.MustRun(t, fio(path, "randrw", "512-256k", "libaio", 16, "--size=8M", "--blockalign=512")...)
	x.guest.MustShell(t, "dev=$(readlink -f /sys/class/nvme/nvme0/device); echo flr > $dev/reset_method; echo 1 > $dev/reset; echo 1 > /sys/class/nvme/nvme0/reset_controller")
	x.live(t)
	x.guest.MustRun(t, fio(path, "randwrite", "4k", "io_uring", 32, "--size=2M")...)
	x.same(t, "main", path, 16<<20)
}

// hotplug plugs a second controller of the subsystem into the running guest,
// which uses the disk through both, and unplugs it. That controller has MSI:
// QEMU aborts when it unplugs a vfio-user function with MSI-X.
func (x *linuxTarget) hotplug(t *testing.T) {
	socket := x.serve(vfiouser.Options{MSI: true, TrapDoorbells: true})
	path := x.disk(t, 1)
	busy := x.busy(t, endless(path))
	x.running(t, path)
	for range 3 {
		x.guest.DeviceAdd(t, vfioUserPCI("second", "spare", socket))
		x.guest.Until(t, `[ "$(cat /sys/class/nvme/nvme1/state)" = live ]`)
		x.guest.MustShell(t, "nvme list-subsys | grep -c 'pcie.*live' | grep -qx 2")
		// The first path goes for a while, so that the second is used.
		x.guest.MustShell(t, "nvme smart-log /dev/nvme1 > /dev/null; echo 1 > /sys/class/nvme/nvme0/reset_controller")
		x.running(t, path)
		x.guest.DeviceDel(t, "second")
		x.guest.Until(t, "test ! -e /dev/nvme1")
		x.running(t, path)
	}
	stopFio(t, busy)
	x.same(t, "main", path, 32<<20)
}
