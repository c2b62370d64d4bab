// SPDX-License-Identifier: BSD-3-Clause

package pci

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Address is where a function is: 0000:0b:00.0.
type Address struct {
	Domain   uint32 // 16 bits on the buses themselves; Linux makes up more for some bridges
	Bus      uint8
	Device   uint8 // 0 to 31
	Function uint8 // 0 to 7
}

// addressForms says which parts the separators of an address tell of: domain,
// bus, device and function.
var addressForms = map[string][]int{
	"::.": {0, 1, 2, 3}, "...": {0, 1, 2, 3},
	"::": {0, 1, 2},
	":.": {1, 2, 3}, "..": {1, 2, 3},
	":": {1, 2}, ".": {1, 2},
}

// ParseAddress takes domain:bus:device.function in hexadecimal, and the short
// forms that SPDK takes: without the domain (bus:device.function) or the
// function (domain:bus:device, bus:device), which are then 0, and with dots
// alone.
func ParseAddress(s string) (Address, error) {
	bad := func(format string, args ...any) (Address, error) {
		return Address{}, fmt.Errorf("PCI address %.40q: %s; it is domain:bus:device.function, such as 0000:0b:00.0", s, fmt.Sprintf(format, args...))
	}
	separator := func(r rune) bool { return r == ':' || r == '.' }
	form := strings.Map(func(r rune) rune {
		if separator(r) {
			return r
		}
		return -1
	}, s)
	parts := strings.FieldsFunc(s, separator)
	order, ok := addressForms[form]
	if !ok || len(parts) != len(order) {
		return bad("its parts are not separated so")
	}
	names := [4]string{"domain", "bus", "device", "function"}
	limits := [4]uint64{1<<32 - 1, 255, 31, 7}
	var v [4]uint64
	for i, part := range parts {
		k := order[i]
		n, err := strconv.ParseUint(part, 16, 32)
		if err != nil || n > limits[k] {
			return bad("%s %q is not a hexadecimal number up to %x", names[k], part, limits[k])
		}
		v[k] = n
	}
	return Address{uint32(v[0]), uint8(v[1]), uint8(v[2]), uint8(v[3])}, nil
}

// String returns the address as Linux and SPDK write it.
func (a Address) String() string {
	return fmt.Sprintf("%04x:%02x:%02x.%x", a.Domain, a.Bus, a.Device, a.Function)
}

// Compare orders addresses.
func (a Address) Compare(b Address) int {
	return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Bus, b.Bus), cmp.Compare(a.Device, b.Device), cmp.Compare(a.Function, b.Function))
}

// MarshalText and UnmarshalText make it a string in JSON.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (a *Address) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAddress(string(b))
	return err
}
