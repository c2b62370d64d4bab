// SPDX-License-Identifier: BSD-3-Clause

package server

import (
	"encoding/binary"
	"testing"
)

var le = binary.LittleEndian

func testConfig(t *testing.T) *Config {
	t.Helper()
	c, err := NewConfig(ConfigOptions{
		Vendor: 0x1b36, Device: 0x10, SubVendor: 0x1af4, SubDevice: 0x1100, Class: 0x010802, Revision: 2,
		BARs:         [6]BAROptions{0: {Size: 0x4000, Is64: true}, 4: {Size: 0x1000}},
		InterruptPin: 1, MSIX: &MSIXOptions{Vectors: 33, TableBAR: 4, PBABAR: 4, PBAOffset: 0x800}, FunctionReset: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Config) read32(off uint64) uint32 {
	var p [4]byte
	c.Read(off, p[:])
	return le.Uint32(p[:])
}

func (c *Config) write32(off uint64, v uint32) ConfigEvent {
	return c.Write(off, le.AppendUint32(nil, v))
}

func TestConfigHeader(t *testing.T) {
	c := testConfig(t)
	for off, want := range map[uint64]uint32{
		0x00: 0x00101b36, 0x04: 0x00100000, 0x08: 0x01080202, 0x0c: 0,
		0x10: 0x4, 0x14: 0, 0x18: 0, 0x20: 0, 0x24: 0,
		0x2c: 0x11001af4, 0x30: 0, 0x34: 0x40, 0x3c: 0x100,
	} {
		if got := c.read32(off); got != want {
			t.Errorf("offset %#x: %#x, want %#x", off, got, want)
		}
	}
	// Nothing else can be written.
	for off := uint64(0); off < 4096; off += 4 {
		c.write32(off, 0xffffffff)
	}
	for off, want := range map[uint64]uint32{
		0x00: 0x00101b36, 0x04: 0x00100546, 0x08: 0x01080202, 0x0c: 0xff,
		0x10: 0xffffc004, 0x14: 0xffffffff, 0x18: 0, 0x1c: 0, 0x20: 0xfffff000, 0x24: 0,
		0x2c: 0x11001af4, 0x30: 0, 0x34: 0x40, 0x38: 0, 0x3c: 0x1ff, 0x100: 0, 0xffc: 0,
	} {
		if got := c.read32(off); got != want {
			t.Errorf("offset %#x after writing ones: %#x, want %#x", off, got, want)
		}
	}
}

// walk follows the list of capabilities as the Linux PCI core does.
func (c *Config) walk(t *testing.T) (ids []uint8, at map[uint8]uint64) {
	t.Helper()
	at = map[uint8]uint64{}
	for ptr, n := uint64(c.read32(0x34)&0xfc), 0; ptr != 0; n++ {
		if n > 48 || ptr < 0x40 {
			t.Fatalf("capability pointer %#x", ptr)
		}
		v := c.read32(ptr)
		ids = append(ids, uint8(v))
		at[uint8(v)] = ptr
		ptr = uint64(v >> 8 & 0xfc)
	}
	return ids, at
}

func TestConfigCapabilities(t *testing.T) {
	c := testConfig(t)
	ids, at := c.walk(t)
	if len(ids) != 3 {
		t.Fatalf("capabilities %#x, want power management, MSI-X and Express", ids)
	}
	if got := c.read32(at[0x11]); got>>16 != 32 {
		t.Errorf("MSI-X control %#x, want table size 32", got>>16)
	}
	if got := c.read32(at[0x11] + 8); got != 0x804 {
		t.Errorf("PBA %#x, want 0x804", got)
	}
	if got := c.read32(at[0x10]); got>>16 != 2 {
		t.Errorf("Express flags %#x, want version 2 endpoint", got>>16)
	}
}

func TestConfigMSI(t *testing.T) {
	c, err := NewConfig(ConfigOptions{MSI: 32})
	if err != nil {
		t.Fatal(err)
	}
	ids, at := c.walk(t)
	if len(ids) != 3 || at[0x05] == 0 {
		t.Fatalf("capabilities %#x, want power management, MSI and Express", ids)
	}
	msi := at[0x05]
	if got := c.read32(msi) >> 16; got != 1<<7|5<<1 {
		t.Errorf("control %#x, want 32 vectors with 64-bit addresses", got)
	}
	for off := msi; off < msi+16; off += 4 {
		c.write32(off, 0xffffffff)
	}
	for i, want := range []uint32{0x00fb6005, 0xfffffffc, 0xffffffff, 0x0000ffff} {
		if got := c.read32(msi + 4*uint64(i)); got != want {
			t.Errorf("dword %d after writing ones: %#x, want %#x", i, got, want)
		}
	}
	if ev := c.Write(msi+2, []byte{0, 0}); ev != 0 {
		t.Errorf("event %#x", ev)
	}
}

func TestConfigEvents(t *testing.T) {
	c := testConfig(t)
	if ev := c.write32(offCommand, CommandMemory|CommandBusMaster); ev != ConfigCommand || c.Command() != 6 {
		t.Errorf("command: event %#x, register %#x", ev, c.Command())
	}
	if ev := c.write32(offCommand, CommandMemory|CommandBusMaster); ev != 0 {
		t.Errorf("the same command: event %#x", ev)
	}
	if on, _ := c.MSIX(); on {
		t.Error("MSI-X is enabled")
	}
	if ev := c.Write(capMSIX+2, []byte{0, 0xc0}); ev != ConfigMSIX {
		t.Errorf("MSI-X: event %#x", ev)
	}
	if on, masked := c.MSIX(); !on || !masked {
		t.Errorf("MSI-X enabled %v, masked %v", on, masked)
	}
	if ev := c.write32(0x10, 0xfebf0000); ev != ConfigBAR {
		t.Errorf("BAR: event %#x", ev)
	}
	c.write32(0x14, 0x12)
	if got := c.BAR(0); got != 0x12febf0000 {
		t.Errorf("BAR 0 at %#x", got)
	}
	if ev := c.Write(capPM+4, []byte{3, 0}); ev != ConfigPower || c.read32(capPM+4)&3 != 3 {
		t.Errorf("power: event %#x", ev)
	}
	control := uint16(c.read32(capExpress + 8))
	if ev := c.Write(capExpress+8, le.AppendUint16(nil, control|1<<15)); ev != ConfigFunctionReset {
		t.Errorf("function reset: event %#x", ev)
	}
	if got := uint16(c.read32(capExpress + 8)); got != control {
		t.Errorf("device control %#x after a reset was asked for, want %#x", got, control)
	}
	c.Reset()
	if c.Command() != 0 || c.BAR(0) != 0 {
		t.Error("registers survived a reset")
	}
	c.Write(4095, []byte{1})
}

func TestConfigRefused(t *testing.T) {
	for name, o := range map[string]ConfigOptions{
		"size":          {Size: 512},
		"BAR size":      {BARs: [6]BAROptions{{Size: 3000}}},
		"BAR too small": {BARs: [6]BAROptions{{Size: 8}}},
		"BAR too large": {BARs: [6]BAROptions{{Size: 1 << 32}}},
		"last 64-bit":   {BARs: [6]BAROptions{5: {Size: 1 << 32, Is64: true}}},
		"second half":   {BARs: [6]BAROptions{{Size: 4096, Is64: true}, {Size: 4096}}},
		"no vectors":    {MSIX: &MSIXOptions{}},
		"table":         {BARs: [6]BAROptions{{Size: 4096}}, MSIX: &MSIXOptions{Vectors: 257}},
		"PBA":           {BARs: [6]BAROptions{{Size: 4096}}, MSIX: &MSIXOptions{Vectors: 4, PBAOffset: 4092}},
		"table BAR":     {BARs: [6]BAROptions{{Size: 4096}}, MSIX: &MSIXOptions{Vectors: 4, TableBAR: 6}},
		"MSI of 3":      {MSI: 3},
		"MSI of 64":     {MSI: 64},
	} {
		if _, err := NewConfig(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
