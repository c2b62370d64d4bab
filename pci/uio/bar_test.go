// SPDX-License-Identifier: BSD-3-Clause

package uio

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gospdk/gospdk/internal/mmio"
	"github.com/gospdk/gospdk/pci"
)

func TestBARs(t *testing.T) {
	f := newFake(t)
	d := f.open()
	b, err := d.MapBAR(0)
	if err != nil || b.Size() != barSize {
		t.Fatalf("%v, %v", b, err)
	}
	if again, err := d.MapBAR(0); again != b || err != nil {
		t.Errorf("mapped twice: %v, %v", again, err)
	}
	if v, err := b.Read32(0x10); v != 0x13121110 || err != nil {
		t.Errorf("read %#x, %v", v, err)
	}
	if err := b.Write64(0x1000, 0x1122334455667788); err != nil {
		t.Fatal(err)
	}
	mmio.Store32(mmio.At32(b.Mem(0x1008, 4), 0), 0xcafe)
	c, _ := os.ReadFile(filepath.Join(f.dir, "resource0"))
	if string(c[0x1000:0x100c]) != "\x88\x77\x66\x55\x44\x33\x22\x11\xfe\xca\x00\x00" {
		t.Errorf("wrote %x", c[0x1000:0x100c])
	}
	// Ports are not memory.
	if b, err = d.MapBAR(2); err != nil || b.Size() != 0x40 || b.Mem(0, 4) != nil {
		t.Fatalf("%v, %v", b, err)
	}
	if v, err := b.Read32(0x10); v != 0x13121110 || err != nil {
		t.Errorf("read %#x, %v", v, err)
	}
	// One that starts within a page does so in the file.
	if b, err = d.MapBAR(3); err != nil || b.Size() != 0x100 {
		t.Fatalf("%v, %v", b, err)
	}
	if v, err := b.Read32(0x10); v != 0x13121110 || err != nil {
		t.Errorf("read %#x, %v", v, err)
	}
	if err := b.Write32(0, 0xbeef); err != nil {
		t.Fatal(err)
	}
	c, _ = os.ReadFile(filepath.Join(f.dir, "resource3"))
	if string(c[0x200:0x204]) != "\xef\xbe\x00\x00" {
		t.Errorf("wrote %x", c[0x200:0x204])
	}
}

func TestNoBAR(t *testing.T) {
	f := newFake(t)
	d := f.open()
	for _, i := range []int{-1, 1, 5, 6} {
		if _, err := d.MapBAR(i); !contains(err, "there is no BAR") {
			t.Errorf("BAR %d: %v", i, err)
		}
	}
	if _, err := d.MapBAR(4); !contains(err, "BAR 4 has no address") {
		t.Errorf("a BAR without an address: %v", err)
	}
	if err := os.Remove(filepath.Join(f.dir, "resource0")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.MapBAR(0); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a BAR without a file: %v", err)
	}
}

// TestRegistersVanish cuts the file short: the next access faults.
func TestRegistersVanish(t *testing.T) {
	f := newFake(t)
	d := f.open()
	b, err := d.MapBAR(0)
	if err != nil {
		t.Fatal(err)
	}
	event := newEvent(t)
	if err := d.SetInterrupts([]int{int(event)}); err != nil {
		t.Fatal(err)
	}
	mem := b.Mem(0, 8)
	if err := os.Truncate(filepath.Join(f.dir, "resource0"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read32(0x1c); !errors.Is(err, pci.ErrRemoved) || !contains(err, "bus error at offset 0x1c") {
		t.Errorf("read: %v", err)
	}
	mustBeRemoved(t, d, "bus error")
	if v := mmio.Load64(mmio.At64(mem, 0)); v != 1<<64-1 {
		t.Errorf("memory that was handed out reads %#x", v)
	}
	waitFor(t, event, "of the removal")
}
