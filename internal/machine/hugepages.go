// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// HugeNode counts the hugepages of one size on one NUMA node.
type HugeNode struct {
	Node   int `json:"node"`    // -1: the machine has no NUMA nodes
	SizeKB int `json:"size_kb"` // of one page, KiB
	Free   int `json:"free"`    // pages
	Total  int `json:"total"`   // pages, reserved and surplus ones too
}

// Hugepages returns the hugepages by node and size, none if the kernel has no
// support for them.
func (m *Machine) Hugepages() ([]HugeNode, error) {
	nodes, err := m.names("sys/devices/system/node")
	if err != nil {
		return nil, err
	}
	var all []HugeNode
	for _, name := range nodes {
		number, ok := strings.CutPrefix(name, "node")
		node, err := strconv.Atoi(number)
		if !ok || err != nil || node < 0 {
			continue
		}
		found, err := m.hugepagesIn(node, "sys/devices/system/node/"+name+"/hugepages")
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		if all, err = m.hugepagesIn(-1, "sys/kernel/mm/hugepages"); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b HugeNode) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.SizeKB, b.SizeKB))
	})
	return all, nil
}

func (m *Machine) hugepagesIn(node int, dir string) ([]HugeNode, error) {
	sizes, err := m.names(dir)
	if err != nil {
		return nil, err
	}
	var all []HugeNode
	for _, name := range sizes {
		size, ok := hugepageSize(name)
		if !ok {
			continue
		}
		h := HugeNode{Node: node, SizeKB: size}
		if h.Free, err = m.number(dir, name, "free_hugepages"); err != nil {
			return nil, err
		}
		if h.Total, err = m.number(dir, name, "nr_hugepages"); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// hugepageSize returns the KiB that a directory such as hugepages-2048kB
// stands for.
func hugepageSize(name string) (int, bool) {
	s, ok := strings.CutPrefix(name, "hugepages-")
	s, kb := strings.CutSuffix(s, "kB")
	n, err := strconv.Atoi(s)
	return n, ok && kb && err == nil && n > 0
}

// HugepagesSupported tells whether the kernel knows hugetlbfs.
func (m *Machine) HugepagesSupported() bool {
	b, err := m.read("proc/filesystems")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 && f[len(f)-1] == "hugetlbfs" {
			return true
		}
	}
	return false
}

// DefaultHugepageKB returns the default size of a hugepage in KiB.
func (m *Machine) DefaultHugepageKB() (int, error) {
	b, err := m.read("proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "Hugepagesize:"); ok {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			if err != nil || n <= 0 {
				return 0, fmt.Errorf("%s: %q is not a size in kB", m.Path("proc/meminfo"), strings.TrimSpace(line))
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s names no Hugepagesize: the kernel has no hugepages", m.Path("proc/meminfo"))
}

// HugetlbfsMount is a mounted hugetlbfs.
type HugetlbfsMount struct {
	Dir    string // as the mount table names it
	SizeKB int    // of its pages; 0: the default size
}

// HugetlbfsMounts returns the hugetlbfs mounts that this process sees.
func (m *Machine) HugetlbfsMounts() ([]HugetlbfsMount, error) {
	b, err := m.read("proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var all []HugetlbfsMount
	for _, e := range parseMountinfo(b) {
		if e.Type == "hugetlbfs" {
			all = append(all, HugetlbfsMount{Dir: e.Dir, SizeKB: pageSizeOption(e.SuperOptions)})
		}
	}
	return all, nil
}

// pageSizeOption returns what pagesize=2M means in KiB, 0 if it is not given.
func pageSizeOption(options string) int {
	for o := range strings.SplitSeq(options, ",") {
		s, ok := strings.CutPrefix(o, "pagesize=")
		if !ok || s == "" {
			continue
		}
		digits := strings.TrimRight(s, "KMGkmg")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 || n > 1<<30 {
			return 0
		}
		switch strings.ToUpper(s[len(digits):]) {
		case "":
			return n >> 10
		case "K":
			return n
		case "M":
			return n << 10
		case "G":
			return n << 20
		}
	}
	return 0
}
