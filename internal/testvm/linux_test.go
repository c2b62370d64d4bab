// SPDX-License-Identifier: BSD-3-Clause

package testvm

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gospdk/gospdk/nvmf/vfiouser"
)

// TestLinux has the kernel's nvme driver, in a guest, drive this project's
// controller: through QEMU's vfio-user-pci, with tools that know neither.
func TestLinux(t *testing.T) {
	x := newLinuxTarget(t)
	socket := x.serve(vfiouser.Options{})
	x.addDisk(t, "main", mainSize, 512)
	x.bootLinux(t, socket, false)
	x.runAll(t, []subtest{
		{"Recognised", x.recognised},
		{"Identified", x.identified},
		{"Logs", x.logs},
		{"Features", x.features},
		{"Commands", x.bytesOfCommands},
		{"Verified", x.verified},
		{"FileSystem", x.fileSystem},
		{"Namespaces", x.namespacesComeAndGo},
		{"NamespaceInUse", x.namespaceInUse},
		{"Resets", x.resets},
		{"Rebind", x.rebind},
		{"Parameters", x.parameters},
		{"Reboot", x.reboot},
		{"SystemReset", x.systemReset},
		{"Kill", x.killed},
		{"Console", x.quiet},
	})
	// The same target, at once, for a guest that gives its devices no more
	// memory than they need, and each page of it alone.
	x.bootLinux(t, socket, true)
	x.runAll(t, []subtest{
		{"AfterKill", x.afterKill},
		{"IOMMU", x.behindIOMMU},
		{"Hotplug", x.hotplug},
		{"Console", x.quiet},
	})
}

// quiet checks that QEMU has found nothing odd about the controllers.
func (x *linuxTarget) quiet(t *testing.T) {
	for line := range strings.Lines(x.guest.Console()) {
		if strings.Contains(line, "vfio") {
			t.Errorf("QEMU says: %s", line)
		}
	}
}

type subtest struct {
	name string
	run  func(*testing.T)
}

// runAll runs tests in their order: later ones find what earlier ones leave.
func (x *linuxTarget) runAll(t *testing.T, tests []subtest) {
	for _, tt := range tests {
		t.Run(tt.name, tt.run)
	}
}

// namespacesComeAndGo adds and removes namespaces while another one is busy.
// The driver hears of it by an asynchronous event and by nothing else.
func (x *linuxTarget) namespacesComeAndGo(t *testing.T) {
	path := x.disk(t, 1)
	busy := x.busy(t, endless(path))
	x.running(t, path)
	for i, blockSize := range []int{4096, 512, 4096} {
		name := fmt.Sprint("visitor", i)
		nsid := x.addDisk(t, name, 8<<20, blockSize)
		visitor := x.disk(t, nsid)
		x.same(t, name, visitor, 8<<20)
		x.guest.MustRun(t, fio(visitor, "randrw", "4k-128k", "libaio", 8, "--size=4M", "--blockalign=4k")...)
		x.same(t, name, visitor, 8<<20)
		x.removeDisk(t, nsid, name)
		x.gone(t, nsid)
	}
	// Several at a time, and one that grows.
	a, b := x.addDisk(t, "a", 4<<20, 512), x.addNull(t, "b", 1024)
	x.disk(t, a)
	growing := strings.TrimPrefix(x.disk(t, b), "/dev/")
	x.removeDisk(t, a, "a")
	x.gone(t, a)
	check(t, x.reg.Resize("b", 4096))
	x.guest.Until(t, fmt.Sprintf("[ $(cat /sys/block/%s/size) = 4096 ]", growing))
	// A disk that goes takes its namespace along.
	check(t, x.reg.Unregister(context.Background(), "b"))
	x.gone(t, b)
	stopFio(t, busy)
	x.same(t, "main", path, mainSize)
}

// namespaceInUse removes a namespace under I/O: the program gets errors, and
// nothing waits for ever.
func (x *linuxTarget) namespaceInUse(t *testing.T) {
	nsid := x.addDisk(t, "doomed", 16<<20, 512)
	path := x.disk(t, nsid)
	busy := x.busy(t, fio(path, "randwrite", "4k", "io_uring", 16, "--time_based", "--runtime=600"))
	x.running(t, path)
	x.removeDisk(t, nsid, "doomed")
	x.gone(t, nsid)
	if r := busy.Wait(); r.Code == 0 {
		t.Errorf("fio did not notice that its disk went:\n%s", r.Stdout)
	}
	x.live(t)
	x.same(t, "main", x.disk(t, 1), mainSize)
}
