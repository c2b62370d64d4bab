// SPDX-License-Identifier: BSD-3-Clause

package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gospdk/gospdk/internal/machine/machinetest"
)

// TestResetHome: functions go back to what they were taken from, else to
// what their alias or their kind says.
func TestResetHome(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(*bench)
		want    string
		line    string
	}{
		"remembered": {func(b *bench) {
			b.load("special")
			b.Tree.Write("run/gospdk/setup.json", `{"version": 1, "drivers": {"`+spare1+`": "special"}}`)
		}, "special", "uio_pci_generic -> special"},
		"remembered, but gone": {func(b *bench) {
			b.Tree.Write("run/gospdk/setup.json", `{"version": 1, "drivers": {"`+spare1+`": "special"}}`)
		}, "nvme", "uio_pci_generic -> nvme"},
		"by kind": {func(b *bench) { clear(b.aliases) }, "nvme", "uio_pci_generic -> nvme"},
		"to be loaded": {func(b *bench) {
			b.Remove("sys/module/nvme")
			b.Remove("sys/bus/pci/drivers/nvme")
		}, "nvme", "uio_pci_generic -> nvme"},
		"nowhere": {func(b *bench) {
			clear(b.aliases)
			b.Remove("sys/module/nvme")
			b.Remove("sys/bus/pci/drivers/nvme")
		}, "", "uio_pci_generic -> no driver"},
		"a state file that is damaged": {func(b *bench) { b.Tree.Write("run/gospdk/setup.json", "{") }, "nvme", "uio_pci_generic -> nvme"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bench{fakeKernel: newFake(t)}
			b.Tree.Add(spare1, machinetest.NVMe.With(uioPCI, 0))
			b.Controller(spare1, "nvme0")
			b.Namespace("nvme0", "nvme0n1", "259:0")
			b.hide(spare1)
			b.aliases[b.read("sys/bus/pci/devices/"+spare1+"/modalias")] = "nvme"
			b.load("nvme")
			b.load(uioPCI)
			test.prepare(b)
			b.host = New(b.Root, b, &b.out, &b.errs)
			b.host.Patience = 20 * time.Millisecond
			b.reset(parse(t, "SKIP_HUGE=yes"))
			if got := b.driver(spare1); got != test.want {
				t.Errorf("bound to %q, want %q", got, test.want)
			}
			b.golden(spare1 + " (1b36 0010): " + test.line + "\n")
			if !b.did("/sys/bus/pci/rescan 1") {
				t.Error("no rescan")
			}
			b.out.Reset()
			b.reset(parse(t, "SKIP_HUGE=yes"))
			want := "Already using the " + test.want + " driver"
			switch test.want {
			case "":
				want = "Not bound to any driver"
			case "special": // nobody took it from there again
				want = "special -> nvme"
			}
			b.golden(spare1 + " (1b36 0010): " + want + "\n")
		})
	}
}

// TestResetPages: reset takes back the pages that config made, and no others.
func TestResetPages(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "0\n")
	b.Tree.Write("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "0\n")
	nodes := func(n0, n1 int) {
		t.Helper()
		all := b.nodes()
		if got0, got1 := b.number(all[0]), b.number(all[1]); got0 != n0 || got1 != n1 {
			t.Errorf("%d and %d pages, want %d and %d", got0, got1, n0, n1)
		}
	}
	b.pages(0, 10)
	b.pages(1, 20)
	pages := func(v string) { b.config(parse(t, "PCI_ALLOWED=none;"+v)) }
	pages("NRHUGE=100")
	nodes(50, 50)
	pages("NRHUGE=200") // the second config does not hide the first
	nodes(100, 100)
	b.reset(Defaults())
	nodes(10, 20)
	if b.host.exists(stateFile) {
		t.Error("the state file stays")
	}

	pages("HUGENODE=nodes_hp[1]=64")
	nodes(10, 64)
	b.pages(0, 11) // somebody else
	b.reset(Defaults())
	nodes(11, 20)

	pages("NRHUGE=100")
	b.pages(1, 60) // somebody else changed what config made
	b.out.Reset()
	b.reset(Defaults())
	nodes(11, 60)
	if !strings.Contains(b.out.String(), "INFO: /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages is 60, and config left 50") {
		t.Errorf("printed:\n%s", &b.out)
	}

	pages("CLEAR_HUGE=yes;NRHUGE=8")
	nodes(4, 4)
	b.reset(parse(t, "SKIP_HUGE=yes"))
	nodes(4, 4)
	b.reset(Defaults())
	nodes(11, 60)
}

func TestHugepageLines(t *testing.T) {
	for _, test := range []struct{ options, out, errs, pages string }{
		{"NRHUGE=5", "INFO: Requested 5 hugepages but 7 already allocated \n", "", "7"},
		{"NRHUGE=5;SHRINK_HUGE=yes", "", "", "5"},
		{"HUGEMEM=20", "", "", "10"},
		{"HUGEMEM=21", "", "", "11"},
		{"HUGENODE=0;NRHUGE=3", "INFO: Requested 3 hugepages but 7 already allocated on node0\n", "", "7"},
		{"HUGENODE=0,5;NRHUGE=9", "", "Node 5 doesn't exist, ignoring\n", "9"},
		{"HUGEPGSZ=4;NRHUGE=9", "", "4kB is not supported by the running kernel, ignoring\n", "9"},
		{"NRHUGE=9;PERSIST_HUGE=yes", "Trying to persist vm.nr_hugepages=9 to /usr/local/lib/sysctl.d/99-spdk.conf\n", "", "9"},
		{"NRHUGE=9;SKIP_HUGE=yes", "", "", "7"},
		{"NRHUGE=0;CLEAR_HUGE=yes", "INFO: Requested 0 hugepages but 0 already allocated \n", "", "0"},
	} {
		b := newBench(t)
		b.pages(0, 7)
		b.config(parse(t, "DEV_TYPE=VMD;"+test.options))
		errs := strings.ReplaceAll(b.errs.String(), "INFO: this machine has no PCI function to hand over (NVMe, virtio, I/OAT, DSA, IAA, VMD, AE4DMA)\n", "")
		if got := b.read("proc/sys/vm/nr_hugepages"); b.out.String() != test.out || errs != test.errs || got != test.pages {
			t.Errorf("%s: printed\n%q and\n%q, %s pages", test.options, &b.out, errs, got)
		}
	}
}

// TestShortOfMemory: the error is setup.sh's, and nothing stays.
func TestShortOfMemory(t *testing.T) {
	b := newBench(t)
	b.memory = 300
	b.load(uioPCI)
	before := b.tree()
	err := b.host.Config(context.Background(), Defaults())
	if err == nil || !strings.Contains(err.Error(), "300 of 1024") || !strings.Contains(err.Error(), "HUGEMEM") {
		t.Errorf("got %v", err)
	}
	b.golden(missionConfig + `
## ERROR: requested 1024 hugepages but 300 could be allocated .
## Memory might be heavily fragmented. Please try flushing the system cache, or reboot the machine.
0000:13:00.0 (15ad 07f0): uio_pci_generic -> nvme
0000:0b:00.0 (15ad 07f0): uio_pci_generic -> nvme
`)
	b.same(before)
}

// TestSignals: a kernel stops reserving when a signal comes.
func TestSignals(t *testing.T) {
	b := newBench(t)
	b.signals = 3
	b.config(Defaults())
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "1024" {
		t.Errorf("%s pages", got)
	}
}

// TestNoHugepages: a kernel without them is no error, as in setup.sh.
func TestNoHugepages(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("proc/filesystems", "\text4\n")
	b.config(Defaults())
	b.golden(missionConfig)
	if got := b.errs.String(); got != "Hugepages are not supported by the running kernel\n" {
		t.Errorf("warned %q", got)
	}
	if b.did("/proc/sys") || b.did("mount") {
		t.Errorf("done: %q", b.log)
	}
}

// TestMount: config mounts hugetlbfs where there is none, reset unmounts it.
func TestMount(t *testing.T) {
	b := newBench(t)
	b.Tree.Write("proc/self/mountinfo", "21 1 254:1 / / rw - ext4 /dev/vda1 rw\n")
	before := b.tree()
	b.config(parse(t, "PCI_ALLOWED=none;HUGEMEM=2"))
	if !strings.Contains(b.out.String(), "Mounting hugetlbfs at /mnt/huge\n") || !b.did("mount /mnt/huge") {
		t.Errorf("printed:\n%s", &b.out)
	}
	b.Tree.Write("mnt/huge/spdk_pid123map_0", "")
	b.Tree.Write("mnt/huge/spdk_pid124map_0", "")
	b.Tree.Write("run/.spdk_x", "")
	f, err := os.Open(b.Path("mnt/huge/spdk_pid124map_0"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	b.reset(parse(t, "PCI_ALLOWED=none"))
	b.Remove("mnt/huge") // a mounted file system would have gone with its files
	b.same(before)
	if !b.did("unmount /mnt/huge") {
		t.Errorf("done: %q", b.log)
	}
}

// TestMapFiles: files that a process has locked stay.
func TestMapFiles(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"spdk_pid1map_0", "spdk_pid2map_0", "other"} {
		b.Tree.Write("dev/hugepages/"+name, "")
	}
	f, err := os.Open(b.Path("dev/hugepages/spdk_pid2map_0"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	b.reset(Defaults())
	var left []string
	for _, p := range b.glob("dev/hugepages/*") {
		left = append(left, filepath.Base(p))
	}
	if got := strings.Join(left, " "); got != "other spdk_pid2map_0" {
		t.Errorf("left: %s", got)
	}
}

// TestResetUndo: when one function cannot be given back, all stay.
func TestResetUndo(t *testing.T) {
	b := newBench(t)
	b.config(Defaults())
	before := b.tree()
	b.fail["/sys/bus/pci/rescan"] = syscall.EIO
	if err := b.host.Reset(context.Background(), Defaults()); err == nil || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	b.drivers("nvme", uioPCI, uioPCI)
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "1024" {
		t.Errorf("%s pages", got)
	}
	if b.read("run/gospdk/setup.json") != before["/run/gospdk/setup.json"] {
		t.Errorf("state: %s", b.read("run/gospdk/setup.json"))
	}
}

// TestBlockSync: reset waits for block devices, and names those that stay
// away.
func TestBlockSync(t *testing.T) {
	b := newBench(t)
	b.config(parse(t, "SKIP_HUGE=yes"))
	b.out.Reset()
	b.reset(parse(t, "SKIP_HUGE=yes;PCI_BLOCK_SYNC_ON_RESET=yes"))
	b.golden(`0000:03:00.0 (15ad 07f0): Active devices: mount@nvme0n1:nvme0n1p1, so not binding PCI dev
Waiting for block devices as requested
0000:0b:00.0 (15ad 07f0): uio_pci_generic -> nvme
0000:13:00.0 (15ad 07f0): uio_pci_generic -> nvme
`)
	b.config(parse(t, "SKIP_HUGE=yes"))
	b.Remove("sys/bus/pci/devices/" + spare2 + "/hidden/nvme2/nvme2n1")
	o := parse(t, "SKIP_HUGE=yes;PCI_BLOCK_SYNC_ON_RESET=yes")
	o.BlockTimeout = 10 * time.Millisecond
	b.reset(o)
	if got := b.errs.String(); got != "* Events for some block/disk devices (0000:13:00.0) were not caught, they may be missing\n" {
		t.Errorf("warned %q", got)
	}
}

// TestPagesStay: hugepages stay while a function that config handed over does.
func TestPagesStay(t *testing.T) {
	b := newBench(t)
	before := b.tree()
	b.config(Defaults())
	b.reset(parse(t, "PCI_ALLOWED="+spare1))
	if got := b.read("proc/sys/vm/nr_hugepages"); got != "1024" || !strings.Contains(b.out.String(), "INFO: hugepages stay, since 0000:13:00.0 is not given back\n") {
		t.Errorf("%s pages, printed:\n%s", got, &b.out)
	}
	b.reset(Defaults())
	b.same(before)
}

// FuzzState: reset acts on nothing but what config can have written.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version": 1, "hugepages": [{"file": "/proc/sys/vm/nr_hugepages", "before": 0, "set": 1024}], "mounts": ["/mnt/huge"], "drivers": {"0000:0b:00.0": "nvme"}}`))
	f.Add([]byte(`{"version": 1, "hugepages": [{"file": "/etc/passwd", "before": 0, "set": 1}], "mounts": ["/"], "drivers": {"x": "../../../etc"}}`))
	f.Add([]byte(`{"version": 2}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err != nil {
			return
		}
		for _, p := range s.Hugepages {
			if !strings.HasSuffix(p.File, "/nr_hugepages") || strings.Contains(p.File, "..") || p.Before < 0 {
				t.Errorf("%+v", p)
			}
		}
		for _, d := range s.Drivers {
			if strings.ContainsAny(d, "/.") {
				t.Errorf("driver %q", d)
			}
		}
		for _, dir := range s.Mounts {
			if dir != hugeMount {
				t.Errorf("mount %q", dir)
			}
		}
		if s.Drivers == nil {
			t.Error("no map of drivers")
		}
	})
}
