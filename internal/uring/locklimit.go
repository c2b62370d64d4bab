// SPDX-License-Identifier: BSD-3-Clause

package uring

import (
	"math"

	"golang.org/x/sys/unix"
)

// LockLimit returns how many bytes the process may lock in memory: what rings
// and registered buffers take counts.
func LockLimit() uint64 {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if unix.Capget(&head, &caps[0]) == nil && caps[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0 {
		return math.MaxUint64
	}
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_MEMLOCK, &r) != nil {
		return 0
	}
	return r.Cur
}
