// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"bufio"
	"fmt"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/machine/pcinames"
	"github.com/gospdk/gospdk/pci"
)

// pciReport is what lspci tells of one function. Numbers that identify are
// in hexadecimal, as everybody writes them.
type pciReport struct {
	Address      string          `json:"address"`
	Vendor       string          `json:"vendor"`
	Device       string          `json:"device"`
	SubVendor    string          `json:"subsystem_vendor"`
	SubDevice    string          `json:"subsystem_device"`
	Revision     string          `json:"revision"`
	Class        string          `json:"class"`
	ClassName    string          `json:"class_name"`
	Name         string          `json:"name,omitempty"`
	Kind         string          `json:"kind,omitempty"` // what it is to SPDK
	Driver       string          `json:"driver,omitempty"`
	NUMA         int             `json:"numa"`        // -1: unknown
	IOMMUGroup   int             `json:"iommu_group"` // -1: none
	IOMMUType    string          `json:"iommu_type,omitempty"`
	Removable    bool            `json:"removable"`
	PhysFn       string          `json:"physical_function,omitempty"`
	VFs          int             `json:"virtual_functions"`
	TotalVFs     int             `json:"virtual_functions_max"`
	Link         *pciLink        `json:"link,omitempty"`
	BARs         []pciBAR        `json:"bars"`
	Capabilities []pciCapability `json:"capabilities"`
	ConfigBytes  int             `json:"config_bytes"` // how much of config space could be read
}

type pciLink struct {
	Speed    string `json:"speed"`
	MaxSpeed string `json:"max_speed"`
	Width    int    `json:"width"`
	MaxWidth int    `json:"max_width"`
}

type pciBAR struct {
	Index        int    `json:"index"` // 6: the expansion ROM
	Start        string `json:"start"`
	Size         uint64 `json:"size"` // bytes
	IO           bool   `json:"io"`
	Bits64       bool   `json:"64bit"`
	Prefetchable bool   `json:"prefetchable"`
}

type pciCapability struct {
	Name     string `json:"name"`
	ID       string `json:"id"`
	Offset   int    `json:"offset"`
	Extended bool   `json:"extended"`
	Detail   string `json:"detail,omitempty"`
}

func newPCIReport(f *pci.Function, names *pcinames.Names) pciReport {
	r := pciReport{
		Address: f.Address.String(), Vendor: hex4(f.ID.Vendor), Device: hex4(f.ID.Device),
		SubVendor: hex4(f.ID.SubVendor), SubDevice: hex4(f.ID.SubDevice), Revision: fmt.Sprintf("%02x", f.Revision),
		Class: fmt.Sprintf("%06x", f.ID.Class), ClassName: pcinames.Class(f.ID.Class), Name: names.Device(f.ID),
		Kind: machine.Kind(f.ID), Driver: f.Driver, NUMA: f.NUMA, IOMMUGroup: f.IOMMUGroup, IOMMUType: f.IOMMUType,
		Removable: f.Removable, PhysFn: f.PhysFn, VFs: f.VFs, TotalVFs: f.TotalVFs,
		BARs: []pciBAR{}, Capabilities: []pciCapability{},
	}
	if l := f.Link; l.MaxWidth > 0 {
		r.Link = &pciLink{l.Speed, l.MaxSpeed, l.Width, l.MaxWidth}
	}
	for i, b := range f.Resources {
		if b.Size == 0 {
			continue
		}
		r.BARs = append(r.BARs, pciBAR{
			Index: i, Start: fmt.Sprintf("0x%x", b.Start), Size: b.Size, IO: b.Flags&pci.ResourceIO != 0,
			Bits64: b.Flags&pci.Resource64 != 0, Prefetchable: b.Flags&pci.ResourcePrefetch != 0,
		})
	}
	config, err := f.Config()
	if err != nil {
		return r // ConfigBytes says so
	}
	r.ConfigBytes = len(config)
	for _, c := range pci.Capabilities(config) {
		r.Capabilities = append(r.Capabilities, pciCapability{c.Name(), fmt.Sprintf("%02x", c.ID), c.Offset, c.Extended, capabilityDetail(config, c)})
	}
	return r
}

func hex4(n uint16) string { return fmt.Sprintf("%04x", n) }

// capabilityDetail tells what an interrupt capability holds.
func capabilityDetail(config []byte, c pci.Capability) string {
	switch {
	case c.Extended:
	case c.ID == pci.CapabilityMSIX:
		if m, err := pci.ParseMSIX(config, c); err == nil {
			return fmt.Sprintf("%d vectors, %s, table in BAR %d at 0x%x", m.Vectors, enabled(m.Enabled), m.Table.BAR, m.Table.Offset)
		}
	case c.ID == pci.CapabilityMSI:
		if m, err := pci.ParseMSI(config, c); err == nil {
			return fmt.Sprintf("%d vectors, %s", m.Vectors, enabled(m.Enabled))
		}
	}
	return ""
}

func enabled(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// printFunctions writes a paragraph for each function.
func (a *app) printFunctions(all []pciReport) error {
	out := bufio.NewWriter(a.out)
	for i := range all {
		r := &all[i]
		if i > 0 {
			fmt.Fprintln(out)
		}
		name := r.Name
		if name != "" {
			name += " "
		}
		fmt.Fprintf(out, "%s %s: %s[%s:%s] (rev %s)\n", a.colour(a.out, bold, r.Address), r.ClassName, name, r.Vendor, r.Device, r.Revision)
		fmt.Fprintf(out, "    Class %s, subsystem %s:%s\n", r.Class, r.SubVendor, r.SubDevice)
		a.printPlace(out, r)
		for _, b := range r.BARs {
			fmt.Fprintf(out, "    %s\n", b)
		}
		for _, c := range r.Capabilities {
			fmt.Fprintf(out, "    Capability 0x%03x: %s", c.Offset, c.Name)
			if c.Detail != "" {
				fmt.Fprintf(out, " (%s)", c.Detail)
			}
			fmt.Fprintln(out)
		}
		if r.ConfigBytes <= 64 {
			fmt.Fprintln(out, "    Capabilities are shown to root only.")
		}
	}
	return out.Flush()
}

// printPlace writes the lines about where the function is and who has it.
func (a *app) printPlace(out *bufio.Writer, r *pciReport) {
	driver := "none"
	if r.Driver != "" {
		driver = r.Driver
		if c := driverColour(driver); c != "" {
			driver = a.colour(a.out, c, driver)
		}
	}
	fmt.Fprintf(out, "    Driver %s", driver)
	if r.NUMA >= 0 {
		fmt.Fprintf(out, ", NUMA node %d", r.NUMA)
	}
	if r.IOMMUGroup >= 0 {
		fmt.Fprintf(out, ", IOMMU group %d", r.IOMMUGroup)
		if r.IOMMUType != "" {
			fmt.Fprintf(out, " (%s)", r.IOMMUType)
		}
	}
	if r.Removable {
		fmt.Fprint(out, ", removable")
	}
	fmt.Fprintln(out)
	if r.PhysFn != "" {
		fmt.Fprintf(out, "    Virtual function of %s\n", r.PhysFn)
	}
	if r.TotalVFs > 0 {
		fmt.Fprintf(out, "    %d of %d virtual functions enabled\n", r.VFs, r.TotalVFs)
	}
	if l := r.Link; l != nil {
		fmt.Fprintf(out, "    Link %s x%d, at most %s x%d\n", l.Speed, l.Width, l.MaxSpeed, l.MaxWidth)
	}
}

func (b pciBAR) String() string {
	name := fmt.Sprintf("BAR %d", b.Index)
	if b.Index == 6 {
		name = "ROM"
	}
	kind := "memory"
	if b.IO {
		kind = "I/O ports"
	}
	if b.Bits64 {
		kind += ", 64-bit"
	}
	if b.Prefetchable {
		kind += ", prefetchable"
	}
	return fmt.Sprintf("%s: %s at %s (%s)", name, binarySize(b.Size), b.Start, kind)
}

// binarySize prints bytes in the largest unit that divides them.
func binarySize(n uint64) string {
	for _, u := range []struct {
		shift uint
		name  string
	}{{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n>>u.shift<<u.shift == n && n != 0 {
			return fmt.Sprintf("%d %s", n>>u.shift, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
