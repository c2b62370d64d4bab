// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gospdk/gospdk/internal/eventfd"
	"github.com/gospdk/gospdk/pci"
)

const (
	function = "0000:0b:00.0"
	barSize  = 0x4000
)

// fake is a machine with one NVMe controller that a UIO driver holds.
type fake struct {
	t      *testing.T
	sys    *system
	dir    string // of the function
	events chan pci.Event

	mu      sync.Mutex
	watches int
}

// newFake makes one whose controller is bound to uio_pci_generic.
func newFake(t *testing.T) *fake {
	t.Helper()
	root := t.TempDir()
	f := &fake{t: t, dir: filepath.Join(root, "sys/bus/pci/devices", function)}
	f.sys = &system{root: root, claims: t.TempDir(), requirePhysical: func() error { return nil }, hub: &hub{watch: f.watch}}
	config := make([]byte, pci.ConfigSize)
	binary.LittleEndian.PutUint32(config[pci.ConfigVendor:], 0x00101b36)
	binary.LittleEndian.PutUint16(config[pci.ConfigCommand:], pci.CommandINTxDisable)
	config[pci.ConfigInterruptPin] = 1
	for name, content := range map[string]string{
		"vendor": "0x1b36\n", "device": "0x0010\n", "class": "0x010802\n", "irq": "11\n", "config": string(config), "reset": "",
		"resource":      "0x00000000febd4000 0x00000000febd7fff 0x0000000000140204\n0x0 0x0 0x0\n0xc000 0xc03f 0x40101\n0xfebd9200 0xfebd92ff 0x40200\n0x0 0xfff 0x20000200\n",
		"uio/uio3/name": "uio_pci_generic\n",
		"uio/notuio":    "",
	} {
		f.write(name, content)
	}
	registers := make([]byte, barSize)
	for i := range registers {
		registers[i] = byte(i)
	}
	f.write("resource0", string(registers))
	f.write("resource2", string(registers[:0x40]))
	f.write("resource3", string(registers[:0x1000]))
	f.bind(driverGeneric)
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(f.node(), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fake) node() string { return filepath.Join(f.sys.root, "dev/uio3") }

func (f *fake) write(name, content string) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// bind gives the function a driver; "" is none.
func (f *fake) bind(driver string) {
	f.t.Helper()
	link := filepath.Join(f.dir, "driver")
	_ = os.Remove(link)
	if driver == "" {
		return
	}
	if err := os.Symlink("../../../../bus/pci/drivers/"+driver, link); err != nil {
		f.t.Fatal(err)
	}
}

// behindIOMMU puts the function into a group.
func (f *fake) behindIOMMU(domain string) {
	f.t.Helper()
	group := filepath.Join(f.sys.root, "sys/kernel/iommu_groups/7")
	if err := os.MkdirAll(group, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if domain != "" {
		if err := os.WriteFile(filepath.Join(group, "type"), []byte(domain+"\n"), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := os.Symlink(group, filepath.Join(f.dir, "iommu_group")); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) command() uint16 {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, "config"))
	if err != nil {
		f.t.Fatal(err)
	}
	return binary.LittleEndian.Uint16(b[pci.ConfigCommand:])
}

// letGo does what the kernel does to the files of a uio device whose driver
// is unbound: they cannot be read any more, also if they are open.
func (f *fake) letGo() {
	f.t.Helper()
	if err := os.Truncate(filepath.Join(f.dir, "uio/uio3/name"), 0); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) watch() (<-chan pci.Event, func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watches++
	f.events = make(chan pci.Event)
	return f.events, sync.OnceFunc(func() { close(f.events) }), nil
}

func (f *fake) open() *device {
	f.t.Helper()
	d, err := f.sys.open(f.t.Context(), function)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := d.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return d
}

// mustBeRemoved checks that every operation says so.
func mustBeRemoved(t *testing.T, d *device, why string) {
	t.Helper()
	if !d.Removed() {
		t.Fatal("the device is not removed")
	}
	for name, err := range map[string]error{
		"Err": d.Err(), "ConfigRead": d.ConfigRead(0, make([]byte, 4)), "ConfigWrite": d.ConfigWrite(4, make([]byte, 2)), "Reset": d.Reset(),
		"SetInterrupts": d.SetInterrupts(nil), "MapBAR": func() error { _, err := d.MapBAR(0); return err }(),
	} {
		if !errors.Is(err, pci.ErrRemoved) || !contains(err, why, function) {
			t.Errorf("%s of a removed device: %v", name, err)
		}
	}
}

func newEvent(t *testing.T) eventfd.FD {
	t.Helper()
	fd, err := eventfd.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close() })
	return fd
}

// waitFor waits for an eventfd; the limit is for what never comes.
func waitFor(t *testing.T, fd eventfd.FD, what string) {
	t.Helper()
	if ok, err := fd.Wait(20 * time.Second); !ok || err != nil {
		t.Fatalf("no interrupt %s (%v)", what, err)
	}
}
