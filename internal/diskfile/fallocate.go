// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// PunchHole gives the space of a range back; it reads as zeroes then. It may
// wait for the medium.
func (f *File) PunchHole(offset, size int64) syscall.Errno {
	return f.fallocate(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, offset, size)
}

// ZeroRange makes a range read as zeroes. Filesystems that cannot do so
// without giving the space back, do that. It may wait for the medium.
func (f *File) ZeroRange(offset, size int64) syscall.Errno {
	e := f.fallocate(unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, offset, size)
	if e == unix.EOPNOTSUPP {
		return f.PunchHole(offset, size)
	}
	return e
}

func (f *File) fallocate(mode uint32, offset, size int64) syscall.Errno {
	for {
		err := unix.Fallocate(f.FD, mode, offset, size)
		var e syscall.Errno
		if err == nil {
			return 0
		}
		if !errors.As(err, &e) {
			return unix.EIO
		}
		if e != unix.EINTR {
			return e
		}
	}
}
