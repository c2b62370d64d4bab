// SPDX-License-Identifier: BSD-3-Clause

package host

import "unsafe"

// address returns the virtual address of b, which is its I/O address.
func address(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
