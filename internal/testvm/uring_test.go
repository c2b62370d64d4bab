// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"testing"
)

// TestUring has the uring module use disks that the kernel drives: with zones,
// of QEMU's NVMe and of null_blk, and with queues that are polled.
func TestUring(t *testing.T) {
	devices := new(nvmeDevices)
	devices.controller("zns", "zoned.zasl=5")
	devices.namespace(t, "zns", 1, 64, "zoned=on", "zoned.zone_size=4M", "zoned.zone_capacity=3M", "zoned.max_active=5", "zoned.max_open=3")
	devices.single(t, "plain", 16)
	devices.device("virtio-blk-pci", devices.drive(t, 16))
	vm := Start(t, Config{
		Args: devices.args,
		Modules: []string{
			"virtio_blk", "nvme poll_queues=1",
			"null_blk nr_devices=1 memory_backed=1 poll_queues=1 bs=4096 gb=1 zoned=1 zone_size=4 zone_nr_conv=2 zone_max_open=4 zone_max_active=6",
		},
		Files: map[string]string{"/guest.test": TestBinary(t, guestPackage)},
	})
	r := vm.Run(t, "/guest.test", "-driver=nvme", "-test.v=test2json", "-test.timeout=4m", "-test.run=^TestUring")
	reportGuestTests(t, r)
}
