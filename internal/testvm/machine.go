// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// kernelLine is the kernel's command line. All but the first two options save
// time at boot: a third of it, under emulation.
const kernelLine = "console=ttyS0 quiet tsc=reliable random.trust_cpu=on no_timer_check nokaslr audit=0 mitigations=off " +
	"cryptomgr.notests lsm=capability initcall_blacklist=init_evm,init_ima"

// wantKVM tells whether the user asks for hardware virtualization. It is not
// taken just because it is there: some machines offer one that does not boot.
func wantKVM() bool { return os.Getenv("GOSPDK_VM_KVM") == "1" }

// checkKVM says why what the user asks for cannot be had.
func checkKVM() error {
	if !wantKVM() {
		return nil
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("GOSPDK_VM_KVM=1, but %w", err)
	}
	return f.Close()
}

// machineArgs are QEMU's arguments for the machine itself; the initramfs is
// in dir.
func machineArgs(c *Config, as assets, dir string) []string {
	memory, cpus := c.Memory, c.CPUs
	if memory == 0 {
		memory = 1024
	}
	if cpus == 0 {
		cpus = 2
	}
	machine, kernel := "q35,accel=tcg", kernelLine
	if wantKVM() {
		machine = "q35,accel=kvm"
	}
	var args []string
	if c.SharedMemory {
		machine += ",memory-backend=mem"
		args = append(args, "-object", fmt.Sprintf("memory-backend-memfd,id=mem,size=%dM,share=on", memory))
	}
	if c.IOMMU {
		// Interrupt remapping needs the split; caching mode shows devices
		// that QEMU passes through every change of a mapping.
		machine += ",kernel-irqchip=split"
		args = append(args, "-device", "intel-iommu,intremap=on,caching-mode=on")
		kernel += " intel_iommu=on"
	}
	args = append(args,
		"-M", machine, "-cpu", "max", "-m", strconv.Itoa(memory), "-smp", strconv.Itoa(cpus), "-nodefaults", "-no-user-config", "-display", "none",
		"-kernel", as.kernel, "-initrd", filepath.Join(dir, "initramfs"), "-append", strings.TrimSpace(kernel+" "+c.Append))
	return append(args, strings.Fields(os.Getenv("GOSPDK_VM_ARGS"))...)
}
