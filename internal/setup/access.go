// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gospdk/gospdk/internal/machine"
)

// account is the user who is going to run the program. The name is "" for
// root, who needs nothing.
type account struct {
	name string
	uid  int
}

// targetUser looks the user up.
func (h *Host) targetUser(ctx context.Context, o *Options) (account, error) {
	if o.TargetUser == "" {
		return account{}, nil
	}
	uid, err := h.Kernel.User(ctx, o.TargetUser)
	if err != nil {
		return account{}, fmt.Errorf("TARGET_USER=%q: %w; allowed are the name and the number of a user", o.TargetUser, err)
	}
	if uid == 0 {
		return account{}, nil
	}
	return account{o.TargetUser, uid}, nil
}

// accessSteps let the target user use what was prepared, as far as that can
// be done, and tell the rest.
func (h *Host) accessSteps(o *Options, s *selection, d *driver, u account) []Step {
	if u.name == "" || d.name == "" || d.name == DriverNone {
		return nil
	}
	p := &Plan{}
	if !d.vfio() || !h.machine.IOMMU() {
		if len(s.chosen) > 0 {
			p.say(fmt.Sprintf("INFO: without an IOMMU and vfio-pci only root can use these functions, and user %q cannot", u.name))
		}
		return p.Steps
	}
	for _, f := range s.chosen {
		p.add(h.groupAccessStep(f, u))
	}
	if !o.SkipHuge {
		p.add(h.mountAccessStep(u))
	}
	if !h.DryRun {
		p.add(h.memlockStep(u))
	}
	return p.Steps
}

// groupAccessStep gives the device nodes of a function to the user: that of
// its VFIO group, and that of the function itself and of /dev/iommu where the
// kernel has them.
func (h *Host) groupAccessStep(f *machine.Function, u account) Step {
	var undo []func() error
	return Step{
		What: fmt.Sprintf("let user %s use the VFIO group of %s", u.name, f.Address),
		Do: func(ctx context.Context, _ io.Writer) error {
			node := h.groupNode(f)
			if node == "" || !await(ctx, h.Patience, func() bool { return h.exists(node) }) {
				return fmt.Errorf("%s has no VFIO group in /dev/vfio; is devtmpfs mounted at /dev, or udev running?", f.Address)
			}
			nodes := []string{node}
			for _, dev := range h.glob(functionDir(f.Address) + "/vfio-dev/vfio*") {
				nodes = append(nodes, "/dev/vfio/devices/"+filepath.Base(dev), "/dev/iommu")
			}
			for _, n := range nodes {
				if !h.exists(n) {
					continue
				}
				back, err := h.give(n, u, 0)
				if err != nil {
					return err
				}
				undo = append(undo, back)
			}
			return nil
		},
		Undo: func(context.Context, io.Writer) error { return backwards(undo) },
	}
}

// groupNode returns the device node of a function's IOMMU group, "" if it has
// no group.
func (h *Host) groupNode(f *machine.Function) string {
	target, err := os.Readlink(h.path(functionDir(f.Address) + "/iommu_group"))
	if err != nil {
		return ""
	}
	group := filepath.Base(target)
	if node := "/dev/vfio/noiommu-" + group; h.exists(node) {
		return node
	}
	return "/dev/vfio/" + group
}

// mountAccessStep gives the hugetlbfs mounts to the user.
func (h *Host) mountAccessStep(u account) Step {
	var undo []func() error
	return Step{
		What: fmt.Sprintf("let user %s use the hugetlbfs mounts", u.name),
		Do: func(context.Context, io.Writer) error {
			mounts, err := h.machine.HugetlbfsMounts()
			if err != nil {
				return err
			}
			for _, m := range mounts {
				back, err := h.give(m.Dir, u, 0o020)
				if err != nil {
					return err
				}
				undo = append(undo, back)
			}
			return nil
		},
		Undo: func(context.Context, io.Writer) error { return backwards(undo) },
	}
}

// give makes a user the owner of a file and adds permissions. It returns how
// to take that back.
func (h *Host) give(file string, u account, add fs.FileMode) (func() error, error) {
	path := h.path(file)
	uid, mode, err := h.Kernel.Owner(path)
	if err != nil {
		return nil, err
	}
	back := func() error {
		if err := h.Kernel.Chown(path, uid); err != nil {
			return err
		}
		return h.Kernel.Chmod(path, mode)
	}
	if uid != u.uid {
		if err := h.Kernel.Chown(path, u.uid); err != nil {
			return nil, err
		}
	}
	if mode|add != mode {
		if err := h.Kernel.Chmod(path, mode|add); err != nil {
			_ = h.Kernel.Chown(path, uid) // the first error tells
			return nil, err
		}
	}
	return back, nil
}

func backwards(undo []func() error) error {
	for i := len(undo) - 1; i >= 0; i-- {
		if err := undo[i](); err != nil {
			return err
		}
	}
	return nil
}

// memlockStep tells how much memory the user may lock. VFIO locks all the
// memory that functions reach.
func (h *Host) memlockStep(u account) Step {
	return Step{Do: func(ctx context.Context, out io.Writer) error {
		kb, err := h.Kernel.Memlock(ctx, u.name)
		if err != nil {
			fmt.Fprintf(h.Err, "WARNING: how much memory user %q may lock could not be found out: %v\n", u.name, err)
			return nil
		}
		if kb < 0 {
			return nil
		}
		fmt.Fprintf(out, `"%[1]s" user memlock limit: %[2]d MB

This is the maximum amount of memory you will be
able to use with DPDK and VFIO if run as user "%[1]s".
To change this, please adjust limits.conf memlock limit for user "%[1]s".
`, u.name, kb/1024)
		if kb < 65536 {
			fmt.Fprintf(out, `
## WARNING: memlock limit is less than 64MB
## DPDK with VFIO may not be able to initialize if run as user "%s".
`, u.name)
		}
		fmt.Fprintf(out, `
For every login from now on:  echo '%[1]s - memlock unlimited' | sudo tee /etc/security/limits.d/99-gospdk.conf
For the shell that you are in: sudo prlimit --pid $$ --memlock=unlimited
`, u.name)
		return nil
	}}
}
