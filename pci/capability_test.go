// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// space is config space under construction.
type space []byte

func newSpace(size int) space {
	s := make(space, size)
	binary.LittleEndian.PutUint16(s[ConfigStatus:], statusCapabilities)
	return s
}

func (s space) cap(pointer, at int, id byte) {
	s[pointer], s[at] = byte(at), id
}

func (s space) ext(at int, id uint16, version, next int) {
	binary.LittleEndian.PutUint32(s[at:], uint32(id)|uint32(version)<<16|uint32(next)<<20)
}

// nvmeSpace is what QEMU's NVMe controller with SR-IOV shows.
func nvmeSpace() space {
	s := newSpace(ConfigSizeExtended)
	s.cap(ConfigCapabilities, 0x40, CapabilityMSIX)
	copy(s[0x42:], []byte{64, 0x80, 0x00, 0x20, 0, 0, 0x00, 0x30, 0, 0}) // 65 vectors, on; table at 0x2000, PBA at 0x3000
	s.cap(0x41, 0x80, CapabilityPCIe)
	s.cap(0x81, 0x60, CapabilityPM)
	s.ext(0x100, ExtendedAER, 2, 0x120)
	s.ext(0x120, 0x000e, 1, 0x140)
	s.ext(0x140, ExtendedSRIOV, 1, 0)
	return s
}

func names(all []Capability) string {
	var s []string
	for _, c := range all {
		s = append(s, c.Name())
	}
	return strings.Join(s, " ")
}

func TestCapabilities(t *testing.T) {
	cfg := nvmeSpace()
	all := Capabilities(cfg)
	if got := names(all); got != "MSI-X PCIe PM AER ARI SR-IOV" {
		t.Errorf("capabilities %s", got)
	}
	want := Capability{ID: ExtendedAER, Offset: 0x100, Extended: true, Version: 2}
	if all[3] != want {
		t.Errorf("AER is %+v", all[3])
	}
	// Number 1 is PM in one list and AER in the other.
	if c, ok := FindCapability(cfg, ExtendedAER, true); !ok || c != want {
		t.Errorf("found %+v, %v", c, ok)
	}
	if c, ok := FindCapability(cfg, CapabilityPM, false); !ok || c.Offset != 0x60 {
		t.Errorf("found %+v, %v", c, ok)
	}
	if _, ok := FindCapability(cfg, CapabilityMSI, false); ok {
		t.Error("found a capability that is not there")
	}
	if got := names(Capabilities(cfg[:ConfigSize])); got != "MSI-X PCIe PM" {
		t.Errorf("without extended config space: %s", got)
	}
	if got := Capabilities(cfg[:64]); got != nil {
		t.Errorf("in what all may see: %v", got)
	}
	for c, want := range map[Capability]string{
		{ID: 0x7f}: "0x7f", {ID: 0x1234, Extended: true}: "0x1234", {ID: 0x2e, Extended: true}: "DOE", {ID: 0x09}: "vendor",
	} {
		if c.Name() != want {
			t.Errorf("name of %+v is %s", c, c.Name())
		}
	}
}

func TestHostileLists(t *testing.T) {
	for name, test := range map[string]struct {
		change func(space) space
		want   string
	}{
		"no list":              {func(s space) space { s[ConfigStatus] = 0; return s }, "AER ARI SR-IOV"},
		"loop":                 {func(s space) space { s[0x61] = 0x40; return s[:ConfigSize] }, "MSI-X PCIe PM"},
		"points to itself":     {func(s space) space { s[0x41] = 0x40; return s[:ConfigSize] }, "MSI-X"},
		"into the header":      {func(s space) space { s[0x41] = 0x3c; return s[:ConfigSize] }, "MSI-X"},
		"low bits are ignored": {func(s space) space { s[0x41] |= 3; return s[:ConfigSize] }, "MSI-X PCIe PM"},
		"at the end":           {func(s space) space { s.cap(0x61, 0xfc, 9); return s[:ConfigSize] }, "MSI-X PCIe PM vendor"},
		"behind what is read":  {func(s space) space { return s[:0x60] }, "MSI-X"},
		"null capability":      {func(s space) space { s[0x80] = 0; return s[:ConfigSize] }, "MSI-X PM"},
		"all ones there":       {func(s space) space { s[0x80] = 0xff; return s[:ConfigSize] }, "MSI-X"},
		"device pulled":        {func(s space) space { return slices.Repeat(space{0xff}, len(s)) }, ""},
		"extended loop":        {func(s space) space { s.ext(0x140, 0x10, 1, 0x100); return s }, "MSI-X PCIe PM AER ARI SR-IOV"},
		"extended goes back":   {func(s space) space { s.ext(0x120, 0x0e, 1, 0x40); return s }, "MSI-X PCIe PM AER ARI"},
		"extended at the end":  {func(s space) space { s.ext(0x140, 0x10, 1, 0xffc); s.ext(0xffc, 0x0b, 1, 0xffc); return s }, "MSI-X PCIe PM AER ARI SR-IOV vendor"},
		"extended is empty":    {func(s space) space { s.ext(0x100, 0, 0, 0); return s }, "MSI-X PCIe PM"},
		"extended null":        {func(s space) space { s.ext(0x100, 0, 0, 0x120); return s }, "MSI-X PCIe PM ARI SR-IOV"},
		"CardBus bridge":       {func(s space) space { s[configHeaderType], s[0x14] = 0x82, 0x80; return s[:ConfigSize] }, "PCIe PM"},
		"nothing":              {func(space) space { return nil }, ""},
	} {
		if got := names(Capabilities(test.change(nvmeSpace()))); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestParseMSIX(t *testing.T) {
	cfg := nvmeSpace()
	c, _ := FindCapability(cfg, CapabilityMSIX, false)
	m, err := ParseMSIX(cfg, c)
	want := MSIX{Vectors: 65, Enabled: true, Table: Place{0, 0x2000, 65 * 16}, PBA: Place{0, 0x3000, 16}}
	if m != want || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
	cfg[0x43] = 0x40 // off and masked
	cfg[0x44] = 0x03 // BAR 3
	if m, err = ParseMSIX(cfg, c); err != nil || m.Enabled || !m.Masked || m.Table.BAR != 3 || m.Table.Offset != 0x2000 {
		t.Errorf("%+v, %v", m, err)
	}
	cfg[0x44] = 0x06
	if m, err = ParseMSIX(cfg, c); err == nil {
		t.Errorf("a table in BAR 6: %+v", m)
	}
	for _, c := range []Capability{
		{ID: CapabilityMSI, Offset: 0x40}, {ID: CapabilityMSIX, Offset: 0x40, Extended: true},
		{ID: CapabilityMSIX, Offset: len(cfg) - 11}, {ID: CapabilityMSIX, Offset: -1},
	} {
		if _, err := ParseMSIX(cfg, c); err == nil {
			t.Errorf("%+v was parsed", c)
		}
	}
}

func TestParseMSI(t *testing.T) {
	cfg := newSpace(ConfigSize)
	cfg.cap(ConfigCapabilities, 0x50, CapabilityMSI)
	c, ok := FindCapability(cfg, CapabilityMSI, false)
	if !ok {
		t.Fatal("no MSI")
	}
	cfg[0x52] = 0x80 | 3<<1 | 1
	if m, err := ParseMSI(cfg, c); m != (MSI{8, true, true}) || err != nil {
		t.Errorf("%+v, %v", m, err)
	}
	cfg[0x52] = 6 << 1
	if m, err := ParseMSI(cfg, c); err == nil {
		t.Errorf("64 vectors: %+v", m)
	}
}

func FuzzCapabilities(f *testing.F) {
	f.Add([]byte(nvmeSpace()))
	f.Add([]byte(nvmeSpace()[:ConfigSize]))
	f.Add([]byte(nvmeSpace()[:0x45]))
	f.Add(slices.Repeat([]byte{0xff}, ConfigSizeExtended))
	f.Fuzz(func(t *testing.T, cfg []byte) {
		seen := make(map[int]bool)
		for _, c := range Capabilities(cfg) {
			first, last := 0x40, min(len(cfg), ConfigSize)
			if c.Extended {
				first, last = ConfigSize, min(len(cfg), ConfigSizeExtended)
			}
			if c.Offset < first || c.Offset >= last || seen[c.Offset] || c.ID == 0 {
				t.Fatalf("capability %+v in %d bytes", c, len(cfg))
			}
			seen[c.Offset] = true
			if m, err := ParseMSIX(cfg, c); err == nil && (m.Vectors < 1 || m.Vectors > 2048 || m.Table.BAR > 5 || m.PBA.BAR > 5) {
				t.Fatalf("MSI-X %+v", m)
			}
			if m, err := ParseMSI(cfg, c); err == nil && (m.Vectors < 1 || m.Vectors > 32) {
				t.Fatalf("MSI %+v", m)
			}
		}
	})
}
