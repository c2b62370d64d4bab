// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Interactive is a machine for a person: the one of the mission, with a login
// shell on its serial line, and QEMU's monitor behind Ctrl-a c.
type Interactive struct {
	Memory int // MiB; default 4096
	CPUs   int // default 2
	IOMMU  bool
	// Binary is gospdk. The guest sees its directory: what is built there
	// while the machine runs is there at once.
	Binary string

	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run boots the machine and returns when it is off. The end of ctx switches it
// off.
func (o Interactive) Run(ctx context.Context) error {
	as, err := findAssets()
	if err != nil {
		return err
	}
	if err := checkKVM(); err != nil {
		return err
	}
	defer RemoveBuilds()
	dir, err := os.MkdirTemp("", "vm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := o.config(dir)
	if err != nil {
		return err
	}
	if err := writeInitramfs(filepath.Join(dir, "initramfs"), c, as); err != nil {
		return fmt.Errorf("making the initramfs: %w", err)
	}
	cmd, err := as.qemu(append(append(machineArgs(c, as, dir), "-serial", "mon:stdio"), c.Args...)...)
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = o.Stdin, o.Stdout, o.Stderr
	ended, err := launch(cmd)
	if err != nil {
		return err
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done(): // the terminal has gone: the disks, which are large, go too
		_ = cmd.Process.Kill()
		<-ended
		return errors.New("interrupted")
	}
}

// config makes the disks, in dir.
func (o Interactive) config(dir string) (*Config, error) {
	binary, err := filepath.Abs(o.Binary)
	if err != nil {
		return nil, err
	}
	profile := filepath.Join(dir, "profile")
	if err := os.WriteFile(profile, []byte(profileText), 0o644); err != nil {
		return nil, err
	}
	disks := make([]string, 4)
	for i := range disks {
		disks[i] = filepath.Join(dir, fmt.Sprintf("nvme%d", i))
		if err := makeSparse(disks[i], 10<<30); err != nil {
			return nil, err
		}
	}
	if err := writeMBR(disks[0]); err != nil {
		return nil, err
	}
	c := &Config{
		Memory: o.Memory, CPUs: o.CPUs, IOMMU: o.IOMMU, Append: "gospdk.shell",
		Modules:  []string{"nvme", "ext4", "9p", "9pnet_virtio"},
		Programs: []string{"fio", "nvme", "mkfs.ext4", "dmsetup", "lspci", "strace"},
		Files:    map[string]string{"/etc/profile": profile},
		Args: append(threeControllers(disks),
			"-virtfs", "local,path="+filepath.Dir(binary)+",mount_tag=bin,security_model=none,readonly=on",
			"-blockdev", "driver=file,node-name=plug,filename="+disks[3]),
	}
	if c.Memory == 0 {
		c.Memory = 4096
	}
	if f, ok := o.Stdout.(*os.File); ok { // a serial line does not tell its size
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Row > 0 {
			c.Append += fmt.Sprintf(" gospdk.size=%dx%d", size.Col, size.Row)
		}
	}
	return c, nil
}

func makeSparse(path string, size int64) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(path, size)
}

// profileText is what the shell reads first.
const profileText = `# SPDX-License-Identifier: BSD-3-Clause
mkdir -p /mnt /opt/gospdk
mount -t 9p -o trans=virtio,version=9p2000.L,ro bin /opt/gospdk
export PATH=/opt/gospdk:$PATH
for i in $(seq 100); do [ "$(ls /dev | grep -c '^nvme[0-9]n1$')" = 3 ] && break; sleep 0.1; done
p=$(ls /dev/nvme*n1p1) && mkfs.ext4 -q $p && mount $p /mnt && echo 'precious data' > /mnt/file
cat <<'END'

A machine with three NVMe controllers of 10 GB and gospdk. The partition of
the one at 0000:03:00.0 is mounted at /mnt; the other two are spare. Try

    gospdk lspci               what there is
    gospdk doctor              what user-space I/O needs
    gospdk setup --dry-run     what setup would do; and then
    gospdk setup
    gospdk hello_world         over real PCI registers
    gospdk identify
    gospdk perf -q 32 -o 4096 -w randread -t 5
    gospdk setup reset         the kernel gets its controllers back: nvme list, fio …

Ctrl-a c is QEMU's monitor, and back. It plugs in a fourth one, and pulls it:
    device_add nvme,id=new,serial=new,drive=plug,bus=rp5       device_del new
"make build" outside changes gospdk in here. "exit" switches the machine off.

END
`
