// SPDX-License-Identifier: BSD-3-Clause

package server

import "golang.org/x/sys/unix"

// replaceFD makes the number old mean what fd means.
func replaceFD(fd, old int) error { return unix.Dup3(fd, old, unix.O_CLOEXEC) }

// parkFD lets go of the client's eventfd behind fd but keeps the number.
func parkFD(fd int) {
	own, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return // the number goes on meaning the client's eventfd, unused
	}
	_ = replaceFD(own, fd)
	_ = unix.Close(own)
}
