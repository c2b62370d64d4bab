// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"testing"
)

// TestMany drives as many namespaces as a controller of QEMU takes, which is
// 256, beside 16 more controllers.
func TestMany(t *testing.T) {
	const perController, more = 256, 16
	d := new(nvmeDevices)
	d.controller("many")
	for nsid := range perController {
		d.namespace(t, "many", nsid+1, 1)
	}
	for i := range more {
		d.single(t, fmt.Sprintf("single%d", i), 1)
	}
	vm := Start(t, Config{
		Args: d.args, Modules: []string{"nvme", "uio_pci_generic"},
		Files: map[string]string{"/guest.test": TestBinary(t, guestPackage)},
	})
	r := vm.Run(t, "/guest.test", "-driver=uio_pci_generic", "-test.v=test2json", "-test.timeout=4m", "-test.run=^TestMany$", fmt.Sprintf("-namespaces=%d", perController+more))
	reportGuestTests(t, r)
}
