// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/pci"
)

// KernelRelease returns what uname -r prints, such as 6.12.9-amd64.
func (m *Machine) KernelRelease() (string, error) { return m.text("proc/sys/kernel/osrelease") }

// KernelVersion returns the two first numbers of the release.
func (m *Machine) KernelVersion() (major, minor int, err error) {
	release, err := m.KernelRelease()
	if err != nil {
		return 0, 0, err
	}
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return 0, 0, fmt.Errorf("the kernel's release %q does not begin with two numbers", release)
	}
	return major, minor, nil
}

// CommandLine returns the options that the kernel was booted with.
func (m *Machine) CommandLine() ([]string, error) {
	s, err := m.text("proc/cmdline")
	return strings.Fields(s), err
}

// CPUVendor returns the vendor of the first processor, such as GenuineIntel
// or AuthenticAMD; "" if the kernel names none.
func (m *Machine) CPUVendor() string {
	b, err := m.read("proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "vendor_id" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// IOMMU tells whether an IOMMU translates: whether there are IOMMU groups
// that were not made for VFIO's no-IOMMU mode.
func (m *Machine) IOMMU() bool {
	groups, err := m.names("sys/kernel/iommu_groups")
	if err != nil {
		return false
	}
	return slices.ContainsFunc(groups, func(g string) bool {
		name, _ := m.text("sys/kernel/iommu_groups", g, "name") // most groups have no name
		return name != "vfio-noiommu"
	})
}

// IOMMUGroupMembers returns the PCI functions of a group, in order.
func (m *Machine) IOMMUGroupMembers(group int) ([]pci.Address, error) {
	names, err := m.names("sys/kernel/iommu_groups", strconv.Itoa(group), "devices")
	if err != nil {
		return nil, err
	}
	var all []pci.Address
	for _, name := range names {
		if a, ok := address(name); ok { // others are platform devices
			all = append(all, a)
		}
	}
	slices.SortFunc(all, pci.Address.Compare)
	return all, nil
}

// NoIOMMUAllowed tells whether the vfio module that is loaded allows devices
// without an IOMMU.
func (m *Machine) NoIOMMUAllowed() bool {
	s, err := m.text("sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
	return err == nil && (s == "Y" || s == "1")
}

// NoIOMMUSupported tells whether the vfio module that is loaded was built
// with the no-IOMMU mode.
func (m *Machine) NoIOMMUSupported() bool {
	return m.exists("sys/module/vfio/parameters/enable_unsafe_noiommu_mode")
}

// ModuleState tells about a kernel module.
type ModuleState struct {
	Loaded    bool `json:"loaded"`    // in the kernel, as a module or built in
	Builtin   bool `json:"builtin"`   // part of the kernel's image
	Available bool `json:"available"` // can be loaded, or is
}

// Module returns the state of a module; hyphens and underscores in its name
// mean the same.
func (m *Machine) Module(name string) ModuleState {
	var s ModuleState
	file := strings.ReplaceAll(name, "-", "_")
	release, err := m.KernelRelease()
	if err == nil {
		s.Builtin = m.inModuleList(release, "modules.builtin", file)
		s.Available = s.Builtin || m.inModuleList(release, "modules.dep", file)
	}
	s.Loaded = s.Builtin || m.exists("sys/module", file)
	// A module that is built in and has no parameters shows in neither.
	for _, n := range []string{name, file, strings.ReplaceAll(name, "_", "-")} {
		s.Loaded = s.Loaded || m.exists("sys/bus/pci/drivers", n)
	}
	s.Available = s.Available || s.Loaded
	return s
}

// inModuleList looks for a module in modules.dep or modules.builtin, whose
// lines begin with a path such as kernel/drivers/vfio/vfio.ko.xz.
func (m *Machine) inModuleList(release, list, file string) bool {
	b, err := m.read("lib/modules", release, list)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		p, _, _ := strings.Cut(strings.TrimSpace(line), ":")
		base, _, ok := strings.Cut(path.Base(p), ".ko")
		if ok && strings.ReplaceAll(base, "-", "_") == file {
			return true
		}
	}
	return false
}

// ModulesInstalled tells whether the running kernel's modules are on this
// machine: after an update of the kernel they often are not, until the next
// boot, and in a container they seldom are.
func (m *Machine) ModulesInstalled() bool {
	release, err := m.KernelRelease()
	return err == nil && m.exists("lib/modules", release, "modules.dep")
}

// Lockdown returns the kernel's lockdown: "none", "integrity" or
// "confidentiality"; "" if the kernel has none or does not show it.
func (m *Machine) Lockdown() string {
	s, err := m.text("sys/kernel/security/lockdown")
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(s, "[")
	level, _, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return ""
	}
	return level
}

// SecureBoot tells whether the firmware booted in Secure Boot mode.
func (m *Machine) SecureBoot() bool {
	b, err := m.read("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	return err == nil && len(b) == 5 && b[4] == 1 // four bytes of attributes come first
}
