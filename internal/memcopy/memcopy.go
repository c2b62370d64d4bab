// SPDX-License-Identifier: BSD-3-Clause

// Package memcopy copies to and from memory that no cache holds.
package memcopy

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"unsafe"
)

const line = 64 // bytes of a cache line

// headBytes is how much of a copy's source Prefetch asks for: with more in
// flight than the core can track, the copy that is under way waits for it.
// The processor follows by itself from there on.
const headBytes = 512

// Prefetch asks for the beginning of src, to be copied next.
func Prefetch(src []byte) {
	if n := min(len(src), headBytes) / line; n > 0 {
		prefetch(unsafe.Pointer(unsafe.SliceData(src)), n)
	}
}

// Pair copies two buffers at once, all four of the same size, a few lines of
// each in turn: what one waits for comes while the other is copied.
func Pair(dst1, src1, dst2, src2 []byte) {
	n := len(src1)
	dst1, dst2, src2 = dst1[:n], dst2[:n], src2[:n]
	body := n &^ (pairBytes - 1)
	if pairs && body > 0 {
		pair(unsafe.Pointer(&dst1[0]), unsafe.Pointer(&src1[0]), unsafe.Pointer(&dst2[0]), unsafe.Pointer(&src2[0]), body)
	} else {
		body = 0
	}
	copy(dst1[body:], src1[body:])
	copy(dst2[body:], src2[body:])
}

// pairBytes is how much Pair copies of each in turn.
const pairBytes = 128

// Stream copies like the built-in copy, but past the caches: dst's memory is
// not read before it is written, and what the caches hold stays there. It is
// for dst that is not soon read again. The data are in order before what the
// caller stores next.
func Stream(dst, src []byte) int {
	n := min(len(dst), len(src))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(dst)))
	head := int(-at & (line - 1))
	if !streams || n < head+line {
		return copy(dst, src)
	}
	copy(dst[:head], src)
	body := (n - head) &^ (line - 1)
	stream(unsafe.Pointer(&dst[head]), unsafe.Pointer(&src[head]), body)
	copy(dst[head+body:n], src[head+body:])
	return n
}

// CacheSize returns the size of the largest cache in bytes, 0 if it is not
// known.
var CacheSize = sync.OnceValue(func() (largest int) {
	sizes, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*/size")
	for _, path := range sizes {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		largest = max(largest, parseSize(strings.TrimSpace(string(text))))
	}
	return largest
})

// parseSize reads a size of sysfs, such as 32768K; 0 if it is none.
func parseSize(s string) int {
	unit := 1
	if digits, ok := strings.CutSuffix(s, "K"); ok {
		s, unit = digits, 1<<10
	} else if digits, ok := strings.CutSuffix(s, "M"); ok {
		s, unit = digits, 1<<20
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return int(n) * unit
}
