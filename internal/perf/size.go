// SPDX-License-Identifier: BSD-3-Clause

package perf

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// ParseSize reads a number of bytes: decimal or 0x hexadecimal, with an
// optional k, M, G or T for powers of 1024 ("4096", "4k", "1MiB").
func ParseSize(s string) (uint64, error) {
	digits := strings.ToLower(strings.TrimSpace(s))
	shift := 0
	if !strings.HasPrefix(digits, "0x") {
		digits = strings.TrimSuffix(strings.TrimSuffix(digits, "b"), "i")
		if n := len(digits); n > 0 {
			if i := strings.IndexByte("kmgt", digits[n-1]); i >= 0 {
				digits, shift = digits[:n-1], 10*(i+1)
			}
		}
	}
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil || bits.Len64(n)+shift > 64 {
		return 0, fmt.Errorf("size %q: it must be a number of bytes, with k, M, G or T for powers of 1024", s)
	}
	return n << shift, nil
}

// MaxIOSize is the largest I/O that perf makes.
const MaxIOSize = 1 << 30

// ParseIOSizes reads I/O sizes: one ("4k"), a list ("512,4k,128k"), a range
// of which each doubling is taken ("4k-64k"), or a list of those. The result
// is sorted and names each size once.
func ParseIOSizes(s string) ([]uint32, error) {
	var sizes []uint32
	for part := range strings.SplitSeq(s, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := ioSize(low)
		if err != nil {
			return nil, err
		}
		last := first
		if isRange {
			if last, err = ioSize(high); err != nil {
				return nil, err
			}
			if last < first {
				return nil, fmt.Errorf("I/O size range %q: its end is below its start", part)
			}
		}
		for n := uint64(first); n < uint64(last); n *= 2 {
			sizes = append(sizes, uint32(n))
		}
		sizes = append(sizes, last)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

func ioSize(s string) (uint32, error) {
	n, err := ParseSize(s)
	if err != nil {
		return 0, fmt.Errorf("I/O %w", err)
	}
	if n == 0 || n > MaxIOSize {
		return 0, fmt.Errorf("I/O size %q: it must be from 1 byte to 1G", s)
	}
	return uint32(n), nil
}
