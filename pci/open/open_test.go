// SPDX-License-Identifier: BSD-3-Clause

package open

import (
	"strings"
	"testing"

	"github.com/gospdk/gospdk/pci"
)

func TestOpenSaysWhatIsMissing(t *testing.T) {
	for _, c := range []struct{ address, want string }{
		{"0000:zz:00.0", `"zz"`},
		{"fffe:ff:1f.7", "gospdk lspci"}, // no machine has it
	} {
		if _, err := Open(t.Context(), c.address); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Open(%q) = %v, want %q", c.address, err, c.want)
		}
	}
	functions, err := pci.Functions("")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions {
		if Usable(f.Driver) {
			continue // it may be somebody's
		}
		if _, err := Open(t.Context(), f.Address.String()); err == nil || !strings.Contains(err.Error(), "gospdk setup --pci-allowed "+f.Address.String()) {
			t.Errorf("Open(%v), which driver %q has: %v", f.Address, f.Driver, err)
		}
	}
}

func TestUsable(t *testing.T) {
	for driver, want := range map[string]bool{"vfio-pci": true, "uio_pci_generic": true, "igb_uio": true, "nvme": false, "": false} {
		if Usable(driver) != want {
			t.Errorf("Usable(%q) = %v", driver, !want)
		}
	}
}
