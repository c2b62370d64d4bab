// SPDX-License-Identifier: BSD-3-Clause

package nvme

import (
	"fmt"
	"unsafe"
)

// Bytes returns the memory of *s as bytes, in the layout that a device sees.
// The slice aliases *s: it lives as long as *s does, and whoever may write one
// may write the other. T must be a structure of this package or another type
// of fixed size without pointers.
func Bytes[T any](s *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(s)), unsafe.Sizeof(*s))
}

// View returns the start of p as a *T. The structure aliases p. It fails when p
// is shorter than T or not aligned for it. T must be a structure of this
// package or another type of fixed size without pointers. For bytes that
// another party may still write, use [Read], which copies.
func View[T any](p []byte) (*T, error) {
	var t T
	if uintptr(len(p)) < unsafe.Sizeof(t) {
		return nil, fmt.Errorf("nvme: %T needs %d bytes, got %d", t, unsafe.Sizeof(t), len(p))
	}
	if unsafe.Sizeof(t) == 0 {
		return new(T), nil
	}
	ptr := unsafe.Pointer(unsafe.SliceData(p))
	if uintptr(ptr)%unsafe.Alignof(t) != 0 {
		return nil, fmt.Errorf("nvme: %T needs %d-byte alignment, got address %p; use Read to copy", t, unsafe.Alignof(t), ptr)
	}
	return (*T)(ptr), nil
}

// Read returns a copy of the T at the start of p. It fails when p is shorter
// than T; alignment does not matter.
func Read[T any](p []byte) (T, error) {
	var t T
	if uintptr(len(p)) < unsafe.Sizeof(t) {
		return t, fmt.Errorf("nvme: %T needs %d bytes, got %d", t, unsafe.Sizeof(t), len(p))
	}
	copy(Bytes(&t), p)
	return t, nil
}
