// SPDX-License-Identifier: BSD-3-Clause

package machine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// loop makes a loop device of a file; it skips where that is not possible.
func loop(t *testing.T, file string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("loop devices need root")
	}
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Skipf("losetup: %v: this kernel or container gives no loop devices", err)
	}
	node := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", node).Run(); err != nil {
			t.Errorf("losetup --detach %s: %v", node, err)
		}
	})
	return node
}

// TestRunningSystem opens a real block device, by its node and by a private
// one, held by somebody and not.
func TestRunningSystem(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	node := loop(t, image)
	var k kernel
	d, err := k.device(node)
	if err != nil || d.char {
		t.Fatalf("%+v, %v", d, err)
	}
	name := filepath.Base(node)
	m := At("/")
	if size, err := m.size(name); err != nil || size != 1<<20 {
		t.Errorf("size %d, %v", size, err)
	}
	for _, open := range []struct {
		name string
		f    func() (disk, error)
	}{
		{"by its node", func() (disk, error) { return k.openExclusive(name, d) }},
		{"by a private node", func() (disk, error) { return k.openPrivate(name, d) }},
		{"by a name that /dev lacks", func() (disk, error) { return k.openExclusive("none0", d) }},
	} {
		first, err := open.f()
		if err != nil {
			t.Errorf("%s: %v", open.name, err)
			continue
		}
		if _, err := k.openExclusive(name, d); !errors.Is(err, syscall.EBUSY) {
			t.Errorf("%s: a second exclusive user: %v", open.name, err)
		}
		if c, err := probe(first, 1<<20, 512); err != nil || c.String() != "" {
			t.Errorf("%s: %q, %v", open.name, c, err)
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := k.openExclusive(name, device{dev: "0:0"}); err == nil {
		t.Error("a device that does not exist was opened")
	}
	if f, err := k.openNode(node, device{dev: "7:999"}); err == nil {
		f.Close()
		t.Error("a node of another device was opened")
	}

	// What is open without being held shows in the table of processes.
	f, err := os.Open(node)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	x := m.newExamination()
	found := false
	for _, p := range x.opened[d] {
		found = found || p.PID == os.Getpid()
	}
	if !found {
		t.Errorf("this process has %s open, which was not seen: %v", node, x.opened[d])
	}
}

func TestDevice(t *testing.T) {
	var k kernel
	if d, err := k.device("/dev/null"); err != nil || !d.char || d.dev != "1:3" {
		t.Errorf("/dev/null is %+v, %v", d, err)
	}
	if _, err := k.device("/"); !errors.Is(err, errNoDevice) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := k.device("/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
}

// TestThisMachine reads the machine that the test runs on: whatever it has,
// nothing about it is an error.
func TestThisMachine(t *testing.T) {
	m := At("")
	if m.Root() != "/" {
		t.Errorf("the root is %q", m.Root())
	}
	if _, err := m.Hugepages(); err != nil {
		t.Error(err)
	}
	if _, err := m.Memlock(); err != nil {
		t.Error(err)
	}
	if u, err := m.User(); err != nil || u.UID != os.Geteuid() {
		t.Errorf("%+v, %v", u, err)
	}
	if _, _, err := m.KernelVersion(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/sys/bus/pci/devices"); err != nil {
		return // a machine without PCI
	}
	all, err := m.Functions()
	if err != nil {
		t.Error(err)
	}
	for _, f := range all {
		t.Logf("%s %s %s %v %v %v", f.Address, f.Kind, f.Driver, f.Blocks, f.Holders, f.ExamineErr)
	}
}
