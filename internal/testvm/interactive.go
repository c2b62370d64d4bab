// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const greeting = `
This is a virtual machine with three NVMe controllers and gospdk. The one at
0000:03:00.0 is mounted at /mnt; the other two are spare. Try

    gospdk lspci                 what there is
    gospdk doctor                what user-space I/O needs
    gospdk setup --dry-run       what setup would do, and then
    gospdk setup
    gospdk hello_world           over real PCI registers
    gospdk perf -q 32 -o 4k -w randread -t 5
    gospdk setup reset           the kernel gets its controllers back

"exit" switches the machine off.

`

// Interactive boots a machine whose serial console is this terminal, with
// spare NVMe controllers and the gospdk binary, and returns when it is off.
func Interactive(stdin io.Reader, stdout, stderr io.Writer, iommu bool, binary string) error {
	as, err := findAssets()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "gospdk-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	defer RemoveBuilds()
	disks := make([]string, 3)
	for i := range disks {
		disks[i] = filepath.Join(dir, fmt.Sprintf("nvme%d", i))
		if err := os.WriteFile(disks[i], nil, 0o600); err != nil {
			return err
		}
		if err := os.Truncate(disks[i], 10<<30); err != nil {
			return err
		}
	}
	if err := writeMBR(disks[0]); err != nil {
		return err
	}
	c := Config{
		Memory: 4096, IOMMU: iommu, Modules: []string{"nvme", "ext4"}, Args: threeControllers(disks),
		Files: map[string]string{"/usr/bin/gospdk": binary}, Programs: []string{"mkfs.ext4", "nvme", "fio"},
		Append: "gospdk.shell", motd: greeting, profile: profile,
	}
	if err := writeInitramfs(filepath.Join(dir, "initramfs"), &c, as); err != nil {
		return err
	}
	args := append(machineArgs(&c, as, dir), "-display", "none", "-no-reboot", "-chardev", "stdio,id=tty,mux=on,signal=off", "-serial", "chardev:tty", "-mon", "chardev=tty")
	cmd, err := as.qemu(append(args, c.Args...)...)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	return cmd.Run()
}

// profile is what the shell does first.
const profile = `mkdir -p /mnt /dev/hugepages
mount -t hugetlbfs none /dev/hugepages
i=0; while [ ! -b /dev/nvme0n1 ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
p=$(ls /dev/nvme*n1p1 2>/dev/null) && mkfs.ext4 -q $p && mount $p /mnt && echo 'precious data' > /mnt/file
`
