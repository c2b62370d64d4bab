// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Function is a PCI function as Linux shows it in sysfs.
type Function struct {
	Address    Address
	ID         ID
	Revision   uint8
	Driver     string // "" if none has it
	NUMA       int    // node, -1 if unknown
	IOMMUGroup int    // -1 without an IOMMU
	IOMMUType  string // of the group's domain: DMA, DMA-FQ, identity, …; "" if unknown
	Dir        string // its directory in sysfs
	Modalias   string
	Resources  []Resource // base address registers 0 to 5, then the ROM
	PhysFn     string     // address of the physical function of a virtual one, else ""
	VFs        int        // virtual functions that are enabled
	TotalVFs   int        // virtual functions that there can be
	Removable  bool       // the kernel says that it can be unplugged
	Link       Link       // zero if it is not on PCI Express
}

// Link is the link of a PCI Express function, as sysfs words it.
type Link struct {
	Speed, MaxSpeed string // "8.0 GT/s PCIe"
	Width, MaxWidth int    // lanes
}

// Resource is a base address register (Linux, resource file).
type Resource struct {
	Start, Size uint64 // Size 0 is none
	Flags       uint64
}

// Flags of a Resource (Linux, include/linux/ioport.h).
const (
	ResourceIO       = 0x00000100
	ResourceMem      = 0x00000200
	ResourcePrefetch = 0x00002000
	Resource64       = 0x00100000
	ResourceUnset    = 0x20000000 // no address was assigned
)

// Functions returns the functions that root/sys shows, by address; root "" is
// the machine itself. A function that goes away meanwhile is left out.
func Functions(root string) ([]Function, error) {
	dir := filepath.Join(root, "/sys/bus/pci/devices")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a machine without PCI
	}
	if err != nil {
		return nil, fmt.Errorf("listing PCI functions: %w", err)
	}
	var all []Function
	for _, e := range entries {
		a, err := ParseAddress(e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		f, err := FunctionAt(root, a)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Function) int { return a.Address.Compare(b.Address) })
	return all, nil
}

// gone tells whether the function went away before or while it was read.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV)
}

// FunctionAt returns one function; fs.ErrNotExist if there is none.
func FunctionAt(root string, a Address) (Function, error) {
	f := Function{Address: a, NUMA: -1, IOMMUGroup: -1, Dir: filepath.Join(root, "/sys/bus/pci/devices", a.String())}
	read := attributes{dir: f.Dir}
	f.ID = ID{
		Vendor: uint16(read.hex("vendor", 16)), Device: uint16(read.hex("device", 16)), Class: uint32(read.hex("class", 24)),
		SubVendor: uint16(read.optional("subsystem_vendor", 16)), SubDevice: uint16(read.optional("subsystem_device", 16)),
	}
	f.Revision = uint8(read.optional("revision", 8))
	if read.err != nil {
		return Function{}, fmt.Errorf("PCI function %v: %w", a, read.err)
	}
	f.Driver = linkBase(f.Dir, "driver")
	f.PhysFn = linkBase(f.Dir, "physfn")
	f.Modalias = read.text("modalias")
	if n, err := strconv.Atoi(read.text("numa_node")); err == nil && n >= 0 {
		f.NUMA = n
	}
	if n, err := strconv.Atoi(linkBase(f.Dir, "iommu_group")); err == nil && n >= 0 {
		f.IOMMUGroup = n
		f.IOMMUType = read.text("iommu_group/type")
	}
	f.VFs, f.TotalVFs = read.count("sriov_numvfs"), read.count("sriov_totalvfs")
	f.Removable = read.text("removable") == "removable"
	f.Link = Link{
		Speed: read.text("current_link_speed"), MaxSpeed: read.text("max_link_speed"),
		Width: read.count("current_link_width"), MaxWidth: read.count("max_link_width"),
	}
	var err error
	if f.Resources, err = parseResources(read.text("resource")); err != nil {
		return Function{}, fmt.Errorf("%s/resource: %w", f.Dir, err)
	}
	return f, nil
}

// Config reads config space: all of it for root, 64 bytes for others.
func (f *Function) Config() ([]byte, error) {
	file, err := os.Open(filepath.Join(f.Dir, "config"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cfg, err := io.ReadAll(io.LimitReader(file, ConfigSizeExtended))
	if err != nil {
		return nil, fmt.Errorf("config space of %v: %w", f.Address, err)
	}
	return cfg, nil
}

// attributes reads files of a directory and keeps the first error.
type attributes struct {
	dir string
	err error
}

func (r *attributes) text(name string) string {
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// count reads a decimal number, 0 if there is none.
func (r *attributes) count(name string) int {
	n, err := strconv.Atoi(r.text(name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// hex reads a number that must be there.
func (r *attributes) hex(name string, bits int) uint64 {
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err == nil {
		var v uint64
		if v, err = parseHex(strings.TrimSpace(string(b)), bits); err == nil {
			return v
		}
		err = fmt.Errorf("%s: %w", name, err)
	}
	if r.err == nil {
		r.err = err
	}
	return 0
}

// optional reads a number that old kernels do not show.
func (r *attributes) optional(name string, bits int) uint64 {
	v, _ := parseHex(r.text(name), bits)
	return v
}

func parseHex(s string, bits int) (uint64, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	if err != nil || v>>bits != 0 {
		return 0, fmt.Errorf("%q is not a hexadecimal number of %d bits", s, bits)
	}
	return v, nil
}

func linkBase(dir, name string) string {
	link, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return filepath.Base(link)
}

// parseResources parses lines of three numbers: first and last address, and
// flags.
func parseResources(text string) ([]Resource, error) {
	const barsAndROM = 7
	var all []Resource
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return nil, fmt.Errorf("line %q: it has %d fields, want 3", strings.TrimSpace(line), len(fields))
		}
		var v [3]uint64
		for i, s := range fields {
			var err error
			if v[i], err = parseHex(s, 64); err != nil {
				return nil, fmt.Errorf("line %q: %w", strings.TrimSpace(line), err)
			}
		}
		r := Resource{Start: v[0], Flags: v[2]}
		switch {
		case v[0] == 0 && v[1] == 0: // none, whatever the flags
		case v[1] < v[0]:
			return nil, fmt.Errorf("line %q: it ends before it starts", strings.TrimSpace(line))
		default:
			r.Size = v[1] - v[0] + 1
		}
		if all = append(all, r); len(all) == barsAndROM {
			break // what follows is the bridge's windows and virtual functions
		}
	}
	return all, nil
}
