// SPDX-License-Identifier: BSD-3-Clause

package reactor

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// MaxCPUs is how many CPUs a mask can name: 0 to MaxCPUs-1.
const MaxCPUs = 1024

// Mask is a set of CPUs. The zero value is empty; masks compare with ==.
type Mask struct{ w [MaxCPUs / 64]uint64 }

// MaskOf returns the mask of the CPUs given.
func MaskOf(cpus ...int) (Mask, error) {
	var m Mask
	for _, c := range cpus {
		if err := m.add(c, c); err != nil {
			return Mask{}, fmt.Errorf("reactor: CPU mask: %w", err)
		}
	}
	return m, nil
}

func (m *Mask) add(first, last int) error {
	switch {
	case first < 0 || first >= MaxCPUs:
		return fmt.Errorf("CPU %d is out of range 0 to %d", first, MaxCPUs-1)
	case last < 0 || last >= MaxCPUs:
		return fmt.Errorf("CPU %d is out of range 0 to %d", last, MaxCPUs-1)
	case first > last:
		return fmt.Errorf("range %d-%d runs backwards", first, last)
	}
	for c := first; c <= last; c++ {
		m.w[c/64] |= 1 << (c % 64)
	}
	return nil
}

// Has tells whether the CPU is in the mask.
func (m Mask) Has(cpu int) bool {
	return cpu >= 0 && cpu < MaxCPUs && m.w[cpu/64]>>(cpu%64)&1 != 0
}

// Empty tells whether no CPU is in the mask.
func (m Mask) Empty() bool { return m == Mask{} }

// And returns the CPUs that are in both masks.
func (m Mask) And(o Mask) Mask {
	for i := range m.w {
		m.w[i] &= o.w[i]
	}
	return m
}

// Count returns the number of CPUs in the mask.
func (m Mask) Count() (n int) {
	for _, w := range m.w {
		n += bits.OnesCount64(w)
	}
	return n
}

// CPUs returns the CPUs of the mask in ascending order.
func (m Mask) CPUs() []int {
	cpus := make([]int, 0, m.Count())
	for i, w := range m.w {
		for ; w != 0; w &= w - 1 {
			cpus = append(cpus, i*64+bits.TrailingZeros64(w))
		}
	}
	return cpus
}

// List returns the mask as a list: "[0,2-4]".
func (m Mask) List() string {
	cpus := m.CPUs()
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		part := strconv.Itoa(cpus[i])
		if j > i {
			part += "-" + strconv.Itoa(cpus[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// String returns the mask in hexadecimal: "0x3".
func (m Mask) String() string {
	var s strings.Builder
	for i := len(m.w) - 1; i >= 0; i-- {
		if s.Len() > 0 {
			fmt.Fprintf(&s, "%016x", m.w[i])
		} else if m.w[i] != 0 || i == 0 {
			fmt.Fprintf(&s, "%x", m.w[i])
		}
	}
	return "0x" + s.String()
}

// ParseMask reads a set of CPUs: a hexadecimal mask ("0x3", "3"), or a list
// of CPUs and ranges ("[0-1]", "[0,2-4]", "0,1-3"). Without brackets it is a
// list if it has a comma or a dash. The set must not be empty.
func ParseMask(s string) (Mask, error) {
	text := strings.TrimSpace(s)
	var m Mask
	var err error
	switch {
	case text == "":
		err = fmt.Errorf("it is empty")
	case text[0] == '[':
		inner, closed := strings.CutSuffix(text[1:], "]")
		if !closed {
			err = fmt.Errorf("the closing ] is missing")
			break
		}
		m, err = parseList(inner)
	case strings.ContainsAny(text, ",-"):
		m, err = parseList(text)
	default:
		m, err = parseHex(text)
	}
	if err == nil && m.Empty() {
		err = fmt.Errorf("it names no CPU")
	}
	if err != nil {
		return Mask{}, fmt.Errorf("reactor: CPU mask %q: %w; want a form like 0x3, [0-1] or [0,2-4]", s, err)
	}
	return m, nil
}

func parseHex(s string) (m Mask, err error) {
	digits := s
	if len(s) >= 2 && (s[:2] == "0x" || s[:2] == "0X") {
		digits = s[2:]
	}
	if digits == "" {
		return m, fmt.Errorf("no digit follows 0x")
	}
	for i := range len(digits) {
		v, err := strconv.ParseUint(digits[i:i+1], 16, 4)
		if err != nil {
			return Mask{}, fmt.Errorf("%q is no hexadecimal digit", digits[i:i+1])
		}
		pos := (len(digits) - 1 - i) * 4
		if v != 0 && pos+bits.Len64(v) > MaxCPUs {
			return Mask{}, fmt.Errorf("CPU %d is out of range 0 to %d", pos+bits.Len64(v)-1, MaxCPUs-1)
		}
		if v != 0 {
			m.w[pos/64] |= v << (pos % 64)
		}
	}
	return m, nil
}

func parseList(s string) (m Mask, err error) {
	for _, item := range strings.Split(s, ",") {
		lo, hi, isRange := strings.Cut(item, "-")
		first, err := parseCPU(lo, item)
		if err != nil {
			return Mask{}, err
		}
		last := first
		if isRange {
			if last, err = parseCPU(hi, item); err != nil {
				return Mask{}, err
			}
		}
		if err := m.add(first, last); err != nil {
			return Mask{}, err
		}
	}
	return m, nil
}

func parseCPU(s, item string) (int, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is no CPU number or range", strings.TrimSpace(item))
	}
	return int(n), nil
}
