// SPDX-License-Identifier: BSD-3-Clause

package iobuf

import "unsafe"

// Address returns where b is.
func Address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
