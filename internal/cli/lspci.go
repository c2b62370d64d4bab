// SPDX-License-Identifier: BSD-3-Clause

package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/internal/machine/pcinames"
	"github.com/gospdk/gospdk/pci"
)

// lspciOptions are what the command line says.
type lspciOptions struct {
	class     string
	supported bool
	verbose   bool
	asJSON    bool
	addresses []string
}

func (a *app) lspciCommand() *cobra.Command {
	var o lspciOptions
	cmd := &cobra.Command{
		Use:   "lspci [address]...",
		Short: "List PCI functions: class, driver, NUMA node, IOMMU group",
		Long: `lspci lists the PCI functions of this machine, or those at the addresses given:
what they are, the driver that has them, their NUMA node and IOMMU group. -v
adds address registers, link, capabilities and interrupts; what is beyond the
first 64 bytes of config space only root may read.`,
		Example: `  gospdk lspci --class nvme
  sudo gospdk lspci -v 0000:0b:00.0
  gospdk lspci --json | jq '.[] | select(.driver == "vfio-pci").address'`,
		RunE: func(_ *cobra.Command, args []string) error {
			o.addresses = args
			return a.lspci(machine.At(""), o)
		},
	}
	cmd.Flags().StringVarP(&o.class, "class", "c", "", `only functions of this class: the beginning of its code, such as 0108, or a part of its name, such as nvme`)
	cmd.Flags().BoolVarP(&o.supported, "supported", "s", false, "only functions that SPDK has drivers for")
	cmd.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "print address registers, link and capabilities too")
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON, with everything")
	complete(cmd, "class", "nvme", "network", "bridge", "0108", "010802")
	return cmd
}

func (a *app) lspci(m *machine.Machine, o lspciOptions) error {
	functions, err := selectFunctions(m, o)
	if err != nil {
		return err
	}
	names := pcinames.Load(m.Root())
	all := make([]pciReport, len(functions))
	for i := range functions {
		all[i] = newPCIReport(&functions[i], names)
	}
	switch {
	case o.asJSON:
		return printJSON(a.out, all)
	case len(all) == 0:
		fmt.Fprintln(a.err, "No PCI function matches.")
		return nil
	case o.verbose:
		return a.printFunctions(all)
	}
	return a.printTable(a.out, functionTable(all))
}

// selectFunctions returns the functions that the options ask for. An address
// at which nothing is, is an error.
func selectFunctions(m *machine.Machine, o lspciOptions) ([]pci.Function, error) {
	all, err := pci.Functions(m.Root())
	if err != nil {
		return nil, err
	}
	var wanted []pci.Address
	for _, s := range o.addresses {
		address, err := pci.ParseAddress(s)
		if err != nil {
			return nil, &usageError{err}
		}
		if !slices.ContainsFunc(all, func(f pci.Function) bool { return f.Address == address }) {
			return nil, fmt.Errorf("no PCI function is at %v; without an address lspci lists all", address)
		}
		wanted = append(wanted, address)
	}
	return slices.DeleteFunc(all, func(f pci.Function) bool {
		return len(wanted) > 0 && !slices.Contains(wanted, f.Address) ||
			o.supported && machine.Kind(f.ID) == "" || !matchesClass(f.ID.Class, o.class)
	}), nil
}

// matchesClass tells whether a class is what --class asks for.
func matchesClass(class uint32, want string) bool {
	want = strings.ToLower(strings.TrimPrefix(want, "0x"))
	return strings.HasPrefix(fmt.Sprintf("%06x", class), want) || strings.Contains(strings.ToLower(pcinames.Class(class)), want)
}

// functionTable is the list without -v.
func functionTable(all []pciReport) [][]cell {
	rows := [][]cell{{{"Address", ""}, {"ID", ""}, {"Class", ""}, {"Driver", ""}, {"NUMA", ""}, {"Group", ""}, {"Name", ""}}}
	for _, r := range all {
		rows = append(rows, []cell{
			{r.Address, ""}, {r.Vendor + ":" + r.Device, ""}, {r.ClassName, ""}, {r.Driver, driverColour(r.Driver)},
			{orNothing(r.NUMA), ""}, {orNothing(r.IOMMUGroup), ""}, {r.Name, ""},
		})
	}
	return rows
}

// driverColour marks the functions that user space can have.
func driverColour(driver string) string {
	if machine.UserDriver(driver) {
		return green
	}
	return ""
}

func orNothing(n int) string {
	if n < 0 {
		return ""
	}
	return fmt.Sprint(n)
}
