// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// member is a function of an IOMMU group that is bound to a driver which
// keeps the group from being opened.
type member struct {
	function *machine.Function
	reason   string // why it must be left alone, "" if it may be unbound
}

// strangers returns the members of f's group that stand in its way and are
// not handed over with it.
func (h *Host) strangers(o *Options, s *selection, d *driver, f *machine.Function) ([]member, error) {
	addresses, err := h.machine.IOMMUGroupMembers(f.IOMMUGroup)
	if err != nil {
		return nil, err
	}
	var found []member
	for _, a := range addresses {
		driver := h.driverOf(a)
		if a == f.Address || s.has(a.String()) || driver == d.name || pci.LetsGroupGo(driver) {
			continue
		}
		x, err := h.machine.FunctionAt(a)
		if err != nil {
			return nil, err
		}
		found = append(found, member{&x, h.untouchable(o, &x)})
	}
	return found, nil
}

// untouchable tells why a member of a group may not be unbound, "" if it may.
func (h *Host) untouchable(o *Options, f *machine.Function) string {
	if r := held(f, nil); r != "" {
		return r
	}
	if len(f.Users) > 0 {
		return "used by " + join(f.Users)
	}
	if o.Blocked.Has(f.Address) {
		return "denied by PCI_BLOCKED"
	}
	if name := h.interfaceUp(f.Address); name != "" {
		return "network interface " + name + " is up"
	}
	return ""
}

// interfaceUp returns a network interface of a function that is up.
func (h *Host) interfaceUp(a pci.Address) string {
	const up = 1 // IFF_UP
	// virtio has a device of its own below the function.
	for _, pattern := range []string{"/net/*/flags", "/virtio*/net/*/flags"} {
		for _, file := range h.glob(functionDir(a) + pattern) {
			var flags uint
			b, err := os.ReadFile(h.path(file))
			if err != nil {
				continue
			}
			if _, err := fmt.Sscanf(strings.TrimSpace(string(b)), "0x%x", &flags); err == nil && flags&up != 0 {
				return strings.Split(strings.TrimSuffix(file, "/flags"), "/net/")[1]
			}
		}
	}
	return ""
}

// dropUnviable leaves alone what could not be used behind an IOMMU: functions
// that share a group with one that must stay with the kernel, and those that
// the IOMMU does not know.
func (h *Host) dropUnviable(o *Options, s *selection, d *driver) error {
	if !d.vfio() {
		return nil
	}
	reasons := make(map[*machine.Function]string)
	for _, f := range s.chosen {
		if f.Driver == d.name {
			continue
		}
		if f.IOMMUGroup < 0 {
			if !h.machine.NoIOMMUAllowed() {
				reasons[f] = "The IOMMU does not know it"
			}
			continue
		}
		in, err := h.strangers(o, s, d, f)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(in, func(m member) bool { return m.reason != "" }); i >= 0 {
			reasons[f] = fmt.Sprintf("%s (%s) in the same IOMMU group %d must stay with the kernel: %s",
				in[i].function.Address, in[i].function.Driver, f.IOMMUGroup, in[i].reason)
		}
	}
	for _, f := range slices.Clone(s.chosen) {
		if r := reasons[f]; r != "" {
			s.drop(f)
			fmt.Fprintln(h.Out, line(f, "%s, so not binding PCI dev", r))
		}
	}
	return nil
}

// groupSteps warn about groups of several functions, and unbind the strangers
// in them where the user wants that. The lines are setup.sh's.
func (h *Host) groupSteps(o *Options, s *selection, d *driver) ([]Step, error) {
	p := &Plan{}
	if !d.vfio() {
		return nil, nil
	}
	unbound := make(map[pci.Address]bool)
	for _, f := range s.chosen {
		if f.IOMMUGroup < 0 {
			continue
		}
		addresses, err := h.machine.IOMMUGroupMembers(f.IOMMUGroup)
		if err != nil {
			return nil, err
		}
		if len(addresses) < 2 {
			continue
		}
		p.say(line(f, "WARNING: detected multiple devices (%d) under the same IOMMU group!", len(addresses)))
		in, err := h.strangers(o, s, d, f)
		if err != nil {
			return nil, err
		}
		for _, m := range in {
			x := m.function
			if unbound[x.Address] {
				continue
			}
			p.say(line(f, "WARNING: %s not bound to %s (%s)", x.Address, d.name, orNone(x.Driver)),
				line(f, "WARNING All devices in the IOMMU group must be bound to the same driver or unbound"))
			if !o.UnbindGroup || m.reason != "" {
				continue
			}
			unbound[x.Address] = true
			p.say(line(f, "WARNING: Attempting to unbind %s", x.Address))
			p.add(h.bindStep(x, DriverNone))
		}
	}
	return p.Steps, nil
}
