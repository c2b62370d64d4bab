// SPDX-License-Identifier: BSD-3-Clause

package trace

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// RemoveUnused removes the files of processes that recorded nothing and could
// not do so themselves, because they were killed.
func RemoveUnused(name string) {
	left, err := filepath.Glob(filepath.Join(shmDir, name+"_trace.pid*"))
	if err != nil {
		return // no name of a program
	}
	for _, path := range left {
		if unused(path) {
			_ = os.Remove(path) // another may have been faster
		}
	}
}

// unused tells whether no process has the file, and there are no rings in it.
func unused(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return false
	}
	head := make([]byte, ringsAt)
	if _, err := f.ReadAt(head, 0); err != nil {
		return false
	}
	r := &reader{file: head}
	if r.header() != nil || r.sections[sectionRings] != uint64(offsets[sectionRings]) {
		return false // of another program, which may have no lock on it
	}
	rings, err := r.list(sectionRings, 8)
	for _, b := range rings {
		if b != 0 {
			return false
		}
	}
	return err == nil
}
