// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

// Status is what there is to hand over, and who has it. Its JSON form is what
// "gospdk setup status --json" prints; the names of its fields stay.
type Status struct {
	Hugepages HugeStatus       `json:"hugepages"`
	IOMMU     bool             `json:"iommu"`   // an IOMMU translates
	Drivers   []string         `json:"drivers"` // for user space, that this kernel has
	Functions []FunctionStatus `json:"functions"`
}

// HugeStatus is about hugepages.
type HugeStatus struct {
	Supported bool               `json:"supported"`
	DefaultKB int                `json:"default_size_kb"` // 0 if not supported
	Nodes     []machine.HugeNode `json:"nodes"`           // by node and size
	Mounts    []string           `json:"mounts"`          // directories of hugetlbfs
}

// FunctionStatus is about a PCI function.
type FunctionStatus struct {
	Address      string           `json:"address"` // 0000:0b:00.0
	Type         string           `json:"type"`    // NVMe, virtio, I/OAT, DSA, IAA, VMD or AE4DMA
	VMD          string           `json:"vmd"`     // address of the VMD that it is behind, or ""
	Vendor       string           `json:"vendor"`  // four hexadecimal digits
	Device       string           `json:"device"`  // four hexadecimal digits
	NUMA         int              `json:"numa_node"`
	IOMMUGroup   int              `json:"iommu_group"` // -1: none
	Driver       string           `json:"driver"`      // "": none
	KernelDriver string           `json:"kernel_driver"`
	Controller   string           `json:"controller"` // the kernel's name, such as nvme0, or ""
	Blocks       []string         `json:"block_devices"`
	Holders      []machine.Holder `json:"holders"` // why it is left alone
	Users        []string         `json:"users"`   // processes that drive it from user space
	ExamineError string           `json:"examine_error"`
}

// Status looks at the machine. Only options that select functions matter.
func (h *Host) Status(o Options) (*Status, error) {
	s := &Status{IOMMU: h.machine.IOMMU()}
	if err := h.hugeStatus(&s.Hugepages); err != nil {
		return nil, err
	}
	s.Drivers = h.Drivers()
	found, err := h.machine.Functions()
	if err != nil {
		return nil, err
	}
	for i := range found {
		if f := &found[i]; o.selects(f.Kind) {
			s.Functions = append(s.Functions, functionStatus(f))
		}
	}
	return s, nil
}

// Drivers returns the drivers for user space that this kernel has.
func (h *Host) Drivers() []string {
	var all []string
	for _, d := range []string{vfioPCI, uioPCI, igbUIO} {
		if h.available(d) {
			all = append(all, d)
		}
	}
	return all
}

func (h *Host) hugeStatus(s *HugeStatus) (err error) {
	if s.Supported = h.machine.HugepagesSupported(); !s.Supported {
		return nil
	}
	if s.DefaultKB, err = h.machine.DefaultHugepageKB(); err != nil {
		return err
	}
	if s.Nodes, err = h.machine.Hugepages(); err != nil {
		return err
	}
	mounts, err := h.machine.HugetlbfsMounts()
	for _, m := range mounts {
		s.Mounts = append(s.Mounts, m.Dir)
	}
	return err
}

func functionStatus(f *machine.Function) FunctionStatus {
	s := FunctionStatus{
		Address: f.Address.String(), Type: f.Kind, VMD: f.VMD,
		Vendor: fmt.Sprintf("%04x", f.ID.Vendor), Device: fmt.Sprintf("%04x", f.ID.Device),
		NUMA: f.NUMA, IOMMUGroup: f.IOMMUGroup,
		Driver: f.Driver, KernelDriver: f.KernelDriver, Controller: f.Controller,
		Blocks: f.Blocks, Holders: f.Holders,
	}
	for _, u := range f.Users {
		s.Users = append(s.Users, u.String())
	}
	if f.ExamineErr != nil {
		s.ExamineError = f.ExamineErr.Error()
	}
	return s
}

// HeldBy says in one word or a few what keeps the function; "-" if nothing
// does.
func (f *FunctionStatus) HeldBy() string {
	var all []string
	for _, h := range f.Holders {
		all = append(all, h.String())
	}
	all = append(all, f.Users...)
	if f.ExamineError != "" {
		all = append(all, "unknown: "+f.ExamineError)
	}
	return orDash(strings.Join(all, ","))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// JSON prints the status with lists that are never null.
func (s *Status) JSON(out io.Writer) error {
	c := *s
	fill(&c.Hugepages.Nodes)
	fill(&c.Hugepages.Mounts)
	fill(&c.Drivers)
	fill(&c.Functions)
	c.Functions = append([]FunctionStatus{}, c.Functions...)
	for i := range c.Functions {
		f := &c.Functions[i]
		fill(&f.Blocks)
		fill(&f.Holders)
		fill(&f.Users)
	}
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

func fill[T any](list *[]T) {
	if *list == nil {
		*list = []T{}
	}
}

// Print prints the tables of setup.sh, with a column of what holds functions
// at the end. Headings go to errs, as there, so that scripts need not skip
// them.
func (s *Status) Print(out, errs io.Writer) {
	fmt.Fprintln(out, "Hugepages")
	if !s.Hugepages.Supported {
		fmt.Fprintln(out, "  NOT SUPPORTED")
	} else {
		fmt.Fprintf(errs, "%-6s %10s %8s / %6s\n", "node", "hugesize", "free", "total")
		for _, n := range s.Hugepages.Nodes {
			name := "-"
			if n.Node >= 0 {
				name = "node" + strconv.Itoa(n.Node)
			} else if n.SizeKB != s.Hugepages.DefaultKB && n.Total == 0 {
				continue // setup.sh knows the default size only, without nodes
			}
			fmt.Fprintf(out, "%-6s %10s %8d / %6d\n", name, strconv.Itoa(n.SizeKB)+"kB", n.Free, n.Total)
		}
	}
	const format = "%-25s %-15s %-6s %-6s %-7s %-16s %-10s %-16s %s\n"
	fmt.Fprintf(errs, "\n"+format, "Type", "BDF", "Vendor", "Device", "NUMA", "Driver", "Device", "Block devices", "Held by")
	for i := range s.Functions {
		f := &s.Functions[i]
		kind := f.Type
		if f.VMD != "" {
			kind += "@" + f.VMD + "(VMD)"
		}
		fmt.Fprintf(out, format, kind, f.Address, f.Vendor, f.Device, s.numa(f.NUMA), orDash(f.Driver),
			orDash(f.Controller), orDash(strings.Join(f.Blocks, " ")), f.HeldBy())
	}
}

// numa names a node as setup.sh does: "-" on a machine without nodes.
func (s *Status) numa(node int) string {
	switch {
	case s.Hugepages.Supported && len(s.Hugepages.Nodes) > 0 && s.Hugepages.Nodes[0].Node < 0:
		return "-"
	case node < 0:
		return "unknown"
	}
	return strconv.Itoa(node)
}
