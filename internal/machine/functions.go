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
	var supported []Function
	vmds := make(map[string]bool)
	for _, f := range all {
		kind := Kind(f.ID)
		if kind == KindVMD {
			vmds[f.Address.String()] = true
		}
		if kind != "" {
			supported = append(supported, Function{Function: f, Kind: kind, KernelDriver: kernelDrivers[kind]})
		}
	}
	x := m.newExamination()
	for i := range supported {
		f := &supported[i]
		f.VMD = m.behind(f, vmds)
		x.examine(f)
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
	kind := Kind(found.ID)
	f := Function{Function: found, Kind: kind, KernelDriver: kernelDrivers[kind]}
	m.newExamination().examine(&f)
	return f, nil
}

// behind returns the VMD in the path of f's device.
func (m *Machine) behind(f *Function, vmds map[string]bool) string {
	for _, part := range strings.Split(m.resolve(f.dir()), "/") {
		if part != f.Address.String() && vmds[part] {
			return part
		}
	}
	return ""
}
