// SPDX-License-Identifier: BSD-3-Clause

// Package doctor finds out what on a machine keeps user-space I/O from
// working, and which command mends each of it. It changes nothing.
package doctor

import (
	"fmt"
	"os"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

// Level says how bad a finding is.
type Level string

// Levels, from good to bad.
const (
	OK      Level = "ok"
	Warning Level = "warn"    // it works, but not in every way or not well
	Problem Level = "problem" // it does not work until this is mended
)

// Finding is one thing that was looked at.
type Finding struct {
	Level Level  `json:"level"`
	What  string `json:"what"` // the subject, such as "hugepages" or a PCI address
	Why   string `json:"why"`  // what is the matter, in a sentence or two
	// Fix are the commands that mend it, in order; none if nothing is to be
	// mended or no command can.
	Fix []string `json:"fix,omitempty"`
}

// Report is what doctor prints.
type Report struct {
	Kernel      string       `json:"kernel"`
	Distro      string       `json:"distro"`
	User        string       `json:"user"`
	Container   string       `json:"container,omitempty"`
	Level       Level        `json:"level"` // the worst of the findings
	Findings    []Finding    `json:"findings"`
	Controllers []Controller `json:"controllers"`
}

// Controller is an NVMe controller and whether it can be used.
type Controller struct {
	Address    string            `json:"address"`
	Driver     string            `json:"driver"`
	Name       string            `json:"name,omitempty"` // the kernel's, such as nvme0
	Blocks     []string          `json:"blocks,omitempty"`
	Holders    []machine.Holder  `json:"holders,omitempty"`
	Users      []machine.Process `json:"users,omitempty"`
	NUMA       int               `json:"numa"`        // -1: unknown
	IOMMUGroup int               `json:"iommu_group"` // -1: none
	Ready      bool              `json:"ready"`       // a user-space driver has it
	Error      string            `json:"error,omitempty"`
}

// Options changes how it looks; the zero value is right for the machine that
// it runs on.
type Options struct {
	// SharedMemory tries to make the memory that devices and other processes
	// reach; nil does what package dma does, by memfd_create(2).
	SharedMemory func() error
}

// patient is what the checks look at.
type patient struct {
	*machine.Machine
	user      machine.User
	distro    machine.Distro
	release   string
	container string
	iommu     bool
	lockdown  string
	vfio      machine.ModuleState
	uio       machine.ModuleState // uio_pci_generic or igb_uio, the better of both
	functions []machine.Function
	shared    func() error
}

// Examine looks at a machine. Facts that cannot be read become findings, not
// errors.
func Examine(m *machine.Machine, o Options) *Report {
	p := &patient{Machine: m, shared: o.SharedMemory}
	if p.shared == nil {
		p.shared = trySharedMemory
	}
	var r Report
	add := func(f ...Finding) { r.Findings = append(r.Findings, f...) }
	add(p.collect()...)
	r.Kernel, r.Distro, r.Container = p.release, p.distro.Name, p.container
	r.User = p.userName()
	for _, check := range []func() []Finding{
		p.kernelVersion, p.iommuFindings, p.driverFindings, p.lockdownFindings,
		p.hugepageFindings, p.memlockFindings, p.sharedMemoryFindings,
		p.containerFindings, p.rightsFindings, p.controllerFindings,
	} {
		add(check()...)
	}
	r.Controllers = p.controllers()
	r.Level = worst(r.Findings)
	return &r
}

// collect reads what several checks need.
func (p *patient) collect() []Finding {
	var findings []Finding
	failed := func(what string, err error) {
		if err != nil {
			findings = append(findings, Finding{Level: Problem, What: what, Why: fmt.Sprintf("cannot be examined: %v", err)})
		}
	}
	var err error
	p.user, err = p.User()
	failed("user", err)
	p.release, err = p.KernelRelease()
	failed("kernel", err)
	p.functions, err = p.Functions()
	failed("PCI", err)
	p.distro, p.container = p.Distro(), p.Container()
	p.iommu, p.lockdown = p.IOMMU(), p.Lockdown()
	p.vfio = p.Module("vfio-pci")
	p.uio = p.Module("uio_pci_generic")
	if igb := p.Module("igb_uio"); !p.uio.Available || igb.Loaded && !p.uio.Loaded {
		p.uio = igb
	}
	return findings
}

func worst(findings []Finding) Level {
	level := OK
	for _, f := range findings {
		if f.Level == Problem || f.Level == Warning && level == OK {
			level = f.Level
		}
	}
	return level
}

func (p *patient) userName() string {
	if p.user.Name != "" {
		return p.user.Name
	}
	return fmt.Sprintf("uid %d", p.user.UID)
}

// root tells whether commands need no sudo.
func (p *patient) root() bool { return p.user.UID == 0 }

// sudo makes commands ones of root.
func (p *patient) sudo(commands ...string) []string {
	if p.root() {
		return commands
	}
	as := make([]string, len(commands))
	for i, c := range commands {
		as[i] = "sudo " + c
	}
	return as
}

// vfioWays tells how VFIO can work: with an IOMMU, or without one because
// that is allowed.
func (p *patient) vfioWays() (iommu, without bool) {
	return p.iommu && p.vfio.Available, !p.iommu && p.NoIOMMUAllowed() && p.vfio.Available
}

// physical tells whether devices will be given physical addresses, which
// takes hugepages and the rights of root.
func (p *patient) physical() bool {
	iommu, _ := p.vfioWays()
	if !iommu {
		return true
	}
	for _, f := range p.functions {
		if strings.Contains(f.Driver, "uio") {
			return true
		}
	}
	return false
}

// nvme returns the NVMe controllers.
func (p *patient) nvme() []machine.Function {
	var all []machine.Function
	for _, f := range p.functions {
		if f.Kind == machine.KindNVMe {
			all = append(all, f)
		}
	}
	return all
}

// has tells whether the machine has a file.
func (p *patient) has(path string) bool {
	_, err := os.Stat(p.Path(path))
	return err == nil
}
