// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

// mode is what functions are selected for.
type mode int

const (
	modeConfig mode = iota
	modeReset
)

// selection are the functions of the machine and those that may be touched.
type selection struct {
	all    []*machine.Function // of the kinds that the options select, by address
	chosen []*machine.Function
}

func (s *selection) has(address string) bool {
	return slices.ContainsFunc(s.chosen, func(f *machine.Function) bool { return f.Address.String() == address })
}

// drop takes a function out of those that may be touched.
func (s *selection) drop(f *machine.Function) {
	s.chosen = slices.DeleteFunc(s.chosen, func(c *machine.Function) bool { return c == f })
}

// selectFunctions looks at every function and prints why one is left alone.
func (h *Host) selectFunctions(o *Options, m mode) (*selection, error) {
	found, err := h.machine.Functions()
	if err != nil {
		return nil, err
	}
	s := &selection{}
	for i := range found {
		f := &found[i]
		if !o.selects(f.Kind) {
			continue
		}
		s.all = append(s.all, f)
		if reasons := refusals(o, f, found); len(reasons) > 0 {
			for _, r := range reasons {
				fmt.Fprintln(h.Out, line(f, "%s", r))
			}
			continue
		}
		if m == modeConfig && f.Kind == machine.KindVMD && o.DriverOverride != DriverNone {
			h.warnVMD(behind(f, found))
		}
		s.chosen = append(s.chosen, f)
	}
	if o.DriverOverride != DriverNone {
		h.dropBehindVMD(s)
	}
	h.warnUnknown(o, found)
	return s, nil
}

// refusals says why a function is left alone, in the words of setup.sh.
func refusals(o *Options, f *machine.Function, all []machine.Function) []string {
	var reasons []string
	if !o.MayUse(f.Address) {
		reasons = append(reasons, fmt.Sprintf("Skipping denied controller at %s", f.Address))
	}
	if r := held(f, all); r != "" {
		reasons = append(reasons, r+", so not binding PCI dev")
	}
	if byName(f) && !o.Allowed.Has(f.Address) {
		reasons = append(reasons, fmt.Sprintf("Skipping not allowed %s controller at %s", f.Kind, f.Address))
	}
	return reasons
}

// held tells what keeps a function from being taken from the kernel; "" if
// nothing does. What holds a controller behind a VMD holds the VMD.
func held(f *machine.Function, all []machine.Function) string {
	holders, err := f.Holders, f.ExamineErr
	if f.Kind == machine.KindVMD {
		for _, b := range behind(f, all) {
			holders = append(holders[:len(holders):len(holders)], b.Holders...)
			if err == nil {
				err = b.ExamineErr
			}
		}
	}
	switch {
	case len(holders) > 0:
		return "Active devices: " + join(holders)
	case err != nil:
		return fmt.Sprintf("Cannot be examined (%v)", err)
	}
	return ""
}

// dropUsed leaves alone what a process is driving from user space. to tells
// which driver a function would get.
func (h *Host) dropUsed(s *selection, to func(*machine.Function) string) {
	for _, f := range slices.Clone(s.chosen) {
		if len(f.Users) > 0 && f.Driver != to(f) {
			s.drop(f)
			fmt.Fprintln(h.Out, line(f, "Used by %s, so not binding PCI dev", join(f.Users)))
		}
	}
}

func join[T fmt.Stringer](items []T) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.String()
	}
	return strings.Join(texts, ",")
}

// behind returns the functions behind a VMD.
func behind(vmd *machine.Function, all []machine.Function) []*machine.Function {
	var found []*machine.Function
	for i := range all {
		if all[i].VMD == vmd.Address.String() {
			found = append(found, &all[i])
		}
	}
	return found
}

func (h *Host) warnVMD(ssds []*machine.Function) {
	var names []string
	for _, f := range ssds {
		if f.Driver == f.KernelDriver {
			names = append(names, f.Address.String())
		}
	}
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(h.Out, `Binding new driver to VMD device with NVMe SSDs attached to the kernel:
  %s
The binding process may go faster if you first run this command with
DRIVER_OVERRIDE="none" to unbind only the NVMe SSDs, and then run
again to unbind the VMD devices.
`, strings.Join(names, " "))
}

// dropBehindVMD leaves alone what shares an IOMMU group with the VMD that it
// is behind: it is of use only where the VMD is handed over.
func (h *Host) dropBehindVMD(s *selection) {
	if !h.machine.IOMMU() && !h.machine.NoIOMMUAllowed() {
		return
	}
	groups := make(map[string]int)
	for _, f := range s.all {
		groups[f.Address.String()] = f.IOMMUGroup
	}
	for _, f := range s.all {
		group, known := groups[f.VMD]
		if f.VMD == "" || !known || group < 0 || group != f.IOMMUGroup || !s.has(f.Address.String()) {
			continue
		}
		s.drop(f)
		fmt.Fprintln(h.Out, line(f, "Skipping nvme behind VMD (%s)", f.VMD))
	}
}

// warnUnknown names allowed functions that there are not: a slip of the pen.
func (h *Host) warnUnknown(o *Options, all []machine.Function) {
	for _, a := range o.Allowed.Addresses {
		known := false
		for i := range all {
			known = known || all[i].Address == a
		}
		if !known {
			fmt.Fprintf(h.Err, "WARNING: PCI_ALLOWED names %s, and there is no NVMe, virtio, I/OAT, DSA, IAA, VMD or AE4DMA function\n", a)
		}
	}
}
