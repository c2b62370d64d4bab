// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a process that has a device open.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// String returns NAME[PID].
func (p Process) String() string { return fmt.Sprintf("%s[%d]", p.Name, p.PID) }

// readProcesses reads what the processes have mounted and open. They may be
// in mount namespaces of their own, so each namespace's table is read once.
func (x *examination) readProcesses() error {
	x.opened = make(map[device][]Process)
	hidden := x.m.sys.seesAll()
	names, err := x.m.names("proc")
	if err != nil {
		return err
	}
	seen := make(map[string]bool)
	var blind error // the first process that could not be looked at
	for _, pid := range names {
		if !isPID(pid) {
			continue
		}
		err := oneLine([]error{x.readMounts(pid, seen), x.readOpen(pid), x.readMapped(pid)})
		if blind == nil {
			blind = err
		}
	}
	if errors.Is(blind, fs.ErrPermission) {
		blind = fmt.Errorf("not all processes may be looked at, which takes the rights of root: %w", blind)
	}
	return oneLine([]error{hidden, blind})
}

// transient are the programs that open each new disk for a moment.
var transient = []string{"systemd-udevd", "(udev-worker)", "udevd", "mdev", "blkid", "lsblk"}

// settleTime is how long such a program is waited for.
const settleTime = 2 * time.Second

// settle reads the processes. It waits for programs that look at each new
// disk, such as those that the kernel's driver has just found.
func (x *examination) settle() {
	x.processesErr = x.readProcesses()
	for deadline := time.Now().Add(settleTime); x.looking() && time.Now().Before(deadline); {
		time.Sleep(settleTime / 40)
		x.processesErr = x.readProcesses()
	}
}

// looking tells whether a transient program has a disk open.
func (x *examination) looking() bool {
	for d, ps := range x.opened {
		if !d.char && slices.ContainsFunc(ps, func(p Process) bool { return slices.Contains(transient, p.Name) }) {
			return true
		}
	}
	return false
}

// gone tells that a process ended meanwhile, or is a zombie.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, syscall.EINVAL)
}

// readMounts enters the mounts of a process's namespace.
func (x *examination) readMounts(pid string, seen map[string]bool) error {
	// Without the right to see the namespace the table is not readable
	// either, so the error comes from there.
	if ns, err := os.Readlink(x.m.Path("proc", pid, "ns/mnt")); err == nil {
		if seen[ns] {
			return nil
		}
		seen[ns] = true
	}
	b, err := x.m.read("proc", pid, "mountinfo")
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(pid)
	x.addMounts(b, n)
	return err
}

// readOpen enters the devices that a process has open.
func (x *examination) readOpen(pid string) error {
	fds, err := x.m.names("proc", pid, "fd")
	if err != nil {
		if gone(err) {
			return nil
		}
		return err
	}
	for _, fd := range fds {
		d, err := x.m.sys.device(x.m.Path("proc", pid, "fd", fd))
		switch {
		case err == nil:
			x.open(d, pid)
		case errors.Is(err, fs.ErrPermission):
			return err
		}
		// Any other error is that of a file which is no device.
	}
	return nil
}

// readMapped enters the disks that a process has mapped: a mapping outlives
// its descriptor.
func (x *examination) readMapped(pid string) error {
	b, err := x.m.read("proc", pid, "maps")
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	last := ""
	for line := range strings.Lines(string(b)) {
		_, path, ok := strings.Cut(line, " /dev/")
		if !ok || path == last {
			continue
		}
		last = path
		if name := x.named("/dev/" + strings.TrimSpace(unescape(path))); name != "" {
			x.open(device{dev: x.blocks[name].dev}, pid)
		}
	}
	return nil
}

func (x *examination) open(d device, pid string) {
	n, err := strconv.Atoi(pid)
	if err != nil || slices.ContainsFunc(x.opened[d], func(p Process) bool { return p.PID == n }) {
		return
	}
	name, err := x.m.text("proc", pid, "comm")
	if err != nil || name == "" {
		name = "process"
	}
	x.opened[d] = append(x.opened[d], Process{n, strings.Join(strings.Fields(name), "_")})
}

// users returns the processes that have opened f through VFIO or UIO.
func (x *examination) users(f *Function) []Process {
	var dirs []string
	if f.IOMMUGroup >= 0 {
		group := strconv.Itoa(f.IOMMUGroup)
		dirs = append(dirs, "sys/class/vfio/"+group, "sys/class/vfio/noiommu-"+group)
	}
	for _, class := range []string{"uio", "vfio-dev"} {
		names, err := x.m.names(f.dir(), class)
		if err != nil {
			continue // who uses it is said as far as it is known
		}
		for _, name := range names {
			dirs = append(dirs, f.dir()+"/"+class+"/"+name)
		}
	}
	var all []Process
	for _, dir := range dirs {
		dev, err := x.m.text(dir, "dev")
		if err != nil {
			continue
		}
		for _, p := range x.opened[device{char: true, dev: dev}] {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}
