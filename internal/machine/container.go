// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Container returns what kind of container this process runs in, "" if it
// runs in none that says so.
func (m *Machine) Container() string {
	switch {
	case m.exists(".dockerenv"):
		return "docker"
	case m.exists("run/.containerenv"):
		return "podman"
	case m.exists("var/run/secrets/kubernetes.io"):
		return "kubernetes"
	}
	// systemd-nspawn, LXC and others tell their first process.
	b, err := m.read("proc/1/environ")
	if err != nil {
		return ""
	}
	for v := range strings.SplitSeq(string(b), "\x00") {
		if kind, ok := strings.CutPrefix(v, "container="); ok {
			return kind
		}
	}
	return ""
}

// HugetlbLimit returns how many bytes of hugepages of one size (KiB) the
// control groups that this process is in allow it; Unlimited if they do not
// limit it.
func (m *Machine) HugetlbLimit(sizeKB int) (uint64, error) {
	b, err := m.read("proc/self/cgroup")
	if err != nil {
		return Unlimited, nil // a kernel without control groups
	}
	name := hugetlbName(sizeKB)
	limit := uint64(Unlimited)
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		base, file := "sys/fs/cgroup/hugetlb", "hugetlb."+name+".limit_in_bytes"
		if f[1] == "" {
			base, file = "sys/fs/cgroup", "hugetlb."+name+".max"
		} else if !strings.Contains(","+f[1]+",", ",hugetlb,") {
			continue
		}
		// The limits of all groups above apply too. In a container its own
		// group is the root of what it sees, whatever the path says.
		for dir := path.Clean("/" + f[2]); ; dir = path.Dir(dir) {
			n, err := m.cgroupLimit(base+dir, file)
			if err != nil {
				return 0, err
			}
			limit = min(limit, n)
			if dir == "/" {
				break
			}
		}
	}
	return limit, nil
}

func (m *Machine) cgroupLimit(dir, file string) (uint64, error) {
	s, err := m.optional(dir, file)
	if err != nil || s == "" || s == "max" {
		return Unlimited, err
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s holds %q, neither a number nor \"max\"", m.Path(dir, file), s)
	}
	if n >= 1<<62 {
		return Unlimited, nil // how version 1 writes it
	}
	return n, nil
}

// hugetlbName is what control groups call a size of hugepages: 2MB, 1GB.
func hugetlbName(kb int) string {
	switch {
	case kb >= 1<<20:
		return fmt.Sprintf("%dGB", kb>>20)
	case kb >= 1<<10:
		return fmt.Sprintf("%dMB", kb>>10)
	}
	return fmt.Sprintf("%dKB", kb)
}

// SysfsWritable tells whether the mount table has sysfs mounted for writing:
// containers often have not.
func (m *Machine) SysfsWritable() bool {
	b, err := m.read("proc/self/mountinfo")
	if err != nil {
		return true
	}
	writable := true
	for _, e := range parseMountinfo(b) {
		if e.Dir == "/sys" && e.Type == "sysfs" { // the last one is on top
			writable = !readOnly(e.Options) && !readOnly(e.SuperOptions)
		}
	}
	return writable
}

func readOnly(options string) bool { return strings.Contains(","+options+",", ",ro,") }

// Virtual tells whether this is a virtual machine.
func (m *Machine) Virtual() bool {
	b, err := m.read("proc/cpuinfo")
	return err == nil && strings.Contains(string(b), " hypervisor")
}
