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

// readBlocks reads the block devices and their other names.
func (x *examination) readBlocks() error {
	var err error
	if x.blocks, err = x.m.readBlocks(); err != nil {
		return err
	}
	for name, b := range x.blocks {
		if b.dev != "" && !b.hidden {
			x.byDev[b.dev] = name
		}
		dm, err := x.m.optional("sys/class/block", name, "dm/name")
		if err != nil {
			return err
		}
		if dm != "" {
			x.byDMName[dm] = name
		}
	}
	if !x.m.exists("sys/class/block") {
		return fmt.Errorf("%s is missing: is sysfs mounted?", x.m.Path("sys/class/block"))
	}
	return nil
}

// readOwnMounts reads the mounts that this process sees.
func (x *examination) readOwnMounts() error {
	b, err := x.m.read("proc/self/mountinfo")
	if err != nil {
		return err
	}
	x.addMounts(b, 0)
	return nil
}

// addMounts enters the block devices of a process's mount table; 0 is this
// process.
func (x *examination) addMounts(table []byte, pid int) {
	for _, e := range parseMountinfo(table) {
		if e.Type == "virtiofs" && !slices.Contains(x.virtiofs, e.Source) {
			x.virtiofs = append(x.virtiofs, e.Source)
		}
		x.addMount(x.byDev[e.Dev], mounted{e.Dir, pid})
		// Some file systems (btrfs, bcachefs, zfs) have device numbers of
		// their own; bcachefs separates its sources by colons.
		for source := range strings.SplitSeq(e.Source, ":") {
			x.addMount(x.named(source), mounted{e.Dir, pid})
		}
	}
}

// mounted is where a block device is mounted: in the namespace of this
// process (0) or of another.
type mounted struct {
	dir string
	pid int
}

func (x *examination) addMount(name string, at mounted) {
	if name == "" {
		return
	}
	if _, ok := x.mounts[name]; !ok {
		x.mounts[name] = at
	}
}

// readSwaps reads the areas that the kernel swaps to. Swap files are on
// mounted file systems.
func (x *examination) readSwaps() error {
	b, err := x.m.read("proc/swaps")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a kernel without swap
	}
	if err != nil {
		return err
	}
	for _, s := range parseSwaps(b) {
		if s.Type == "partition" {
			x.swaps[x.named(s.File)] = true
		}
	}
	return nil
}

// readStacked reads which block devices stand on which: device-mapper, md,
// bcache and loop devices.
func (x *examination) readStacked() error {
	for name := range x.blocks {
		holders, err := x.m.names("sys/class/block", name, "holders")
		if err != nil {
			return err
		}
		for _, h := range holders {
			x.stack(name, h)
		}
		file, err := x.m.optional("sys/class/block", name, "loop/backing_file")
		if err != nil {
			return err
		}
		x.stack(x.named(unescape(file)), name)
	}
	b, err := x.m.read("proc/mdstat")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for array, members := range parseMdstat(b) {
		for _, member := range members {
			if x.blocks[member] != nil {
				x.stack(member, array)
			}
		}
	}
	return nil
}

func (x *examination) stack(below, above string) {
	if below == "" || slices.Contains(x.stacked[below], above) {
		return
	}
	x.stacked[below] = append(x.stacked[below], above)
	slices.SortFunc(x.stacked[below], natural)
}

// readBtrfs reads the devices of mounted file systems that have several: the
// mount table shows one of them.
func (x *examination) readBtrfs() error {
	for _, pattern := range []string{"sys/fs/btrfs/*/devices/*", "sys/fs/bcachefs/*/dev-*/block"} {
		found, err := filepath.Glob(x.m.Path(pattern))
		if err != nil {
			return err
		}
		for _, p := range found {
			name := filepath.Base(p)
			if name == "block" {
				if p, err = filepath.EvalSymlinks(p); err != nil {
					return err
				}
				name = filepath.Base(p)
			}
			if x.blocks[name] != nil {
				x.addMount(name, mounted{"part of a mounted file system with several devices", 0})
			}
		}
	}
	return nil
}

// targetFiles are where the kernel's storage targets name what they serve.
// They do not all hold it exclusively.
var targetFiles = []struct{ pattern, who string }{
	{"sys/kernel/config/nvmet/subsystems/*/namespaces/*/device_path", "nvmet"},
	{"sys/kernel/config/nvmet/subsystems/*/passthru/device_path", "nvmet"},
	{"sys/kernel/config/target/core/*/*/udev_path", "iscsi-target"},
}

// readTargets reads what the kernel's targets serve to others.
func (x *examination) readTargets() error {
	for _, t := range targetFiles {
		found, err := filepath.Glob(x.m.Path(t.pattern))
		if err != nil {
			return err
		}
		for _, file := range found {
			b, err := readLimited(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			// Until it is enabled nvmet has it not open, but will.
			path := strings.TrimSpace(string(b))
			name := x.named(path)
			if name == "" {
				name = strings.TrimPrefix(path, "/dev/") // a controller's
			}
			if name != "" && !slices.Contains(x.kernel[name], t.who) {
				x.kernel[name] = append(x.kernel[name], t.who)
			}
		}
	}
	return nil
}

// virtioFS finds out whether f is a virtio-fs device that is mounted.
func (x *examination) virtioFS(f *Function) error {
	if f.Kind != KindVirtio || f.ID.Device != virtioFS || UserDriver(f.Driver) || len(x.virtiofs) == 0 {
		return nil
	}
	found, err := filepath.Glob(x.m.Path("sys/fs/virtiofs/*"))
	if err != nil {
		return err
	}
	for _, dir := range found {
		path, err := filepath.EvalSymlinks(filepath.Join(dir, "device"))
		if err != nil || !within(path, f.Address.String()) {
			continue
		}
		b, err := readLimited(filepath.Join(dir, "tag"))
		if err != nil {
			return err
		}
		tag := strings.TrimSpace(string(b))
		if slices.Contains(x.virtiofs, tag) {
			f.Holders = append(f.Holders, Holder{Kind: HeldMount, Block: filepath.Base(path), What: tag})
		}
		return nil
	}
	return fmt.Errorf("a virtio-fs file system is mounted (%s), and the kernel does not tell from which device", strings.Join(x.virtiofs, ", "))
}
