// SPDX-License-Identifier: BSD-3-Clause

// Package claim keeps two processes from driving one PCI function, or from
// polling on one CPU: each holds a lock on a file named after it. SPDK's
// programs use the same files in the same way, so neither takes anything from
// the other.
package claim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrClaimed is returned for what somebody has claimed already.
var ErrClaimed = errors.New("claimed already")

// Dir is where the files are.
const Dir = "/var/tmp"

// Names of the files.
const (
	prefix    = "spdk_pci_lock_"
	cpuPrefix = "spdk_cpu_lock_"
)

// pidSize is the size of a file: the process's id as C's int.
const pidSize = 4

// Claim is the right to drive a function or to poll on a CPU.
type Claim struct {
	path string
	f    *os.File
}

// here are the claims of this process: the lock is the process's, so that a
// second one would be granted, and ending that one would end both.
var here = struct {
	sync.Mutex
	paths map[string]bool
}{paths: make(map[string]bool)}

// PCI claims the function with that address, written 0000:0b:00.0. The lock
// ends with Release, or with the process.
func PCI(address string) (*Claim, error) { return PCIIn(Dir, address) }

// PCIIn is PCI with another directory for the files.
func PCIIn(dir, address string) (*Claim, error) {
	return take(filepath.Join(dir, prefix+address), "remove it if no process drives the function")
}

// CPUIn claims a CPU by a file in dir.
func CPUIn(dir string, cpu int) (*Claim, error) {
	return take(filepath.Join(dir, fmt.Sprintf("%s%03d", cpuPrefix, cpu)), "remove it if no process polls on the CPU")
}

func take(path, advice string) (*Claim, error) {
	here.Lock()
	defer here.Unlock()
	if here.paths[path] {
		return nil, fmt.Errorf("%w: this process has it open", ErrClaimed)
	}
	for {
		f, err := open(path)
		if err != nil {
			return nil, fmt.Errorf("opening its claim file: %w (left by another user? %s)", err, advice)
		}
		if err := lock(f); err != nil {
			defer f.Close()
			return nil, fmt.Errorf("%w (%s)", err, path)
		}
		// Whoever had it may have removed the file while it was being opened.
		if current(f, path) {
			if err := writePID(f); err != nil {
				f.Close()
				return nil, fmt.Errorf("writing its claim file: %w", err)
			}
			here.paths[path] = true
			return &Claim{path, f}, nil
		}
		f.Close()
	}
}

// Release gives back what was claimed. A second call does nothing.
func (c *Claim) Release() {
	here.Lock()
	defer here.Unlock()
	if c.f == nil {
		return
	}
	_ = os.Remove(c.path) // while it is locked, so that it is surely ours
	_ = c.f.Close()
	c.f = nil
	delete(here.paths, c.path)
}

// open makes the file only if there is none: the kernel may forbid O_CREAT on
// another user's file in a directory that all may write to
// (fs.protected_regular).
func open(path string) (*os.File, error) {
	const flags = os.O_RDWR | unix.O_NOFOLLOW | unix.O_CLOEXEC
	f, err := os.OpenFile(path, flags, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	// A container that holds nothing but this program has no such directory.
	dir := filepath.Dir(path)
	_ = os.MkdirAll(filepath.Dir(dir), 0o755)
	if os.Mkdir(dir, 0o777) == nil {
		_ = os.Chmod(dir, 0o777|os.ModeSticky)
	}
	return os.OpenFile(path, flags|os.O_CREATE, 0o600)
}

func lock(f *os.File) error {
	whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &whole)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return fmt.Errorf("%w by %s", ErrClaimed, holder(f))
	}
	if err != nil {
		return fmt.Errorf("locking its claim file: %w", err)
	}
	return nil
}

// holder names the process that the file tells of.
func holder(f *os.File) string {
	var b [pidSize]byte
	if _, err := f.ReadAt(b[:], 0); err != nil {
		return "another process"
	}
	pid := int32(binary.NativeEndian.Uint32(b[:]))
	if pid <= 0 {
		return "another process"
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("process %d (%s)", pid, strings.TrimSpace(string(comm)))
}

// current tells whether path still leads to f.
func current(f *os.File, path string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(path)
	return err == nil && os.SameFile(a, b)
}

func writePID(f *os.File) error {
	if err := f.Truncate(pidSize); err != nil {
		return err
	}
	_, err := f.WriteAt(binary.NativeEndian.AppendUint32(nil, uint32(os.Getpid())), 0)
	return err
}
