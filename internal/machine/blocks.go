// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// block is a block device: a disk or a partition.
type block struct {
	name   string
	dev    string // major:minor
	path   string // directory in /sys/devices, links resolved
	disk   string // the disk that it is a partition of, "" for a disk
	hidden bool   // one path of an NVMe multipath disk: it cannot be opened
}

// blocks are all block devices by name.
type blocks map[string]*block

// readBlocks reads /sys/class/block.
func (m *Machine) readBlocks() (blocks, error) {
	names, err := m.names("sys/class/block")
	if err != nil {
		return nil, err
	}
	all := make(blocks)
	for _, name := range names {
		b := &block{name: name, path: m.resolve("sys/class/block/" + name)}
		if b.dev, err = m.text("sys/class/block", name, "dev"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		hidden, _ := m.text("sys/class/block", name, "hidden") // kernels before 4.15 have none
		b.hidden = hidden == "1"
		if m.exists("sys/class/block", name, "partition") {
			b.disk = filepath.Base(filepath.Dir(b.path))
		}
		all[name] = b
	}
	for name, b := range all {
		if b.disk != "" && all[b.disk] == nil {
			return nil, fmt.Errorf("the partition %s is on %s, which is no block device", name, b.disk)
		}
	}
	return all, nil
}

// resolve follows the symbolic links of a path below the root. A path that
// cannot be followed comes back as it is.
func (m *Machine) resolve(path string) string {
	p, err := filepath.EvalSymlinks(m.Path(path))
	if err != nil {
		return m.Path(path)
	}
	return p
}

// within tells whether the device in a sysfs path is below the PCI function
// address.
func within(path, address string) bool {
	return strings.Contains(path+"/", "/"+address+"/")
}

// dir returns the function's directory in sysfs, without the root.
func (f *Function) dir() string { return "/sys/bus/pci/devices/" + f.Address.String() }

// addresses returns f's address and those of its virtual functions: they go
// when the physical function loses its driver.
func (m *Machine) addresses(f *Function) ([]string, error) {
	all := []string{f.Address.String()}
	names, err := m.names(f.dir())
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, "virtfn") {
			continue
		}
		vf, err := m.link(f.dir(), name)
		if err != nil {
			return nil, err
		}
		all = append(all, vf)
	}
	return all, nil
}

// controller is an NVMe controller that the kernel drives.
type controller struct {
	name  string
	state string // "live" when it works; "" if the kernel does not say
	nqn   string // of its subsystem
}

// controllers returns the kernel's NVMe controllers at these addresses.
func (m *Machine) controllers(addresses []string) ([]controller, error) {
	names, err := m.names("sys/class/nvme")
	if err != nil {
		return nil, err
	}
	var all []controller
	for _, name := range names {
		dir := "sys/class/nvme/" + name
		path := m.resolve(dir)
		at, err := m.optional(dir, "address")
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(addresses, func(a string) bool { return a == at || within(path, a) }) {
			continue
		}
		c := controller{name: name}
		if c.state, err = m.optional(dir, "state"); err != nil {
			return nil, err
		}
		if c.nqn, err = m.optional(dir, "subsysnqn"); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// optional returns a file's text, "" if there is no such file.
func (m *Machine) optional(elem ...string) (string, error) {
	s, err := m.text(elem...)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return s, err
}

// disksOf returns the names of the disks whose data f reaches.
func (m *Machine) disksOf(all blocks, addresses []string, ctrlrs []controller) ([]string, error) {
	var names, paths []string
	for name, b := range all {
		if b.disk != "" || !slices.ContainsFunc(addresses, func(a string) bool { return within(b.path, a) }) {
			continue
		}
		if b.hidden {
			paths = append(paths, name)
		} else {
			names = append(names, name)
		}
	}
	for _, c := range ctrlrs {
		if c.nqn == "" {
			continue
		}
		for name, b := range all {
			if b.disk != "" || b.hidden || slices.Contains(names, name) {
				continue
			}
			shared, err := m.shares(all, b, c, names, paths)
			if err != nil {
				return nil, err
			}
			if shared {
				names = append(names, name)
			}
		}
	}
	// A path whose disk was not found by its subsystem still leads to it.
	for _, p := range paths {
		if head := multipathHead(p); all[head] != nil && !slices.Contains(names, head) {
			names = append(names, head)
		}
	}
	slices.SortFunc(names, natural)
	return names, nil
}

// shares tells whether the disk b, which is not below the function itself,
// is a namespace of c's subsystem that c reaches too. names are the
// function's own disks and paths its paths to multipath disks.
func (m *Machine) shares(all blocks, b *block, c controller, names, paths []string) (bool, error) {
	nqn, err := m.optional("sys/class/block", b.name, "device/subsysnqn")
	if err != nil || nqn != c.nqn {
		return false, err
	}
	if strings.Contains(b.path, "/nvme-subsystem/") {
		// A multipath disk: paths tell who reaches it. Without any visible
		// path it could be anybody.
		known := false
		for name, p := range all {
			known = known || p.hidden && multipathHead(name) == b.name
		}
		mine := slices.ContainsFunc(paths, func(p string) bool { return multipathHead(p) == b.name })
		return mine || !known, nil
	}
	// Multipath is off: the other controller has a disk of its own for what
	// may be the same namespace.
	id, err := m.optional("sys/class/block", b.name, "wwid")
	if err != nil {
		return false, err
	}
	for _, name := range names {
		own, err := m.optional("sys/class/block", name, "wwid")
		if err != nil {
			return false, err
		}
		if own == "" || id == "" || own == id {
			return true, nil
		}
	}
	return false, nil
}

// multipathHead returns the disk that a path such as nvme0c1n2 leads to,
// which is nvme0n2; "" for other names.
func multipathHead(path string) string {
	rest, ok := strings.CutPrefix(path, "nvme")
	subsystem, rest, ok2 := strings.Cut(rest, "c")
	_, ns, ok3 := strings.Cut(rest, "n")
	if !ok || !ok2 || !ok3 {
		return ""
	}
	return "nvme" + subsystem + "n" + ns
}

// partitions returns the partitions of a disk, in order.
func (all blocks) partitions(disk string) []string {
	var names []string
	for name, b := range all {
		if b.disk == disk {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, natural)
	return names
}

// named returns the block device that a path of a kernel table names, "" if
// it names none that is known.
func (x *examination) named(path string) string {
	path = strings.TrimSuffix(path, " (deleted)")
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	if d, err := x.m.sys.device(x.m.Path(path)); err == nil && !d.char {
		if name := x.byDev[d.dev]; name != "" {
			return name
		}
	}
	// The node may be gone, or be in a /dev of another process.
	base := strings.ReplaceAll(strings.TrimPrefix(path, "/dev/"), "/", "!")
	if x.blocks[base] != nil {
		return base
	}
	for _, p := range []string{filepath.Base(x.m.resolve(path)), filepath.Base(path)} {
		if x.blocks[p] != nil {
			return p
		}
		if dm := x.byDMName[p]; dm != "" {
			return dm
		}
	}
	return ""
}

// natural compares names so that nvme0n2 comes before nvme0n10.
func natural(a, b string) int {
	for i, j := 0, 0; ; {
		if i == len(a) || j == len(b) {
			return (len(a) - i) - (len(b) - j)
		}
		na, nb := digits(a[i:]), digits(b[j:])
		if na > 0 && nb > 0 {
			x, y := strings.TrimLeft(a[i:i+na], "0"), strings.TrimLeft(b[j:j+nb], "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
			if c := strings.Compare(x, y); c != 0 {
				return c
			}
			i, j = i+na, j+nb
			continue
		}
		if a[i] != b[j] {
			return int(a[i]) - int(b[j])
		}
		i, j = i+1, j+1
	}
}

// digits returns how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// size returns the bytes of a block device.
func (m *Machine) size(name string) (int64, error) {
	sectors, err := m.number("sys/class/block", name, "size")
	if err != nil {
		return 0, err
	}
	if sectors < 0 || int64(sectors) > 1<<54 {
		return 0, fmt.Errorf("%s: %d is not a size", m.Path("sys/class/block", name, "size"), sectors)
	}
	return int64(sectors) * 512, nil
}
