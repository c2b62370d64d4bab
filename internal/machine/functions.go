// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"strings"

	"github.com/gospdk/gospdk/pci"
)

// Function is a PCI function that SPDK has a driver for.
type Function struct {
	pci.Function
	Kind         string // one of the Kind constants
	KernelDriver string // the kernel's driver that it belongs to, such as nvme
	Controller   string // the kernel's name for the controller, such as nvme0; "" if it has none
	VMD          string // address of the VMD that it is behind, "" if none
	// Blocks are the block devices (disks, not partitions) on it. Those that
	// share its namespaces through another controller are among them.
	Blocks []string
	// Holders are what is using its data now, or would lose it.
	Holders []Holder
	// Users are the processes that drive it from user space.
	Users []Process
	// ExamineErr tells why Holders may be incomplete; nil if everything was
	// seen. A function with an ExamineErr must be left alone.
	ExamineErr error
}

// InUse tells that the function must be left to the kernel: something holds
// it, or it could not be examined.
func (f *Function) InUse() bool { return len(f.Holders) > 0 || f.ExamineErr != nil }

// Functions returns the functions that SPDK has drivers for, by address, with
// what holds them. An error is about the machine as a whole; what concerns
// one function is its ExamineErr.
func (m *Machine) Functions() ([]Function, error) {
	all, err := pci.Functions(m.root)
	if err != nil {
		return nil, err
	}
	x := m.newExamination()
	var supported []Function
	for _, f := range all {
		if Kind(f.ID) != "" {
			supported = append(supported, x.function(f))
		}
	}
	return supported, nil
}

// FunctionAt examines one function. Its Kind is "" if SPDK has no driver for
// it.
func (m *Machine) FunctionAt(a pci.Address) (Function, error) {
	found, err := pci.FunctionAt(m.root, a)
	if err != nil {
		return Function{}, err
	}
	return m.newExamination().function(found), nil
}

func (x *examination) function(p pci.Function) Function {
	kind := Kind(p.ID)
	f := Function{Function: p, Kind: kind, KernelDriver: kernelDrivers[kind]}
	f.VMD = x.m.behind(&f)
	x.examine(&f)
	return f
}

// behind returns the VMD in the path of f's device.
func (m *Machine) behind(f *Function) string {
	for part := range strings.SplitSeq(m.resolve(f.dir()), "/") {
		a, ok := address(part)
		if !ok || a == f.Address {
			continue
		}
		if p, err := pci.FunctionAt(m.root, a); err == nil && Kind(p.ID) == KindVMD {
			return part
		}
	}
	return ""
}

// address returns the address that sysfs names a device by; other devices
// have names of another form.
func address(name string) (pci.Address, bool) {
	a, err := pci.ParseAddress(name)
	return a, err == nil && a.String() == name
}
