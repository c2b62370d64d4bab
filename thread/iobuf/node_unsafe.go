// SPDX-License-Identifier: BSD-3-Clause

package iobuf

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// currentNode returns the NUMA node of the processor that runs the caller,
// 0 if the system does not tell.
func currentNode() int {
	var cpu, node uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), uintptr(unsafe.Pointer(&node)), 0); e != 0 {
		return 0
	}
	return int(node)
}
