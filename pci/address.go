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

// ParseAddress takes domain:bus:device.function in hexadecimal. The domain
// may be left out, and separators may all be dots or colons, as SPDK has it.
func ParseAddress(s string) (Address, error) {
	bad := func(why string) (Address, error) {
		return Address{}, fmt.Errorf("PCI address %q: %s; it is domain:bus:device.function, such as 0000:0b:00.0", s, why)
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ':' || r == '.' })
	if strings.Count(s, ":")+strings.Count(s, ".") != len(parts)-1 {
		return bad("a part is empty")
	}
	if len(parts) == 3 {
		parts = append([]string{"0"}, parts...)
	}
	if len(parts) != 4 {
		return bad(fmt.Sprintf("it has %d parts", len(parts)))
	}
	var v [4]uint64
	for i, limit := range [4]uint64{1<<32 - 1, 255, 31, 7} {
		n, err := strconv.ParseUint(parts[i], 16, 32)
		if err != nil || n > limit {
			return bad(fmt.Sprintf("%s %q is not a hexadecimal number up to %x", [4]string{"domain", "bus", "device", "function"}[i], parts[i], limit))
		}
		v[i] = n
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
