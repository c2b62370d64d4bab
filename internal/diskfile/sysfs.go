// SPDX-License-Identifier: BSD-3-Clause

package diskfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sysfs is where the kernel describes block devices by their numbers; tests
// have another place.
var sysfs = "/sys/dev/block"

// disk returns the folder that describes the block device, or that which the
// filesystem of a file is on; "" if there is none. part tells that it is a
// partition: the folder is that of the whole disk then.
func (f *File) disk() (folder string, part bool) {
	folder, err := filepath.EvalSymlinks(filepath.Join(sysfs, fmt.Sprintf("%d:%d", unix.Major(f.device), unix.Minor(f.device))))
	if err != nil {
		return "", false
	}
	if _, err := os.Stat(filepath.Join(folder, "partition")); err == nil {
		return filepath.Dir(folder), true
	}
	return folder, false
}

// queue returns an attribute of a disk's queue, "" if it has none.
func queue(folder, attribute string) (string, error) {
	b, err := os.ReadFile(filepath.Join(folder, "queue", attribute))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(b)), err
}

// queueNumber returns an attribute that is a number, 0 if there is none.
func queueNumber(folder, attribute string) (uint32, error) {
	s, err := queue(folder, attribute)
	if s == "" || err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s/queue/%s: %w", folder, attribute, err)
	}
	return uint32(n), nil
}

// CanPoll tells whether the disk can be asked for ends of transfers, as its
// driver has queues that do not interrupt.
func (f *File) CanPoll() bool {
	folder, _ := f.disk()
	s, err := queue(folder, "io_poll")
	return folder != "" && err == nil && s == "1"
}
