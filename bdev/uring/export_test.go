// SPDX-License-Identifier: BSD-3-Clause

package uring

// SetLockLimit lets the process lock so many bytes, until undo is called.
func SetLockLimit(bytes uint64) (undo func()) {
	old := lockLimit
	lockLimit = func() uint64 { return bytes }
	return func() { lockLimit = old }
}
