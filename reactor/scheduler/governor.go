// SPDX-License-Identifier: BSD-3-Clause

package scheduler

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gospdk/gospdk/log"
	"github.com/gospdk/gospdk/reactor"
)

// Governor sets CPU frequencies through the kernel's cpufreq: it moves the
// upper bound of each CPU's policy between the hardware's limits (Linux,
// Documentation/admin-guide/pm/cpufreq.rst). Close restores what was found.
type Governor struct {
	root     string // "/sys/devices/system/cpu"
	driver   string
	policies map[int]*policy
}

// policy is the frequencies of one CPU, in kHz, the highest first.
type policy struct {
	dir   string
	freqs []int
	at    int // index of the bound that is set
	found string
}

type step int

const (
	oneStep step = iota
	lowest
	highest
)

// steps is how many frequencies are offered where the driver lists none.
const steps = 8

// OpenGovernor takes the frequencies of CPUs over. sysfs is the directory
// /sys/devices/system/cpu or a likeness of it.
func OpenGovernor(sysfs string, cpus reactor.Mask) (*Governor, error) {
	g := &Governor{root: sysfs, policies: map[int]*policy{}}
	for _, cpu := range cpus.CPUs() {
		for _, s := range g.siblings(cpu) {
			if !cpus.Has(s) {
				return nil, fmt.Errorf("CPU %d is in the core mask and CPU %d, a thread of the same core, is not: their frequency is one; add it to the mask", cpu, s)
			}
		}
		p, err := openPolicy(filepath.Join(sysfs, fmt.Sprintf("cpu%d", cpu), "cpufreq"))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("CPU %d: %w", cpu, err), g.Close())
		}
		g.policies[cpu] = p
		g.driver = readString(filepath.Join(p.dir, "scaling_driver"))
	}
	return g, nil
}

func openPolicy(dir string) (*policy, error) {
	p := &policy{dir: dir, found: readString(filepath.Join(dir, "scaling_max_freq"))}
	if p.found == "" {
		return nil, fmt.Errorf("%s: the kernel offers no frequencies to choose from", dir)
	}
	for _, f := range strings.Fields(readString(filepath.Join(dir, "scaling_available_frequencies"))) {
		if n, err := strconv.Atoi(f); err == nil && n > 0 {
			p.freqs = append(p.freqs, n)
		}
	}
	if len(p.freqs) == 0 {
		lo, err1 := strconv.Atoi(readString(filepath.Join(dir, "cpuinfo_min_freq")))
		hi, err2 := strconv.Atoi(readString(filepath.Join(dir, "cpuinfo_max_freq")))
		if err := errors.Join(err1, err2); err != nil || lo <= 0 || hi < lo {
			return nil, fmt.Errorf("%s: no limits of the frequency: %w", dir, err)
		}
		for i := range steps {
			p.freqs = append(p.freqs, hi-(hi-lo)*i/(steps-1))
		}
	}
	slices.Sort(p.freqs)
	slices.Reverse(p.freqs)
	// Writing what is there shows whether writing is allowed.
	return p, os.WriteFile(filepath.Join(dir, "scaling_max_freq"), []byte(p.found), 0)
}

func readString(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Name is what framework_get_governor calls it.
func (g *Governor) Name() string { return "cpufreq" }

// Driver returns the name of the kernel's driver, such as "acpi-cpufreq".
func (g *Governor) Driver() string { return g.driver }

// Available returns the frequencies of a CPU in kHz, the highest first.
func (g *Governor) Available(cpu int) []int {
	if p := g.policies[cpu]; p != nil {
		return slices.Clone(p.freqs)
	}
	return nil
}

// Current returns the frequency of a CPU in kHz, 0 if it is not known.
func (g *Governor) Current(cpu int) int {
	p := g.policies[cpu]
	if p == nil {
		return 0
	}
	n, err := strconv.Atoi(readString(filepath.Join(p.dir, "scaling_cur_freq")))
	if err != nil {
		return p.freqs[p.at]
	}
	return n
}

func (g *Governor) lower(cpu int, by step) {
	if p := g.policies[cpu]; p != nil {
		last := len(p.freqs) - 1
		if by == lowest {
			p.set(cpu, last)
		} else {
			p.set(cpu, min(p.at+1, last))
		}
	}
}

func (g *Governor) raise(cpu int, by step) {
	if p := g.policies[cpu]; p != nil {
		if by == highest {
			p.set(cpu, 0)
		} else {
			p.set(cpu, max(p.at-1, 0))
		}
	}
}

func (p *policy) set(cpu, at int) {
	if at == p.at {
		return
	}
	f := strconv.Itoa(p.freqs[at])
	if err := os.WriteFile(filepath.Join(p.dir, "scaling_max_freq"), []byte(f), 0); err != nil {
		log.Errorf("setting the frequency of CPU %d to %s kHz: %v", cpu, f, err)
		return
	}
	p.at = at
}

// siblings returns the other hardware threads of a CPU's core.
func (g *Governor) siblings(cpu int) []int {
	list := readString(filepath.Join(g.root, fmt.Sprintf("cpu%d", cpu), "topology", "thread_siblings_list"))
	if list == "" {
		return nil
	}
	mask, err := reactor.ParseMask("[" + list + "]")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(mask.CPUs(), func(c int) bool { return c == cpu })
}

// Close restores the frequencies.
func (g *Governor) Close() error {
	var errs []error
	for _, p := range g.policies {
		errs = append(errs, os.WriteFile(filepath.Join(p.dir, "scaling_max_freq"), []byte(p.found), 0))
	}
	g.policies = nil
	return errors.Join(errs...)
}
