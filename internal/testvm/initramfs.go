// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// onDemand are the modules that modprobe finds in every guest.
var onDemand = []string{
	"nvme", "uio_pci_generic", "vfio-pci", "vfio_iommu_type1", "virtio_pci", "virtio_console", "virtio_blk", "virtio_scsi",
	"ext4", "crc32c_generic", "ioatdma", "dm-mod", "dm-crypt", "md-mod", "raid0", "raid1", "loop", "null_blk", "nvme-tcp", "9p", "9pnet_virtio",
}

// atBoot are those without which the agent does not hear anybody.
var atBoot = []string{"virtio_pci", "virtio_console"}

// writeInitramfs makes the guest's root file system.
func writeInitramfs(path string, c *Config, as assets) error {
	agent, err := build(modulePath+"/internal/testvm/agent", false)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	a := &archive{w: w}
	a.file("/init", agent)
	a.dir("root")
	a.entry("/dev/console", modeChar|0o600, nil, 5, 1)
	a.bytes("/etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:alice:/:/bin/sh\n"))
	a.bytes("/etc/group", 0o644, []byte("root:x:0:\nalice:x:1000:\n"))
	a.bytes("/etc/os-release", 0o644, []byte("ID=debian\nVERSION_ID=\"13\"\nPRETTY_NAME=\"gospdk test machine (Debian 13 kernel)\"\n"))
	if err := packBusybox(a, as.tree); err != nil {
		return err
	}
	done := make(map[string]bool)
	for _, p := range c.Programs {
		if err := as.tree.pack(a, p, done); err != nil {
			return err
		}
	}
	mods, err := readModules(as.modules)
	if err != nil {
		return err
	}
	if err := mods.pack(a, append(slices.Clone(atBoot), c.Modules...), onDemand); err != nil {
		return err
	}
	for guest, host := range c.Files {
		a.file(guest, host)
	}
	return errors.Join(a.close(), w.Flush())
}

func packBusybox(a *archive, r tree) error {
	path, err := r.program("busybox")
	if err != nil {
		return err
	}
	applets, err := exec.Command(path, "--list").Output()
	if err != nil {
		return err
	}
	a.file("/bin/busybox", path)
	for _, name := range strings.Fields(string(applets)) {
		if name != "busybox" {
			a.symlink("/bin/"+name, "busybox")
		}
	}
	a.symlink("/sbin/modprobe", "/bin/busybox")
	return nil
}
