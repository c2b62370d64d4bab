// SPDX-License-Identifier: BSD-3-Clause

package vfiouser

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// codecs has each message: its bytes, as they are on a little-endian
// machine, and what they mean.
var codecs = []struct {
	name  string
	hex   string
	value interface{ Append([]byte) []byte }
	parse func([]byte) (any, error)
}{
	{"header", "3412 0900 20000000 10000000 00000000",
		&Header{ID: 0x1234, Command: CmdRegionRead, Size: 32, Flags: FlagNoReply},
		func(b []byte) (any, error) { h, err := ParseHeader(b); return &h, err }},
	{"error reply", "ffff 0200 10000000 21000000 11000000",
		&Header{ID: 0xffff, Command: CmdDMAMap, Size: 16, Flags: FlagReply | FlagError, Error: 17},
		func(b []byte) (any, error) { h, err := ParseHeader(b); return &h, err }},
	{"device info", "10000000 03000000 09000000 05000000",
		&DeviceInfo{16, DeviceReset | DevicePCI, 9, 5},
		func(b []byte) (any, error) { d, err := ParseDeviceInfo(b); return &d, err }},
	{"region info", "20000000 03000000 07000000 00000000 0001000000000000 0000000000000000",
		&RegionInfo{ArgSize: 32, Flags: RegionRead | RegionWrite, Index: 7, Size: 256},
		func(b []byte) (any, error) { r, err := ParseRegionInfo(b); return &r, err }},
	{"region info with sparse mmap",
		"40000000 0f000000 00000000 20000000 0020000000000000 0010000000000000" +
			"0100 0100 00000000 01000000 00000000 0010000000000000 0010000000000000",
		&RegionInfo{ArgSize: 64, Flags: RegionRead | RegionWrite | RegionMmap | RegionCaps, Size: 0x2000, Offset: 0x1000, Areas: []Area{{0x1000, 0x1000}}},
		func(b []byte) (any, error) { r, err := ParseRegionInfo(b); return &r, err }},
	{"region I/O FDs",
		"38000000 00000000 00000000 01000000" +
			"0010000000000000 0400000000000000 01000000 00000000 01000000 02000000 2a00000000000000",
		&RegionIOFDs{56, 0, 0, 1, []SubRegion{{0x1000, 4, 1, IOEventFDType, 1, 2, 42}}},
		func(b []byte) (any, error) { r, err := ParseRegionIOFDs(b); return &r, err }},
	{"IRQ info", "10000000 09000000 02000000 21000000",
		&IRQInfo{16, IRQEventFD | IRQNoResize, IRQMSIX, 33},
		func(b []byte) (any, error) { i, err := ParseIRQInfo(b); return &i, err }},
	{"IRQ set", "16000000 22000000 02000000 01000000 02000000 0001",
		&IRQSet{22, IRQSetDataBool | IRQSetActionTrigger, IRQMSIX, 1, 2, []byte{0, 1}},
		func(b []byte) (any, error) { s, err := ParseIRQSet(b); return &s, err }},
	{"region access", "3c00000000000000 07000000 04000000 01020304",
		&RegionAccess{0x3c, 7, 4, []byte{1, 2, 3, 4}},
		func(b []byte) (any, error) { a, err := ParseRegionAccess(b); return &a, err }},
	{"DMA access", "0010000000000000 0200000000000000 aabb",
		&DMAAccess{0x1000, 2, []byte{0xaa, 0xbb}},
		func(b []byte) (any, error) { a, err := ParseDMAAccess(b); return &a, err }},
	{"DMA map", "20000000 03000000 0000200000000000 0000c0ff00000000 0000400000000000",
		&DMAMap{32, DMARead | DMAWrite, 0x200000, 0xffc00000, 0x400000},
		func(b []byte) (any, error) { m, err := ParseDMAMap(b); return &m, err }},
	{"DMA unmap", "18000000 02000000 0000000000000000 0000000000000000",
		&DMAUnmap{24, DMAUnmapAll, 0, 0},
		func(b []byte) (any, error) { u, err := ParseDMAUnmap(b); return &u, err }},
	{"version", "0000 0100" + hex.EncodeToString([]byte(`{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,"max_dma_maps":65535,"pgsizes":4096,"twin_socket":{"supported":true},"write_multiple":true}}`)) + "00",
		&Version{0, 1, &Capabilities{8, 1 << 20, 65535, 4096, &TwinSocket{Supported: true}, true}},
		func(b []byte) (any, error) { v, err := ParseVersion(b); return &v, err }},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGolden(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			want := unhex(t, c.hex)
			if got := c.value.Append(nil); !bytes.Equal(got, want) {
				t.Errorf("encoded\n%x, want\n%x", got, want)
			}
			got, err := c.parse(want)
			if err != nil || !reflect.DeepEqual(got, c.value) {
				t.Errorf("parsed %+v, %v; want %+v", got, err, c.value)
			}
		})
	}
}

// TestShort cuts each message at every length.
func TestShort(t *testing.T) {
	for _, c := range codecs {
		b := c.value.Append(nil)
		for n := range b {
			if _, err := c.parse(b[:n]); err == nil && n < 4 {
				t.Errorf("%s of %d bytes parsed", c.name, n)
			}
		}
	}
}

func TestWriteMulti(t *testing.T) {
	writes := []RegionAccess{
		{Offset: 0x14, Region: 0, Count: 4, Data: []byte{1, 2, 3, 4}},
		{Offset: 0x28, Region: 0, Count: 8, Data: []byte{1, 2, 3, 4, 5, 6, 7, 8}},
	}
	b := AppendWriteMulti(nil, writes)
	if len(b) != 8+2*24 {
		t.Fatalf("%d bytes", len(b))
	}
	got, err := ParseWriteMulti(b)
	if err != nil || !reflect.DeepEqual(got, writes) {
		t.Errorf("parsed %+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"count beyond the end": AppendWriteMulti(nil, writes)[:8+24],
		"count 9":              AppendWriteMulti(nil, []RegionAccess{{Count: 9}}),
		"count 0":              AppendWriteMulti(nil, []RegionAccess{{Count: 0}}),
		"absurd wr_cnt":        ne.AppendUint64(nil, 1<<63),
		"no wr_cnt":            {1},
	} {
		if _, err := ParseWriteMulti(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRefused(t *testing.T) {
	info := func(flags RegionFlags, capOffset uint32, size uint64, caps string) []byte {
		r := RegionInfo{ArgSize: 32, Flags: flags, Size: size}
		b := append(r.Append(nil), unhex(t, caps)...)
		ne.PutUint32(b[4:], uint32(flags))
		ne.PutUint32(b[12:], capOffset)
		return b
	}
	region := func(b []byte) error { _, err := ParseRegionInfo(b); return err }
	set := func(s IRQSet) error { _, err := ParseIRQSet(s.Append(nil)); return err }
	header := func(h Header) error { _, err := ParseHeader(h.Append(nil)); return err }
	version := func(s string) error { _, err := ParseVersion(append(make([]byte, 4), s...)); return err }
	const sparse = "0100 0100 %s 01000000 00000000 0010000000000000 0010000000000000"
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"size less than header", header(Header{Size: 15}), "message size 15"},
		{"message type", header(Header{Size: 16, Flags: 2}), "message type 2"},
		{"capability before the end", region(info(RegionCaps, 16, 0, "")), "capability offset 0x10"},
		{"capability beyond the end", region(info(RegionCaps, 0xfffffff8, 0, "")), "capability offset"},
		{"capability loops", region(info(RegionCaps, 32, 0, "0900 0100 20000000")), "capability offset 0x20"},
		{"area outside", region(info(RegionCaps, 32, 0x1fff, strings.Replace(sparse, "%s", "00000000", 1))), "outside the region"},
		{"two sparse mmap", region(info(RegionCaps, 32, 0x4000, strings.Replace(sparse, "%s", "40000000", 1)+strings.Replace(sparse, "%s", "00000000", 1))), "two sparse"},
		{"areas missing", region(info(RegionCaps, 32, 0x4000, "0100 0100 00000000 ff000000 00000000")), "nr_areas 255"},
		{"two kinds of data", set(IRQSet{ArgSize: 20, Flags: 3 | IRQSetActionMask}), "as the data"},
		{"no data", set(IRQSet{ArgSize: 20, Flags: IRQSetActionMask}), "as the data"},
		{"two actions", set(IRQSet{ArgSize: 20, Flags: IRQSetDataNone | 0x18}), "as the action"},
		{"no action", set(IRQSet{ArgSize: 20, Flags: IRQSetDataNone}), "as the action"},
		{"unknown flag", set(IRQSet{ArgSize: 20, Flags: IRQSetDataNone | IRQSetActionMask | 0x40}), "as the action"},
		{"bools missing", set(IRQSet{ArgSize: 20, Flags: IRQSetDataBool | IRQSetActionMask, Count: 2, Data: []byte{1}}), "count 2"},
		{"argsz", set(IRQSet{ArgSize: 19, Flags: IRQSetDataNone | IRQSetActionMask}), "argsz 19"},
		{"JSON", version(`{"capabilities":`), "capabilities"},
		{"JSON type", version(`{"capabilities":{"max_msg_fds":"8"}}`), "max_msg_fds"},
		{"negative number", version(`{"capabilities":{"max_msg_fds":-1}}`), "max_msg_fds"},
		{"no transfer", version(`{"capabilities":{"max_data_xfer_size":0}}`), "max_data_xfer_size 0"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, c.err, c.want)
		}
	}
}

func TestUnknownCapabilities(t *testing.T) {
	v, err := ParseVersion(append(make([]byte, 4), `{"capabilities":{"migration":{"pgsize":4096},"max_msg_fds":3,"new":[1]},"more":1}`...))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultCapabilities()
	want.MaxMsgFDs = 3
	if *v.Capabilities != want {
		t.Errorf("capabilities %+v, want %+v", *v.Capabilities, want)
	}
	// A capability that is not known, before one that is.
	r := RegionInfo{ArgSize: 88, Flags: RegionMmap, Size: 0x2000, Areas: []Area{{0, 0x1000}}}
	b := r.Append(nil)
	ne.PutUint32(b[12:], 64)
	b = append(b, unhex(t, "0700 0100 20000000")...)
	if _, err := ParseRegionInfo(b); err == nil {
		t.Error("a chain that goes backward was followed")
	}
	b = r.Append(nil)[:RegionInfoSize]
	b = append(b, unhex(t, "0700 0100 30000000 0000000000000000")...)
	b = append(b, r.Append(nil)[RegionInfoSize:]...)
	if got, err := ParseRegionInfo(b); err != nil || !reflect.DeepEqual(got.Areas, r.Areas) {
		t.Errorf("areas %v, %v; want %v", got.Areas, err, r.Areas)
	}
}

func TestCommandString(t *testing.T) {
	for c, want := range map[Command]string{CmdDMAMap: "DMA_MAP", CmdRegionWriteMulti: "REGION_WRITE_MULTI", 14: "command 14", 999: "command 999"} {
		if c.String() != want {
			t.Errorf("%d: %q, want %q", uint16(c), c.String(), want)
		}
	}
}
