// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"testing"
	"time"
)

// TestFaults has a disk fail under our driver, and its controller warn.
func TestFaults(t *testing.T) {
	vm := Start(t, Config{
		CPUs: 1, Modules: []string{"nvme", "uio_pci_generic"},
		Args: []string{
			"-blockdev", "driver=blkdebug,node-name=faulty,image.driver=file,image.filename=" + Disk(t, 16<<20) +
				",inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector=2048,inject-error.0.errno=5" +
				",inject-error.1.event=none,inject-error.1.iotype=write,inject-error.1.sector=4096,inject-error.1.errno=5",
			"-device", "nvme,id=nvme0,serial=faulty,drive=faulty",
		},
		Files: map[string]string{"/guest.test": TestBinary(t, guestPackage)},
	})
	p := vm.Go(t, "/guest.test", "-driver=uio_pci_generic", "-test.v=test2json", "-test.timeout=2m", "-test.run=^TestFaults$", "-faults")
	p.WaitOutput(t, "(?m)^.*warn me$", time.Minute)
	const unreliable = 1 << 2 // of the SMART log's critical warnings
	vm.QMP(t).Execute(t, "qom-set", map[string]any{"path": "/machine/peripheral/nvme0", "property": "smart_critical_warning", "value": unreliable}, nil)
	reportGuestTests(t, p.Wait())
}
