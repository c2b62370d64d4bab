// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"fmt"
	"slices"
	"strings"
)

// The oldest kernel that has all that package dma asks for: hugepages by
// memfd_create (4.14), mappings at fixed free addresses (4.17).
const minMajor, minMinor = 4, 18

func (p *patient) kernelVersion() []Finding {
	major, minor, err := p.KernelVersion()
	if err != nil {
		return []Finding{{Problem, "kernel", err.Error(), nil}}
	}
	if major < minMajor || major == minMajor && minor < minMinor {
		return []Finding{{Problem, "kernel", fmt.Sprintf("Linux %s is too old: memory for devices needs %d.%d or later.", p.release, minMajor, minMinor), p.updateKernel()}}
	}
	return []Finding{{OK, "kernel", "Linux " + p.release, nil}}
}

func (p *patient) updateKernel() []string {
	switch {
	case p.distro.Is("debian", "ubuntu"):
		return p.sudo("apt-get dist-upgrade", "reboot")
	case p.distro.Is("fedora", "rhel", "centos"):
		return p.sudo("dnf upgrade kernel", "reboot")
	case p.distro.Is("arch"):
		return p.sudo("pacman -Syu", "reboot")
	}
	return nil
}

// iommuFindings tells whether devices can be confined to the memory that is
// meant for them.
func (p *patient) iommuFindings() []Finding {
	if p.iommu {
		return []Finding{{OK, "IOMMU", "On: devices reach only the memory that is given to them, and no root is needed.", nil}}
	}
	f := Finding{Level: Warning, What: "IOMMU"}
	const need = " Without it devices take physical addresses: that needs root and hugepages, and a faulty device can write anywhere."
	if p.NoIOMMUAllowed() {
		f.Why = "Off, and VFIO may be used without it." + need
	} else {
		f.Why = "Off." + need
	}
	options, err := p.CommandLine()
	if err != nil {
		options = nil
	}
	amd := p.CPUVendor() == "AuthenticAMD"
	intel := p.CPUVendor() == "GenuineIntel"
	off := func(o string) bool { return o == "iommu=off" || o == "amd_iommu=off" || o == "intel_iommu=off" }
	table := p.Path("/sys/firmware/acpi/tables/DMAR")
	hasTable := p.has("/sys/firmware/acpi/tables/DMAR")
	if amd {
		table, hasTable = p.Path("/sys/firmware/acpi/tables/IVRS"), p.has("/sys/firmware/acpi/tables/IVRS")
	}
	switch i := slices.IndexFunc(options, off); {
	case i >= 0:
		f.Why += fmt.Sprintf(" The kernel's command line turns it off with %s.", options[i])
		f.Fix = p.kernelOption("", options[i])
	case (amd || intel) && !hasTable && p.Virtual():
		f.Why += " This virtual machine has none: its host must give it one, as QEMU does with -device intel-iommu on -machine q35."
		if intel && !slices.Contains(options, "intel_iommu=on") {
			f.Fix = p.kernelOption("intel_iommu=on", "")
		}
	case (amd || intel) && !hasTable:
		f.Why += fmt.Sprintf(" The firmware does not offer it (%s is missing): turn on %s in its settings.", table, firmwareName(amd))
		if intel && !slices.Contains(options, "intel_iommu=on") {
			f.Fix = p.kernelOption("intel_iommu=on", "")
		}
	case intel && !slices.Contains(options, "intel_iommu=on"):
		f.Why += " The kernel's command line lacks intel_iommu=on."
		f.Fix = p.kernelOption("intel_iommu=on", "")
	default:
		f.Why += " See what the kernel says about it."
		f.Fix = p.sudo("dmesg | grep -i -e DMAR -e IOMMU -e SMMU")
	}
	return []Finding{f}
}

func firmwareName(amd bool) string {
	if amd {
		return "IOMMU (AMD-Vi)"
	}
	return "VT-d"
}

// kernelOption returns the commands that change the kernel's command line.
func (p *patient) kernelOption(add, remove string) []string {
	if p.distro.Is("fedora", "rhel", "centos") {
		if remove != "" {
			return p.sudo("grubby --update-kernel=ALL --remove-args="+remove, "reboot")
		}
		return p.sudo("grubby --update-kernel=ALL --args="+add, "reboot")
	}
	edit := `sed -i 's/^GRUB_CMDLINE_LINUX="/&` + add + ` /' /etc/default/grub`
	if remove != "" {
		edit = `sed -i '/^GRUB_CMDLINE_LINUX/s/` + remove + `//' /etc/default/grub`
	}
	update := "grub-mkconfig -o /boot/grub/grub.cfg"
	if p.distro.Is("debian", "ubuntu") {
		update = "update-grub"
	}
	return p.sudo(edit, update, "reboot")
}

// driverFindings looks for the kernel's drivers that hand a device to user
// space.
func (p *patient) driverFindings() []Finding {
	iommu, without := p.vfioWays()
	install := p.installModules()
	switch {
	case iommu:
		return []Finding{{OK, "driver", "vfio-pci is " + loadedOr(p.vfio.Loaded), nil}}
	case p.iommu && p.uio.Available:
		return []Finding{{Warning, "driver", "The vfio-pci module is missing, so the IOMMU cannot be used; a UIO driver is there and needs root and hugepages." + p.whyMissing(), install}}
	case without:
		return []Finding{{OK, "driver", "vfio-pci is " + loadedOr(p.vfio.Loaded) + ", in its mode without an IOMMU", nil}}
	case p.uio.Available:
		return []Finding{{OK, "driver", "A UIO driver is " + loadedOr(p.uio.Loaded), nil}}
	case p.vfio.Available && (p.NoIOMMUSupported() || !p.vfio.Loaded):
		return []Finding{{Problem, "driver", "There is no IOMMU and no UIO driver (uio_pci_generic, igb_uio). Either install one, or allow VFIO to work without an IOMMU, which some kernels can.",
			append(install, p.sudo("modprobe vfio enable_unsafe_noiommu_mode=1")...)}}
	case p.vfio.Available:
		return []Finding{{Problem, "driver", "There is no IOMMU, no UIO driver (uio_pci_generic, igb_uio), and this kernel's VFIO cannot work without an IOMMU." + p.whyMissing(), install}}
	}
	return []Finding{{Problem, "driver", "None of vfio-pci, uio_pci_generic and igb_uio is in this kernel." + p.whyMissing(), install}}
}

func loadedOr(loaded bool) string {
	if loaded {
		return "loaded"
	}
	return "there; setup loads it"
}

// whyMissing tells where modules have gone.
func (p *patient) whyMissing() string {
	switch {
	case p.container != "":
		return " A container uses its host's modules: load them there."
	case !p.ModulesInstalled():
		return fmt.Sprintf(" The modules of the running kernel %s are not installed: if it was updated, reboot.", p.release)
	case strings.Contains(p.release, "-cloud-"):
		return " Kernels for clouds leave these modules out: boot a general one."
	}
	return ""
}

// installModules returns the commands that install the modules and load
// them.
func (p *patient) installModules() []string {
	if p.container != "" {
		return nil
	}
	if p.distro.Is("debian") && strings.Contains(p.release, "-cloud-") {
		return p.sudo("apt-get install linux-image-amd64", "reboot")
	}
	if !p.ModulesInstalled() && p.has("/lib/modules") {
		return p.sudo("reboot") // into the kernel whose modules are there
	}
	install := p.distro.ModulePackage(p.release)
	if install == "" {
		return nil
	}
	module := "uio_pci_generic"
	if p.iommu {
		module = "vfio-pci"
	}
	return p.sudo(install, "modprobe "+module)
}

// lockdownFindings tells what a locked down kernel forbids.
func (p *patient) lockdownFindings() []Finding {
	if p.lockdown == "" || p.lockdown == "none" {
		return nil
	}
	why := fmt.Sprintf("The kernel is locked down (%s)", p.lockdown)
	if p.SecureBoot() {
		why += " because of Secure Boot"
	}
	iommu, _ := p.vfioWays()
	if iommu {
		return []Finding{{OK, "lockdown", why + ": UIO is forbidden, VFIO with the IOMMU works.", nil}}
	}
	f := Finding{Problem, "lockdown", why + ": UIO may neither map registers nor set up the device, and unsigned modules such as igb_uio do not load. Turn on the IOMMU and use vfio-pci, or turn Secure Boot off.", nil}
	if p.SecureBoot() {
		f.Fix = p.sudo("mokutil --disable-validation", "reboot")
	}
	return []Finding{f}
}
