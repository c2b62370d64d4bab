// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
)

// Kinds of holders.
const (
	HeldMount  = "mount"  // a file system is mounted
	HeldSwap   = "swap"   // the kernel swaps to it
	HeldHolder = "holder" // another device stands on it: LVM, dm-crypt, md, loop …
	HeldData   = "data"   // a partition table or a file system's signature
	HeldOpen   = "open"   // a process or the kernel has it open
)

// Holder is what keeps a block device from being given away.
type Holder struct {
	Kind   string `json:"kind"`
	Block  string `json:"block"`            // the disk; for "holder" and "open" the disk or the partition
	What   string `json:"what,omitempty"`   // the partition, the device that stands on it, or the process
	Type   string `json:"type,omitempty"`   // of what stands on it: lvm, crypt, multipath, dm, md, loop or ""
	Detail string `json:"detail,omitempty"` // directory of a mount, name in /dev/mapper, what the data is
	PID    int    `json:"pid,omitempty"`    // whose mount namespace it is mounted in, if not this process's
}

// String returns what SPDK's script prints: mount@nvme0n1:nvme0n1p1.
func (h Holder) String() string {
	s := h.Kind + "@" + h.Block
	if h.What != "" {
		s += ":" + h.What
	}
	return s
}

// examination finds the holders of functions. What concerns all functions is
// read once.
type examination struct {
	m        *Machine
	blocks   blocks
	byDev    map[string]string  // major:minor to name
	byDMName map[string]string  // as in /dev/mapper, to name
	mounts   map[string]mounted // by block device
	virtiofs []string           // tags that are mounted
	swaps    map[string]bool
	stacked  map[string][]string // block device to those that stand on it
	kernel   map[string][]string // block or character device to what in the kernel opened it
	opened   map[device][]Process
	// What could not be seen: block devices at all, processes, the rest.
	blocksErr, processesErr error
	errs                    []error
}

func (m *Machine) newExamination() *examination {
	x := &examination{
		m: m, byDev: make(map[string]string), byDMName: make(map[string]string),
		mounts: make(map[string]mounted), swaps: make(map[string]bool),
		stacked: make(map[string][]string), kernel: make(map[string][]string),
	}
	x.blocksErr = x.readBlocks()
	x.check(x.readOwnMounts())
	x.settle()
	x.check(x.readSwaps())
	x.check(x.readStacked())
	x.check(x.readBtrfs())
	x.check(x.readTargets())
	return x
}

func (x *examination) check(err error) {
	if err != nil {
		x.errs = append(x.errs, err)
	}
}

// examine fills Controller, Blocks, Holders, Users and ExamineErr of f.
func (x *examination) examine(f *Function) {
	f.Users = x.users(f)
	addresses, err := x.m.addresses(f)
	ctrlrs, err2 := x.m.controllers(addresses)
	names, err3 := x.m.disksOf(x.blocks, addresses, ctrlrs)
	errs := []error{err, err2, err3}
	f.Blocks = names
	for _, c := range ctrlrs {
		if f.Controller == "" {
			f.Controller = c.name
		}
		if c.state != "" && c.state != "live" {
			errs = append(errs, fmt.Errorf("the kernel's controller %s is in state %q, not \"live\"", c.name, c.state))
		}
		f.Holders = append(f.Holders, x.openers(c.name, "sys/class/nvme/"+c.name)...)
	}
	if f.Driver == kernelDrivers[KindNVMe] && len(ctrlrs) == 0 {
		errs = append(errs, errors.New("the kernel's nvme driver has it, but shows no controller yet"))
	}
	errs = append(errs, x.virtioFS(f))
	if f.Driver != "" && !UserDriver(f.Driver) {
		errs = append(errs, x.blocksErr)
	}
	generic, err := x.generic(addresses, names)
	errs = append(errs, err)
	if len(names) > 0 || len(ctrlrs) > 0 || oneLine(errs) != nil {
		errs = append(append(errs, x.errs...), x.processesErr)
	}
	for _, g := range generic {
		f.Holders = append(f.Holders, x.openers(g, "sys/class/nvme-generic/"+g)...)
	}
	for _, name := range names {
		held, err := x.diskHolders(name, len(f.Holders) > 0)
		f.Holders = append(f.Holders, held...)
		errs = append(errs, err)
	}
	f.ExamineErr = oneLine(errs)
}

// diskHolders returns what holds a disk and its partitions. The content is
// looked at only if nothing else holds the function.
func (x *examination) diskHolders(disk string, held bool) ([]Holder, error) {
	var found []Holder
	add := func(h Holder) {
		if !slices.ContainsFunc(found, func(o Holder) bool { return o.String() == h.String() }) {
			found = append(found, h)
		}
	}
	nodes := append([]string{disk}, x.blocks.partitions(disk)...)
	var tree []string // nodes and all that stands on them
	for _, n := range nodes {
		for _, s := range x.stacked[n] {
			kind, name := x.stackedAs(s)
			add(Holder{Kind: HeldHolder, Block: n, What: s, Type: kind, Detail: name})
		}
		tree = x.above(tree, n)
	}
	for _, n := range tree {
		if at, ok := x.mounts[n]; ok {
			add(Holder{Kind: HeldMount, Block: disk, What: x.mountName(n), Detail: at.dir, PID: at.pid})
		}
	}
	for _, n := range tree {
		if x.swaps[n] {
			add(Holder{Kind: HeldSwap, Block: disk, What: x.mountName(n)})
		}
	}
	for _, n := range nodes {
		for _, h := range x.openers(n, "sys/class/block/"+n) {
			add(h)
		}
	}
	if held || len(found) > 0 {
		return found, nil
	}
	h, err := x.content(disk, len(nodes) > 1)
	if h != nil {
		add(*h)
	}
	return found, err
}

// content opens a disk that nobody seems to use, which shows whether the
// kernel has it after all, and looks for data on it.
func (x *examination) content(disk string, partitions bool) (*Holder, error) {
	size, err := x.m.size(disk)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", disk, err)
	}
	f, err := x.m.sys.openExclusive(disk, device{dev: x.blocks[disk].dev})
	switch {
	case errors.Is(err, syscall.EBUSY):
		return &Holder{Kind: HeldOpen, Block: disk, Detail: "held by the kernel: a file system, a volume manager or another exclusive user"}, nil
	case errors.Is(err, syscall.ENOMEDIUM):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%s cannot be examined without the rights of root: %w", disk, err)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be examined: %w", disk, err)
	}
	defer f.Close()
	blockSize, err := x.m.number("sys/class/block", disk, "queue/logical_block_size")
	if err != nil {
		blockSize = 512
	}
	c, err := probe(f, size, blockSize)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be examined: %w", disk, err)
	}
	what := c.String()
	if what == "" && partitions && !c.Exempt {
		what = "partitions of a table that is not known here"
	}
	if what == "" {
		return nil, nil
	}
	return &Holder{Kind: HeldData, Block: disk, Detail: what}, nil
}

// above appends n and all that stands on it, directly or not, to tree.
func (x *examination) above(tree []string, n string) []string {
	if slices.Contains(tree, n) {
		return tree
	}
	tree = append(tree, n)
	for _, s := range x.stacked[n] {
		tree = x.above(tree, s)
	}
	for _, p := range x.blocks.partitions(n) { // of an md array
		tree = x.above(tree, p)
	}
	return tree
}

// generic returns the generic character devices, such as ng0n1, of the
// namespaces below these functions and of these disks. There may be one
// without a disk, for a format that the block layer does not know.
func (x *examination) generic(addresses, disks []string) ([]string, error) {
	all, err := x.m.names("sys/class/nvme-generic")
	return slices.DeleteFunc(all, func(name string) bool {
		path := x.m.resolve("sys/class/nvme-generic/" + name)
		below := slices.ContainsFunc(addresses, func(a string) bool { return within(path, a) })
		return !below && !slices.Contains(disks, "nvme"+strings.TrimPrefix(name, "ng"))
	}), err
}

// openers returns who has the device in a directory of sysfs open.
func (x *examination) openers(name, dir string) []Holder {
	var all []Holder
	for _, who := range x.kernel[name] {
		all = append(all, Holder{Kind: HeldOpen, Block: name, What: who})
	}
	dev, err := x.m.text(dir, "dev")
	if err != nil {
		return all
	}
	char := !strings.HasPrefix(dir, "sys/class/block/")
	for _, p := range x.opened[device{char: char, dev: dev}] {
		all = append(all, Holder{Kind: HeldOpen, Block: name, What: p.String()})
	}
	return all
}

// mountName is the name that lsblk has for a device: a partition's own, and
// that in /dev/mapper for those of device-mapper.
func (x *examination) mountName(name string) string {
	if s, err := x.m.optional("sys/class/block", name, "dm/name"); err == nil && s != "" {
		return s
	}
	return name
}

// stackedAs tells what a device that stands on others is, and its name in
// /dev/mapper if it has one.
func (x *examination) stackedAs(device string) (kind, name string) {
	switch {
	case strings.HasPrefix(device, "md"):
		return "md", ""
	case strings.HasPrefix(device, "loop"):
		return "loop", ""
	}
	if name = x.mountName(device); name == device {
		return "", ""
	}
	uuid, _ := x.m.optional("sys/class/block", device, "dm/uuid") // volumes made by hand have none
	switch {
	case strings.HasPrefix(uuid, "LVM-"):
		return "lvm", name
	case strings.HasPrefix(uuid, "CRYPT-"):
		return "crypt", name
	case strings.HasPrefix(uuid, "mpath-"):
		return "multipath", name
	}
	return "dm", name
}
