// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestPCI tests the PCI layer on functions of a real kernel: registers,
// interrupts, reset, unbinding, removal and hotplug.
func TestPCI(t *testing.T) {
	for _, c := range []struct {
		driver string
		iommu  bool
	}{{"uio_pci_generic", false}, {"vfio-pci", true}} {
		t.Run(c.driver, func(t *testing.T) { pciLayer(t, c.driver, c.iommu) })
	}
}

func pciLayer(t *testing.T, driver string, iommu bool) {
	vm := Start(t, Config{
		IOMMU: iommu, Modules: []string{"nvme", driver, "vfio_iommu_type1"},
		Args: []string{
			"-device", "pcie-root-port,id=rp,chassis=1,slot=1",
			"-drive", "if=none,id=pci,format=raw,file=" + Disk(t, 16<<20), "-device", "nvme,serial=pci,drive=pci",
			"-blockdev", "driver=file,node-name=plug,filename=" + Disk(t, 16<<20),
		},
		Files: map[string]string{"/guest.test": TestBinary(t, guestPackage), "/bin/gospdk": Binary(t)},
	})
	p := vm.Go(t, "/guest.test", "-driver="+driver, "-pci", "-test.v=test2json", "-test.timeout=4m", "-test.run=^TestPCI")
	for round := range 3 {
		p.WaitOutput(t, fmt.Sprintf(`(?m)^plug in %d$`, round), 2*time.Minute)
		vm.DeviceAdd(t, map[string]any{"driver": "nvme", "id": "plug", "serial": "plug", "drive": "plug", "bus": "rp"})
		p.WaitOutput(t, fmt.Sprintf(`(?m)^pull %d$`, round), time.Minute)
		vm.DeviceDel(t, "plug")
	}
	reportGuestTests(t, p.Wait())
	if driver == "uio_pci_generic" {
		t.Run("Refusals", func(t *testing.T) { uioRefuses(t, vm) })
	}
}

// uioRefuses shows what a user is told where uio_pci_generic cannot work.
func uioRefuses(t *testing.T, vm *VM) {
	addr := strings.TrimSpace(vm.MustShell(t, `cd /sys/bus/pci/devices; dirname $(grep -l 0x010802 */class)`))
	bound := `echo uio_pci_generic > /sys/bus/pci/devices/` + addr + `/driver_override
		echo ` + addr + ` > /sys/bus/pci/devices/` + addr + `/driver/unbind
		echo ` + addr + ` > /sys/bus/pci/drivers_probe
		echo 0 > /proc/sys/vm/nr_hugepages`
	vm.MustShell(t, bound)
	for _, c := range []struct{ name, before, want string }{
		{"no hugepages", "true", "hugepages"},
		{"turned off", "export GOSPDK_NO_HUGE=1", "GOSPDK_NO_HUGE"},
	} {
		r := vm.Shell(t, c.before+"; gospdk hello_world -r 'trtype:PCIe traddr:"+addr+"'")
		if r.Code == 0 || !strings.Contains(r.Stdout+r.Stderr, c.want) {
			t.Errorf("%s: exit code %d\n%s%s", c.name, r.Code, r.Stdout, r.Stderr)
		}
	}
}
