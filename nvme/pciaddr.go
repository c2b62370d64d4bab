// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"strconv"
	"strings"
)

// NormalizePCIAddress returns a PCI address in its full form, such as
// 0000:0b:00.0. It takes what SPDK takes: hexadecimal
// domain:bus:device.function, also with dots throughout, without the function,
// without the domain, or without both.
func NormalizePCIAddress(s string) (string, error) {
	var seps strings.Builder
	parts := strings.FieldsFunc(s, func(r rune) bool {
		if r == ':' || r == '.' {
			seps.WriteRune(r)
			return true
		}
		return false
	})
	var at [4]int // which of domain, bus, device, function is in which part
	switch seps.String() {
	case "::.", "...":
		at = [4]int{0, 1, 2, 3}
	case "::":
		at = [4]int{0, 1, 2, -1}
	case ":.", "..":
		at = [4]int{-1, 0, 1, 2}
	case ":", ".":
		at = [4]int{-1, 0, 1, -1}
	default:
		return "", fmt.Errorf("nvme: PCI address %q is not domain:bus:device.function, such as 0000:0b:00.0", s)
	}
	if len(parts) != seps.Len()+1 {
		return "", fmt.Errorf("nvme: PCI address %q has an empty part: write domain:bus:device.function, such as 0000:0b:00.0", s)
	}
	names := [4]string{"domain", "bus", "device", "function"}
	limits := [4]uint64{0xffffffff, 0xff, 0x1f, 7}
	var v [4]uint64
	for i, part := range at {
		if part < 0 {
			continue
		}
		n, err := strconv.ParseUint(parts[part], 16, 64)
		if err != nil || n > limits[i] {
			return "", fmt.Errorf("nvme: PCI address %q: %s %q is not a hexadecimal number from 0 to %x", s, names[i], parts[part], limits[i])
		}
		v[i] = n
	}
	return fmt.Sprintf("%04x:%02x:%02x.%x", v[0], v[1], v[2], v[3]), nil
}
