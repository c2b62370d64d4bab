// SPDX-License-Identifier: BSD-3-Clause

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gospdk/gospdk/internal/machine"
)

// system are directories that a running system cannot do without.
var system = []string{"/", "/boot", "/boot/efi", "/usr", "/var", "/nix"}

// inUse tells what holds a controller, and the commands that let go, those of
// the uppermost layer first.
func (p *patient) inUse(f machine.Function) (why string, fix []string) {
	var names []string
	var steps [4][]string // unmount, swap off, take layers apart, data
	needed := false
	for _, h := range f.Holders {
		names = append(names, describe(h))
		switch h.Kind {
		case machine.HeldMount:
			needed = needed || h.PID == 0 && slices.Contains(system, h.Detail)
			if c := unmount(h); c != "" {
				steps[0] = append(steps[0], c)
			}
		case machine.HeldSwap:
			steps[1] = append(steps[1], "swapoff "+device(h.What))
		case machine.HeldHolder:
			steps[2] = append(steps[2], takeApart(h))
		case machine.HeldData:
			steps[3] = append(steps[3], "wipefs --all /dev/"+h.Block)
		}
	}
	why = fmt.Sprintf("In use, so it stays with the kernel: %s.", strings.Join(names, ", "))
	switch {
	case needed:
		return why + " The running system is on it.", nil
	case len(steps[3]) > 0:
		why += " If the data is not needed any more, this erases it:"
	}
	for _, s := range steps {
		for _, c := range s {
			if !slices.Contains(fix, c) {
				fix = append(fix, c)
			}
		}
	}
	return why, p.sudo(fix...)
}

// unmount returns the command that unmounts, in the namespace where it is
// mounted; "" if the directory is not known.
func unmount(h machine.Holder) string {
	switch {
	case !strings.HasPrefix(h.Detail, "/"):
		return ""
	case h.PID != 0:
		return fmt.Sprintf("nsenter --mount --target %d umount %s", h.PID, quote(h.Detail))
	}
	return "umount " + quote(h.Detail)
}

// describe adds what is known to the way SPDK's script writes a holder.
func describe(h machine.Holder) string {
	switch {
	case h.Detail == "":
		return h.String()
	case h.PID != 0:
		return fmt.Sprintf("%s (%s, seen by process %d)", h, h.Detail, h.PID)
	}
	return fmt.Sprintf("%s (%s)", h, h.Detail)
}

// takeApart returns the command that removes what stands on a device.
func takeApart(h machine.Holder) string {
	switch h.Type {
	case "lvm":
		return "lvchange -an /dev/mapper/" + h.Detail
	case "crypt":
		return "cryptsetup close " + h.Detail
	case "multipath":
		return "multipath -f " + h.Detail
	case "md":
		return "mdadm --stop /dev/" + h.What
	case "loop":
		return "losetup --detach /dev/" + h.What
	case "dm":
		return "dmsetup remove " + h.Detail
	}
	return "lsblk /dev/" + h.Block // shows what it is
}

// device returns the node of a block device or a name in /dev/mapper.
func device(name string) string {
	if strings.HasPrefix(name, "nvme") || strings.HasPrefix(name, "dm-") || !strings.Contains(name, "-") {
		return "/dev/" + name
	}
	return "/dev/mapper/" + name
}

// quote quotes a path for a shell if it has to be.
func quote(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@,") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
