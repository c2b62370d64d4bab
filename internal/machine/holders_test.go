// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

const bdf = "0000:0b:00.0"

// oneController makes a machine with an NVMe controller that has one empty
// namespace.
func oneController(t *testing.T) *machinetest.Tree {
	tr := machinetest.New(t)
	tr.Add(bdf, machinetest.NVMe)
	tr.Controller(bdf, "nvme0")
	tr.Namespace("nvme0", "nvme0n1", "259:0")
	return tr
}

// at returns the function at an address.
func at(t *testing.T, tr *machinetest.Tree, address string) Function {
	t.Helper()
	return in(t, At(tr.Root), address)
}

func in(t *testing.T, m *Machine, address string) Function {
	t.Helper()
	all, err := m.Functions()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Address.String() == address {
			return f
		}
	}
	t.Fatalf("no function %s among %d", address, len(all))
	return Function{}
}

// holders prints a function's holders in the way of SPDK's script.
func holders(f Function) string {
	var all []string
	for _, h := range f.Holders {
		all = append(all, h.String())
	}
	return strings.Join(all, ",")
}

func TestFree(t *testing.T) {
	f := at(t, oneController(t), bdf)
	if f.InUse() || f.ExamineErr != nil {
		t.Errorf("an empty disk is in use: %s, %v", holders(f), f.ExamineErr)
	}
	if f.Kind != KindNVMe || f.KernelDriver != "nvme" || f.Controller != "nvme0" || fmt.Sprint(f.Blocks) != "[nvme0n1]" {
		t.Errorf("got %+v", f)
	}
}

// holderTests are the cases of TestHolders.
var holderTests = []struct {
	name string
	make func(tr *machinetest.Tree)
	want string
}{
	{"mounted disk", func(tr *machinetest.Tree) {
		tr.Mount("self", "259:0", "/dev/nvme0n1", "/data", "ext4")
	}, "mount@nvme0n1:nvme0n1"},
	{"mounted partition", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
		tr.Mount("self", "259:1", "/dev/nvme0n1p1", "/my\\040data", "ext4")
		tr.Mount("self", "259:1", "/dev/nvme0n1p1", "/again", "ext4")
	}, "mount@nvme0n1:nvme0n1p1"},
	{"root file system", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
		tr.Mount("self", "259:1", "/dev/root", "/", "ext4")
	}, "mount@nvme0n1:nvme0n1p1"},
	{"mounted in another namespace", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
		tr.Process(77, "container")
		tr.Mount("77", "259:1", "/dev/nvme0n1p1", "/mnt", "ext4")
	}, "mount@nvme0n1:nvme0n1p1"},
	{"mounted by a link", func(tr *machinetest.Tree) {
		tr.Link("dev/disk/by-uuid/1234", "dev/nvme0n1")
		tr.Mount("self", "0:41", "/dev/disk/by-uuid/1234", "/mnt", "btrfs")
	}, "mount@nvme0n1:nvme0n1"},
	{"second device of a btrfs", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p2", "259:2")
		tr.Mount("self", "0:41", "/dev/vdb", "/mnt", "btrfs")
		tr.Link("sys/fs/btrfs/5e1f/devices/nvme0n1p2", "sys/class/block/nvme0n1p2")
	}, "mount@nvme0n1:nvme0n1p2"},
	{"second device of a bcachefs", func(tr *machinetest.Tree) {
		tr.Mount("self", "0:41", "/dev/vdb:/dev/nvme0n1", "/mnt", "bcachefs")
	}, "mount@nvme0n1:nvme0n1"},
	{"swap", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p3", "259:3")
		tr.Append("proc/swaps", "/dev/nvme0n1p3                          partition\t1024\t0\t-2\n")
	}, "swap@nvme0n1:nvme0n1p3"},
	{"swap whose node is gone", func(tr *machinetest.Tree) {
		tr.Append("proc/swaps", "/dev/nvme0n1\\040(deleted)               partition\t1024\t0\t-2\n")
		tr.Remove("dev/nvme0n1")
	}, "swap@nvme0n1:nvme0n1"},
	{"LVM", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p2", "259:2")
		tr.Stack("nvme0n1p2", "dm-0", "253:0")
	}, "holder@nvme0n1p2:dm-0"},
	{"LVM, mounted and swap", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p2", "259:2")
		tr.Stack("nvme0n1p2", "dm-0", "253:0")
		tr.Stack("nvme0n1p2", "dm-1", "253:1")
		tr.Write("sys/devices/virtual/block/dm-0/dm/name", "vg-root\n")
		tr.Write("sys/devices/virtual/block/dm-0/dm/uuid", "LVM-abc\n")
		tr.Write("sys/devices/virtual/block/dm-1/dm/name", "vg-swap\n")
		tr.Mount("self", "253:0", "/dev/mapper/vg-root", "/srv", "xfs")
		tr.Append("proc/swaps", "/dev/dm-1  partition\t1024\t0\t-2\n")
	}, "holder@nvme0n1p2:dm-0,holder@nvme0n1p2:dm-1,mount@nvme0n1:vg-root,swap@nvme0n1:vg-swap"},
	{"dm-crypt below LVM", func(tr *machinetest.Tree) {
		tr.Stack("nvme0n1", "dm-0", "253:0")
		tr.Stack("dm-0", "dm-1", "253:1")
		tr.Mount("self", "253:1", "/dev/mapper/x", "/srv", "xfs")
	}, "holder@nvme0n1:dm-0,mount@nvme0n1:dm-1"},
	{"md", func(tr *machinetest.Tree) {
		tr.Stack("nvme0n1", "md0", "9:0")
		tr.Write("proc/mdstat", "Personalities : [raid1]\nmd0 : active raid1 nvme0n1[0] vdb[1]\n      1024 blocks\n")
	}, "holder@nvme0n1:md0"},
	{"md that is not started", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
		tr.Write("proc/mdstat", "Personalities : \nmd127 : inactive nvme0n1p1[0](S)\n      1024 blocks super 1.2\n")
	}, "holder@nvme0n1p1:md127"},
	{"partition of an md array", func(tr *machinetest.Tree) {
		tr.Stack("nvme0n1", "md0", "9:0")
		tr.Partition("md0", "md0p1", "259:9")
		tr.Mount("self", "259:9", "/dev/md0p1", "/srv", "ext4")
	}, "holder@nvme0n1:md0,mount@nvme0n1:md0p1"},
	{"loop device", func(tr *machinetest.Tree) {
		tr.Disk("sys/devices/virtual/block", "loop0", "7:0")
		tr.Write("sys/devices/virtual/block/loop0/loop/backing_file", "/dev/nvme0n1\n")
		tr.Mount("self", "7:0", "/dev/loop0", "/mnt", "ext4")
	}, "holder@nvme0n1:loop0,mount@nvme0n1:loop0"},
	{"open partition", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
		tr.Process(4711, "qemu-system-x86")
		tr.Open(4711, 12, "/dev/nvme0n1p1")
	}, "open@nvme0n1p1:qemu-system-x86[4711]"},
	{"mapped disk", func(tr *machinetest.Tree) {
		tr.Process(4711, "database")
		tr.Write("proc/4711/maps", "7f0000000000-7f0000001000 rw-s 00000000 00:06 333                        /dev/nvme0n1\n")
	}, "open@nvme0n1:database[4711]"},
	{"open generic device", func(tr *machinetest.Tree) {
		tr.Write("sys/class/nvme-generic/ng0n1/dev", "240:0\n")
		tr.Process(4711, "fio")
		tr.Open(4711, 3, "/dev/ng0n1")
	}, "open@ng0n1:fio[4711]"},
	{"open generic device without a disk", func(tr *machinetest.Tree) {
		dir := "sys/devices/pci0000:00/" + bdf + "/nvme/nvme0/ng0n7"
		tr.Write(dir+"/dev", "240:7\n")
		tr.Link("sys/class/nvme-generic/ng0n7", dir)
		tr.Process(4711, "fio")
		tr.Open(4711, 3, "/dev/ng0n7")
	}, "open@ng0n7:fio[4711]"},
	{"open controller", func(tr *machinetest.Tree) {
		tr.Process(4711, "nvme")
		tr.Open(4711, 3, "/dev/nvme0")
	}, "open@nvme0:nvme[4711]"},
	{"namespace of an NVMe target", func(tr *machinetest.Tree) {
		tr.Write("sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/device_path", "/dev/nvme0n1\n")
	}, "open@nvme0n1:nvmet"},
	{"passthrough of an NVMe target", func(tr *machinetest.Tree) {
		tr.Write("sys/kernel/config/nvmet/subsystems/nqn.x/passthru/device_path", "/dev/nvme0\n")
	}, "open@nvme0:nvmet"},
	{"disk of an iSCSI target", func(tr *machinetest.Tree) {
		tr.Write("sys/kernel/config/target/core/fileio_0/disk/udev_path", "/dev/nvme0n1\n")
	}, "open@nvme0n1:iscsi-target"},
	{"partitions of an unknown table", func(tr *machinetest.Tree) {
		tr.Partition("nvme0n1", "nvme0n1p1", "259:1")
	}, "data@nvme0n1"},
	{"second namespace", func(tr *machinetest.Tree) {
		tr.Namespace("nvme0", "nvme0n2", "259:4")
		tr.Mount("self", "259:4", "/dev/nvme0n2", "/mnt", "ext4")
	}, "mount@nvme0n2:nvme0n2"},
	{"the disk beside it is none of its business", func(tr *machinetest.Tree) {
		tr.Namespace("nvme0", "nvme0n10", "259:4")
		tr.Disk("sys/devices/virtual/block", "vdb", "254:16")
		tr.Mount("self", "254:16", "/dev/vdb", "/mnt", "ext4")
	}, ""},
}

// TestHolders goes through all that can hold a disk.
func TestHolders(t *testing.T) {
	for _, test := range holderTests {
		t.Run(test.name, func(t *testing.T) {
			tr := oneController(t)
			test.make(tr)
			f := at(t, tr, bdf)
			if got := holders(f); got != test.want || f.ExamineErr != nil {
				t.Errorf("got %q, %v; want %q", got, f.ExamineErr, test.want)
			}
		})
	}
}

// TestMountedElsewhere: the holder tells whose namespace it is mounted in.
func TestMountedElsewhere(t *testing.T) {
	tr := oneController(t)
	tr.Process(77, "container")
	tr.Mount("77", "259:0", "/dev/nvme0n1", "/inside", "ext4")
	f := at(t, tr, bdf)
	if len(f.Holders) != 1 || f.Holders[0].PID != 77 || f.Holders[0].Detail != "/inside" {
		t.Errorf("got %+v", f.Holders)
	}
	tr.Mount("self", "259:0", "/dev/nvme0n1", "/mnt", "ext4")
	f = at(t, tr, bdf)
	if len(f.Holders) != 1 || f.Holders[0].PID != 0 || f.Holders[0].Detail != "/mnt" {
		t.Errorf("mounted here too: %+v", f.Holders)
	}
}

// TestCannotExamine checks that what cannot be seen is never free.
func TestCannotExamine(t *testing.T) {
	tests := []struct {
		name string
		make func(tr *machinetest.Tree)
		want string
	}{
		{"no node", func(tr *machinetest.Tree) { tr.Remove("dev/nvme0n1") }, "nvme0n1 cannot be examined"},
		{"no size", func(tr *machinetest.Tree) { tr.Remove("sys/class/block/nvme0n1/size") }, "nvme0n1/size"},
		{"odd size", func(tr *machinetest.Tree) { tr.Write("sys/class/block/nvme0n1/size", "many\n") }, `"many"`},
		{"no sysfs for block devices", func(tr *machinetest.Tree) { tr.Remove("sys/class/block") }, "sys/class/block is missing"},
		{"no mount table", func(tr *machinetest.Tree) { tr.Remove("proc/self/mountinfo") }, "mountinfo"},
		{"swaps unreadable", func(tr *machinetest.Tree) { tr.Remove("proc/swaps"); tr.Mkdir("proc/swaps") }, "swaps"},
		{"controller resets", func(tr *machinetest.Tree) { tr.Write("sys/class/nvme/nvme0/state", "resetting\n") }, `"resetting"`},
		{"controller not there yet", func(tr *machinetest.Tree) {
			tr.Remove("sys/class/nvme")
			tr.Remove("sys/class/block/nvme0n1")
		}, "no controller yet"},
		{"partition of nothing", func(tr *machinetest.Tree) {
			tr.Write("sys/class/block/odd1/partition", "1\n")
		}, "odd1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := oneController(t)
			test.make(tr)
			f := at(t, tr, bdf)
			if f.ExamineErr == nil || !f.InUse() || !strings.Contains(f.ExamineErr.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", f.ExamineErr, test.want)
			}
			if f.ExamineErr != nil && strings.Contains(f.ExamineErr.Error(), "\n") {
				t.Errorf("the error has several lines: %v", f.ExamineErr)
			}
		})
	}
}

// wrapped changes what the system says.
type wrapped struct {
	system
	openErr, deviceErr, seesErr error
	busy                        func() disk
}

func (w wrapped) openExclusive(name string, d device) (disk, error) {
	if w.openErr != nil {
		return nil, w.openErr
	}
	if w.busy != nil {
		return w.busy(), nil
	}
	return w.system.openExclusive(name, d)
}

func (w wrapped) device(path string) (device, error) {
	if w.deviceErr != nil && strings.Contains(path, "/proc/") {
		return device{}, w.deviceErr
	}
	return w.system.device(path)
}

func (w wrapped) seesAll() error { return w.seesErr }

// badDisk fails to read.
type badDisk struct{}

func (badDisk) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }
func (badDisk) Close() error                      { return nil }

func TestSystemRefuses(t *testing.T) {
	denied := &os.PathError{Op: "open", Path: "/dev/nvme0n1", Err: syscall.EACCES}
	tests := []struct {
		name    string
		sys     wrapped
		held    string
		err     string
		process bool
	}{
		{name: "held exclusively", sys: wrapped{openErr: &os.PathError{Op: "open", Path: "x", Err: syscall.EBUSY}}, held: "open@nvme0n1"},
		{name: "no medium", sys: wrapped{openErr: syscall.ENOMEDIUM}},
		{name: "not permitted", sys: wrapped{openErr: denied}, err: "rights of root"},
		{name: "gone", sys: wrapped{openErr: syscall.ENXIO}, err: "cannot be examined"},
		{name: "unreadable", sys: wrapped{busy: func() disk { return badDisk{} }}, err: "input/output error"},
		{name: "container", sys: wrapped{seesErr: errors.New("hidden")}, err: "hidden"},
		{name: "descriptors of others", sys: wrapped{deviceErr: fs.ErrPermission}, err: "rights of root", process: true},
		{name: "descriptor closed meanwhile", sys: wrapped{deviceErr: fs.ErrNotExist}, process: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := oneController(t)
			if test.process {
				tr.Process(9, "other")
				tr.Open(9, 5, "/dev/null")
			}
			m := At(tr.Root)
			test.sys.system = m.sys
			m.sys = test.sys
			f := in(t, m, bdf)
			if got := holders(f); got != test.held {
				t.Errorf("holders %q, want %q", got, test.held)
			}
			if got := fmt.Sprint(f.ExamineErr); test.err == "" && f.ExamineErr != nil || !strings.Contains(got, test.err) && test.err != "" {
				t.Errorf("error %q, want %q", got, test.err)
			}
		})
	}
}

// TestUserDriver: a function that user space has needs no look at disks, even
// without rights.
func TestUserDriver(t *testing.T) {
	tr := machinetest.New(t)
	tr.Add(bdf, machinetest.NVMe.With("vfio-pci", 12))
	tr.Write("sys/class/vfio/12/dev", "510:0\n")
	tr.Process(31, "nvmf_tgt")
	tr.Open(31, 9, "/dev/vfio/12")
	m := At(tr.Root)
	m.sys = wrapped{system: m.sys, seesErr: errors.New("hidden")}
	f := in(t, m, bdf)
	if f.InUse() {
		t.Errorf("in use: %s, %v", holders(f), f.ExamineErr)
	}
	if fmt.Sprint(f.Users) != "[nvmf_tgt[31]]" {
		t.Errorf("its users are %v", f.Users)
	}
}
