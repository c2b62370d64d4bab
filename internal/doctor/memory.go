// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

const (
	// enough is how much free hugepage memory a program should find.
	enough = 256 << 20
	// leastLocked is below what VFIO programs cannot start with.
	leastLocked = 64 << 20
	// defaultMemory is what setup reserves.
	defaultMemory = 2 << 30
)

// hugepageFindings looks for hugepages: how many, how many are free, and
// whether they are near the devices.
func (p *patient) hugepageFindings() []Finding {
	const what = "hugepages"
	level, why := Warning, " Memory comes from ordinary pages instead, which costs speed."
	if p.physical() {
		level, why = Problem, " Devices without an IOMMU can use nothing else."
	}
	if !p.HugepagesSupported() {
		return []Finding{{level, what, "The kernel has no support for them (CONFIG_HUGETLBFS)." + why, nil}}
	}
	nodes, err := p.Hugepages()
	if err != nil {
		return []Finding{{level, what, fmt.Sprintf("Cannot be examined: %v", err), nil}}
	}
	var total, free uint64
	for _, n := range nodes {
		total += bytesOf(n, n.Total)
		free += bytesOf(n, n.Free)
	}
	switch {
	case total == 0:
		return []Finding{{level, what, "None is reserved." + why, p.sudo("gospdk setup")}}
	case free == 0:
		return []Finding{{level, what, fmt.Sprintf("All %s are in use.%s", size(total), why), p.more(total)}}
	case free < enough:
		return []Finding{{Warning, what, fmt.Sprintf("Only %s of %s are free.", size(free), size(total)), p.more(total)}}
	}
	findings := []Finding{{OK, what, fmt.Sprintf("%s of %s free", size(free), size(total)), nil}}
	return append(findings, p.farHugepages(nodes)...)
}

// more returns the commands that reserve more than total bytes; first the one
// that removes what programs that died left behind.
func (p *patient) more(total uint64) []string {
	mb := (total + defaultMemory) >> 20
	return p.sudo("gospdk setup cleanup", fmt.Sprintf("env HUGEMEM=%d gospdk setup", mb))
}

// farHugepages looks for controllers on whose NUMA node no hugepage is free.
func (p *patient) farHugepages(nodes []machine.HugeNode) []Finding {
	free := make(map[int]uint64)
	for _, n := range nodes {
		free[n.Node] += bytesOf(n, n.Free)
	}
	far := make(map[int][]string)
	for _, f := range p.nvme() {
		if n, known := free[f.NUMA]; known && n == 0 && len(free) > 1 {
			far[f.NUMA] = append(far[f.NUMA], f.Address.String())
		}
	}
	var findings []Finding
	for _, node := range sortedKeys(far) {
		findings = append(findings, Finding{Warning, "hugepages",
			fmt.Sprintf("None is free on NUMA node %d, where %s is: its data crosses to another node.", node, strings.Join(far[node], ", ")),
			p.sudo(fmt.Sprintf("env HUGENODE=%d gospdk setup", node))})
	}
	return findings
}

func sortedKeys[V any](m map[int]V) []int {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func bytesOf(n machine.HugeNode, pages int) uint64 {
	return uint64(max(pages, 0)) * uint64(n.SizeKB) << 10
}

// size prints bytes in binary units.
func size(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// memlockFindings looks at the limit that VFIO counts the memory of devices
// against.
func (p *patient) memlockFindings() []Finding {
	const what = "memory lock limit"
	l, err := p.Memlock()
	if err != nil {
		return []Finding{{Warning, what, fmt.Sprintf("Cannot be examined: %v", err), nil}}
	}
	switch {
	case p.user.Has(machine.CapIPCLock):
		return []Finding{{OK, what, "Does not count for a process with CAP_IPC_LOCK, such as root's.", nil}}
	case l.Hard == machine.Unlimited:
		return []Finding{{OK, what, "Unlimited", nil}}
	case l.Hard >= defaultMemory:
		return []Finding{{OK, what, size(l.Hard), nil}}
	}
	f := Finding{Level: Warning, What: what, Why: fmt.Sprintf("%s may lock %s: no more memory can be given to devices by VFIO.", p.userName(), size(l.Hard))}
	if l.Hard < leastLocked {
		f.Level = Problem
	}
	if !p.iommu {
		f.Level = Warning // nothing is locked without an IOMMU
	}
	switch login, ok, err := p.LoginMemlock(p.userName(), nil); {
	case p.container != "":
		f.Why += " The container's limit is set where it is started, in docker with --ulimit memlock=-1."
	case err == nil && ok && login.Hard > l.Hard:
		f.Why += " The limit for new sessions is higher: log out and in again."
	default:
		f.Why += " A new limit counts from the next login."
		f.Fix = []string{fmt.Sprintf("echo '%s - memlock unlimited' | sudo tee /etc/security/limits.d/gospdk.conf", p.userName())}
	}
	return []Finding{f}
}

// sharedMemoryFindings tries whether the system calls that make memory are
// permitted: filters of containers may forbid them.
func (p *patient) sharedMemoryFindings() []Finding {
	err := p.shared()
	if err == nil {
		return nil
	}
	f := Finding{Level: Problem, What: "shared memory", Why: fmt.Sprintf("memfd_create does not work: %v.", err)}
	if p.user.Seccomp == 2 {
		f.Why += " A seccomp filter is in force: start the container with another one, in docker with --security-opt seccomp=unconfined."
	}
	return []Finding{f}
}

// containerFindings looks at what a container is not given.
func (p *patient) containerFindings() []Finding {
	var findings []Finding
	if kb, err := p.DefaultHugepageKB(); err == nil {
		limit, err := p.HugetlbLimit(kb)
		switch {
		case err != nil:
			findings = append(findings, Finding{Warning, "control group", fmt.Sprintf("Its limit of hugepages cannot be examined: %v", err), nil})
		case limit < enough:
			level := Warning
			if p.physical() {
				level = Problem
			}
			findings = append(findings, Finding{level, "control group", fmt.Sprintf("It allows this process %s of hugepages. In Kubernetes ask for them with resources.limits.hugepages-2Mi; a service of systemd gets them from its slice.", size(limit)), nil})
		}
	}
	if p.container == "" {
		return findings
	}
	findings = append(findings, Finding{OK, "container", "This is a " + p.container + " container: set up the devices on its host.", nil})
	if !p.SysfsWritable() {
		findings = append(findings, Finding{Warning, "container", "Its /sys cannot be written, so setup cannot work in it: run setup on the host, or start the container with --privileged.", nil})
	}
	return findings
}
