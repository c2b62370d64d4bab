// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The controllers of the guests of these tests: one with a mounted
// partition, and two that are spare.
const (
	busyAt   = "0000:00:03.0"
	spareAt  = "0000:00:04.0"
	spare2At = "0000:00:05.0"
)

// setupGuest boots a machine with the three controllers, and mounts.
func setupGuest(t *testing.T, iommu bool, args ...string) *VM {
	t.Helper()
	c := Config{
		Memory: 512, Args: args, IOMMU: iommu, Modules: []string{"nvme", "crc32c_generic"}, Programs: []string{"mkfs.ext4", "dmsetup"},
		Files: map[string]string{"/bin/gospdk": Binary(t)},
	}
	for i := range 3 {
		disk := Disk(t, 10<<30)
		if i == 0 {
			partition(t, disk)
		}
		c.Args = append(c.Args, "-blockdev", fmt.Sprintf("driver=file,node-name=disk%d,filename=%s", i, disk),
			"-device", fmt.Sprintf("nvme,serial=disk%d,drive=disk%d,addr=%d", i, i, 3+i))
	}
	vm := Start(t, c)
	vm.Until(t, "test -b /dev/nvme0n1 && test -b /dev/nvme1n1 && test -b /dev/nvme2n1")
	busy := vm.disk(t, busyAt)
	vm.Until(t, "test -b /dev/"+busy+"p1")
	vm.MustShell(t, fmt.Sprintf("mkfs.ext4 -q /dev/%sp1 16m; mkdir -p /data; modprobe ext4; mount /dev/%sp1 /data", busy, busy))
	return vm
}

// partition writes an MBR with one Linux partition of 64 MiB.
func partition(t *testing.T, disk string) {
	t.Helper()
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	entry := []byte{0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 2, 0} // from sector 2048, 131072 sectors
	if _, err := f.WriteAt(append(entry, make([]byte, 48)...), 446); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{0x55, 0xaa}, 510); err != nil {
		t.Fatal(err)
	}
}

// disk returns the kernel's name of a controller's disk.
func (vm *VM) disk(t *testing.T, bdf string) string {
	t.Helper()
	return strings.TrimSpace(vm.Until(t, "ls /sys/bus/pci/devices/"+bdf+"/nvme/nvme*/ | grep '^nvme[0-9]*n[0-9]*$'"))
}

// driver returns what a function is bound to, "" for nothing.
func (vm *VM) driver(t *testing.T, bdf string) string {
	t.Helper()
	out := vm.Shell(t, "readlink /sys/bus/pci/devices/"+bdf+"/driver").Stdout
	return strings.TrimSpace(out[strings.LastIndex(out, "/")+1:])
}

// bound checks the drivers of the three controllers.
func (vm *VM) bound(t *testing.T, busy, spare, spare2 string) {
	t.Helper()
	for bdf, want := range map[string]string{busyAt: busy, spareAt: spare, spare2At: spare2} {
		if got := vm.driver(t, bdf); got != want {
			t.Errorf("%s is bound to %q, want %q", bdf, got, want)
		}
	}
}

// hugepages returns the number of them.
func (vm *VM) hugepages(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(vm.MustRun(t, "cat", "/proc/sys/vm/nr_hugepages"))
}

// prints runs a script and compares what it prints.
func (vm *VM) prints(t *testing.T, script, want string) {
	t.Helper()
	if got := vm.MustShell(t, script); got != want {
		t.Errorf("%s\nprinted:\n%s\nwant:\n%s", script, got, want)
	}
}

// settle waits until the kernel's driver shows all disks again.
func (vm *VM) settle(t *testing.T) {
	t.Helper()
	for _, bdf := range []string{busyAt, spareAt, spare2At} {
		vm.disk(t, bdf)
	}
}

func TestSetupUIO(t *testing.T) {
	vm := setupGuest(t, false)
	busy := vm.disk(t, busyAt)
	active := fmt.Sprintf("%s (1b36 0010): Active devices: mount@%s:%sp1, so not binding PCI dev\n", busyAt, busy, busy)
	toUIO := active + spareAt + " (1b36 0010): nvme -> uio_pci_generic\n" + spare2At + " (1b36 0010): nvme -> uio_pci_generic\n"
	toNVMe := active + spareAt + " (1b36 0010): uio_pci_generic -> nvme\n" + spare2At + " (1b36 0010): uio_pci_generic -> nvme\n"
	t.Run("mission", func(t *testing.T) {
		vm.prints(t, "HUGEMEM=64 gospdk setup", toUIO+"Mounting hugetlbfs at /mnt/huge\n")
		vm.bound(t, "nvme", "uio_pci_generic", "uio_pci_generic")
		vm.MustShell(t, "test -c /dev/uio0; test -c /dev/uio1; grep -q '/mnt/huge hugetlbfs' /proc/mounts; ls /data >/dev/null")
		if got := vm.hugepages(t); got != "32" {
			t.Errorf("%s hugepages, want 32", got)
		}
		vm.prints(t, "gospdk setup config --hugemem 64", strings.ReplaceAll(toUIO, "nvme -> uio_pci_generic", "Already using the uio_pci_generic driver")+
			"INFO: Requested 32 hugepages but 32 already allocated \n")
		checkStatus(t, vm, busy)
		vm.prints(t, "gospdk setup reset", toNVMe)
		vm.settle(t)
		vm.MustShell(t, "! grep -q hugetlbfs /proc/mounts; test ! -e /mnt/huge; test ! -e /run/gospdk/setup.json")
		if got := vm.hugepages(t); got != "0" {
			t.Errorf("%s hugepages after reset, want 0", got)
		}
	})
	t.Run("undo", func(t *testing.T) { undoTooMany(t, vm, toUIO) })
	t.Run("refused", func(t *testing.T) { undoRefused(t, vm) })
	t.Run("lists", func(t *testing.T) { setupLists(t, vm) })
	t.Run("holders", func(t *testing.T) { setupHolders(t, vm) })
	t.Run("unprivileged", func(t *testing.T) { setupUnprivileged(t, vm) })
	t.Run("cleanup", func(t *testing.T) { setupCleanup(t, vm) })
	t.Run("none", func(t *testing.T) {
		vm.MustShell(t, "SKIP_HUGE=yes DRIVER_OVERRIDE=none gospdk setup")
		vm.bound(t, "nvme", "", "")
		vm.MustShell(t, "SKIP_HUGE=yes PCI_BLOCK_SYNC_ON_RESET=yes gospdk setup reset")
		vm.MustShell(t, "test -b /dev/nvme0n1; test -b /dev/nvme1n1; test -b /dev/nvme2n1")
	})
	t.Run("used", func(t *testing.T) {
		vm.MustShell(t, "SKIP_HUGE=yes gospdk setup")
		user := vm.Go(t, "/bin/sh", "-c", "exec 3<>/dev/uio0; echo open; exec sleep 1000")
		user.WaitOutput(t, "open", replyTime)
		out := vm.MustShell(t, "gospdk setup reset")
		if !strings.Contains(out, "Used by sleep[") {
			t.Errorf("printed:\n%s", out)
		}
		user.Signal(unix.SIGKILL)
		user.Wait()
		vm.MustShell(t, "gospdk setup reset")
		vm.settle(t)
		vm.bound(t, "nvme", "nvme", "nvme")
	})
}

// checkStatus checks both forms of the status while two controllers are
// handed over.
func checkStatus(t *testing.T, vm *VM, busy string) {
	t.Helper()
	table := vm.MustShell(t, "gospdk setup status")
	for _, want := range []string{
		fmt.Sprintf("NVMe                      %s    1b36   0010   unknown nvme             %s      %-16s mount@%s:%sp1\n", busyAt, busy[:5], busy, busy, busy),
		fmt.Sprintf("NVMe                      %s    1b36   0010   unknown uio_pci_generic  -          -                -\n", spareAt),
		"      32 /     32\n",
	} {
		// Only some kernels know the node.
		if !strings.Contains(strings.NewReplacer("   0       nvme", "   unknown nvme", "   0       uio", "   unknown uio", "   -       nvme", "   unknown nvme", "   -       uio", "   unknown uio").Replace(table), want) {
			t.Errorf("status lacks\n%s\nit is\n%s", want, table)
		}
	}
	var s struct {
		Functions []struct {
			Address, Driver string
			Holders         []struct{ Kind string }
		}
	}
	if err := json.Unmarshal([]byte(vm.MustShell(t, "gospdk setup status --json")), &s); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range s.Functions {
		found[f.Address] = f.Driver
		for _, h := range f.Holders {
			found[f.Address] += " " + h.Kind
		}
	}
	if found[busyAt] != "nvme mount" || found[spareAt] != "uio_pci_generic" {
		t.Errorf("status --json: %v", found)
	}
}

// undoTooMany asks for more hugepages than there is memory: the error is
// setup.sh's, and everything is as it was.
func undoTooMany(t *testing.T, vm *VM, lines string) {
	vm.Shell(t, "modprobe -r uio_pci_generic")
	r := vm.Shell(t, "HUGEMEM=100000 gospdk setup")
	if r.Code != 1 || !strings.HasPrefix(r.Stdout, lines+"Mounting hugetlbfs at /mnt/huge\n\n## ERROR: requested 50000 hugepages but ") ||
		!strings.Contains(r.Stdout, " could be allocated .\n## Memory might be heavily fragmented. Please try flushing the system cache, or reboot the machine.\n") ||
		!strings.Contains(r.Stderr, "HUGEMEM") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	vm.settle(t)
	vm.bound(t, "nvme", "nvme", "nvme")
	vm.MustShell(t, "! grep -q hugetlbfs /proc/mounts; test ! -e /mnt/huge; test ! -e /run/gospdk/setup.json; test ! -d /sys/module/uio_pci_generic")
	if got := vm.hugepages(t); got != "0" {
		t.Errorf("%s hugepages, want 0", got)
	}
}

// undoRefused binds to a driver that does not take NVMe controllers.
func undoRefused(t *testing.T, vm *VM) {
	r := vm.Shell(t, "DRIVER_OVERRIDE=virtio-pci HUGEMEM=2 gospdk setup")
	for _, want := range []string{
		spareAt + " (1b36 0010): nvme -> virtio-pci\n" + spareAt + " (1b36 0010): failed to bind to virtio-pci, aborting\n",
		spareAt + " (1b36 0010): no driver -> nvme\n", spare2At + " (1b36 0010): no driver -> nvme\n",
	} {
		if r.Code != 1 || !strings.Contains(r.Stdout, want) || !strings.Contains(r.Stderr, "the driver virtio-pci does not take it") {
			t.Errorf("exit code %d, not printed: %s\n%s%s", r.Code, want, r.Stdout, r.Stderr)
		}
	}
	vm.settle(t)
	vm.bound(t, "nvme", "nvme", "nvme")
}

func setupLists(t *testing.T, vm *VM) {
	for _, test := range []struct{ env, spare, spare2 string }{
		{"PCI_ALLOWED=none", "nvme", "nvme"},
		{"PCI_ALLOWED=" + spareAt, "uio_pci_generic", "nvme"},
		{"PCI_BLOCKED=" + spareAt, "nvme", "uio_pci_generic"},
		{"PCI_ALLOWED='" + busyAt + " " + spare2At + "'", "nvme", "uio_pci_generic"},
	} {
		vm.MustShell(t, test.env+" HUGEMEM=2 gospdk setup")
		vm.bound(t, "nvme", test.spare, test.spare2)
		vm.MustShell(t, "gospdk setup reset")
		vm.settle(t)
		vm.bound(t, "nvme", "nvme", "nvme")
	}
	for _, bad := range []string{"HUGEMEM=many", "PCI_ALLOWED=rubbish", "DEV_TYPE=disk", "DRIVER_OVERRIDE=nonsense", "TARGET_USER=nobody-here"} {
		name, value, _ := strings.Cut(bad, "=")
		r := vm.Shell(t, bad+" gospdk setup")
		if r.Code == 0 || !strings.Contains(r.Stderr, name) || !strings.Contains(r.Stderr, value) || r.Stdout != "" {
			t.Errorf("%s: exit code %d\n%s%s", bad, r.Code, r.Stdout, r.Stderr)
		}
	}
	vm.bound(t, "nvme", "nvme", "nvme")
}

// setupHolders lets swap and device-mapper hold the spare controllers.
func setupHolders(t *testing.T, vm *VM) {
	swap, dm := vm.disk(t, spareAt), vm.disk(t, spare2At)
	vm.MustShell(t, fmt.Sprintf("mkswap /dev/%s; swapon /dev/%s; modprobe dm-mod; dmsetup create top --table '0 2048 linear /dev/%s 0'", swap, swap, dm))
	out := vm.MustShell(t, "SKIP_HUGE=yes gospdk setup")
	for _, want := range []string{
		spareAt + " (1b36 0010): Active devices: swap@" + swap, spare2At + " (1b36 0010): Active devices: holder@" + dm + ":dm-0",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("not printed: %s\n%s", want, out)
		}
	}
	vm.bound(t, "nvme", "nvme", "nvme")
	vm.MustShell(t, fmt.Sprintf("swapoff /dev/%s; dmsetup remove top; dd if=/dev/zero of=/dev/%s bs=4096 count=1 conv=notrunc", swap, swap))
}

// setupUnprivileged: an ordinary user may look, and is told what to do.
func setupUnprivileged(t *testing.T, vm *VM) {
	vm.MustShell(t, "su alice -c 'gospdk setup status' >/dev/null")
	out := vm.MustShell(t, "su alice -c 'HUGEMEM=64 gospdk setup --dry-run'")
	if !strings.Contains(out, "would set /proc/sys/vm/nr_hugepages to 32 (it is 0)\n") {
		t.Errorf("printed:\n%s", out)
	}
	r := vm.Shell(t, "su alice -c 'PCI_ALLOWED=none HUGEMEM=64 gospdk setup'")
	if r.Code == 0 || !strings.Contains(r.Stderr, "permission denied") || !strings.Contains(r.Stderr, "sudo") || !strings.Contains(r.Stderr, "/mnt/huge") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	vm.bound(t, "nvme", "nvme", "nvme")
}

func setupCleanup(t *testing.T, vm *VM) {
	vm.MustShell(t, "mkdir -p /var/run/dpdk/spdk0 /var/tmp /dev/shm; touch /var/run/dpdk/spdk0/config /dev/shm/nvmf_trace.0 /var/tmp/spdk_cpu_lock_000")
	vm.MustShell(t, "PCI_ALLOWED=none HUGEMEM=8 gospdk setup")
	open := vm.Go(t, "/bin/sh", "-c", "exec 3</var/tmp/spdk_cpu_lock_000; echo open; exec sleep 1000")
	open.WaitOutput(t, "open", replyTime)
	vm.prints(t, "gospdk setup cleanup", `Cleaning
Removing:    /var/run/dpdk/spdk0/config
Removing:    /dev/shm/nvmf_trace.0
Still open: /var/tmp/spdk_cpu_lock_000
Removing:    /var/run/dpdk/spdk0
Clean
`)
	open.Signal(unix.SIGKILL)
	open.Wait()
	if got := vm.hugepages(t); got != "0" {
		t.Errorf("%s hugepages after cleanup, want 0", got)
	}
	vm.MustShell(t, "gospdk setup reset")
	vm.settle(t)
}

// interruptSetup presses ^C in the last step, which a program holds up: all
// that was done is taken back.
func interruptSetup(t *testing.T, vm *VM, group string) {
	t.Helper()
	vm.WriteFile(t, "/tmp/slow/su", []byte("#!/bin/sh\necho here >/tmp/slow/begun\nexec sleep 1000\n"), 0o755)
	p := vm.Go(t, "/bin/sh", "-c", "PATH=/tmp/slow:$PATH HUGEMEM=64 TARGET_USER=alice exec gospdk setup")
	vm.Until(t, "test -s /tmp/slow/begun && test $(stat -c %U "+group+") = alice")
	p.Signal(unix.SIGINT)
	if r := p.Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "interrupted") || !strings.Contains(r.Stderr, "Taking back what was done") ||
		!strings.Contains(r.Stdout, spareAt+" (1b36 0010): vfio-pci -> nvme\n") {
		t.Errorf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	vm.settle(t)
	vm.bound(t, "nvme", "nvme", "nvme")
	vm.MustShell(t, "! grep -q hugetlbfs /proc/mounts; test ! -e /mnt/huge; test ! -e /run/gospdk/setup.json")
	if got := vm.hugepages(t); got != "0" {
		t.Errorf("%s hugepages, want 0", got)
	}
}

// The two functions of one slot are in one IOMMU group.
const (
	twin1At = "0000:00:06.0"
	twin2At = "0000:00:06.1"
)

func TestSetupVFIO(t *testing.T) {
	vm := setupGuest(t, true,
		"-blockdev", "driver=file,node-name=twin1,filename="+Disk(t, 1<<30), "-device", "nvme,serial=twin1,drive=twin1,addr=6.0,multifunction=on",
		"-blockdev", "driver=file,node-name=twin2,filename="+Disk(t, 1<<30), "-device", "nvme,serial=twin2,drive=twin2,addr=6.1")
	busy := vm.disk(t, busyAt)
	left := fmt.Sprintf("%s (1b36 0010): Active devices: mount@%s:%sp1, so not binding PCI dev\n", busyAt, busy, busy)
	for _, bdf := range []string{twin1At, twin2At} {
		left += fmt.Sprintf("%s (1b36 0010): Skipping denied controller at %s\n", bdf, bdf)
	}
	const blocked = "PCI_BLOCKED='" + twin1At + " " + twin2At + "' "
	node := func(bdf string) string {
		out := vm.MustShell(t, "readlink /sys/bus/pci/devices/"+bdf+"/iommu_group")
		return "/dev/vfio/" + strings.TrimSpace(out[strings.LastIndex(out, "/")+1:])
	}
	interruptSetup(t, vm, node(spareAt))
	r := vm.Shell(t, blocked+"HUGEMEM=64 TARGET_USER=alice gospdk setup")
	lines := spareAt + " (1b36 0010): nvme -> vfio-pci\n" + spare2At + " (1b36 0010): nvme -> vfio-pci\n"
	if r.Code != 0 || !strings.HasPrefix(r.Stdout, left+lines+"Mounting hugetlbfs at /mnt/huge\n") {
		t.Fatalf("exit code %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if !strings.Contains(r.Stdout, `"alice" user memlock limit: `) {
		t.Errorf("the memory limit is not told:\n%s%s", r.Stdout, r.Stderr)
	}
	vm.bound(t, "nvme", "vfio-pci", "vfio-pci")
	for _, file := range []string{node(spareAt), node(spare2At), "/mnt/huge"} {
		vm.prints(t, "stat -c %U "+file, "alice\n")
	}
	vm.prints(t, "stat -c %a /mnt/huge", "775\n")
	vm.MustShell(t, "su alice -c 'exec 3<>"+node(spareAt)+"'")
	vm.prints(t, blocked+"gospdk setup reset", left+strings.ReplaceAll(spareAt+" (1b36 0010): X\n"+spare2At+" (1b36 0010): X\n", "X", "vfio-pci -> nvme"))
	vm.settle(t)
	vm.bound(t, "nvme", "nvme", "nvme")
	vm.MustShell(t, blocked+"SKIP_HUGE=yes DRIVER_OVERRIDE=uio_pci_generic gospdk setup")
	vm.bound(t, "nvme", "uio_pci_generic", "uio_pci_generic")
	vm.MustShell(t, blocked+"SKIP_HUGE=yes gospdk setup")
	vm.bound(t, "nvme", "vfio-pci", "vfio-pci")
	vm.MustShell(t, blocked+"gospdk setup reset")
	vm.settle(t)
	setupGroup(t, vm)
}

// setupGroup hands the functions of one group over: together, or not at all.
func setupGroup(t *testing.T, vm *VM) {
	t.Helper()
	const only = "SKIP_HUGE=yes PCI_BLOCKED='" + busyAt + " " + spareAt + " " + spare2At + "' gospdk setup"
	out := vm.MustShell(t, only)
	for _, bdf := range []string{twin1At, twin2At} {
		if got := vm.driver(t, bdf); got != "vfio-pci" || !strings.Contains(out, bdf+" (1b36 0010): WARNING: detected multiple devices (2) under the same IOMMU group!\n") {
			t.Errorf("%s is bound to %q:\n%s", bdf, got, out)
		}
	}
	vm.MustShell(t, "gospdk setup reset")
	disk := vm.disk(t, twin2At)
	vm.disk(t, twin1At)
	vm.MustShell(t, fmt.Sprintf("mkswap /dev/%s; swapon /dev/%s", disk, disk))
	out = vm.MustShell(t, only)
	want := fmt.Sprintf("%s (1b36 0010): %s (nvme) in the same IOMMU group ", twin1At, twin2At)
	if !strings.Contains(out, want) || !strings.Contains(out, " must stay with the kernel: Active devices: swap@"+disk) {
		t.Errorf("printed:\n%s", out)
	}
	if got := vm.driver(t, twin1At); got != "nvme" {
		t.Errorf("%s is bound to %q", twin1At, got)
	}
	vm.MustShell(t, "swapoff /dev/"+disk)
}
