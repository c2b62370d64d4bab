// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/gospdk/gospdk/internal/machine"
	"github.com/gospdk/gospdk/pci"
)

// rightsFindings looks at the rights that physical addresses take.
func (p *patient) rightsFindings() []Finding {
	var findings []Finding
	rights := p.root() && p.user.Has(machine.CapSysAdmin) && p.user.Has(machine.CapSysRawIO)
	if p.physical() && !rights {
		why := fmt.Sprintf("%s has not the rights that devices without an IOMMU take: CAP_SYS_ADMIN to learn physical addresses from /proc/self/pagemap, CAP_SYS_RAWIO, and root's files. ", p.userName())
		f := Finding{Level: Problem, What: "rights", Why: why + "Run programs as root, or use vfio-pci with an IOMMU."}
		switch {
		case p.root():
			f.Why = why + "Start the container with --privileged."
		default:
			f.Fix = []string{"sudo gospdk hello_world"}
		}
		findings = append(findings, f)
	}
	return findings
}

// groupRights looks at the nodes in /dev/vfio that f needs.
func (p *patient) groupRights(f machine.Function) []Finding {
	node := fmt.Sprintf("/dev/vfio/%d", f.IOMMUGroup)
	if !p.iommu {
		node = fmt.Sprintf("/dev/vfio/noiommu-%d", f.IOMMUGroup)
	}
	for _, n := range []string{"/dev/vfio/vfio", node} {
		if x := p.nodeRights(n); x != nil {
			x.What = f.Address.String()
			return []Finding{*x}
		}
	}
	return nil
}

func (p *patient) nodeRights(node string) *Finding {
	info, err := os.Stat(p.Path(node))
	x := &Finding{Level: Problem}
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.container != "":
		x.Why = node + " is missing: start the container with --device " + node + "."
	case errors.Is(err, fs.ErrNotExist):
		x.Why, x.Fix = node+" is missing though vfio-pci has the device.", p.sudo("modprobe vfio_iommu_type1", "gospdk setup")
	case err != nil:
		x.Why = fmt.Sprintf("%s cannot be examined: %v", node, err)
	case !p.mayOpen(info):
		x.Why = fmt.Sprintf("%s may not open %s.", p.userName(), node)
		x.Fix = []string{fmt.Sprintf("sudo env TARGET_USER=%s gospdk setup", p.userName())}
	default:
		return nil
	}
	return x
}

// mayOpen tells whether the user may read and write a file.
func (p *patient) mayOpen(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if p.root() || !ok {
		return true
	}
	mode := info.Mode().Perm()
	switch {
	case int(st.Uid) == p.user.UID:
		mode >>= 6
	case slices.Contains(p.user.Groups, int(st.Gid)):
		mode >>= 3
	}
	return mode&6 == 6
}

// controllerFindings goes through the NVMe controllers.
func (p *patient) controllerFindings() []Finding {
	all := p.nvme()
	if len(all) == 0 {
		return []Finding{{Problem, "NVMe", "There is no NVMe controller. To try everything without one, use the embedded controller; a checkout of the source has a virtual machine with two.",
			[]string{"gospdk hello_world", "make vm"}}}
	}
	var findings []Finding
	ready := false
	for _, f := range all {
		found := p.controller(f)
		ready = ready || machine.UserDriver(f.Driver)
		findings = append(findings, found...)
	}
	if !ready {
		free := slices.ContainsFunc(all, func(f machine.Function) bool { return !f.InUse() })
		summary := Finding{Level: Problem, What: "NVMe", Why: "No controller has been handed to user space, and none is free."}
		if free {
			summary.Why, summary.Fix = "No controller has been handed to user space.", p.sudo("gospdk setup")
		}
		findings = append(findings, summary)
	}
	return findings
}

// controller looks at one controller.
func (p *patient) controller(f machine.Function) []Finding {
	what := f.Address.String()
	switch {
	case machine.UserDriver(f.Driver):
		return p.userController(f)
	case len(f.Holders) > 0:
		why, fix := p.inUse(f)
		return []Finding{{Warning, what, why, fix}}
	case f.ExamineErr != nil:
		x := Finding{Level: Warning, What: what, Why: fmt.Sprintf("It is left alone, because what it holds is not known: %v.", f.ExamineErr)}
		if !p.root() {
			x.Fix = []string{"sudo gospdk doctor"}
		}
		return []Finding{x}
	case f.Driver == "":
		return []Finding{{Warning, what, "No driver has it.", p.sudo("env PCI_ALLOWED=" + what + " gospdk setup")}}
	}
	return []Finding{{Warning, what, fmt.Sprintf("The kernel's driver %s has it, and nothing uses it%s.", f.Driver, blocksOf(f)), p.sudo("env PCI_ALLOWED=" + what + " gospdk setup")}}
}

func blocksOf(f machine.Function) string {
	if len(f.Blocks) == 0 {
		return ""
	}
	return " (" + strings.Join(f.Blocks, ", ") + ")"
}

// userController looks at a controller that was handed to user space.
func (p *patient) userController(f machine.Function) []Finding {
	what := f.Address.String()
	var findings []Finding
	if f.Driver == "vfio-pci" {
		if x := p.sharedGroup(f); x != nil {
			findings = append(findings, *x)
		}
		if f.IOMMUGroup >= 0 {
			findings = append(findings, p.groupRights(f)...)
		}
	} else if p.lockdown != "" && p.lockdown != "none" {
		findings = append(findings, Finding{Problem, what, f.Driver + " has it, but the locked down kernel lets nobody use it that way.", nil})
	}
	switch {
	case len(f.Users) > 0:
		findings = append(findings, Finding{Warning, what, fmt.Sprintf("%s has it, and it is in use by %s.", f.Driver, processes(f.Users)), stop(p, f.Users)})
	case len(findings) == 0:
		findings = append(findings, Finding{OK, what, "Ready: " + f.Driver + " has it.", nil})
	}
	return findings
}

// sharedGroup looks for functions that keep a group from being opened: all
// of a group must be away from the kernel's drivers.
func (p *patient) sharedGroup(f machine.Function) *Finding {
	if f.IOMMUGroup < 0 {
		return nil
	}
	members, err := p.IOMMUGroupMembers(f.IOMMUGroup)
	if err != nil {
		return &Finding{Warning, f.Address.String(), fmt.Sprintf("Its IOMMU group %d cannot be examined: %v", f.IOMMUGroup, err), nil}
	}
	var others []string
	for _, a := range members {
		o, err := pci.FunctionAt(p.Root(), a)
		if a == f.Address || err != nil || pci.LetsGroupGo(o.Driver) {
			continue
		}
		others = append(others, fmt.Sprintf("%v (%s)", a, o.Driver))
	}
	if len(others) == 0 {
		return nil
	}
	return &Finding{Problem, f.Address.String(),
		fmt.Sprintf("Its IOMMU group %d is shared with %s: VFIO opens a group only when the kernel uses no function of it. Hand them over too, if nobody needs them, or put the card into another slot.", f.IOMMUGroup, strings.Join(others, ", ")),
		p.sudo("env UNBIND_ENTIRE_IOMMU_GROUP=yes gospdk setup")}
}

func processes(all []machine.Process) string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = fmt.Sprintf("%s (process %d)", x.Name, x.PID)
	}
	return strings.Join(names, ", ")
}

func stop(p *patient, all []machine.Process) []string {
	var commands []string
	for _, x := range all {
		commands = append(commands, p.sudo(fmt.Sprintf("kill %d", x.PID))...)
	}
	return commands
}

// controllers returns the report's table.
func (p *patient) controllers() []Controller {
	all := []Controller{}
	for _, f := range p.nvme() {
		c := Controller{
			Address: f.Address.String(), Driver: f.Driver, Name: f.Controller, Blocks: f.Blocks, Holders: f.Holders,
			Users: f.Users, NUMA: f.NUMA, IOMMUGroup: f.IOMMUGroup, Ready: machine.UserDriver(f.Driver),
		}
		if f.ExamineErr != nil {
			c.Error = f.ExamineErr.Error()
		}
		all = append(all, c)
	}
	return all
}
