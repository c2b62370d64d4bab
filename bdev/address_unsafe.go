// SPDX-License-Identifier: BSD-3-Clause

package bdev

import "unsafe"

// address returns where p is, to check its alignment.
func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }
