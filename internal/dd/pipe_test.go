// SPDX-License-Identifier: BSD-3-Clause

package dd_test

import "golang.org/x/sys/unix"

// unread is how many bytes a pipe holds.
func unread(fd uintptr) (int, error) { return unix.IoctlGetInt(int(fd), unix.TIOCINQ) }
