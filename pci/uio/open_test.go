// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gospdk/gospdk/dma"
	"github.com/gospdk/gospdk/internal/claim"
	"github.com/gospdk/gospdk/pci"
)

func contains(err error, parts ...string) bool {
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			return false
		}
	}
	return true
}

func TestOpen(t *testing.T) {
	f := newFake(t)
	d := f.open()
	if d.Address() != function || d.ID() != (pci.ID{Vendor: 0x1b36, Device: 0x0010, Class: pci.ClassNVMe}) || d.Addressing() != dma.Physical || d.Removed() || d.Vectors() != 1 {
		t.Errorf("device %+v", d)
	}
	if got := f.command(); got != pci.CommandMemory|pci.CommandBusMaster|pci.CommandINTxDisable {
		t.Errorf("command register %#x", got)
	}
	if _, err := f.sys.open(t.Context(), "0b:00.0"); !errors.Is(err, claim.ErrClaimed) {
		t.Errorf("second Open: %v", err)
	}
	if got := f.command(); got&pci.CommandBusMaster == 0 {
		t.Error("an Open that failed turned bus mastering off")
	}
	if err := errors.Join(d.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	if got := f.command(); got != pci.CommandMemory|pci.CommandINTxDisable {
		t.Errorf("command register after Close %#x", got)
	}
	mustBeRemoved(t, d, "the device is closed")
	if left, _ := os.ReadDir(f.sys.claims); len(left) != 0 {
		t.Errorf("claim files left: %v", left)
	}
	if f.sys.hub.end != nil {
		t.Error("the hub still listens")
	}
	f.open() // again
}

func TestOpenRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*fake)
		want   []string
	}{
		"no function":     {func(f *fake) { os.RemoveAll(f.dir) }, []string{"no such PCI function", "gospdk lspci"}},
		"no driver":       {func(f *fake) { f.bind("") }, []string{"no driver has the function", "gospdk setup"}},
		"kernel's driver": {func(f *fake) { f.bind("nvme") }, []string{"driver nvme has the function", "DRIVER_OVERRIDE=uio_pci_generic gospdk setup"}},
		"vfio-pci":        {func(f *fake) { f.bind("vfio-pci") }, []string{"driver vfio-pci"}},
		"IOMMU":           {func(f *fake) { f.behindIOMMU("DMA-FQ") }, []string{"group 7", "DMA-FQ", "vfio-pci", "iommu=pt"}},
		"no hugepages":    {func(f *fake) { f.sys.requirePhysical = func() error { return dma.ErrNoPhysical } }, []string{dma.ErrNoPhysical.Error()}},
		"no uio":          {func(f *fake) { os.RemoveAll(filepath.Join(f.dir, "uio")) }, []string{"uio device"}},
		"no uio in uio":   {func(f *fake) { os.RemoveAll(filepath.Join(f.dir, "uio/uio3")) }, []string{"has no uio device"}},
		"no device node":  {func(f *fake) { os.Remove(f.node()) }, []string{"/dev/uio3", "in a container"}},
		"short config":    {func(f *fake) { f.write("config", "\x36\x1b\x10\x00") }, []string{"ends after 4 bytes", "CAP_SYS_ADMIN"}},
		"all ones":        {func(f *fake) { f.write("config", strings.Repeat("\xff", 256)) }, []string{"does not answer"}},
		"just let go":     {func(f *fake) { f.letGo() }, []string{pci.ErrRemoved.Error(), "driver uio_pci_generic was unbound"}},
		"bad attributes":  {func(f *fake) { f.write("resource", "gibberish\n") }, []string{"resource", "gibberish"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			test.change(f)
			d, err := f.sys.open(t.Context(), function)
			if err == nil || d != nil || !contains(err, append(test.want, "uio: "+function)...) {
				t.Errorf("Open: %v", err)
			}
			if left, _ := os.ReadDir(f.sys.claims); len(left) != 0 {
				t.Errorf("claim files left: %v", left)
			}
			if f.sys.hub.end != nil || len(f.sys.hub.devices) != 0 {
				t.Error("the hub still listens")
			}
		})
	}
}

func TestOpenBadAddress(t *testing.T) {
	for _, s := range []string{"", "nvme0", "/var/run/vfio-user"} {
		if _, err := Open(t.Context(), s); !contains(err, "domain:bus:device.function") {
			t.Errorf("Open(%q): %v", s, err)
		}
	}
}

func TestOpenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newFake(t).sys.open(ctx, function); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: %v", err)
	}
}

func TestOpenBehindIOMMUThatDoesNotTranslate(t *testing.T) {
	for _, domain := range []string{"identity", ""} {
		f := newFake(t)
		f.behindIOMMU(domain)
		f.open()
	}
}

func TestConfig(t *testing.T) {
	f := newFake(t)
	d := f.open()
	if err := d.ConfigWrite(0x40, []byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	var b [3]byte
	if err := d.ConfigRead(0x40, b[:]); err != nil || b != [3]byte{1, 2, 3} {
		t.Errorf("read %v, %v", b, err)
	}
	for _, r := range []struct{ off, n int }{{-1, 1}, {4096, 1}, {4093, 4}, {1<<63 - 1, 4}} {
		if err := errors.Join(d.ConfigRead(r.off, make([]byte, r.n)), d.ConfigWrite(r.off, make([]byte, r.n))); !contains(err, "config space, which has at most 4096") {
			t.Errorf("%d bytes at %d: %v", r.n, r.off, err)
		}
	}
	if err := d.ConfigRead(254, make([]byte, 4)); !contains(err, "ends after 256 bytes") || errors.Is(err, io.EOF) {
		t.Errorf("beyond the end: %v", err)
	}
}

func TestKernelsErrors(t *testing.T) {
	d := newFake(t).open()
	if err := d.configDone("writing", 4, 2, syscall.EPERM); !contains(err, "Secure Boot", "offset 0x4") || d.Removed() {
		t.Errorf("EPERM: %v", err)
	}
	if err := d.configDone("reading", 0, 4, syscall.ENODEV); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("ENODEV: %v", err)
	}
	mustBeRemoved(t, d, "reading config space")
	if err := explain(syscall.EACCES); !errors.Is(err, syscall.EACCES) || !contains(err, "wants root") {
		t.Errorf("EACCES: %v", err)
	}
}

func TestReset(t *testing.T) {
	f := newFake(t)
	d := f.open()
	if err := d.Reset(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(filepath.Join(f.dir, "reset")); string(b) != "1" {
		t.Errorf("the kernel was told %q", b)
	}
	if err := os.Remove(filepath.Join(f.dir, "reset")); err != nil {
		t.Fatal(err)
	}
	if err := d.Reset(); !contains(err, "no method to reset") || errors.Is(err, pci.ErrRemoved) {
		t.Errorf("Reset without a method: %v", err)
	}
	f.letGo()
	if err := d.Reset(); !errors.Is(err, pci.ErrRemoved) {
		t.Errorf("Reset of a function that has gone: %v", err)
	}
}
