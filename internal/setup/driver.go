// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

// The drivers that hand functions to user space.
const (
	vfioPCI = "vfio-pci"
	uioPCI  = "uio_pci_generic"
	igbUIO  = "igb_uio"
)

// ErrNoDriver is the error of a machine whose kernel has no driver that hands
// functions to user space.
var ErrNoDriver = errors.New("the kernel has none of vfio-pci, uio_pci_generic and igb_uio")

// driver is what functions are bound to.
type driver struct {
	name    string   // DriverNone: functions are unbound only
	file    string   // of the module, if it is not loaded by name
	modules []string // to load, in order; those that are loaded are left out
}

func (d *driver) vfio() bool { return strings.HasPrefix(d.name, "vfio") }

// chooseDriver picks the driver as setup.sh does, but looks whether it is
// there: vfio-pci behind an IOMMU, vfio-pci without one where that is
// allowed, uio_pci_generic, igb_uio.
func (h *Host) chooseDriver(o *Options) (*driver, error) {
	if o.DriverOverride != "" {
		return h.overrideDriver(o.DriverOverride)
	}
	iommu := h.machine.IOMMU()
	switch {
	case (iommu || h.machine.NoIOMMUAllowed()) && h.available(vfioPCI):
		return h.driver(vfioPCI), nil
	case h.available(uioPCI):
		if iommu {
			h.warnTranslation(uioPCI)
		}
		return h.driver(uioPCI), nil
	case h.available(igbUIO):
		fmt.Fprintf(h.Out, "WARNING: uio_pci_generic not detected - using %s\n", igbUIO)
		if iommu {
			h.warnTranslation(igbUIO)
		}
		return h.driver(igbUIO), nil
	}
	fmt.Fprintf(h.Out, "No valid drivers found [%s, %s, %s]. Please enable one of the kernel modules.\n", vfioPCI, uioPCI, igbUIO)
	h.namePackages()
	return nil, ErrNoDriver
}

func (h *Host) available(module string) bool { return h.machine.Module(module).Available }

func (h *Host) warnTranslation(driver string) {
	fmt.Fprintf(h.Out, "WARNING: an IOMMU is on and there is no vfio-pci: it stops what functions bound to %s read and write,\n"+
		"WARNING: unless it is in passthrough mode (iommu=pt on the kernel's command line)\n", driver)
}

// namePackages says which packages have the modules.
func (h *Host) namePackages() {
	release, err := h.machine.KernelRelease()
	if err != nil {
		release = "$(uname -r)"
	}
	fmt.Fprintln(h.Out, "These packages have them:")
	for _, d := range []machine.Distro{{ID: "debian", Name: "Debian"}, {ID: "ubuntu", Name: "Ubuntu"}, {ID: "fedora", Name: "Fedora"}} {
		fmt.Fprintf(h.Out, "  %-7s %s\n", d.Name+":", d.ModulePackage(release))
	}
	if strings.Contains(release, "cloud") {
		fmt.Fprintf(h.Out, "The kernel %s is one for clouds, built without them; Debian's ordinary kernel is linux-image-amd64 or linux-image-arm64.\n", release)
	}
}

// driver says what to load for a driver that is there.
func (h *Host) driver(name string) *driver {
	d := &driver{name: name}
	needed := []string{name}
	if name == vfioPCI && h.machine.IOMMU() {
		// A dependency of vfio-pci on most distributions only.
		needed = []string{"vfio_iommu_type1", vfioPCI}
	}
	for _, m := range needed {
		if s := h.machine.Module(m); !s.Loaded && s.Available {
			d.modules = append(d.modules, m)
		}
	}
	return d
}

// overrideDriver checks the driver that the user wants.
func (h *Host) overrideDriver(v string) (*driver, error) {
	if v == DriverNone {
		return &driver{name: DriverNone}, nil
	}
	name := strings.TrimSuffix(filepath.Base(v), ".ko")
	if v == name {
		if h.available(name) {
			return h.driver(name), nil
		}
		return nil, fmt.Errorf("DRIVER_OVERRIDE=%q: this kernel has no such module or driver; allowed are one that it has, the path of a module that ends in .ko, and none", v)
	}
	if st, err := os.Stat(h.path(v)); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("DRIVER_OVERRIDE=%q: there is no such file; allowed are the name of a driver, the path of a module that ends in .ko, and none", v)
	}
	d := &driver{name: name, file: v}
	if h.machine.Module(name).Loaded {
		d.file = ""
	} else if s := h.machine.Module("uio"); name == igbUIO && !s.Loaded && s.Available {
		d.modules = []string{"uio"}
	}
	return d, nil
}

// loadSteps loads what a driver needs.
func (h *Host) loadSteps(d *driver) []Step {
	var steps []Step
	for _, m := range d.modules {
		steps = append(steps, h.loadStep(m, ""))
	}
	if d.file != "" {
		steps = append(steps, h.loadStep(d.name, d.file))
	}
	return steps
}
