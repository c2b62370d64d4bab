// SPDX-License-Identifier: BSD-3-Clause

package testvm

import "testing"

// TestVFIO tests on a real kernel and an emulated IOMMU what is VFIO's alone:
// groups, the address space that devices share, its limits, and users without
// rights.
func TestVFIO(t *testing.T) {
	devices := new(nvmeDevices)
	devices.single(t, "vfio1", 16)
	devices.single(t, "vfio2", 16)
	// Functions of one device are in one group.
	devices.single(t, "group1", 16, "addr=0a.0", "multifunction=on")
	devices.single(t, "group2", 16, "addr=0a.1")
	// As many machines have it; the kernel maps programs higher than that.
	devices.args = append(devices.args, "-global", "intel-iommu.aw-bits=39")
	vm := Start(t, Config{
		IOMMU: true, Modules: []string{"nvme", "vfio-pci", "vfio_iommu_type1"}, Args: devices.args,
		Files: map[string]string{"/guest.test": TestBinary(t, guestPackage), "/bin/gospdk": Binary(t)},
	})
	r := vm.Run(t, "/guest.test", "-driver=vfio-pci", "-vfio", "-test.v=test2json", "-test.timeout=4m", "-test.run=^TestVFIO")
	reportGuestTests(t, r)
}
