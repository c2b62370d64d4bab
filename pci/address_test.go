// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for s, want := range map[string]Address{
		"0000:0b:00.0":    {0, 0x0b, 0, 0},
		"0000.0b.00.0":    {0, 0x0b, 0, 0},
		"0b:00.0":         {0, 0x0b, 0, 0},
		"0b.00.1":         {0, 0x0b, 0, 1},
		"1:ff:1f.7":       {1, 0xff, 0x1f, 7},
		"10000:01:00.0":   {0x10000, 1, 0, 0},
		"FFFFffff:00:0.0": {0xffffffff, 0, 0, 0},
		"0001:0b:02":      {1, 0x0b, 2, 0},
		"0b:02":           {0, 0x0b, 2, 0},
		"0b.02":           {0, 0x0b, 2, 0},
	} {
		if got, err := ParseAddress(s); got != want || err != nil {
			t.Errorf("ParseAddress(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, s := range []string{
		"", "0", "0b", "a:b:c:d", "0000:0b:00.0.0", "0000:0b.00.0", "0000.0b:00.0", ":0b:00.0", "0000:0b:00.", "0000::00.0",
		"0000:100:00.0", "0000:0b:20.0", "0000:0b:00.8", "100000000:0:0.0", "0000:0b:00.g", "+1:0b:00.0", " 0b:00.0", "0b:00.0 ", "0x0b:00.0", "0b:0_0.0",
		"0000:0b:00.0\n",
	} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("ParseAddress(%q) = %v", s, a)
		}
	}
}

func TestCompareAddresses(t *testing.T) {
	sorted := []Address{{0, 0, 0, 1}, {0, 0, 1, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}}
	mixed := []Address{sorted[2], sorted[0], sorted[3], sorted[1]}
	slices.SortFunc(mixed, Address.Compare)
	if !slices.Equal(mixed, sorted) || sorted[0].Compare(sorted[0]) != 0 {
		t.Errorf("sorted: %v", mixed)
	}
}

func TestAddressInJSON(t *testing.T) {
	b, err := json.Marshal(map[string]Address{"at": {0, 0x0b, 0, 0}})
	if err != nil || string(b) != `{"at":"0000:0b:00.0"}` {
		t.Errorf("%s, %v", b, err)
	}
	var back map[string]Address
	if err := json.Unmarshal(b, &back); err != nil || back["at"] != (Address{0, 0x0b, 0, 0}) {
		t.Errorf("%v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"at":"x"}`), &back); err == nil {
		t.Error("a bad address was accepted")
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"0000:0b:00.0", "0b.00", "10000:1:2.3", "::.", "0:0:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		if a.Device > 31 || a.Function > 7 {
			t.Fatalf("ParseAddress(%q) = %v", s, a)
		}
		if again, err := ParseAddress(a.String()); again != a || err != nil {
			t.Fatalf("%v became %v, %v", a, again, err)
		}
	})
}
