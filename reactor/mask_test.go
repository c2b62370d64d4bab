// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseMask(t *testing.T) {
	for _, c := range []struct {
		in, hex, list string
	}{
		{"0x3", "0x3", "[0-1]"},
		{"0X1F", "0x1f", "[0-4]"},
		{"3", "0x3", "[0-1]"},
		{"10", "0x10", "[4]"},
		{"f0", "0xf0", "[4-7]"},
		{"[0-1]", "0x3", "[0-1]"},
		{"[10]", "0x400", "[10]"},
		{"[0,2-4]", "0x1d", "[0,2-4]"},
		{" [ 0 , 2 - 4 ] ", "0x1d", "[0,2-4]"},
		{"0,1-3", "0xf", "[0-3]"},
		{"5-7", "0xe0", "[5-7]"},
		{"[3,1,1-2]", "0xe", "[1-3]"},
		{"[64]", "0x10000000000000000", "[64]"},
		{"0x0000000000000000000000000000000000001", "0x1", "[0]"},
		{"[1023]", "0x8" + strings.Repeat("0", 255), "[1023]"},
		{strings.Repeat("0", 300) + "8" + strings.Repeat("0", 255), "0x8" + strings.Repeat("0", 255), "[1023]"},
	} {
		m, err := ParseMask(c.in)
		if err != nil || m.String() != c.hex || m.List() != c.list {
			t.Errorf("ParseMask(%q) = %v %v, %v; want %s %s", c.in, m, m.List(), err, c.hex, c.list)
		}
	}
}

func TestParseMaskErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":                             "it is empty",
		"0x":                           "no digit follows",
		"0x0":                          "names no CPU",
		"[]":                           `"" is no CPU`,
		"[0-1":                         "closing ] is missing",
		"[1-]":                         `"1-" is no CPU`,
		"[-1]":                         `"-1" is no CPU`,
		"[1-2-3]":                      `"1-2-3" is no CPU`,
		"[a]":                          `"a" is no CPU`,
		"[1,,2]":                       `"" is no CPU`,
		"[3-1]":                        "range 3-1 runs backwards",
		"[1024]":                       "CPU 1024 is out of range 0 to 1023",
		"0xg":                          `"g" is no hexadecimal digit`,
		"é":                            "is no hexadecimal digit",
		"[99999999999999999999]":       "is no CPU",
		"1" + strings.Repeat("0", 256): "CPU 1024 is out of range",
	} {
		_, err := ParseMask(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "want a form like") {
			t.Errorf("ParseMask(%q) = %v, want an error with %q", in, err, want)
		}
	}
}

func TestMaskOf(t *testing.T) {
	m, err := MaskOf(0, 5, 1000)
	if err != nil || !slices.Equal(m.CPUs(), []int{0, 5, 1000}) || m.Count() != 3 || !m.Has(5) || m.Has(6) || m.Has(-1) || m.Has(MaxCPUs) {
		t.Errorf("MaskOf = %v, %v", m.List(), err)
	}
	if _, err := MaskOf(-1); err == nil {
		t.Error("no error for CPU -1")
	}
}

// Whatever is accepted has the same meaning when it is printed and read again.
func FuzzParseMask(f *testing.F) {
	for _, s := range []string{"0x3", "[0,2-4]", "0,1-3", "ff", "[1023]", "[", "0x", "-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMask(s)
		if err != nil {
			return
		}
		for _, form := range []string{m.String(), m.List()} {
			if again, err := ParseMask(form); err != nil || again != m {
				t.Errorf("%q reads as %v, but its form %q as %v, %v", s, m, form, again, err)
			}
		}
	})
}

func ExampleParseMask() {
	m, _ := ParseMask("[0,2-4]")
	fmt.Println(m, m.CPUs())
	// Output: 0x1d [0 2 3 4]
}
